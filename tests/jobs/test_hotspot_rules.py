"""The pure half of the hotspot engine: what is decided, what is planned, what is counted."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.hotspot.plan import (
    ACTIVE,
    BINDING,
    COOKIE,
    HOST,
    USER,
    Actual,
    Device,
    Phase,
    Plan,
    Reason,
    Wanted,
    plan,
)
from jobs.hotspot.tags import Tag, comment_of, legacy_phone, tag_of
from jobs.hotspot.usage import Look, Reading, count
from jobs.mikrotik import Row, Write
from scripts.simulator.commands import Command, Router, Trap
from store.hotspot.deciding import STATUSES, Policy, Status, Terms, decide, notices, why
from store.phones import local_form, normal_phone
from tests.parts import ROOT

GB = 1 << 30
NOW = 1_800_000_000_000

PROFILES: dict[Status, str] = {
    "blocked": "profile-blokir",
    "inactive": "inactive",
    "expired": "profile-habis",
    "unlimited": "profile-unlimited",
    "habis": "profile-habis",
    "fup": "profile-fup",
    "aktif": "profile-aktif",
}
BYPASS = Policy(85, "bypass", PROFILES)
SESSION = Policy(85, "session", PROFILES)


# Decisions


def test_the_truth_table_of_decisions_is_complete() -> None:
    flags = itertools.product([False, True], repeat=4)
    expiries = [None, NOW - 1, NOW, NOW + 1]
    usages: list[tuple[int, int, Status]] = [
        (0, 0, "habis"),
        (-1, 0, "habis"),
        (100, 0, "aktif"),
        (100, 84, "aktif"),
        (100, 85, "fup"),
        (100, 99, "fup"),
        (100, 100, "habis"),
        (100, 101, "habis"),
    ]
    rows = 0
    for (blocked, off, refused, unlimited), expiry, (purchased, used, last) in itertools.product(
        flags, expiries, usages
    ):
        account = Terms(
            is_blocked=blocked,
            is_active=not off,
            is_approved=not refused,
            is_unlimited=unlimited,
            expires_at=expiry,
            purchased=purchased,
            used=used,
        )
        expected: Status = last
        if unlimited:
            expected = "unlimited"
        if expiry in (NOW - 1, NOW):
            expected = "expired"
        if off or refused:
            expected = "inactive"
        if blocked:
            expected = "blocked"
        assert decide(account, NOW, BYPASS) == expected, account
        assert why(account, NOW, BYPASS)
        rows += 1
    assert rows == 16 * 4 * 8


@pytest.mark.parametrize(
    ("account", "status"),
    [
        (Terms(purchased=10 * GB, used=7 * GB, fup_remaining=3 * GB), "fup"),
        (Terms(purchased=10 * GB, used=7 * GB - 1, fup_remaining=3 * GB), "aktif"),
        (Terms(purchased=3 * GB, used=GB, fup_remaining=3 * GB), "aktif"),
        (Terms(purchased=100, used=50, fup_percent=50), "fup"),
        (Terms(purchased=100, used=49, fup_percent=50), "aktif"),
        # exact where a float would round
        (Terms(purchased=10**18, used=85 * 10**16 - 1), "aktif"),
        (Terms(purchased=10**18, used=85 * 10**16), "fup"),
    ],
)
def test_fair_use_begins_where_it_says(account: Terms, status: Status) -> None:
    assert decide(account, NOW, BYPASS) == status


@pytest.mark.parametrize(
    ("terms", "kinds"),
    [
        (Terms(purchased=1000, used=899), []),
        (Terms(purchased=1000, used=900), ["quota_low"]),
        (Terms(purchased=100 * GB, used=100 * GB - (200 << 20)), ["quota_low"]),
        (Terms(purchased=100 * GB, used=100 * GB - (201 << 20)), []),
        (Terms(purchased=1000, used=1000), []),
        (Terms(is_unlimited=True, expires_at=NOW + 7 * 86_400_000), ["ends_in_7"]),
        (Terms(is_unlimited=True, expires_at=NOW + 7 * 86_400_000 + 1), []),
        (Terms(is_unlimited=True, expires_at=NOW + 3_600_000), ["ends_in_1"]),
        (Terms(is_unlimited=True, is_blocked=True, expires_at=NOW + 3_600_000), []),
    ],
)
def test_members_are_warned_before_the_end(terms: Terms, kinds: list[str]) -> None:
    assert [kind for kind, _ in notices(terms, NOW, BYPASS)] == kinds


def test_a_profile_is_only_relied_on_where_it_has_an_effect() -> None:
    assert [BYPASS.access(status) for status in STATUSES] == [
        *("none", "none", "none"),
        *("bypassed", "none", "session", "bypassed"),
    ]
    assert {SESSION.access(status) for status in STATUSES} == {"none", "session"}


# Phones and tags


@pytest.mark.parametrize(
    "text", ["081234567890", "6281234567890", "+62 812-3456-7890", "81234567890", "(0812) 34567890"]
)
def test_one_phone_has_many_forms(text: str) -> None:
    assert normal_phone(text) == "6281234567890"
    assert local_form("6281234567890") == "081234567890"


@pytest.mark.parametrize("text", ["", "0812", "02112345678", "kasir 081234567890", "٠٨١٢٣٤٥٦٧٨٩"])
def test_what_is_no_phone_is_none(text: str) -> None:
    assert normal_phone(text) is None


@given(st.text(max_size=60))
def test_only_our_own_comments_are_tags(text: str) -> None:
    if tag := tag_of(text):
        assert comment_of("", tag.member, tag.device) in text


def test_tags_are_parsed_not_searched() -> None:
    ours = comment_of("6281234567890", "0123456789abcdef", "00ff00ff")
    assert ours == "081234567890 [jaga uid=0123456789abcdef dev=00ff00ff v=1]"
    assert tag_of(ours) == Tag("0123456789abcdef", "00ff00ff")
    assert tag_of(f"kasir {ours}") is None and legacy_phone("kasir 081234567890") == ""
    assert legacy_phone("+62 812 3456 7890") == "6281234567890"


# Plans, on the simulator's tables


class Shelf:
    """A router without a wire: what is planned is written into the simulator's own tables."""

    def __init__(self) -> None:
        self.router = Router()
        self.router.faults.eager_devices = True

    def write(self, write: Write) -> None:
        arguments = {name.replace("_", "-"): _said(v) for name, v in write.values.items()}
        if write.id:
            arguments[".id"] = write.id
        self.run(Command(write.path, write.verb, arguments))

    def run(self, command: Command) -> None:
        self.router.run(command, frozenset({"read", "write"}))
        self.router.hotspot.packets(command.name)

    def add(self, path: str, **values: str) -> None:
        named = {name.replace("_", "-"): value for name, value in values.items()}
        self.run(Command(path, "add", named))

    def rows(self, path: str) -> list[Row]:
        rows = [dict(row) for row in self.router.rows_of(path)]
        return [{"id": row.pop(".id"), **row} for row in rows]

    @property
    def actual(self) -> Actual:
        return Actual(
            self.rows(USER),
            self.rows(BINDING),
            self.rows(ACTIVE),
            self.rows(HOST),
            self.rows(COOKIE),
        )

    def apply(self, made: Plan) -> int:
        for step in made.steps:
            try:
                self.write(step.write)
            except Trap as trap:
                # the row went with another step, or the device is in already
                assert trap.message.startswith(("no such item", "failure: "))
        return len(made.steps)

    def is_online(self, mac: str) -> bool:
        device = self.router.hotspot.devices[mac]
        return self.router.hotspot.traffic(mac, 1, 1) and self.router.hotspot.passes(device)[0]


