"""Faults of files: what fills a volume, and who writes to what."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from stage import hold, play  # type: ignore[import-not-found]  # a script: its directory is on its path

KIBIBYTE = 1 << 10
LINE = b"2026-01-01T00:00:00 request served in 12 ms, nothing to be seen here, please go on reading\n"


def _append(descriptor: int, bytes_at_a_time: int) -> None:
    text = LINE * (bytes_at_a_time // len(LINE) + 1)
    while True:
        with suppress(OSError):  # the volume is full: this writer does not mind
            os.write(descriptor, text[:bytes_at_a_time])
        time.sleep(0.02)


def _open_log(path: str, megabytes: str) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for _ in range(int(megabytes)):
        os.write(descriptor, (LINE * (1024 * KIBIBYTE // len(LINE) + 1))[: 1024 * KIBIBYTE])
    return descriptor


def log(path: str, megabytes: str, kilobytes_at_a_time: str = "16") -> None:
    """A log of some size that grows (fifty times a second)."""
    descriptor = _open_log(path, megabytes)
    size = int(kilobytes_at_a_time) * KIBIBYTE
    threading.Thread(target=_append, args=(descriptor, size), daemon=True).start()
    hold()


def rotated(path: str, megabytes: str) -> None:
    """A log that was renamed while its writer kept it open and goes on."""
    descriptor = _open_log(path, megabytes)
    Path(path).rename(path + ".1")
    Path(path).touch()
    threading.Thread(target=_append, args=(descriptor, 4 * KIBIBYTE), daemon=True).start()
    hold()


def deleted(path: str, megabytes: str) -> None:
    """A file without a name that is still open."""
    _open_log(path, megabytes)
    Path(path).unlink()
    hold()


def many(directory: str, count: str) -> None:
    """Very many small files, until no more can be made."""
    for number in range(int(count)):
        try:
            Path(directory, f"session-{number}").touch()
        except OSError:
            break
    hold()


def wants_space(path: str) -> None:
    """A service that needs a little room and ends without it."""
    with Path(path).open("wb", buffering=0) as file:
        file.writelines(b"x" * 4 * KIBIBYTE for _ in range(256))
    hold()


if __name__ == "__main__":
    play({fault.__name__: fault for fault in (log, rotated, deleted, many, wants_space)})
