"""The administrator that the settings name: created at the start, before the server is ready."""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError

from store.errors import JagaError, MemberExists
from store.opening import Store

log = logging.getLogger("jaga.server")

RETRY_SECONDS = 0.5
"""Between two attempts while Redis is away or being rebuilt."""


class FirstAdmin:
    """Creates the account that ADMIN_EMAIL and ADMIN_PASSWORD describe, unless it exists."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._exists = asyncio.Event()
        if not store.settings.admin_email:
            self._exists.set()

    @property
    def exists(self) -> bool:
        """Whether it can log in; also when the settings name none."""
        return self._exists.is_set()

    async def make(self) -> None:
        """Make it, once Redis can be asked."""
        while not self.exists:
            try:
                await self._make_if_absent()
                self._exists.set()
            except (RedisError, OSError, JagaError) as error:
                log.warning("first admin not made yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _make_if_absent(self) -> None:
        settings = self._store.settings
        if await self._store.members.find(settings.admin_email) is not None:
            return
        try:
            await self._store.members.create(
                email=settings.admin_email,
                # a weak one stopped the start, but in development, where it is nobody's harm
                password_hash=await self._store.passwords.hash(settings.admin_password),
                name="Admin",
                role="admin",
            )
        except MemberExists:
            return  # another process of ours was first