def _said(value: str | bool | int) -> str:
    return str(value) if not isinstance(value, bool) else "yes" if value else "no"


def member(number: int, status: Status | None, *macs: str, **more: object) -> Wanted:
    devices = tuple(Device(f"{at:08x}", mac) for at, mac in enumerate(macs))
    return Wanted(
        member=f"{number:016x}",
        phone=f"62812{number:08d}",
        status=status,
        devices=devices,
        password="s3cret",
        **more,  # type: ignore[arg-type]
    )


def mac(number: int) -> str:
    return f"02:00:00:00:{number >> 8:02X}:{number & 255:02X}"


def settle(shelf: Shelf, wanted: list[Wanted], policy: Policy, most: int = 4) -> int:
    """Plan and apply until nothing is left; returns how many writes it took."""
    total = 0
    for _ in range(most):
        made = plan(wanted, shelf.actual, policy)
        if not made.steps:
            return total
        total += shelf.apply(made)
        wanted = [_settled(one) for one in wanted]
    raise AssertionError(f"not settled: {[(s.why, s.write) for s in made.steps]}")


def _settled(one: Wanted) -> Wanted:
    return Wanted(
        one.member,
        one.phone,
        one.status,
        one.devices,
        one.former,
        one.former_phone,
        one.status,
        one.password,
    )


