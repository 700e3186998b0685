"""Bastions: one connection to each, opened by the first host behind it and shared by all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from fleet_collector import failures
from fleet_collector.failures import HostError
from fleet_collector.limits import Limits
from fleet_collector.transport.connection import Connection
from fleet_collector.transport.route import Route

_MOST_OPENED = 4  # a bastion that loses its connection again and again is given up

Open = Callable[[Route], Awaitable[Connection]]


class Bastions:
    """Connections by route. What a bastion refused once it is not asked again in the same sweep."""

    def __init__(self, open_: Open, limits: Limits) -> None:
        self._open = open_
        self._limits = limits
        self._links: dict[Route, asyncio.Task[Connection]] = {}
        self._opened: Counter[Route] = Counter()
        self._places: dict[Route, asyncio.Semaphore] = {}

    def place(self, bastion: Route) -> asyncio.Semaphore:
        """Return what bounds the hosts asked through one bastion at the same time."""
        return self._places.setdefault(bastion, asyncio.Semaphore(self._limits.per_bastion))

    async def link(self, bastion: Route) -> Connection:
        """Return the connection to a bastion. Raises HostError that says it is the bastion's failure."""
        task = self._links.get(bastion)
        if task is None or (self._lost(task) and self._opened[bastion] < _MOST_OPENED):
            self._opened[bastion] += 1
            task = self._links[bastion] = asyncio.create_task(self._opening(bastion))
        try:
            return await asyncio.shield(task)
        except HostError as error:
            raise failures.through(bastion.name, error) from error

    def begin(self) -> None:
        """A sweep begins: what a bastion refused in an earlier one it may be asked again."""
        self._opened.clear()
        self._links = {way: task for way, task in self._links.items() if not self._failed(task)}

    def close(self) -> None:
        """Drop all connections."""
        for task in self._links.values():
            if not task.done():
                task.cancel()
            elif not task.cancelled() and task.exception() is None:
                task.result().leave()
        self._links.clear()

    @staticmethod
    def _lost(task: asyncio.Task[Connection]) -> bool:
        if not task.done():
            return False
        return task.cancelled() or (task.exception() is None and task.result().is_closed())

    @staticmethod
    def _failed(task: asyncio.Task[Connection]) -> bool:
        return task.done() and (task.cancelled() or task.exception() is not None)

    async def _opening(self, bastion: Route) -> Connection:
        """Open with the retries that any host has, once for all hosts behind it."""
        for attempt in range(self._limits.retries):
            try:
                return await self._open(bastion)
            except HostError as error:
                if not error.passing:
                    raise HostError(error.failure) from error
            await asyncio.sleep(self._limits.pause(attempt))
        try:
            return await self._open(bastion)
        except HostError as error:
            raise HostError(error.failure) from error
