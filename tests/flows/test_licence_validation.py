"""`validate` answers for the device that holds the licence, and for no other (CONTRACT §8)."""

from __future__ import annotations

import pytest

from tests.licences import act, activated, bought


@pytest.mark.parametrize("shown", [{}, {"fingerprint": "b"}, {"device_name": "Laptop"}])
async def test_who_names_no_instance_has_to_activate(environment, shown: dict[str, str]) -> None:
    """A key that nobody had activated was valid for everybody who knew it, on any number."""
    async with bought(environment) as (site, key):
        for is_held in (False, True):
            if is_held:
                await activated(site, key, "a")
            answer = await act(site.browser(), "validate", key, **shown)
            said = answer.json
            assert (answer.status, said["valid"], said["error"]) == (
                200,
                False,
                "ACTIVATION_NEEDED",
            )
            assert said["instance"] is None and said["message"]
            assert said["license_key"]["activation_usage"] == int(is_held)


async def test_the_holder_is_known_by_its_instance_its_fingerprint_or_its_browser(
    environment,
) -> None:
    async with bought(environment) as (site, key):
        instance = await activated(site, key, "a")
        for shown in ({"instance_id": instance}, {"fingerprint": "a"}):
            assert (await act(site.browser(), "validate", key, **shown)).json["valid"]
        other = await act(site.browser(), "validate", key, instance_id="another")
        assert not other.json["valid"] and other.json["error"] != "ACTIVATION_NEEDED"
        browser = site.browser()
        await browser.get("/login")
        await act(browser, "activate", key)
        assert (await act(browser, "validate", key)).json["valid"]


async def test_a_name_that_anybody_may_say_is_no_device(environment) -> None:
    async with bought(environment) as (site, key):
        name = {"device_name": "Laptop Kantor"}
        given = await act(site.browser(), "activate", key, **name)
        stranger = await act(site.browser(), "validate", key, **name)
        assert stranger.json["error"] == "ACTIVATION_NEEDED"
        instance = given.json["instance"]["id"]
        assert (await act(site.browser(), "validate", key, instance_id=instance)).json["valid"]
