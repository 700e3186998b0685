"""Faults of processes: they burn, hold, multiply, leave zombies, open files."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from stage import hold, play  # type: ignore[import-not-found]  # a script: its directory is on its path

PR_SET_PDEATHSIG = 1
MEBIBYTE = 1 << 20


def _child() -> bool:
    """Fork; the child dies with its parent."""
    if os.fork():
        return False
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    return True


def cpu_hog(count: str = "1", nice: str = "0") -> None:
    """Burn the CPU in ``count`` processes; a negative nice needs root."""
    if int(nice):
        os.nice(int(nice))
        with suppress(OSError):  # where the scheduler shares by session, that counts (sched(7))
            Path("/proc/self/autogroup").write_text(nice)
    for _ in range(int(count)):
        if _child():
            while True:
                pass
    time.sleep(0.5)  # a hog that has lasted no time is a burst
    hold()


def memory_hog(megabytes: str) -> None:
    """Hold memory that was written to."""
    held = bytearray(os.urandom(4096)) * (int(megabytes) * MEBIBYTE // 4096)
    hold()
    del held


def grow(megabytes: str, group: str) -> None:
    """Join a control group, then take memory until somebody objects."""
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
    taken = [bytearray(b"x" * MEBIBYTE) for _ in range(int(megabytes))]
    hold()
    del taken


def processes(count: str) -> None:
    """Very many children that do nothing."""
    for _ in range(int(count)):
        if _child():
            signal.pause()
    hold()


def threads(count: str) -> None:
    """Very many threads that do nothing."""
    threading.stack_size(64 * 1024)
    for _ in range(int(count)):
        threading.Thread(target=signal.pause, daemon=True).start()
    hold()


def zombies(count: str) -> None:
    """Children that are dead and not collected."""
    for _ in range(int(count)):
        if not os.fork():
            os._exit(0)
    hold()


def descriptors(limit: str) -> None:
    """All descriptors that the process may have."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), int(limit)))
    with suppress(OSError):
        while True:
            os.open(os.devnull, os.O_RDONLY)
    hold()


def errands() -> None:
    """What cron and shell scripts do all day: short-lived children, collected a little late."""

    def run() -> None:
        while True:
            child = subprocess.Popen(["sleep", "0.02"])
            time.sleep(0.05)
            child.wait()

    threading.Thread(target=run, daemon=True).start()
    hold()


if __name__ == "__main__":
    play(
        {
            fault.__name__: fault
            for fault in (cpu_hog, memory_hog, grow, processes, threads, zombies, descriptors, errands)
        }
    )
