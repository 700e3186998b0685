"""The first moments: an interruption is answered while the program is still read; no stream is missing."""

from __future__ import annotations

import gc
import os
import signal
import sys

_YOUNG_OBJECTS = (
    50_000  # modules are made of objects that stay: looking for garbage among them is a tenth of a start
)
_INTERRUPTED = 130  # exits.INTERRUPTED, before anything can be imported


def run() -> None:
    """Start ``fleet``."""
    gc.set_threshold(_YOUNG_OBJECTS)
    _open_what_is_closed()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from fleet_cli import main

    main.run()


def _open_what_is_closed() -> None:
    """A shell can start a program without streams (``>&-``); the next file opened would take their place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # becomes the lowest number that is free
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _leave(_number: int, _frame: object) -> None:
    os.write(2, b"fleet: interrupted\n")
    os._exit(_INTERRUPTED)