@pytest.mark.parametrize("policy", [BYPASS, SESSION])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_reaches_the_device(policy: Policy, status: Status) -> None:
    shelf = Shelf()
    shelf.router.hotspot.join(mac(1), "192.168.200.1")
    one = member(1, status, mac(1))
    settle(shelf, [one], policy)
    (user,) = shelf.rows(USER)
    assert user["name"] == "081200000001" and user["profile"] == PROFILES[status]
    assert user["disabled"] == ("true" if status in ("blocked", "inactive") else "false")
    assert shelf.is_online(mac(1)) == (policy.access(status) != "none")
    if policy.access(status) == "session":
        assert shelf.rows(ACTIVE)[0]["user"] == "081200000001"
    assert plan([_settled(one)], shelf.actual, policy).steps == []


def online_in(policy: Policy) -> tuple[Shelf, Wanted]:
    """A member who is through, and whom a mac-cookie would bring back at every packet."""
    shelf = Shelf()
    shelf.router.hotspot.join(mac(1), "192.168.200.1")
    one = member(1, "aktif", mac(1))
    settle(shelf, [one], policy)
    assert shelf.is_online(mac(1))
    if policy is SESSION:
        assert shelf.rows(COOKIE)
    return shelf, one


def passages_of(shelf: Shelf, writes: list[Write]) -> list[bool]:
    """What became of the device's packet after each write."""
    shelf.router.hotspot.passages.clear()
    for write in writes:
        try:
            shelf.write(write)
        except Trap as trap:
            assert trap.message.startswith("no such item")
            shelf.router.hotspot.packets("trap")
        logins = [session.login_by for session in shelf.router.hotspot.sessions.values()]
        if "mac-cookie" in logins:  # a new session, behind the back of the one that was removed
            shelf.router.hotspot.passages.append(("", "logged in again", True))
            break
    return [passed for _, _, passed in shelf.router.hotspot.passages]


@pytest.mark.parametrize("policy", [BYPASS, SESSION])
@pytest.mark.parametrize("status", [None, "blocked", "habis", "expired", "inactive"])
@pytest.mark.parametrize("rejudge", [False, True])
def test_a_denied_device_never_gets_back_between_two_writes(
    policy: Policy, status: Status | None, rejudge: bool
) -> None:
    shelf, one = online_in(policy)
    shelf.router.faults.switches.rejudge_on_binding_change = rejudge
    made = plan([member(1, status, mac(1), settled="aktif")], shelf.actual, policy)
    passages = passages_of(shelf, [step.write for step in made.steps])
    assert passages == sorted(passages, reverse=True), "it got back"
    assert passages[-1] is False, "it is in, or came in by a cookie"


@pytest.mark.parametrize("policy", [BYPASS, SESSION])
def test_the_documents_own_order_would_let_it_back(policy: Policy) -> None:
    """The test above proves something: active, host, binding, user is what it catches."""
    shelf, one = online_in(policy)
    made = plan([member(1, "habis", mac(1), settled="aktif")], shelf.actual, policy)
    naive = {ACTIVE: 1, HOST: 2, BINDING: 3, USER: 4, COOKIE: 5}
    steps = sorted(made.steps, key=lambda step: naive[step.write.path])
    passages = passages_of(shelf, [step.write for step in steps])
    assert passages != sorted(passages, reverse=True) or passages[-1] is True


