"""Whether what is written below a path stays, as far as this machine tells."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

PASSING = {
    "tmpfs": "the machine's power",
    "ramfs": "the machine's power",
    "overlay": "its container",
    "aufs": "its container",
}
"""Kinds of file system that hold nothing for good, and with what they go."""


def passing(path: Path) -> str:
    """Return in words on what the path lies and with what that goes; "" for a disk that stays, and
    for a machine that does not tell."""
    try:
        lines = MOUNTS.read_text().splitlines()
    except OSError:
        return ""
    kinds = dict(_mount(line) for line in lines)
    here = path.absolute()
    kind = next((kinds[one] for one in (here, *here.parents) if one in kinds), "")
    return f"{kind}, which goes with {PASSING[kind]}" if kind in PASSING else ""


def _mount(line: str) -> tuple[Path, str]:
    """Where it is, and of which kind: fields 5 and, behind a dash, 9 (proc_pid_mountinfo(5))."""
    first, _, second = line.partition(" - ")
    # a space in a name is written \\040
    place = first.split(" ")[4].encode("latin-1", "backslashreplace").decode("unicode_escape")
    return Path(place), second.split(" ")[0]
