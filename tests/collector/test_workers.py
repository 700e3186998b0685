from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from fleet_collector.errors import SettingsError
from fleet_collector.inventory import Target
from fleet_collector.transport import Limits
from fleet_collector.workers import processes_for, sweep_processes
from tests.collector import peers
from tests.collector.answers import answer
from tests.collector.ssh_server import NONCE, Process, program, server

LIMITS = Limits(connect_seconds=20, login_seconds=20, run_seconds=20, total_seconds=60)


def workers() -> list[psutil.Process]:
    """The living workers of this process; other tests have children of their own."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "fleet_collector.workers" in child.cmdline()]


async def well(process: Process) -> None:
    process.stdout.write(answer(NONCE))
    process.exit(0)


async def test_all_hosts_come_back_from_their_workers(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        targets = [Target(f"h{n}", address="127.0.0.1", port=host.port) for n in range(9)]
        targets.append(Target("no-such-host.invalid"))
        sweep = sweep_processes(
            targets, lambda _: program("true"), processes=2, ssh=host.options(), limits=LIMITS
        )
        outcomes = [one async for one in sweep]
    assert sorted(one.target.name for one in outcomes) == sorted(target.name for target in targets)
    assert sum(one.status == "ok" for one in outcomes) == 9
    assert {one.target for one in outcomes} == set(targets)
    assert not workers()


async def test_stopping_reaches_the_workers(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with server(tmp_path, well) as host, peers.peer(peers.silent) as port:
        targets = [host.target(), *(Target(f"s{n}", address="127.0.0.1", port=port) for n in range(4))]
        outcomes = []
        async for one in sweep_processes(
            targets, lambda _: program("true"), processes=2, ssh=host.options(), limits=LIMITS, stop=stop
        ):
            outcomes.append(one)
            stop.set()
    assert len(outcomes) == 5
    assert [one.failure.kind for one in outcomes if one.failure] == ["cancelled"] * 4


async def test_a_worker_that_is_killed_costs_its_own_hosts_alone(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host, peers.peer(peers.silent) as port:
        targets = [host.target(), Target("silent", address="127.0.0.1", port=port)]
        outcomes = {}
        async for one in sweep_processes(
            targets, lambda _: program("true"), processes=2, ssh=host.options(), limits=LIMITS
        ):
            outcomes[one.target.name] = one
            if one.status == "ok":
                for child in workers():
                    os.kill(child.pid, signal.SIGKILL)
    assert outcomes["127.0.0.1"].status == "ok"
    lost = outcomes["silent"].failure
    assert lost is not None
    assert "killed" in lost.message


async def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host, peers.peer(peers.silent) as port:
        targets = [host.target(), Target("silent", address="127.0.0.1", port=port)]
        sweep = sweep_processes(
            targets, lambda _: program("true"), processes=2, ssh=host.options(), limits=LIMITS
        )
        async with aclosing(sweep):
            async for _ in sweep:
                break
    assert not workers()


async def test_a_bad_configuration_is_found_before_any_worker_starts(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        ssh = host.options(config="Port nowhere\n")
        with pytest.raises(SettingsError):
            async for _ in sweep_processes([Target("a")], lambda _: program("true"), processes=2, ssh=ssh):
                pass


def test_few_hosts_need_one_process() -> None:
    assert processes_for(0) == 1
    assert processes_for(50) == 1
    assert processes_for(10**6) == len(os.sched_getaffinity(0))