def test_a_session_takes_its_new_profile_at_once() -> None:
    shelf, one = online_in(SESSION)
    settle(shelf, [member(1, "fup", mac(1), settled="aktif")], SESSION)
    session = shelf.router.hotspot.sessions["*C0A8C801"]
    assert session.profile["name"] == "profile-fup" and shelf.is_online(mac(1))


def test_going_slow_takes_a_bypassed_device_into_a_session() -> None:
    shelf, one = online_in(BYPASS)
    settle(shelf, [member(1, "fup", mac(1), settled="aktif")], BYPASS)
    assert shelf.rows(HOST)[0]["bypassed"] == "false"
    assert shelf.rows(ACTIVE)[0]["user"] == "081200000001"
    settle(shelf, [member(1, "aktif", mac(1), settled="fup")], BYPASS)
    assert shelf.rows(HOST)[0]["bypassed"] == "true" and shelf.is_online(mac(1))


def test_rows_that_only_a_phone_marks_are_taken_in_and_notes_are_left_alone() -> None:
    shelf = Shelf()
    shelf.add(BINDING, mac_address=mac(1), type="bypassed", comment="0812 0000 0001")
    shelf.add(BINDING, mac_address=mac(2), type="bypassed", comment="CCTV toko, 081200000001")
    shelf.add(USER, name="081200000001", profile="default")
    made = plan([member(1, "aktif")], shelf.actual, BYPASS)
    assert [found.mac for found in made.adoptions] == [mac(1)]
    settle(shelf, [member(1, "aktif", mac(1))], BYPASS)
    assert [row["comment"] for row in shelf.rows(BINDING)] == [
        "081200000001 [jaga uid=0000000000000001 dev=00000000 v=1]",
        "CCTV toko, 081200000001",
    ]
    assert shelf.rows(USER)[0]["comment"] == "081200000001 [jaga uid=0000000000000001 v=1]"


@pytest.mark.parametrize("policy", [BYPASS, SESSION])
@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_device_that_was_let_go_is_out_at_once(policy: Policy, is_remembered: bool) -> None:
    """Also when only its own binding still tells of it, as after Redis was emptied."""
    shelf, gone = Shelf(), "AA:00:00:00:00:02"
    one = member(1, "aktif", mac(1), gone)
    for at, address in enumerate((mac(1), gone), 1):
        shelf.router.hotspot.join(address, f"192.168.200.{at}")
    settle(shelf, [one], policy)
    assert shelf.is_online(mac(1)) and shelf.is_online(gone)
    left = replace(_settled(one), devices=one.devices[:1], former=(gone,) * is_remembered)
    shelf.router.hotspot.passages.clear()
    shelf.apply(plan([left], shelf.actual, policy))
    assert not shelf.is_online(gone) and shelf.is_online(mac(1))
    seen = [passed for _, device, passed in shelf.router.hotspot.passages if device == gone]
    assert seen == sorted(seen, reverse=True), "it got back between two writes"
    assert plan([left], shelf.actual, policy).steps == []


def test_a_device_that_passed_on_to_somebody_else_stays_in() -> None:
    shelf, shared = Shelf(), "AA:00:00:00:00:02"
    shelf.router.hotspot.join(shared, "192.168.200.2")
    before, after = member(1, "aktif", former=(shared,)), member(2, "aktif", shared)
    settle(shelf, [before, after], BYPASS)
    assert shelf.is_online(shared)


def test_somebody_elses_rows_are_a_conflict_not_a_target() -> None:
    shelf = Shelf()
    shelf.add(BINDING, mac_address=mac(1), type="regular", comment="printer")
    shelf.add(USER, name="081200000002", comment="voucher kasir")
    made = plan([member(1, "aktif", mac(1)), member(2, "aktif")], shelf.actual, BYPASS)
    assert set(made.conflicts) == {f"{1:016x}", f"{2:016x}"}
    assert [step.write.path for step in made.steps] == [USER]


