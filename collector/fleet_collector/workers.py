"""A sweep over several processes: the key exchange is arithmetic, and one interpreter uses one core.

Each worker is this module run as a program. It reads its share of the hosts from stdin, sweeps it, and writes
outcomes to stdout, each behind its length. It stops when its stdin ends, so it cannot outlive its parent.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import struct
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from fleet_collector import failures
from fleet_collector.inventory import Target
from fleet_collector.scan import Outcome, sweep
from fleet_collector.transport import Limits, Program, Ssh, SshOptions, run

HOSTS_PER_PROCESS = 2000  # one keeps up with 200 hosts a second, more than usually answer

_LENGTH = struct.Struct(">I")
_WAITING = 64  # outcomes read and not yet taken, of all workers
_END_SECONDS = 3.0
_OUTCOME = msgspec.msgpack.Decoder(Outcome)


@dataclass(frozen=True)
class Remembered:
    """Passphrases that the parent asked for, for workers that cannot ask."""

    passphrases: dict[Path, str]

    def __call__(self, path: Path) -> str | None:
        """Return the passphrase of a key."""
        return self.passphrases.get(path)


@dataclass(frozen=True)
class Share:
    """What one worker does. A program shared by many hosts travels once."""

    hosts: list[tuple[Target, Program]]
    ssh: SshOptions
    limits: Limits


def processes_for(hosts: int) -> int:
    """Return how many processes suit a number of hosts on this machine."""
    return max(1, min(len(os.sched_getaffinity(0)), hosts // HOSTS_PER_PROCESS))


async def sweep_processes(
    targets: Iterable[Target],
    programs: Callable[[Target], Program],
    *,
    processes: int,
    ssh: SshOptions | None = None,
    limits: Limits | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Outcome]:
    """Do what ``scan.sweep`` does, in several processes; the limits are those of all of them together.

    A worker that dies costs the hosts it had not finished: they fail, and the sweep goes on.
    """
    waiting, bounds, stopped = list(targets), limits or Limits(), stop or asyncio.Event()
    options = await _prepared(waiting, ssh or SshOptions(), bounds)
    each = _divided(bounds, processes)
    shares = [waiting[number::processes] for number in range(processes)]
    workers = [
        await _Worker.start(Share([(target, programs(target)) for target in share], options, each))
        for share in shares
        if share
    ]
    queue: asyncio.Queue[Outcome | list[Target]] = asyncio.Queue(_WAITING)
    tasks = [asyncio.create_task(worker.read(queue)) for worker in workers]
    halt = asyncio.create_task(_halt(stopped, workers))
    try:
        left = len(workers)
        while left:
            item = await queue.get()
            if isinstance(item, Outcome):
                yield item
                continue
            left -= 1
            for target in item:
                yield _lost(target)
    finally:
        for task in (halt, *tasks):
            task.cancel()
        await asyncio.gather(halt, *tasks, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in workers))


async def _prepared(targets: list[Target], ssh: SshOptions, limits: Limits) -> SshOptions:
    """Check the configuration and ask for passphrases here, where somebody can answer."""
    passphrases: dict[Path, str] = {}

    def ask(path: Path) -> str | None:
        answer = ssh.ask_passphrase(path) if ssh.ask_passphrase else None
        if answer is not None:
            passphrases[path] = answer
        return answer

    async with Ssh(replace(ssh, ask_passphrase=ask), limits) as trial:
        await trial.prepare(targets)
    return replace(ssh, ask_passphrase=Remembered(passphrases))


def _divided(limits: Limits, processes: int) -> Limits:
    return msgspec.structs.replace(
        limits,
        concurrency=-(-limits.concurrency // processes),
        per_bastion=-(-limits.per_bastion // processes),
        per_address=-(-limits.per_address // processes),
        burst=-(-limits.burst // processes),
        start_rate=limits.start_rate / processes,
    )


class _Worker:
    """The parent's end of one worker."""

    def __init__(self, process: asyncio.subprocess.Process, targets: list[Target]) -> None:
        self._process = process
        self._left = {target.name: target for target in targets}

    @classmethod
    async def start(cls, share: Share) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fleet_collector.workers",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the parent's business
        )
        job = pickle.dumps(share)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write(_LENGTH.pack(len(job)) + job)
        return cls(process, [target for target, _ in share.hosts])

    async def read(self, queue: asyncio.Queue[Outcome | list[Target]]) -> None:
        """Pass outcomes on, and at the end the hosts that have none."""
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - it is a pipe
        with suppress(asyncio.IncompleteReadError):
            while True:
                (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
                outcome = _OUTCOME.decode(await stream.readexactly(length))
                self._left.pop(outcome.target.name, None)
                await queue.put(outcome)
        await queue.put(list(self._left.values()))

    def halt(self) -> None:
        """Tell it to stop."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def end(self) -> None:
        """See it off: it ends by itself when its stdin does, or is killed."""
        self.halt()
        for kill in (False, True):
            with suppress(ProcessLookupError, TimeoutError):
                if kill:
                    self._process.kill()
                async with asyncio.timeout(_END_SECONDS):
                    await self._process.wait()
                    return


async def _halt(stop: asyncio.Event, workers: list[_Worker]) -> None:
    await stop.wait()
    for worker in workers:
        worker.halt()


def _lost(target: Target) -> Outcome:
    now = time.time()
    return Outcome(target=target, started_at=now, finished_at=now, failure=failures.worker_lost(), attempts=0)


def main() -> None:
    """Be a worker."""
    (length,) = _LENGTH.unpack(sys.stdin.buffer.read(_LENGTH.size))
    share: Share = pickle.loads(sys.stdin.buffer.read(length))  # noqa: S301 - from our own parent
    try:
        run(_serve(share))
    except ConnectionError:  # the same, noticed while writing
        return
    except Exception as fault:
        sys.exit(f"fleet: a worker process cannot go on: {type(fault).__name__}: {fault}")


async def _serve(share: Share) -> None:
    """Sweep a share and write each outcome; the end of stdin stops it.

    While the parent takes nothing no host is begun, but those under way go on.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def heard() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, heard)
    programs = dict(share.hosts)
    outcomes = sweep(programs, programs.__getitem__, ssh=share.ssh, limits=share.limits, stop=stop)
    async with aclosing(outcomes):
        with closing(await _parent()) as parent:
            async for outcome in outcomes:
                if parent.is_closing():  # the parent is gone, and nobody wants the rest
                    return
                data = msgspec.msgpack.encode(outcome)
                parent.write(_LENGTH.pack(len(data)) + data)
                await parent.drain()


async def _parent() -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    transport.set_write_buffer_limits(0)  # so that drain waits until all is with the parent
    return asyncio.StreamWriter(transport, protocol, None, loop)


if __name__ == "__main__":
    main()
