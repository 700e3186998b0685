"""Which process a sweep belongs to, and whether that still lives.

A process is told by its number and start time within one boot and one process namespace (``place``); of a
process elsewhere (another machine on the same PostgreSQL, another container) only its heartbeat tells.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

HEARTBEAT_SECONDS = 30.0
SILENT_SECONDS = 180.0  # a sweep elsewhere that has been silent for so long is dead


def this_process() -> str:
    """Return ``place pid start`` of this process."""
    return f"{_place()} {os.getpid()} {_started(os.getpid())}"


def lives(owner: str, silent_seconds: float) -> bool:
    """Tell whether the owner of a sweep still runs, given how long its sweep has been silent."""
    place, _, process = owner.partition(" ")
    pid, _, started = process.partition(" ")
    if place == _place() and pid.isdigit():
        return _started(int(pid)) == started
    return abs(silent_seconds) < SILENT_SECONDS  # a heartbeat of the future: the clock was set back since


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # not Linux
        return platform.node().replace(" ", "_")


def _started(pid: int) -> str:
    """Return the start time of a process in ticks since boot (proc(5), field 22), ``-`` if there is none.

    Where there is no /proc the process number alone must do: ``?`` for one that lives.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = stat.rpartition(")")[2].split()
        return "-" if state in "ZX" else fields[18]
    except (OSError, IndexError):
        return "-" if Path("/proc/self/stat").exists() else _signalled(pid)


def _signalled(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "-"
    except OSError:
        return "?"
    return "?"
