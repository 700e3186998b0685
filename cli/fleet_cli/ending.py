"""The signals that end a command: heard from its start, and answered with a word.

One that was ignored when fleet began stays ignored, as for what a shell runs behind it or under nohup(1).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from fleet_cli import exits

if TYPE_CHECKING:
    from asyncio import Event

PATIENCE_SECONDS = 1.0  # a second signal within it is the same one: a shell and its parent may both send it

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody ended the command; no ``except Exception`` of a library stands in the way."""


def listen() -> None:
    """From now on end with a word, whatever is going on; a sweep under way has a way of its own."""
    for number in _heard():
        signal.signal(number, _told_to_end)


@contextmanager
def signals(stop: Event) -> Iterator[None]:
    """Set ``stop`` while the block runs, and hear as before after it.

    Who asks again, because a database keeps the end waiting, is let go at once: what waits is spooled.
    """
    from asyncio import get_running_loop  # most commands have no loop, and would load it for nothing

    loop, before = get_running_loop(), {number: signal.getsignal(number) for number in _heard()}
    first = float("inf")

    def heard() -> None:
        nonlocal first
        if time.monotonic() - first > PATIENCE_SECONDS:
            _leave()
        first = min(first, time.monotonic())
        stop.set()

    for number in before:
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def asked_within(seconds: float, stop: Event) -> bool:
    """Wait; tell whether somebody ended the command meanwhile."""
    from asyncio import wait_for

    with suppress(TimeoutError):
        await wait_for(stop.wait(), seconds)
    return stop.is_set()


def _heard() -> list[signal.Signals]:
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _leave() -> None:
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar had hidden it
    os.write(2, f"{cursor}fleet: interrupted; the next command brings in what waits to be stored\n".encode())
    os._exit(exits.INTERRUPTED)


def _told_to_end(_number: int, _frame: object) -> None:
    raise Ended
