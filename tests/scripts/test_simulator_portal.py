"""The whole captive way in a real browser: router, portal, and back, with nothing played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from jobs.hotspot.presence import ask_for_proof, device_of
from scripts.embedded.supervisor import Supervisor
from scripts.simulator.part import RouterPart
from store.opening import Store
from store.settings import Settings
from tests.hotspot import code_in
from tests.parts import Product

MAC = "A4:BB:CC:00:00:01"
PATIENCE_MS = 10_000


@pytest.fixture
def router(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> Iterator[RouterPart]:
    """A router whose login page leads to the product."""
    portal = f"http://127.0.0.1:{environment['PORT']}/hotspot/login"
    part = RouterPart(supervisor, tmp_path / "router.log", portal)
    part.start()
    part.control("join", mac=MAC, ip="192.168.200.10")
    yield part
    part.stop()


@pytest.fixture
def settings(environment: dict[str, str], router: RouterPart) -> Settings:
    environment |= {"MIKROTIK_HOST": "127.0.0.1", **router.settings}
    return Settings.from_environment(environment)


@pytest.fixture
async def phone(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(viewport={"width": 390, "height": 780}, locale="id-ID")
    yield await context.new_page()
    await context.close()


async def test_a_phone_that_opens_any_page_ends_in_the_internet(
    product: Callable[..., Awaitable[Product]], store: Store, router: RouterPart, phone: Page
) -> None:
    member = await store.members.create(
        email="siti@jaga.test", password_hash="x", phone="081234567890"
    )
    package = await store.hotspot.packages.make("Harian", 2048, 1, False, None)
    await store.hotspot.quota.give(member.id, package.id)
    web = await product(worker=True)
    device = f"{router.control_url}/device/{MAC}"
    assert router.read(f"device/{MAC}/api.json")["captive"] is True

    await phone.goto(f"{device}/")
    await phone.wait_for_url(f"{web.url}/hotspot/login?*", timeout=PATIENCE_MS)
    await phone.fill("#phone", "0812 3456 7890")
    await phone.click("form[data-step=phone] [type=submit]")
    await expect(phone.locator("#code")).to_be_focused(timeout=PATIENCE_MS)
    await phone.fill("#code", await code_in(web.settings.jaga_home / "messages"))
    await phone.wait_for_url(f"{web.url}/hotspot", timeout=PATIENCE_MS)

    await phone.goto(f"{device}/?url=http://berita.test/")
    await expect(phone.locator("h1")).to_have_text("Internet")
    await expect(phone.locator("main")).to_contain_text("http://berita.test/")
    assert router.read(f"device/{MAC}/api.json")["captive"] is False


async def test_the_router_itself_proves_whose_browser_it_is(
    product: Callable[..., Awaitable[Product]], store: Store, router: RouterPart, phone: Page
) -> None:
    """The one-time user of a proof: the router logs it in, the browser comes back with the token,
    and the row of the session names the device."""
    web = await product()
    await phone.goto(f"{router.control_url}/device/{MAC}/")
    await phone.wait_for_url(f"{web.url}/hotspot/login?*", timeout=PATIENCE_MS)
    link = await phone.evaluate("new URLSearchParams(location.search).get('link-login-only')")
    said = await ask_for_proof(store, store.settings.routers[0], {"link": link})
    assert said["state"] == "prove"
    # as the portal's own page does; nothing in its policy may stand in the way
    await phone.evaluate("address => location.assign(address)", said["login_url"])
    # the page takes the token out of its address at once
    await phone.wait_for_url("**/hotspot/bukti", timeout=PATIENCE_MS)
    token = parse_qs(urlsplit(said["login_url"]).query)["dst"][0].partition("#")[2]
    (session,) = router.read("state")["tables"]["/ip/hotspot/active"]
    assert session["user"].startswith("jaga-") and session["login-by"] == "http-pap"
    found = await device_of(store, token)
    assert found is not None and found[1]["mac-address"] == MAC
    tables = router.read("state")["tables"]
    left = [tables[f"/ip/hotspot/{name}"] for name in ("active", "user", "cookie")]
    assert left == [[], [], []]
