"""Passwords: bcrypt, never on the event loop, and as many at once as there are threads.

Scheme `jaga1`: bcrypt(base64(HMAC-SHA384(salt, utf-8 password))). The pre-hash takes away bcrypt's
limit of 72 bytes; keying it with bcrypt's own random salt, instead of one key for all, keeps a
stolen list of bare SHA digests useless here (OWASP Password Storage: pre-hash only keyed and
base64), without a pepper whose loss would lock everybody out. Hashes of the old site (`$2y$`,
`$2a$`, `$2b$`) are accepted as they are and renewed at the next login.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import bcrypt

from store.errors import Unavailable

log = logging.getLogger("jaga.passwords")

COST = 11
"""2^11 rounds: 120 ms on the reference machine (cost 12: 234 ms), above OWASP's floor of 10."""

LONGEST_BYTES = 1024
"""What is accepted as a password at all (reference/sessions.md F0-14)."""

THREADS = 2
WAITING = 128
"""How many checks may wait for a thread: about 8 s of work; more are told to come back."""

_NONE = "!"
"""What is kept of who has no password begins so: none fits, and nothing is wrong with it."""

_SCHEME = "jaga1"
_LEGACY = ("$2y$", "$2a$", "$2b$")
_LEGACY_BYTES = 72


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password fits, and whether its hash should be renewed."""

    fits: bool
    renew: bool = False


class Passwords:
    """The two threads that hash, and the bounded queue before them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "password", initializer=_yield_to_the_loop)
        self._turns = asyncio.Semaphore(THREADS)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the threads. Raises Unavailable when too many wait already."""
        if self._waiting >= WAITING:
            raise Unavailable("Terlalu banyak login bersamaan. Coba lagi sebentar.")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    async def check(self, password: str, stored: str | None) -> Verdict:
        """Check a password inside a `turn`. `stored` None (no such member) costs the same."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, verify, password, stored)

    async def hash(self, password: str) -> str:
        """Return the hash to keep of a password."""
        async with self.turn():
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, hash_password, password)

    def close(self) -> None:
        """Let the threads go; a running check ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def hash_password(password: str, cost: int | None = None) -> str:
    """Return `jaga1` and bcrypt's own string. Takes any text up to LONGEST_BYTES."""
    salt = bcrypt.gensalt(cost or COST)
    return _SCHEME + bcrypt.hashpw(_prehash(password, salt), salt).decode()


def verify(password: str, stored: str | None) -> Verdict:
    """Check a password against a hash of ours or of the old site.

    No such member, too long a password and a hash that cannot be read all fit nothing, at the
    same cost; the last is an error in the log, for somebody is locked out by it.
    """
    given = password.encode("utf-8", "surrogatepass")
    if stored is not None and stored.startswith(_NONE):
        stored = None
    if stored is not None and len(given) <= LONGEST_BYTES:
        try:
            return _compare(password, given, stored)
        except ValueError:
            log.error("a stored password hash cannot be read: its member cannot log in")
    bcrypt.hashpw(b"nobody", bcrypt.gensalt(COST))
    return Verdict(False)


def _compare(password: str, given: bytes, stored: str) -> Verdict:
    """Raises ValueError for a hash of no scheme we know."""
    if stored.startswith(_SCHEME):
        full = stored[len(_SCHEME) :].encode()
        fits = bcrypt.checkpw(_prehash(password, full[:29]), full)
        return Verdict(fits, renew=fits and not full.startswith(f"$2b${COST:02}$".encode()))
    if stored.startswith(_LEGACY):
        old = b"$2b$" + stored[4:].encode()
        return Verdict(bcrypt.checkpw(given[:_LEGACY_BYTES], old), renew=True)
    raise ValueError(stored[:8])


def _prehash(password: str, salt: bytes) -> bytes:
    """64 characters of base64, within bcrypt's 72 bytes and without NUL. Keyed with the salt."""
    given = password.encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.new(salt, given, hashlib.sha384).digest())


def _yield_to_the_loop() -> None:
    """Give the event loop's thread the processor first (Linux: niceness is per thread)."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