def test_a_deleted_member_leaves_nothing_and_a_stranger_is_named() -> None:
    shelf, one = online_in(SESSION)
    assert plan([], shelf.actual, SESSION).strangers == [one.member]
    settle(shelf, [member(1, None, mac(1))], SESSION)
    assert not any(shelf.rows(path) for path in (USER, BINDING, ACTIVE, COOKIE))
    assert not shelf.is_online(mac(1))


FOREIGN: tuple[dict[str, str], ...] = (
    {"comment": "printer"},
    {"comment": "081200000099x"},
    {},
    {"comment": "kasir 0812"},
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("policy", [BYPASS, SESSION])
def test_a_thousand_drifts_end_at_the_same_place(policy: Policy) -> None:
    """500 in each mode; foreign rows stay as they are, and the second run writes nothing."""
    for seed in range(500):
        chance = random.Random(seed)  # noqa: S311
        shelf = Shelf()
        shelf.router.faults.eager_devices = False
        wanted = [
            member(
                number,
                chance.choice((*STATUSES, None)),
                *(mac(number * 4 + at) for at in range(chance.randrange(3))),
                settled=chance.choice((None, *STATUSES)),
            )
            for number in range(1, 6)
        ]
        foreign = _drift(shelf, wanted, chance)
        settle(shelf, wanted, policy)
        shelf.router.faults.eager_devices = True
        shelf.router.hotspot.packets("everybody sends")
        settle(shelf, [_settled(one) for one in wanted], policy)
        again = plan([_settled(one) for one in wanted], shelf.actual, policy)
        assert again.steps == [], seed
        assert [row for row in foreign if row not in shelf.rows(BINDING) + shelf.rows(USER)] == []
        for one in wanted:
            is_in = one.status is not None and policy.access(one.status) != "none"
            for device in one.devices:
                if device.mac in shelf.router.hotspot.devices:
                    assert shelf.is_online(device.mac) == is_in, (seed, one.status)


def _drift(shelf: Shelf, wanted: list[Wanted], chance: random.Random) -> list[Row]:
    """Anything a router may have become; returns the rows that are not ours."""
    for one in wanted:
        for device in one.devices:
            if chance.random() < 0.7:
                shelf.router.hotspot.join(device.mac, f"10.0.0.{int(device.mac[-2:], 16)}")
            if chance.random() < 0.5:
                comment = chance.choice(
                    (comment_of(one.phone, one.member, device.id), local_form(one.phone))
                )
                kind = chance.choice(("bypassed", "regular", "blocked"))
                shelf.add(BINDING, mac_address=device.mac, type=kind, comment=comment)
                shelf.router.hotspot.remove_host(_host(shelf, device.mac))
        if chance.random() < 0.6:
            shelf.add(
                USER,
                name=one.name,
                password="s3cret",
                profile=chance.choice(tuple(PROFILES.values())),
                disabled=chance.choice(("yes", "no")),
                comment=chance.choice(("", one.name, comment_of(one.phone, one.member))),
            )
            for device in one.devices:
                if device.mac in shelf.router.hotspot.devices and chance.random() < 0.5:
                    try:
                        shelf.router.hotspot.login(device.mac, one.name, "s3cret")
                    except Exception as refused:
                        assert type(refused).__name__ == "Refused"
    for number, values in enumerate(FOREIGN):
        shelf.add(BINDING, mac_address=mac(200 + number), type="bypassed", **values)
        shelf.add(USER, name=f"voucher{number}", **values)
    bindings = [row for row in shelf.rows(BINDING) if row["mac-address"] >= mac(200)]
    return bindings + [row for row in shelf.rows(USER) if row["name"].startswith("voucher")]


def _host(shelf: Shelf, of: str) -> str:
    return next((row["id"] for row in shelf.rows(HOST) if row["mac-address"] == of), "")


def test_denials_go_before_grants() -> None:
    shelf = Shelf()
    wanted = [member(1, "aktif", mac(1)), member(2, "blocked", mac(2))]
    made = plan(wanted, shelf.actual, BYPASS)
    assert [step.phase for step in made.steps] == sorted(step.phase for step in made.steps)
    assert made.steps[0].member == wanted[1].member
    assert made.steps[0].phase is Phase.DENY_USER


# Counting


class World:
    """Devices that send; rows that come, go, restart and move; a store that may lose a commit."""

    def __init__(self) -> None:
        self.macs = ["A"]
        self.rows: dict[str, tuple[str, int, int, int]] = {}  # id → mac, began, bytes, of before us
        self.now = 0
        self.next = 1
        self.sent = 0
        self.look = Look()
        self.counted = 0

    def appear(self, which: str) -> None:
        self.rows[f"*{self.next}"] = (which, self.now, 0, 0)
        self.next += 1

    def send(self, size: int) -> None:
        for row_id, (owner, began, used, _) in list(self.rows.items())[:1]:
            self.rows[row_id] = (owner, began, used + size, 0)
            self.sent += size

    def readings(self) -> list[Reading]:
        return [
            Reading(owner, row_id, self.now - began, used)
            for row_id, (owner, began, used, _) in self.rows.items()
        ]

    def commit(self, seen: tuple[Look, list[Reading], list[str]]) -> None:
        """Compare and set, as the store does it."""
        base, readings, macs = seen
        used, newest = count(base, macs, readings)
        if base == self.look:
            self.look = newest
            self.counted += used


ACTS = ("wait", "send", "look", "lost", "overlap", "drop", "appear", "reboot", "rotate", "twin")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 50)), max_size=60))
def test_usage_is_never_more_than_there_was(acts: list[tuple[str, int]]) -> None:
    world = World()
    world.appear("A")
    early: list[tuple[Look, list[Reading], list[str]]] = []
    for act, size in acts:
        seen = (world.look, world.readings(), list(world.macs))
        if act == "wait":
            world.now += size
        elif act == "send":
            world.send(size)
        elif act == "look":
            world.commit(seen)
        elif act == "overlap":
            early.append(seen)
        elif act == "lost" and early:
            world.commit(early.pop(0))  # a run that was slow: its base is not the newest any more
        elif act == "drop" and world.rows:
            world.rows.pop(next(iter(world.rows)))
        elif act in ("appear", "twin"):
            world.appear(world.macs[-1])
        elif act == "reboot":
            world.rows.clear()
            world.next = 1
            world.appear(world.macs[-1])
        elif act == "rotate":
            world.macs = [*world.macs, f"M{len(world.macs)}"][-3:]
            world.appear(world.macs[-1])
        assert world.counted <= world.sent


