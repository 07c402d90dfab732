"""Becomes a command that runs as another user, since Postgres refuses to run as root.

Run by path, as `python -I -S unprivileged.py UID GID COMMAND…`: it must start fast and needs
nothing but the standard library. The command keeps one capability, to pass through directories
that only root may enter: the project may lie below /root, and JAGA_HOME is closed to others.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def main(arguments: list[str]) -> None:
    """Drop to the user and group named first and become the command that follows."""
    uid, gid, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # without it access(2), by which initdb looks for its programs, leaves capabilities out
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _keep_passing_directories(libc)
    os.execv(command[0], command)


def _keep_passing_directories(libc: ctypes.CDLL) -> None:
    """Where the kernel forbids it we go on: the path may be open to everybody anyway."""
    header = _Header(LINUX_CAPABILITY_VERSION_3, 0)
    data = (_Data * 2)()
    data[0] = _Data(*[1 << CAP_DAC_OVERRIDE] * 3)
    libc.capset(ctypes.byref(header), data)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
