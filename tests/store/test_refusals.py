"""What Redis says when it may not do something now, as both of its generations say it."""

from __future__ import annotations

import pytest
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from store.refusals import is_away

SEVEN = ", script: 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83, on @user_script:1."
SIX = "Error running script (call to f_4e1243bd22): @user_script:1: @user_script: 1: -"

MISCONF = "MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk."
NOREPLICAS = "NOREPLICAS Not enough good replicas to write."
READONLY = "READONLY You can't write against a read only replica."
OOM = "OOM command not allowed when used memory > 'maxmemory'."


@pytest.mark.parametrize("said", [MISCONF, NOREPLICAS, READONLY, OOM, "BUSY Redis is busy."])
@pytest.mark.parametrize("where", ["{}", "{}" + SEVEN, SIX + "{}", "ERR " + SIX + "{}"])
def test_not_now_is_known_wherever_it_stands(said: str, where: str) -> None:
    assert is_away(ResponseError(where.format(said)))


@pytest.mark.parametrize(
    "kind",
    [
        ConnectionError,
        TimeoutError,
        BusyLoadingError,
        ClusterDownError,
        MasterDownError,
        OutOfMemoryError,
        ReadOnlyError,
    ],
)
def test_what_redis_py_names_is_known(kind: type[RedisError]) -> None:
    assert is_away(kind("said"))


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("unknown command 'MISCONF', with args beginning with: "),
        ResponseError("value is not an integer or out of range"),
        NoScriptError("No matching script."),
        ValueError("MISCONF "),
        None,
    ],
)
def test_a_fault_of_ours_stays_one(error: Exception | None) -> None:
    assert not is_away(error)
