"""From a name to addresses, with getaddrinfo(3) in threads that nobody waits for.

A dead name server holds its caller for tens of seconds; the event loop's own few threads would be taken by
the first dead names and delay all others, and the interpreter would wait for them at its end. These do not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from threading import Thread
from typing import Literal

_AT_ONCE = 64
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}

Family = Literal["any", "inet", "inet6"]
Address = tuple[int, tuple[str, int] | tuple[str, int, int, int]]


class Resolver:
    """Names looked up side by side, a bounded number at once."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def addresses(self, host: str, port: int, family: Family = "any") -> list[Address]:
        """Return socket families and addresses to try, in order. Raises socket.gaierror."""
        async with self._free:
            return await _looked_up(host, port, _FAMILIES[family])


def numeric(host: str, port: int) -> Address | None:
    """Return the address of a literal IPv4 or IPv6 address without a zone, else None."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if "%" in host:
        return None
    return (socket.AF_INET, (host, port)) if version == 4 else (socket.AF_INET6, (host, port, 0, 0))


async def _looked_up(host: str, port: int, family: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[Address]] = loop.create_future()

    def answer(result: list[Address] | BaseException) -> None:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)

    def look_up() -> None:
        result: list[Address] | BaseException
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            result = [(entry[0], entry[4]) for entry in found]  # type: ignore[misc]
        except (OSError, UnicodeError) as error:
            result = error if isinstance(error, socket.gaierror) else socket.gaierror(0, str(error))
        try:
            loop.call_soon_threadsafe(answer, result)
        except RuntimeError:
            return  # the sweep is over and its loop closed

    Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    return await future
