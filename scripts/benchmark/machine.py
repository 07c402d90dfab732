"""The machine: its cores and limits, and what the kernel knows of a process (Linux's /proc)."""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PAGE_KIB = resource.getpagesize() // 1024
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cores:
    """Who runs where: with two cores or more, servers on the first and all else on the others."""

    servers: frozenset[int]
    clients: frozenset[int]

    @classmethod
    def divided(cls) -> Cores:
        """Divide the cores that we may use."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) == 1:
            return cls(frozenset(cores), frozenset(cores))
        return cls(frozenset(cores[:1]), frozenset(cores[1:]))

    def __str__(self) -> str:
        if self.servers == self.clients:
            return "one core for all: servers and clients take it from each other"
        return (
            f"servers on core {_listed(self.servers)}; clients, Redis and Postgres on "
            f"core {_listed(self.clients)}"
        )


def _listed(cores: frozenset[int]) -> str:
    return ", ".join(str(core) for core in sorted(cores))


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process, and every thread it has already, on these cores. 0 is ourselves."""
    threads = (
        [0] if pid == 0 else [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    )
    for thread in threads:
        os.sched_setaffinity(thread, cores)


def raise_descriptor_limit() -> int:
    """Allow ourselves, and whoever we start, as many descriptors as we may; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def resident_kib(pids: list[int]) -> int:
    """Return the resident memory of some processes together, in KiB."""
    return sum(int(_proc(pid, "statm").split()[1]) * PAGE_KIB for pid in pids)


def descriptors(pids: list[int]) -> int:
    """Return how many descriptors some processes hold open."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def cpu_seconds(pids: list[int]) -> float:
    """Return the processor time that some processes have used, in user and kernel mode."""
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    # the name, in brackets, may hold blanks; utime and stime are fields 14 and 15
    after_name = _proc(pid, "stat").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_SECOND


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    descriptors: int
    load: float
    """Load average of the last minute when the run began: above 0.5, others were working too."""

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine, now."""
        return cls(
            cpu=_cpu(),
            cores=os.cpu_count() or 1,
            memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            kernel=platform.release(),
            python=platform.python_version(),
            descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            load=round(os.getloadavg()[0], 2),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.cores} cores ({self.cpu}), {self.memory_gib:g} GiB, Linux {self.kernel}, "
            f"Python {self.python}, {self.descriptors:,} descriptors a process, "
            f"load {self.load:g} at the start"
        )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()
