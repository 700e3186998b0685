"""Hosts that misbehave before any login: raw TCP servers, one habit each."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Habit = Callable[[Reader, Writer], Awaitable[None]]

GREETING = b"SSH-2.0-Test_1.0\r\n"
_FOREVER = 3600.0


async def silent(reader: Reader, writer: Writer) -> None:
    await asyncio.sleep(_FOREVER)


async def banner_without_end(reader: Reader, writer: Writer) -> None:
    while True:
        writer.write(b"Welcome to nowhere\r\n" * 100)
        await writer.drain()


async def line_without_end(reader: Reader, writer: Writer) -> None:
    while True:
        writer.write(b"x" * 4096)
        await writer.drain()


async def slow_banner(reader: Reader, writer: Writer) -> None:
    while True:
        writer.write(b"please wait\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)


async def drip(reader: Reader, writer: Writer) -> None:
    for byte in GREETING + bytes(1000):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def close(reader: Reader, writer: Writer) -> None:
    return


async def reset(reader: Reader, writer: Writer) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def turn_away(reader: Reader, writer: Writer) -> None:
    writer.write(b"Exceeded MaxStartups\r\n")
    await writer.drain()


async def close_after_greeting(reader: Reader, writer: Writer) -> None:
    writer.write(GREETING)
    await writer.drain()
    await reader.read(64)


async def hang_after_greeting(reader: Reader, writer: Writer) -> None:
    writer.write(GREETING)
    await asyncio.sleep(_FOREVER)


async def garbage(reader: Reader, writer: Writer) -> None:
    writer.write(GREETING + bytes(range(256)) * 512)
    await asyncio.sleep(_FOREVER)


async def huge_packet(reader: Reader, writer: Writer) -> None:
    writer.write(GREETING + struct.pack(">I", 2**31 - 1) + b"\0" * 64)
    await asyncio.sleep(_FOREVER)


async def no_common_algorithm(reader: Reader, writer: Writer) -> None:
    lists = [b"kex-from-mars", b"ssh-ed25519", *[b"rot13"] * 4, b"none", b"none", b"", b""]
    body = (
        bytes([20]) + bytes(16) + b"".join(struct.pack(">I", len(text)) + text for text in lists) + bytes(5)
    )
    padding = 8 - (len(body) + 5) % 8 + 8
    writer.write(GREETING + struct.pack(">IB", len(body) + padding + 1, padding) + body + bytes(padding))
    await asyncio.sleep(_FOREVER)


async def http(reader: Reader, writer: Writer) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def ssh1(reader: Reader, writer: Writer) -> None:
    writer.write(b"SSH-1.5-OldServer\r\n")
    await asyncio.sleep(_FOREVER)


@asynccontextmanager
async def peer(habit: Habit, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Run a peer on a free port until the block ends, and yield the port."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await habit(reader, writer)
        writer.close()

    listener = await asyncio.start_server(talk, address, 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
