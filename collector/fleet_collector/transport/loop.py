"""The event loop that a command runs on."""

from __future__ import annotations

import asyncio
import gc
import socket
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


async def speak(sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Hand a connected socket over to a protocol.

    uvloop closes the descriptor and, if the peer goes before it has noted whose object that is, lets the
    object close the same number again, by then another connection's: so the object gives it up.
    """
    loop = asyncio.get_running_loop()
    try:
        await loop.create_connection(protocol, sock=sock)
    finally:
        if type(loop).__module__ == "uvloop":
            sock.detach()


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
