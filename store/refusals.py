"""Which of Redis's refusals mean "not now": what they keep from happening is tried again, answered
503, and never a fault of ours. Pure."""

from __future__ import annotations

import re

from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

_AWAY = (
    ConnectionError,
    TimeoutError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)

_SAID = re.compile(
    r"(?:^|[ :]-)(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN) "
)
"""redis-py has a class for some of these only. Within a script Redis 6 puts them behind a dash in
the middle of a longer text, Redis 7 at the beginning and without one."""


def is_away(error: BaseException | None) -> bool:
    """Return whether Redis is away, loading, full, a replica, or may not write for now."""
    if isinstance(error, _AWAY):
        return True
    return isinstance(error, ResponseError) and bool(_SAID.search(str(error)))


def is_replica(error: ResponseError) -> bool:
    """Return whether it says that the server is a replica, and the master another one."""
    return isinstance(error, ReadOnlyError) or bool(_REPLICA.search(str(error)))


_REPLICA = re.compile(r"(?:^|[ :]-)READONLY ")
