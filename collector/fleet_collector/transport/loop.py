"""The event loop that a command runs on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")

_YOUNG_OBJECTS = (
    50_000  # live hosts at once make tens of thousands; looking at them again and again costs a sixth
)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end: on uvloop where it is installed, and seldom looking for garbage."""
    gc.freeze()  # what was imported stays
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
