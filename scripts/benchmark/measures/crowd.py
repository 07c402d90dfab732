"""A full house: what an idle connection costs, how fast they come, how fast all are told.

Every subject is measured in the same minutes: rounds take turns, so that a change of the machine's
mood meets all of them.
"""

from __future__ import annotations

from scripts.benchmark.figures import median, percentile
from scripts.benchmark.machine import resident_kib
from scripts.benchmark.run import Run
from scripts.benchmark.subject import Subject, Transport

WARM_DEVICES = 20
"""Opened and closed first, so that what is loaded once is loaded."""

CONNECT_ROUNDS = 3
PUSHES = 500
BLOCK = 25
"""Pushes to one subject before it is another's turn."""

ANNOUNCEMENTS = 7
TOLD_SECONDS = 20.0


async def measure(run: Run, transport: Transport, wanted: frozenset[str]) -> None:
    """Measure every subject that speaks this transport, side by side."""
    subjects = [subject for subject in run.subjects if transport in subject.transports]
    for subject in subjects:
        grown_kib = await _fill(run, subject, transport)
        if "memory" in wanted:
            run.figures.put(subject.name, f"memory.{transport}", grown_kib / run.connections)
    if "connects" in wanted:
        for _ in range(1, run.rounds(CONNECT_ROUNDS)):
            for subject in subjects:
                run.close(subject)
                await run.settle(subject)
                _connect(run, subject, transport)
        _conclude_connects(run, subjects, transport)
    if "push" in wanted:
        await _pushes(run, subjects, transport)
    if "all" in wanted:
        await _announcements(run, subjects, transport)
    run.clients.close()


async def _fill(run: Run, subject: Subject, transport: Transport) -> int:
    """Start it afresh and fill it, the first round of connects; returns what it grew by, KiB."""
    await subject.stop()
    await subject.start()
    run.open(
        run.plans(subject, transport, range(min(WARM_DEVICES, run.devices))),
        f"to warm up {subject.name}",
    )
    run.close(subject)
    await run.settle(subject)
    before = resident_kib(subject.pids())
    _connect(run, subject, transport)
    await run.settle(subject)
    return resident_kib(subject.pids()) - before


def _connect(run: Run, subject: Subject, transport: Transport) -> None:
    plans = run.plans(subject, transport, range(run.devices))
    connected = run.open(plans, f"connections, {transport}, {subject.name}")
    details = run.figures.details.setdefault(subject.name, {})
    rounds = details.setdefault(f"connects.{transport}", {"per_second": [], "p99_ms": []})
    rounds["per_second"].append(round(connected.per_second, 1))
    rounds["p99_ms"].append(round(percentile(connected.took_ms, 0.99), 3))


def _conclude_connects(run: Run, subjects: list[Subject], transport: Transport) -> None:
    key = f"connects.{transport}"
    for subject in subjects:
        rounds = run.figures.details[subject.name][key]
        run.figures.put(subject.name, key, median(rounds["per_second"]))
        run.figures.put(subject.name, f"{key}.p99", median(rounds["p99_ms"]))


async def _pushes(run: Run, subjects: list[Subject], transport: Transport) -> None:
    """One device after another, a block of them at each subject in turn."""
    took: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    replied: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    wanted = run.rounds(PUSHES)
    block = min(BLOCK, run.devices)
    for start in range(0, wanted, block):
        for subject in subjects:
            devices = [(start + place) % run.devices for place in range(min(block, wanted - start))]
            for push_ms, reply_ms in await _push_to(run, subject, devices):
                took[subject.name].append(push_ms)
                replied[subject.name].append(reply_ms)
            run.screen.progress(f"pushes, {transport}", start + len(devices), wanted)
    for name, times in took.items():
        run.figures.put(
            name,
            f"push.{transport}.p50",
            median(times),
            {"pushes": len(times), "publisher_answered_p50_ms": round(median(replied[name]), 4)},
        )
        run.figures.put(name, f"push.{transport}.p99", percentile(times, 0.99))


async def _push_to(run: Run, subject: Subject, devices: list[int]) -> list[tuple[float, float]]:
    """Push to each; returns how long until its last tab had it and the publisher its reply, ms."""
    publisher = subject.publisher()
    took = []
    for device in devices:
        push = await subject.push(device)
        run.clients.watch(push.marker, run.keys(subject, device))
        began = publisher.send(push)
        seen = run.clients.seen(TOLD_SECONDS)
        if seen.missing:
            run.figures.remark(f"{subject.name}: a push did not reach {seen.missing} tabs")
        took.append(((seen.last - began) / 1e6, publisher.replied_after / 1e6))
    publisher.close()
    return took


async def _announcements(run: Run, subjects: list[Subject], transport: Transport) -> None:
    took: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    await run.settle(run.product)
    for _ in range(run.rounds(ANNOUNCEMENTS)):
        for subject in subjects:
            push = await subject.announcement()
            keys = [key for device in range(run.devices) for key in run.keys(subject, device)]
            publisher = subject.publisher()
            run.clients.watch(push.marker, frozenset(keys))
            began = publisher.send(push)
            seen = run.clients.seen(TOLD_SECONDS)
            publisher.close()
            if seen.missing:
                away = run.connections * len(subjects) - run.clients.crowd().open
                run.figures.remark(
                    f"{subject.name}: an announcement did not reach {seen.missing} tabs; "
                    f"{away} of all subjects' tabs had been closed"
                )
            took[subject.name].append(round((seen.last - began) / 1e6, 3))
    for name, times in took.items():
        run.figures.put(name, f"all.{transport}", median(times), {"ms": times})
