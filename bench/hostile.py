"""The hostile peers of the tests, served by a thread while a benchmark runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

from tests.collector import peers

HABITS: tuple[peers.Habit, ...] = (
    peers.silent,
    peers.banner_without_end,
    peers.line_without_end,
    peers.slow_banner,
    peers.drip,
    peers.close,
    peers.reset,
    peers.hang_after_greeting,
    peers.garbage,
    peers.huge_packet,
)


@contextmanager
def hostile_peers() -> Iterator[list[int]]:
    """Yield a port for each habit."""
    ports: list[int] = []
    ready, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            served = [await stack.enter_async_context(peers.peer(habit, "0.0.0.0")) for habit in HABITS]
            ports.extend(served)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield ports
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
