"""What meetings do by themselves: close at their end."""

from __future__ import annotations

import pytest

from jobs import attendance
from store.attendance.meetings import By


@pytest.fixture
def as_worker(environment, monkeypatch):
    """The settings a worker would find."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("as_worker")
async def test_a_meeting_is_switched_off_after_its_end_and_only_then(store):
    by = By("teacher1", "")
    times = {"starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-01-01T01:00:00Z"}
    over = await store.attendance.meetings.create(times, by)
    on = await store.attendance.meetings.create(times | {"ends_at": "2020-12-01T00:00:00Z"}, by)
    await store.redis.hset(store.keys.meeting(on.id), "ends_at", "9999999999999")
    await attendance.close()
    assert not (await store.attendance.meetings.get(over.id)).is_active
    assert (await store.attendance.meetings.get(on.id)).is_active
    # looked at again at its own end, not at the one it had
    assert await store.redis.zscore(store.keys.meeting_ends(), on.id) == 9999999999999
    last = await store.redis.xrevrange(store.keys.events(), count=1)
    assert last[0][1]["type"] == "meeting.changed"
