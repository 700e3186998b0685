from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from fleet_collector.fan_out import Lane, fan_out
from fleet_collector.inventory import Target
from fleet_collector.limits import Limits

LIMITS = Limits()


def cut_off(target: Target, _began: float) -> str:
    return f"{target.name} was not asked"


async def test_no_more_hosts_at_once_than_allowed_and_slow_ones_delay_nobody() -> None:
    running = most = 0
    finished: list[str] = []
    gate = asyncio.Event()

    async def visit(target: Target) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if target.name.startswith("slow"):
            await gate.wait()
        await asyncio.sleep(0)
        running -= 1
        return target.name

    targets = [Target("slow0"), *(Target(f"quick{n}") for n in range(500)), Target("slow1")]
    limits = msgspec.structs.replace(LIMITS, concurrency=7, burst=7)
    async for name in fan_out([Lane(targets, len(targets))], visit, cut_off, limits, asyncio.Event()):
        finished.append(name)
        if len(finished) == 500:
            gate.set()
    assert most == 7
    assert len(finished) == 502
    assert all(name.startswith("quick") for name in finished[:500])


async def test_outcomes_that_nobody_takes_hold_the_sweep_back() -> None:
    begun = 0

    async def visit(target: Target) -> str:
        nonlocal begun
        begun += 1
        return target.name

    targets = [Target(f"h{n}") for n in range(1000)]
    async with aclosing(
        fan_out(
            [Lane(targets, len(targets))],
            visit,
            cut_off,
            msgspec.structs.replace(LIMITS, concurrency=4),
            asyncio.Event(),
        )
    ) as outcomes:
        await anext(outcomes)
        for _ in range(100):
            await asyncio.sleep(0)
        assert begun <= 2 * 4 + 1


async def test_a_fault_of_fleet_itself_is_raised() -> None:
    async def visit(target: Target) -> str:
        raise KeyError(target.name)

    with pytest.raises(KeyError):
        async for _ in fan_out([Lane([Target("a")], 1)], visit, cut_off, LIMITS, asyncio.Event()):
            pass


async def test_hosts_that_wait_for_their_bastion_hold_no_place_of_others() -> None:
    behind, free = [Target(f"b{n}") for n in range(6)], [Target(f"f{n}") for n in range(6)]
    through_bastion = asyncio.Semaphore(1)
    opened = asyncio.Event()

    async def visit(target: Target) -> str:
        if target in behind:
            async with through_bastion:
                await opened.wait()
        return target.name

    limits = msgspec.structs.replace(LIMITS, concurrency=3)
    order = []
    async for name in fan_out([Lane(behind, 1), Lane(free, 3)], visit, cut_off, limits, asyncio.Event()):
        order.append(name)
        if len(order) == len(free):
            opened.set()
    assert order == [target.name for target in (*free, *behind)]


async def test_stopping_gives_every_host_an_end() -> None:
    stop = asyncio.Event()

    async def visit(target: Target) -> str:
        if target.name != "first":
            await asyncio.Event().wait()
        return target.name

    targets = [Target("first"), *(Target(f"slow{n}") for n in range(5))]
    limits = msgspec.structs.replace(LIMITS, concurrency=2)
    ends = []
    async for end in fan_out([Lane(targets, 2)], visit, cut_off, limits, stop):
        ends.append(end)
        stop.set()
    assert ends[0] == "first"
    assert sorted(ends[1:]) == [f"slow{n} was not asked" for n in range(5)]
