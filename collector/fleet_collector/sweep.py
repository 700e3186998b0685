"""One sweep from end to end: every host asked, judged against its past, measured, stored as it finishes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass

from fleet_collector import scan, store
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past
from fleet_collector.findings.subject import Subject
from fleet_collector.inventory import Target
from fleet_collector.limits import Limits
from fleet_collector.metrics import measure
from fleet_collector.record import Record
from fleet_collector.rules import Rules
from fleet_collector.transport import Program, Ssh, SshOptions
from fleet_collector.workers import processes_for, sweep_processes

TICK_SECONDS = 1.0
GATHER_SECONDS = 0.1  # a thread is called for what finishes meanwhile, not for each host
AT_ONCE = 64  # outcomes judged and stored in one go


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A sweep to be made: ``rules`` says what holds for a target; ``local`` asks this machine without SSH.

    ``processes`` None: as many as suit the number of hosts.
    """

    targets: Sequence[Target]
    rules: Callable[[Target], Rules]
    ssh: SshOptions
    limits: Limits
    local: bool = False
    processes: int | None = None


def record(outcome: scan.Outcome, sweep_id: int, rules: Rules, past: Past) -> Record:
    """Judge and measure what a host answered."""
    findings = []
    if outcome.snapshot is not None:
        subject = Subject(
            host=outcome.target.name,
            taken_at=outcome.started_at,
            snapshot=outcome.snapshot,
            thresholds=rules.thresholds,
            expected=rules.expected,
            clock_offset_seconds=outcome.clock_offset_seconds,
            past=past,
        )
        findings = judge(subject)
    return Record(
        host=outcome.target.name,
        groups=outcome.target.groups,
        sweep_id=sweep_id,
        taken_at=round(outcome.started_at * 1000),
        status=outcome.status,
        failure=outcome.failure,
        snapshot=outcome.snapshot,
        samples=measure(outcome.snapshot, outcome.clock_offset_seconds)
        if outcome.snapshot is not None
        else (),
        findings=findings,
        duration_ms=(outcome.finished_at - outcome.started_at) * 1000,
        clock_offset_seconds=outcome.clock_offset_seconds,
        address=outcome.target.address,
    )


async def sweep(
    plan: Plan,
    writer: store.Writer,
    sweep_id: int,
    pasts: Mapping[str, Past],
    stop: asyncio.Event,
    connections: Ssh | None = None,
) -> AsyncIterator[Record]:
    """Yield a record for each host as it finishes; it is handed to the writer before.

    Judging and storing have a thread of their own, one handful at a time, so that a slow database delays no
    host. Hosts that ``stop`` cut off are yielded and not stored: nobody asked them. With ``connections`` kept
    by the caller the sweep is made through those, in this process. Raises StoreError if results can be
    neither stored nor spooled.
    """
    loop = asyncio.get_running_loop()

    def keep(outcomes: list[scan.Outcome]) -> list[Record]:
        records = [
            record(one, sweep_id, plan.rules(one.target), pasts.get(one.target.name, Past()))
            for one in outcomes
        ]
        writer.add(*(one for one in records if one.failure is None or one.failure.kind != "cancelled"))
        return records

    with ThreadPoolExecutor(1, "store") as thread:
        keeper = asyncio.create_task(_keep(writer, thread))
        try:
            async with aclosing(_handfuls(_outcomes(plan, stop, connections))) as handfuls:
                async for outcomes in handfuls:
                    for one in await loop.run_in_executor(thread, keep, outcomes):
                        yield one
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await loop.run_in_executor(thread, writer.close)


async def _handfuls(outcomes: AsyncGenerator[scan.Outcome]) -> AsyncGenerator[list[scan.Outcome]]:
    """Yield what finished within a moment; while it is not taken at most AT_ONCE more are waited for."""
    ready: asyncio.Queue[scan.Outcome] = asyncio.Queue(AT_ONCE)

    async def fill() -> None:
        async with aclosing(outcomes):
            async for outcome in outcomes:
                await ready.put(outcome)

    filling = asyncio.create_task(fill())
    try:
        while not (filling.done() and ready.empty()):
            await asyncio.wait({filling}, timeout=GATHER_SECONDS)
            if not ready.empty():
                yield [ready.get_nowait() for _ in range(ready.qsize())]
        await filling
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


async def _outcomes(plan: Plan, stop: asyncio.Event, connections: Ssh | None) -> AsyncGenerator[scan.Outcome]:
    if plan.local:
        for target in plan.targets:
            yield await scan.run_local(target, plan.rules(target).request, plan.limits)
        return

    def program(target: Target) -> Program:
        return scan.program(plan.rules(target).request)

    async with aclosing(_swept(plan, program, stop, connections)) as outcomes:
        async for outcome in outcomes:
            yield outcome


def _swept(
    plan: Plan, program: Callable[[Target], Program], stop: asyncio.Event, connections: Ssh | None
) -> AsyncGenerator[scan.Outcome]:
    """Ask the hosts in this process, or in several where that is wanted or pays."""
    targets, processes = plan.targets, plan.processes or processes_for(len(plan.targets))
    if connections is not None:
        return scan.through(connections, targets, program, stop=stop)
    if processes > 1:
        return sweep_processes(
            targets, program, processes=processes, ssh=plan.ssh, limits=plan.limits, stop=stop
        )
    return scan.sweep(targets, program, ssh=plan.ssh, limits=plan.limits, stop=stop)


async def _keep(writer: store.Writer, thread: ThreadPoolExecutor) -> None:
    """Store what has waited long enough, also while no host finishes."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        await asyncio.get_running_loop().run_in_executor(thread, writer.tick)
