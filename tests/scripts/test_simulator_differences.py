"""What a router documents and a simulator easily leaves out: each as the router does it."""

from __future__ import annotations

import pytest

from scripts.simulator.commands import Command, Router, Trap

USER, PROFILE, SERVER = "/ip/hotspot/user", "/ip/hotspot/user/profile", "/ip/hotspot"
GARDEN, LISTED = "/ip/hotspot/walled-garden", "/ip/firewall/address-list"
MAC, IP = "AA:BB:CC:00:00:01", "192.168.200.10"


@pytest.fixture
def router() -> Router:
    router = Router()
    router.hotspot.join(MAC, IP)
    return router


def say(router: Router, path: str, verb: str, **values: str) -> None:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    router.run(Command(path, verb, named), frozenset({"read", "write"}))


def test_a_row_is_addressed_by_its_name_as_well(router: Router) -> None:
    say(router, PROFILE, "set", numbers="profile-fup", rate_limit="2M/2M")
    assert (router.tables[PROFILE].named("profile-fup") or {})["rate-limit"] == "2M/2M"
    say(router, PROFILE, "remove", numbers="profile-fup")
    assert router.tables[PROFILE].named("profile-fup") is None
    with pytest.raises(Trap, match="no such item"):
        say(router, PROFILE, "set", numbers="profile-fup", rate_limit="")


@pytest.mark.parametrize(
    ("path", "name", "field"),
    [(USER, "budi", "server"), (USER, "budi", "profile"), (PROFILE, "baru", "address-pool")],
)
def test_what_is_named_must_be_there(router: Router, path: str, name: str, field: str) -> None:
    with pytest.raises(Trap, match=f"input does not match any value of {field}"):
        say(router, path, "add", name=name, **{field.replace("-", "_"): "nowhere"})


def test_a_second_equal_entry_of_an_address_list_is_refused(router: Router) -> None:
    say(router, LISTED, "add", list="fup", address=IP)
    say(router, LISTED, "add", list="lain", address=IP)
    with pytest.raises(Trap, match="already have such entry"):
        say(router, LISTED, "add", list="fup", address=IP)


@pytest.mark.parametrize(
    ("row", "to", "is_open"),
    [
        ({"dst_host": ":^pay\\.lynk"}, "PAY.lynk.id", True),
        ({"dst_host": ":^pay\\.lynk"}, "lynk.id", False),
        ({"dst_host": "*.Lynk.ID"}, "pay.lynk.id", True),
        ({"dst_host": "lynk.id", "action": "deny"}, "lynk.id", False),
        ({}, "anything.test", True),
    ],
)
def test_the_garden_takes_patterns_expressions_and_no_case(
    router: Router, row: dict[str, str], to: str, is_open: bool
) -> None:
    say(router, GARDEN, "add", **row)
    assert router.hotspot.traffic(MAC, 1, 1, to) == is_open


def test_the_packet_garden_takes_prefixes(router: Router) -> None:
    say(router, f"{GARDEN}/ip", "add", dst_address="10.9.0.0/16")
    assert router.hotspot.traffic(MAC, 1, 1, "10.9.3.4")
    assert not router.hotspot.traffic(MAC, 1, 1, "10.8.3.4")


def test_a_users_fields_that_are_not_set_are_left_out_or_shown(router: Router) -> None:
    say(router, USER, "add", name="budi", mac_address=MAC, limit_uptime="3h")
    say(router, USER, "set", numbers="budi", mac_address="00:00:00:00:00:00", limit_uptime="0")
    assert "mac-address" not in (router.tables[USER].named("budi") or {})
    router.faults.switches.unset_shown = True
    (row,) = [row for row in router.rows_of(USER) if row["name"] == "budi"]
    assert (row["mac-address"], row["limit-uptime"]) == ("00:00:00:00:00:00", "0s")
