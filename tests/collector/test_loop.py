from __future__ import annotations

import asyncio
import gc
import os
import socket
from contextlib import suppress
from importlib.util import find_spec

import pytest

from fleet_collector.transport import run
from fleet_collector.transport.loop import speak


class Talk(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.abort()  # type: ignore[attr-defined]

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set_result(None)


async def give_up_at_once(*, cancelled: bool) -> None:
    """Its descriptor's number belongs to somebody else afterwards and must stay open."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    number, talk = ours.fileno(), Talk()
    speaking = asyncio.ensure_future(speak(ours, lambda: talk))
    if cancelled:
        await asyncio.sleep(0)
        speaking.cancel()
    with suppress(asyncio.CancelledError):
        await speaking
    if not cancelled:
        await talk.lost
    for _ in range(3):
        await asyncio.sleep(0)
    others: list[int] = []
    while not others or max(others) < number:
        others += os.pipe()
    assert number in others
    del ours, speaking
    gc.collect()
    os.fstat(number)
    for other in others:
        os.close(other)
    theirs.close()


@pytest.mark.skipif(find_spec("uvloop") is None, reason="needs uvloop")
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_descriptor_is_closed_once(*, cancelled: bool) -> None:
    run(give_up_at_once(cancelled=cancelled))
