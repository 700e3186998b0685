"""The signals that end a command: heard from its start, and answered with a word.

One that was ignored when fleet began stays ignored, as for what a shell runs behind it or under nohup(1).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def listen() -> None:
    """From now on end with a word, whatever is going on; a sweep under way has a way of its own."""
    for number in _heard():
        signal.signal(number, _told_to_end)


@contextmanager
def signals(stop: asyncio.Event) -> Iterator[None]:
    """Set ``stop`` while the block runs, and hear as before after it."""
    loop, before = asyncio.get_running_loop(), {number: signal.getsignal(number) for number in _heard()}
    for number in before:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _heard() -> list[signal.Signals]:
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _told_to_end(_number: int, _frame: object) -> None:
    raise typer.Abort
