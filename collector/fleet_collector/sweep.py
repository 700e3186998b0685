"""One sweep from end to end: every host asked, judged against its past, measured, stored as it finishes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field

from fleet_collector import scan, store
from fleet_collector.bundle import Request
from fleet_collector.findings.expected import Expected
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.inventory import Target
from fleet_collector.limits import Limits
from fleet_collector.metrics import measure
from fleet_collector.record import Record
from fleet_collector.transport import Program, SshOptions

TICK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is asked of a host and what it is judged by; hosts of the same groups share one."""

    request: Request
    thresholds: Thresholds = field(default_factory=Thresholds)
    expected: Expected = field(default_factory=Expected)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A sweep to be made: ``rules`` says what holds for a target; ``local`` asks this machine without SSH."""

    targets: Sequence[Target]
    rules: Callable[[Target], Rules]
    ssh: SshOptions
    limits: Limits
    local: bool = False


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
        samples=measure(outcome.snapshot) if outcome.snapshot is not None else (),
        findings=findings,
        duration_ms=(outcome.finished_at - outcome.started_at) * 1000,
        clock_offset_seconds=outcome.clock_offset_seconds,
        address=outcome.target.address,
    )


async def sweep(
    plan: Plan, writer: store.Writer, sweep_id: int, pasts: Mapping[str, Past], stop: asyncio.Event
) -> AsyncIterator[Record]:
    """Yield a record for each host as it finishes; it is handed to the writer before.

    The writer works in a thread of its own, one batch at a time, so that a slow database delays no host.
    Hosts that ``stop`` cut off are yielded and not stored: nobody asked them. Raises StoreError if results
    can be neither stored nor spooled.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "store") as thread:
        keeper = asyncio.create_task(_keep(writer, thread))
        try:
            async with aclosing(_outcomes(plan, stop)) as outcomes:
                async for outcome in outcomes:
                    rules = plan.rules(outcome.target)
                    one = record(outcome, sweep_id, rules, pasts.get(outcome.target.name, Past()))
                    if outcome.failure is None or outcome.failure.kind != "cancelled":
                        await loop.run_in_executor(thread, writer.add, one)
                    yield one
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await loop.run_in_executor(thread, writer.close)


async def _outcomes(plan: Plan, stop: asyncio.Event) -> AsyncGenerator[scan.Outcome]:
    if plan.local:
        for target in plan.targets:
            yield await scan.run_local(target, plan.rules(target).request, plan.limits)
        return

    def program(target: Target) -> Program:
        return scan.program(plan.rules(target).request)

    async with aclosing(
        scan.sweep(plan.targets, program, ssh=plan.ssh, limits=plan.limits, stop=stop)
    ) as outcomes:
        async for outcome in outcomes:
            yield outcome


async def _keep(writer: store.Writer, thread: ThreadPoolExecutor) -> None:
    """Store what has waited long enough, also while no host finishes."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        await asyncio.get_running_loop().run_in_executor(thread, writer.tick)
