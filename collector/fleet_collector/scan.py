"""A sweep: many hosts asked at once, each ending as an outcome, none able to harm another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from fleet_collector import bundle, failures
from fleet_collector.errors import SnapshotError
from fleet_collector.failures import Failure, HostError, Stage
from fleet_collector.fan_out import Lane, fan_out
from fleet_collector.inventory import Target
from fleet_collector.snapshot import STEPS, Snapshot
from fleet_collector.snapshot.frames import MARK, decode, without_python
from fleet_collector.transport import Answer, Limits, Program, Ssh, SshOptions, local

__all__ = ["Outcome", "program", "run_local", "sweep", "through"]

Status = Literal["ok", "partial", "failed"]

_NOISE_BYTES = 300
_CLOCK_SECONDS = 0.002  # the agent's stamp is rounded


class Outcome(Struct, frozen=True, kw_only=True):
    """How one host ended. Both a snapshot and a failure: the sections that came before it went wrong.

    Times are seconds since the epoch on this machine's clock. ``clock_offset_seconds`` is how far the host's
    clock is ahead of it, the smallest offset that the instants of sending and receiving allow: 0.0 says that
    the clocks may agree.
    """

    target: Target
    started_at: float
    finished_at: float
    snapshot: Snapshot | None = None
    failure: Failure | None = None
    clock_offset_seconds: float | None = None
    attempts: int = 1

    @property
    def status(self) -> Status:
        """``failed`` without a snapshot, ``partial`` when a section is missing, failed or timed out."""
        if self.snapshot is None:
            return "failed"
        sections = [getattr(self.snapshot, step) for step in STEPS]
        broken = any(section is None or section.status in ("error", "timeout") for section in sections)
        return "partial" if broken or self.failure is not None else "ok"


@lru_cache(maxsize=256)
def program(request: bundle.Request) -> Program:
    """Return what is run on a host for a request."""
    return Program(bundle.COMMAND, bundle.payload(request), request.nonce)


async def sweep(
    targets: Iterable[Target],
    programs: Callable[[Target], Program],
    *,
    ssh: SshOptions | None = None,
    limits: Limits | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Outcome]:
    """Ask all hosts and yield an outcome for each as it finishes, every target exactly once.

    ``programs`` says what is run on a target. When ``stop`` is set, hosts under way end at once, and those
    and the rest are ``cancelled``. Raises SettingsError before any host is touched when the ssh configuration
    cannot be understood. Use it under ``contextlib.aclosing`` when it may be left early.
    """
    async with (
        Ssh(ssh or SshOptions(), limits or Limits()) as connections,
        aclosing(through(connections, targets, programs, stop=stop)) as outcomes,
    ):
        async for outcome in outcomes:
            yield outcome


async def through(
    connections: Ssh,
    targets: Iterable[Target],
    programs: Callable[[Target], Program],
    *,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Outcome]:
    """Do what ``sweep`` does through connections that the caller holds, for one sweep or for several."""
    waiting, bounds = list(targets), connections.limits
    await connections.prepare(waiting)

    async def ask(target: Target, answer: Answer) -> None:
        if target.local:
            await local.ask(programs(target), answer, bounds)
        else:
            await connections.ask(target, programs(target), answer)

    async def one(target: Target) -> Outcome:
        async with connections.place(target):
            return await _outcome(target, programs(target).nonce, ask, bounds)

    lanes = lanes_of(waiting, connections, bounds)
    async with aclosing(fan_out(lanes, one, _cancelled, bounds, stop or asyncio.Event())) as outcomes:
        async for outcome in outcomes:
            yield outcome


async def run_local(target: Target, request: bundle.Request, limits: Limits | None = None) -> Outcome:
    """Run the same program on this machine without SSH."""
    bounds, what = limits or Limits(), program(request)

    async def ask(_: Target, answer: Answer) -> None:
        await local.ask(what, answer, bounds)

    return await _outcome(target, what.nonce, ask, bounds)


async def _outcome(
    target: Target, nonce: str, ask: Callable[[Target, Answer], Awaitable[None]], limits: Limits
) -> Outcome:
    """Ask one host, again where that may help, until the total deadline; here its faults end."""
    started_at, began, attempts, answer = time.time(), time.monotonic(), 0, Answer()
    failure: Failure | None = None
    try:
        async with asyncio.timeout(limits.total_seconds):
            while True:
                attempts, answer = attempts + 1, Answer()
                try:
                    await ask(target, answer)
                    failure = None
                    break
                except HostError as error:
                    failure = error.failure
                    if not error.passing or attempts > limits.retries or answer.started:
                        break
                await asyncio.sleep(limits.pause(attempts - 1))
    except TimeoutError:
        stage: Stage = "run" if answer.started else "connect"
        failure = failure or failures.too_slow(stage, limits.total_seconds, answer.complaint).failure
    except Exception as error:
        failure = failures.internal("run" if answer.started else "connect", error).failure
    snapshot, failure = _judged(answer, nonce, failure)
    return Outcome(
        target=target,
        started_at=started_at,
        finished_at=started_at + time.monotonic() - began,  # also when somebody sets the clock meanwhile
        snapshot=snapshot,
        failure=failure,
        clock_offset_seconds=_clock_offset(snapshot, answer),
        attempts=attempts,
    )


def _judged(answer: Answer, nonce: str, failure: Failure | None) -> tuple[Snapshot | None, Failure | None]:
    """Return what came of an answer: whole, a part with the reason, or the reason alone."""
    output = answer.output
    if not output and failure is not None:
        return None, failure
    try:
        snapshot = decode(output, nonce)
    except SnapshotError as error:
        return None, failure or _unanswered(answer, output, nonce, error)
    if failure is None and not snapshot.agent.finished:
        failure = failures.cut_short(answer.ending, answer.complaint).failure
    return snapshot, failure


def _unanswered(answer: Answer, output: bytes, nonce: str, error: SnapshotError) -> Failure:
    """The command ended and there is no snapshot: say how far it came."""
    tried = without_python(output)
    if tried is not None:
        return failures.no_python(bundle.misfits(tried)).failure
    if "ModuleNotFoundError" in answer.complaint or "ImportError" in answer.complaint:
        return failures.no_python(answer.complaint).failure
    if MARK + nonce.encode() in output:
        if answer.broken or answer.exit_signal or answer.exit_status:
            return failures.cut_short(answer.ending, answer.complaint).failure
        return failures.unreadable(str(error)).failure
    if answer.broken and not output:
        return failures.broken_off().failure
    noise = output[-_NOISE_BYTES:].decode("utf-8", "replace").strip()
    return failures.nothing_said(answer.ending, answer.complaint or noise).failure


def _clock_offset(snapshot: Snapshot | None, answer: Answer) -> float | None:
    """The agent noted its clock between our sending and our receiving; nothing surer is known under load."""
    stamp = snapshot.agent.started_at if snapshot else None
    if stamp is None or not answer.came_at:
        return None
    least, most = stamp - answer.came_at, stamp - answer.sent_at
    return 0.0 if least <= _CLOCK_SECONDS and most >= 0 else min(least, most, key=abs)


def lanes_of(targets: list[Target], connections: Ssh, limits: Limits) -> list[Lane]:
    """Return the hosts behind each bastion, and those behind none, with how many of them go at once."""
    lanes: dict[object, list[Target]] = {}
    for target in targets:
        lanes.setdefault(connections.route(target).jump, []).append(target)
    return [
        Lane(hosts, limits.concurrency if bastion is None else limits.per_bastion)
        for bastion, hosts in lanes.items()
    ]


def _cancelled(target: Target, started_at: float) -> Outcome:
    return Outcome(
        target=target,
        started_at=started_at,
        finished_at=time.time(),
        failure=failures.cancelled(),
        attempts=0,
    )
