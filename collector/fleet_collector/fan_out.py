"""Many hosts at once: in lanes, so many at the same time, and an end for each when it is cut short."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

from fleet_collector.inventory import Target
from fleet_collector.limits import Limits

T = TypeVar("T")


@dataclass(frozen=True)
class _Raised:
    error: Exception


@dataclass(frozen=True)
class Lane:
    """Hosts that are asked through the same door, at most ``at_once`` at the same time."""

    targets: Sequence[Target]
    at_once: int

    @property
    def workers(self) -> int:
        """How many tasks it is worth."""
        return min(self.at_once, len(self.targets))


async def fan_out(
    lanes: Sequence[Lane],
    one: Callable[[Target], Awaitable[T]],
    cancelled: Callable[[Target, float], T],
    limits: Limits,
    stop: asyncio.Event,
) -> AsyncGenerator[T]:
    """Yield what ``one`` returns for each target, ``limits.concurrency`` at once, in the order they finish.

    Memory is bounded: no host is begun while as many outcomes wait to be taken. Hosts that wait for their
    bastion hold no place of others. When ``stop`` is set the rest is what ``cancelled(target, began)`` says.
    """
    floor = _Floor(one, cancelled, limits)
    rests = [iter(lane.targets) for lane in lanes]
    hands = [rest for rest, lane in zip(rests, lanes, strict=True) for _ in range(lane.workers)]
    workers = [asyncio.create_task(floor.work(place, rest)) for place, rest in enumerate(hands)]

    async def halt() -> None:
        await stop.wait()
        await _end(workers)
        floor.give_up(chain(*rests))

    watcher = asyncio.create_task(halt())
    try:
        for _ in range(sum(len(lane.targets) for lane in lanes)):
            yield await floor.take()
    finally:
        await _end([watcher, *workers])


class _Floor(Generic[T]):
    """Where the hosts are asked: places for those under way, room for outcomes that nobody has taken yet."""

    def __init__(
        self, one: Callable[[Target], Awaitable[T]], cancelled: Callable[[Target, float], T], limits: Limits
    ) -> None:
        self._one = one
        self._cancelled = cancelled
        self._limits = limits
        self._places = asyncio.Semaphore(limits.concurrency)
        self._room = asyncio.Semaphore(2 * limits.concurrency)
        self._done: asyncio.Queue[T | _Raised] = asyncio.Queue()

    async def work(self, place: int, rest: Iterator[Target]) -> None:
        """Ask one host after the other until none is left; what ``one`` raises, ``take`` raises."""
        await asyncio.sleep(self._limits.ramp(place))
        for target in rest:
            began = time.time()
            try:
                async with self._places:
                    await self._room.acquire()
                    self._done.put_nowait(await self._one(target))
            except asyncio.CancelledError:
                self._done.put_nowait(self._cancelled(target, began))
                raise
            except Exception as error:
                self._done.put_nowait(_Raised(error))

    def give_up(self, rest: Iterator[Target]) -> None:
        """Note the hosts that were not begun."""
        for target in rest:
            self._done.put_nowait(self._cancelled(target, time.time()))

    async def take(self) -> T:
        """Return the next outcome."""
        outcome = await self._done.get()
        self._room.release()
        if isinstance(outcome, _Raised):
            raise outcome.error
        return outcome


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
