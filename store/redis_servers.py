"""The door to Redis: which server an address means, and how it is spoken to.

One server (`redis://`, `rediss://`, `unix://`), or whichever of several a Sentinel calls the master
(`redis+sentinel://user:password@host:port,…/name/db`; `rediss+sentinel://` with TLS to all of
them). A connection whose server turns out to be a replica is given up at once, so that the next one
finds the new master: by asking a Sentinel, or by the name that a managed Redis moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from store.refusals import is_replica
from store.sharing import Shared

PLAIN = ("redis", "rediss", "unix")
SENTINEL = ("redis+sentinel", "rediss+sentinel")
SCHEMES = (*PLAIN, *SENTINEL)

SENTINEL_PORT = 26_379

SELF_SIGNED = "self-signed"
"""A REDIS_CA that takes any certificate: what crosses the network is encrypted, and nobody knows
for whom. Heroku's own Redis has no other kind."""

POOL_SECONDS = 2.0
"""How long a caller waits for one of the pool's connections."""

CONNECT_SECONDS = 1.0

LOOK_SECONDS = 2.0
"""How often a Sentinel is asked who the master is, should its word not have reached us."""

ASK_SECONDS = 1.0
"""How long one Sentinel may take, to connect and to answer, before the next one is asked."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    """A `redis+sentinel` address, understood. The query names what the Sentinels themselves ask
    for: `?sentinel_username=…&sentinel_password=…`."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int
    is_tls: bool
    login: dict[str, str]
    own_login: dict[str, str]


