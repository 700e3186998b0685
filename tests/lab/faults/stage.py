"""What every fault has in common: a name, a word when it is there, and an end.

A fault says ``ready PID`` and lives until its standard input is closed; started by systemd, which gives it
none, until it is stopped; never longer than two minutes.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

LONGEST_SECONDS = 120


def play(faults: dict[str, Callable[..., None]]) -> None:
    """Run the fault that the command line names, with its arguments: FAULT NAME [ARGUMENT...]."""
    signal.alarm(LONGEST_SECONDS)
    fault, name, *arguments = sys.argv[1:]
    take_name(name)
    faults[fault](*arguments)


def take_name(name: str) -> None:
    """Go by this name in the process table."""
    Path("/proc/self/comm").write_text(name)


def hold() -> None:
    """Say that the fault is there, and keep it until the test is done."""
    os.write(1, b"ready %d\n" % os.getpid())
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.buffer.read()
    else:
        signal.pause()
