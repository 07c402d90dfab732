"""Which Redis an address means, and whom it is believed to be."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from redis.exceptions import ConnectionError, ReadOnlyError

from scripts.embedded.redis_server import RedisServer
from store.redis_servers import (
    SELF_SIGNED,
    Sentinels,
    open_blocking_redis,
    open_redis,
    read_sentinels,
)
from store.settings import Settings, SettingsError
from tests.sentinels import Tunnel


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("redis://127.0.0.1:6379/0", None),
        ("rediss://:secret@h:6380/0?ssl_cert_reqs=none", None),
        (
            "redis+sentinel://h1,h2:5000,[::1]:26380/jaga/3",
            Sentinels((("h1", 26_379), ("h2", 5_000), ("::1", 26_380)), "jaga", 3, False, {}, {}),
        ),
        (
            "rediss+sentinel://orang:ra%40has%3Aia@h1/jaga?sentinel_password=lain",
            Sentinels(
                (("h1", 26_379),),
                "jaga",
                0,
                True,
                {"username": "orang", "password": "ra@has:ia"},
                {"password": "lain"},
            ),
        ),
        (
            "redis+sentinel://:rahasia@h1/jaga",
            Sentinels((("h1", 26_379),), "jaga", 0, False, {"password": "rahasia"}, {}),
        ),
    ],
)
def test_an_address_is_understood(url: str, meant: Sentinels | None) -> None:
    assert read_sentinels(url) == meant
    settings = Settings.from_environment({"JAGA_ENV": "dev", "REDIS_URL": url})
    assert settings.redis_url == settings.queue_redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://",
        "redis+sentinel://h1",
        "redis+sentinel://h1,h2/",
        "redis+sentinel:///jaga/0",
        "redis+sentinel://h1,/jaga/0",
        "redis+sentinel://h1:port/jaga/0",
        "redis+sentinel://h1:99999/jaga",
        "redis+sentinel://h1/jaga/nol",
        "redis+sentinel://h1/jaga/0?rahasia=1",
        "redis+sentinel://:rahasia@h1",
        "redis+cluster://h1:6379",
    ],
)
@pytest.mark.parametrize("name", ["REDIS_URL", "QUEUE_REDIS_URL"])
def test_one_that_is_not_whole_is_a_line_without_its_password(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}") as refused:
        Settings.from_environment({"JAGA_ENV": "dev", name: url})
    assert "\n" not in str(refused.value)


def test_authorities_are_a_file_a_text_or_nobody(tmp_path: Path) -> None:
    for ca in (SELF_SIGNED, "-----BEGIN CERTIFICATE-----\nabc", str(Path(__file__))):
        assert Settings.from_environment({"JAGA_ENV": "dev", "REDIS_CA": ca}).redis_ca == ca
    with pytest.raises(SettingsError, match="^REDIS_CA"):
        Settings.from_environment({"JAGA_ENV": "dev", "REDIS_CA": str(tmp_path / "none")})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tunnel(redis_server: RedisServer, authority: trustme.CA) -> Iterator[Tunnel]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Tunnel(redis_server.port, context) as tunnel:
        yield tunnel


async def test_whom_we_believe_over_tls(
    tunnel: Tunnel, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    text = authority.cert_pem.bytes().decode()
    url = f"rediss://127.0.0.1:{tunnel.port}/0"
    for ca in (str(tmp_path / "ca.pem"), text, SELF_SIGNED):
        async with open_redis(url, ca, 2.0, 4) as redis:
            assert await redis.ping()
        with open_blocking_redis(url, ca, 1.0, 4) as blocking:
            assert blocking.ping()
    strangers = trustme.CA().cert_pem.bytes().decode()
    for ca in ("", strangers):
        async with open_redis(url, ca, 2.0, 4) as redis:
            with pytest.raises(ConnectionError):
                await redis.ping()
        with open_blocking_redis(url, ca, 1.0, 4) as blocking, pytest.raises(ConnectionError):
            blocking.ping()


async def test_a_connection_to_what_became_a_replica_is_given_up(own_redis: RedisServer) -> None:
    """Behind a name that is moved to the new master, an open connection would stay with the old."""
    script = "return redis.call('SET', KEYS[1], '1')"
    async with open_redis(own_redis.url, "", 2.0, 1) as redis:
        with open_blocking_redis(own_redis.url, "", 1.0, 1) as blocking:
            for command in (("SET", "k", "1"), ("EVAL", script, "1", "k")):
                await redis.execute_command("REPLICAOF", "127.0.0.1", "1")
                ids = await redis.client_id(), blocking.client_id()
                with pytest.raises(Exception, match="READONLY|read only"):
                    await redis.execute_command(*command)
                with pytest.raises(Exception, match="READONLY|read only"):
                    blocking.execute_command(*command)
                async with redis.pipeline(transaction=False) as pipe:
                    pipe.execute_command(*command)
                    with pytest.raises((ReadOnlyError, ConnectionError)):
                        await pipe.ping().execute()  # type: ignore[attr-defined]
                assert {await redis.client_id(), blocking.client_id()}.isdisjoint(ids)
                await redis.execute_command("REPLICAOF", "NO", "ONE")
                assert await redis.execute_command(*command)