def test_usage_counts_what_it_can() -> None:
    used, look = count(Look(), ["A"], [Reading("A", "*1", 10, 500)])
    assert used == 0, "what was before the first look is nobody's"
    used, look = count(look, ["A"], [Reading("A", "*1", 20, 800)])
    assert used == 300
    used, look = count(Look.parse(look.text()), ["A"], [Reading("A", "*2", 3, 70)])
    assert used == 70, "a new row counts from its beginning"
    used, look = count(look, ["A"], [Reading("A", "*2", 1, 90)])
    assert used == 20, "printed in whole seconds, an uptime may seem to go back"
    used, look = count(look, ["A", "B"], [Reading("A", "*2", 0, 5), Reading("B", "*3", 9, 999)])
    assert used == 5, "a counter that went back began anew; a new device's past is not theirs"
    used, look = count(look, ["A", "B"], [Reading("B", "*3", 19, 1000)])
    assert used == 1


def test_the_operators_page_has_words_for_every_reason() -> None:
    words = (ROOT / "web/static/js/operator/hotspot_plan_words.js").read_text()
    table = words[words.index("export const REASONS") :]
    table = table[: table.index("};")]
    named = [line.split(":")[0].strip() for line in table.splitlines()[1:] if ":" in line]
    assert sorted(named) == sorted(Reason)