def read_sentinels(url: str) -> Sentinels | None:
    """Return what a `redis+sentinel` address names, None for an address of another kind.

    Raises ValueError for one that is not whole; its text holds nothing of the address.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in SENTINEL:
        return None
    rest, _, query = rest.partition("?")
    hosts, _, path = rest.partition("/")
    userinfo, _, hosts = hosts.rpartition("@")
    master, _, database = path.partition("/")
    if not hosts or not master or not (database or "0").isdigit():
        raise ValueError("it must be redis+sentinel://host:port,host:port/name/0")
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    if unknown := asked.keys() - {"sentinel_username", "sentinel_password"}:
        raise ValueError(f"it knows no {', '.join(sorted(unknown))}")
    username, _, password = userinfo.partition(":")
    return Sentinels(
        hosts=tuple(_host(host) for host in hosts.split(",")),
        master=unquote(master),
        database=int(database or "0"),
        is_tls=scheme.startswith("rediss"),
        login=_login(unquote(username), unquote(password)),
        own_login=_login(asked.get("sentinel_username", ""), asked.get("sentinel_password", "")),
    )


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname:
        raise ValueError("it must name the Sentinels as host:port, with commas between")
    return parts.hostname, parts.port or SENTINEL_PORT


def _login(username: str, password: str) -> dict[str, str]:
    given = {"username": username, "password": password}
    return {name: value for name, value in given.items() if value}


def open_redis(url: str, ca: str, reply_seconds: float, connections: int) -> Redis:
    """Return a Redis for the event loop; contacts nobody yet.

    No retries below us: a script that swaps a session must not run twice unseen. `ca` is REDIS_CA,
    and `reply_seconds` how long an answer may take.
    """
    options: dict[str, Any] = {
        "max_connections": connections,
        "timeout": POOL_SECONDS,
        "decode_responses": True,
        # one entry of the log that is no UTF-8 must not make the whole log unreadable
        "encoding_errors": "replace",
        **_limits(reply_seconds, CONNECT_SECONDS),
        "retry": AsyncRetry(NoBackoff(), 0),
    }
    pool: Any
    if found := read_sentinels(url):
        manager = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
            found.hosts, sentinel_kwargs=_asking(found, ca) | {"retry": AsyncRetry(NoBackoff(), 0)}
        )
        more = _of_master(found, ca)
        pool = _MasterPool(found.master, manager, **more, **options)
    else:
        pool = Pool.from_url(url, **_tls(urlsplit(url).scheme, ca), **options)
    pool.connection_class = _leaving(_LeavesReplicas, pool.connection_class)
    return Redis.from_pool(pool)


def open_blocking_redis(url: str, ca: str, reply_seconds: float, connections: int) -> redis.Redis:
    """Return a Redis for RQ, which blocks; contacts nobody yet.

    One retry, because a connection that has idled through a restart fails once; a job that is
    thereby enqueued twice is harmless.
    """
    options: dict[str, Any] = {
        "max_connections": connections,
        **_limits(reply_seconds, CONNECT_SECONDS),
        "retry": Retry(NoBackoff(), 1),
    }
    pool: Any
    if found := read_sentinels(url):
        manager = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]
            found.hosts, sentinel_kwargs=_asking(found, ca) | {"retry": Retry(NoBackoff(), 0)}
        )
        more = _of_master(found, ca)
        pool = _BlockingMasterPool(  # type: ignore[no-untyped-call]
            found.master, manager, **more, **options
        )
    else:
        pool = redis.ConnectionPool.from_url(url, **_tls(urlsplit(url).scheme, ca), **options)
    pool.connection_class = _leaving(_BlockingLeavesReplicas, pool.connection_class)
    return redis.Redis.from_pool(pool)


async def leave_old_masters(*clients: Redis) -> None:
    """Have these give up, for ever, what connections they have to a master that was replaced.

    Until a Sentinel has told the old master that it is none any more, which takes it ten seconds,
    that one takes writes which are lost then. Returns at once where no Sentinel is asked.
    """
    pools: list[Any] = [client.connection_pool for client in clients]
    if not all(isinstance(pool, _MasterPool) for pool in pools):
        return
    while True:
        for sentinel in list(pools[0].sentinel_manager.sentinels):
            try:
                await _hear_of_masters(sentinel, pools)
            except (redis.RedisError, OSError):
                continue
        await asyncio.sleep(ASK_SECONDS)


async def _hear_of_masters(sentinel: Redis, pools: Sequence[Any]) -> None:
    """Look whenever this Sentinel says that a master was replaced, and now and then."""
    async with sentinel.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.subscribe("+switch-master")
        while True:
            address = await pools[0].sentinel_manager.discover_master(pools[0].service_name)
            for pool in pools:
                await pool.leave_all_but(address)
            await heard.get_message(timeout=LOOK_SECONDS)


def _limits(reply_seconds: float, connect_seconds: float) -> dict[str, Any]:
    return {
        "socket_timeout": reply_seconds,
        "socket_connect_timeout": connect_seconds,
        # with them on, redis-py does not notice before a command that the other side has closed
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _asking(found: Sentinels, ca: str) -> dict[str, Any]:
    """How the Sentinels are spoken to."""
    return {
        **_limits(ASK_SECONDS, ASK_SECONDS),
        **({"ssl": True, **_tls("rediss", ca)} if found.is_tls else {}),
        **found.own_login,
    }


def _of_master(found: Sentinels, ca: str) -> dict[str, Any]:
    """How the server that they name is spoken to."""
    tls = {"ssl": True, **_tls("rediss", ca)} if found.is_tls else {}
    return {"db": found.database, **found.login, **tls}


def _tls(scheme: str, ca: str) -> dict[str, Any]:
    """Whom we believe: the system's authorities, those in a file or in the setting itself, or, for
    SELF_SIGNED, anybody."""
    if scheme != "rediss" or not ca:
        return {}
    if ca == SELF_SIGNED:
        return {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    return {"ssl_ca_data": ca} if ca.startswith("-----BEGIN") else {"ssl_ca_certs": ca}


def read_ca(text: str) -> str:
    """Check a REDIS_CA. Raises ValueError."""
    if text == SELF_SIGNED or text.startswith("-----BEGIN") or Path(text).is_file():
        return text
    raise ValueError(f"it must be a file of certificates, their text, or {SELF_SIGNED}")


class Pool(Shared, BlockingConnectionPool):
    """Of one server; whoever finds no connection free waits for one."""


class _MasterPool(Shared, redis.asyncio.sentinel.SentinelConnectionPool, BlockingConnectionPool):
    """Sentinel's pool, with a place in line for who finds no connection free."""

    async def leave_all_but(self, address: tuple[str, int]) -> None:
        """Close the connections to any other server, those in use as well: what they ask for would
        be lost."""
        connections: list[Any] = [*self._available_connections, *self._in_use_connections]
        for connection in connections:
            if connection.is_connected and (connection.host, connection.port) != address:
                await connection.disconnect()

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


class _BlockingMasterPool(redis.sentinel.SentinelConnectionPool):
    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class _LeavesReplicas:
    """Mixed into a connection: give it up when its server says that it is no master."""

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().read_response(*args, **kwargs)  # type: ignore[misc]
        except ResponseError as error:
            if is_replica(error):
                await self.disconnect()  # type: ignore[attr-defined]
            raise


class _BlockingLeavesReplicas:
    """The same without a loop."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except ResponseError as error:
            if is_replica(error):
                self.disconnect()  # type: ignore[attr-defined]
            raise


@cache
def _leaving(mixin: type, connection: Any) -> Any:
    """The connection class of a pool, whichever its address asks for, with the mixin."""
    return type(f"{mixin.__name__}{connection.__name__}", (mixin, connection), {})
