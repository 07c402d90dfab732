"""`/readyz` and `/metrics`: when the server is ready, and who may see how it is."""

from __future__ import annotations

import pytest

from store.door import Forwards
from store.errors import Unavailable
from store.members import Members
from tests.parts import status_of
from tests.serving import serving

ADMIN = {"ADMIN_EMAIL": "kepala@jaga.test", "ADMIN_PASSWORD": "kunci gudang utara"}
TOKEN = "a token of the monitoring"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

DETAILS = {"redis", "postgres", "members", "warnings"}


async def test_it_is_ready_only_when_its_first_administrator_can_log_in(
    environment, monkeypatch
) -> None:
    create = Members.create
    said: list[int | None] = []

    async def late(self, **fields):
        said.append(await status_of(int(environment["PORT"]), "/readyz"))
        if 503 not in said:
            raise Unavailable()  # not listening yet
        return await create(self, **fields)

    monkeypatch.setattr(Members, "create", late)
    async with serving(environment, **ADMIN) as site:
        # how often it was tried is nobody's business, and more than once where Redis was slow
        assert 503 in said and set(said) <= {None, 503}
        answer = await site.browser().login(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
        assert answer.status == 200
        assert (await site.browser().get("/readyz")).json["members"]["first_admin"] is True


@pytest.mark.parametrize(
    ("settings", "headers", "sees"),
    [
        ({}, {}, True),
        ({}, {"X_Forwarded_For": "203.0.113.9"}, False),
        ({}, {"X_Real_Ip": "127.0.0.1"}, False),
        ({}, {"Forwarded": "for=127.0.0.1"}, False),
        ({"PROXYFIX_X_FOR": "1"}, {}, True),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "203.0.113.9"}, False),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "127.0.0.1, 203.0.113.9"}, False),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "203.0.113.9, 127.0.0.1"}, True),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "10.9.0.7"}, True),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "2001:db8:7::1"}, True),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "::ffff:10.9.0.7"}, True),
        ({"PROXYFIX_X_FOR": "1"}, {"X_Forwarded_For": "no address"}, False),
        ({"PROXYFIX_X_FOR": "1"}, {"Via": "1.1 cache"}, False),
        # somebody who came past the outer of two proxies: the inner one is on this machine
        ({"PROXYFIX_X_FOR": "2"}, {"X_Forwarded_For": "203.0.113.9"}, False),
        ({"PROXYFIX_X_FOR": "2"}, {}, True),
        ({}, {"X_Forwarded_For": "203.0.113.9", **BEARER}, True),
        ({}, {"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer wrong"}, False),
        ({}, {"X_Forwarded_For": "203.0.113.9", "Authorization": f"Basic {TOKEN}"}, False),
    ],
)
async def test_who_sees_the_figures_and_the_details(environment, settings, headers, sees) -> None:
    networks = {"METRICS_TOKEN": TOKEN, "METRICS_CIDRS": "10.9.0.0/16,2001:db8:7::/48"}
    async with serving(environment, **networks, **settings) as site:
        browser = site.browser()
        ready = await browser.get("/readyz", **headers)
        assert ready.status == 200
        assert (DETAILS <= set(ready.json)) is sees and (set(ready.json) == {"serving"}) is not sees
        figures = await browser.get("/metrics", **headers)
        assert figures.status == (200 if sees else 404)
        assert (b"jaga_connections" in figures.body) is sees
        head = await browser.send("HEAD", "/metrics", b"", headers)
        assert (head.status, head.body) == (figures.status, b"")
        assert (await browser.get("/healthz", **headers)).json == {"alive": True}


async def test_without_a_token_an_empty_bearer_opens_nothing(environment) -> None:
    async with serving(environment) as site:
        for word in ("Bearer", "Bearer ", "bearer  "):
            said = {"Authorization": word, "X_Forwarded_For": "203.0.113.9"}
            assert (await site.browser().get("/metrics", **said)).status == 404


async def test_weak_settings_are_named_on_readyz(environment) -> None:
    weak = {"JAGA_ENV": "production", "PUBLIC_URL": "http://sekolah.test", "DURABILITY": "none"}
    async with serving(environment, **weak) as site:
        warnings = (await site.browser().get("/readyz")).json["warnings"]
        assert [line.split()[0] for line in warnings] == ["PUBLIC_URL", "LYNK_MERCHANT_KEYS"]


async def test_a_proxy_that_nobody_told_us_of_is_named_once(
    environment, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(environment) as site:
        for _ in range(2 * Forwards.REQUESTS):
            await site.browser().get("/healthz", X_Forwarded_For="203.0.113.9")
        ready = await site.browser().get("/readyz")
        assert ready.status == 200
        assert [line.split()[0] for line in ready.json["warnings"]] == ["PROXYFIX_X_FOR"]
    said = [record for record in caplog.records if "PROXYFIX_X_FOR" in record.message]
    assert len(said) == 1
    async with serving(environment, PROXYFIX_X_FOR="1") as site:
        for _ in range(2 * Forwards.REQUESTS):
            await site.browser().get("/healthz", X_Forwarded_For="203.0.113.9")
        assert (await site.browser().get("/readyz")).json["warnings"] == []
