"""A master that dies or is replaced, behind a Sentinel: who is inside stays, and hears."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from redis.asyncio import Redis

from scripts.embedded.ports import free_port
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Supervisor
from store.queue import queue_redis
from tests.client import Browser
from tests.sentinels import NAME, Sentinel, Tunnel, Watched
from tests.serving import PASSWORD, Serving, serving, until
from tests.stopwatch import Stopwatch
from tests.working import working


async def answered(site: Serving, email: str, seen: set[int]) -> bool:
    """Whether a login is taken again; every status on the way is noted."""
    answer = await site.browser().login(email, PASSWORD)
    seen.add(answer.status)
    return answer.status == 200


@pytest.mark.parametrize("how", ["killed", "replaced"])
async def test_open_tabs_live_through_a_failover_and_hear_later_logouts(
    environment, watched: Watched, how: str
) -> None:
    env = environment | {"REDIS_URL": watched.url, "SWEEP_SECONDS": "300"}
    async with serving(env) as site:
        inside, other = await site.member(), await site.member()
        browser = await site.logged_in(inside)
        async with browser.tab() as tab, browser.stream() as stream:
            assert (await tab.event())["event"] == "connected"
            assert (await stream.next())[0] == "connected"  # type: ignore[index]
            await site.store.redis.execute_command("WAIT", 1, 1000)
            await watched.end_master(how)
            seen: set[int] = set()
            await until(lambda: _new_master(site, watched.replica), 20)
            await until(lambda: answered(site, other.email, seen), 10)
            assert seen <= {200, 503}
            await until(lambda: _follows(site))
            # a login that the old master took last may be lost: nobody is let in for a moment then
            await until(lambda: _is_inside(browser))
            await site.store.members.block(inside.id, by="admin")
            assert (await tab.event())["event"] == "force_logout"
            assert (await stream.next())[2]["changes"]  # type: ignore[index]
        async with working(env):
            await until(lambda: _is_in_postgres(site, other.id), 15)


async def _new_master(site: Serving, replica: RedisServer) -> bool:
    try:
        info = await site.store.redis.info("server")
    except OSError:
        return False
    except Exception as error:
        assert "redis" in type(error).__module__
        return False
    return int(info["tcp_port"]) == replica.port


async def _is_inside(browser: Browser) -> bool:
    answer = await browser.get("/api/session")
    assert answer.status in (200, 503)
    return answer.status == 200


async def _follows(site: Serving) -> bool:
    return site.server._relay.is_following


async def _is_in_postgres(site: Serving, member: str) -> bool:
    query = b"SELECT 1 FROM member WHERE id = %(id)s"
    return bool(await site.store.database.fetch_one(query, {"id": member}))


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["killed", "replaced"])
async def test_worker_and_scheduler_follow_the_master(
    environment, product, watched: Watched, how: str
) -> None:
    env = {"REDIS_URL": watched.url}
    web = await product(worker=True, scheduler=True, **env)
    async with serving({**web.env, **env}, PORT=str(free_port())) as site:
        before = await site.member()
        await until(lambda: _is_in_postgres(site, before.id), 30)
        await site.store.redis.execute_command("WAIT", 1, 1000)
        await watched.end_master(how)
        await until(lambda: _new_master(site, watched.replica), 20)
        began = Stopwatch()
        after = await site.member()
        await until(lambda: _is_in_postgres(site, after.id), 30)
        print(f"{how}: applied {began.seconds:.1f} s after the new master")
        await until(lambda: _is_whole(site), 40)
        assert (await site.browser().login(after.email, PASSWORD)).status == 200
    for child in (web.web, web.worker, web.scheduler):
        assert child is not None and child.returncode is None


async def _is_whole(site: Serving) -> bool:
    return bool((await site.browser().get("/readyz")).json["degraded"] == [])


async def test_a_sentinel_with_tls_and_users_of_their_own(
    environment, supervisor: Supervisor, own_redis: RedisServer, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with ExitStack() as stack:
        before_redis = stack.enter_context(Tunnel(own_redis.port, context))
        own = "requirepass penjaga"
        sentinel = Sentinel(tmp_path / "sentinel", supervisor, before_redis.port, own)
        sentinel.start()
        stack.callback(sentinel.stop)
        before_sentinel = stack.enter_context(Tunnel(sentinel.port, context))
        async with Redis(port=own_redis.port) as redis:
            rule = (">rahasia", "~*", "&*", "+@all", "-flushall", "-config")
            await redis.execute_command("ACL", "SETUSER", "jaga", "on", *rule)
        url = f"rediss+sentinel://jaga:{{}}@127.0.0.1:{before_sentinel.port}/{NAME}/0"
        env = environment | {
            "REDIS_URL": f"{url.format('rahasia')}?sentinel_password=penjaga",
            "REDIS_CA": str(tmp_path / "ca.pem"),
        }
        async with serving(env) as site:
            member = await site.member()
            assert await site.store.redis.execute_command("ACL", "WHOAMI") == "jaga"
            with queue_redis(site.settings) as queue:
                assert queue.execute_command("ACL", "WHOAMI") == b"jaga"
            browser = await site.logged_in(member)
            async with browser.tab() as tab:
                assert (await tab.event())["event"] == "connected"
                await site.store.members.block(member.id, by="admin")
                assert (await tab.event())["event"] == "force_logout"
        assert before_redis.encrypted > 2 and before_sentinel.encrypted >= 2
