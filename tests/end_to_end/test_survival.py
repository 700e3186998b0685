"""Bad nights of the collector itself: killed, interrupted, without room; what had finished is kept, once."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from fleet_cli.ending import PATIENCE_SECONDS
from fleet_collector import store
from tests.collector import peers, ssh_server
from tests.collector.answers import answer
from tests.program import Program, Said, ended
from tests.sshd import AVAILABLE

WELL = 30
_NONCE = re.compile(rb"'nonce': '([0-9a-f]+)'")


@pytest.fixture
def gate() -> asyncio.Event:
    """What hosts w1, w2, … wait for before they answer."""
    return asyncio.Event()


@pytest.fixture
async def served(tmp_path: Path, gate: asyncio.Event) -> AsyncIterator[ssh_server.Server]:
    """Hosts h1, h2, … that answer at once, and s1, s2, … that accept and never speak."""

    async def reply(process: ssh_server.Process) -> None:
        """Answer as an agent does, whatever its program is."""
        found = _NONCE.search(await process.stdin.read())
        if process.get_extra_info("username") == "waiting":
            await gate.wait()
        process.stdout.write(answer(found[1].decode() if found else "none"))
        process.exit(0)

    ssh = tmp_path / ".ssh"
    ssh.mkdir(mode=0o700)
    async with ssh_server.server(tmp_path, reply) as server, peers.peer(peers.silent) as silent:
        (ssh / "known_hosts").write_text(server.known_line())
        (ssh / "config").write_text(
            f"Host s*\n  Port {silent}\n"
            "Host w*\n  User waiting\n"
            f"Host *\n  HostName 127.0.0.1\n  IdentityFile {server.key_file}\n"
            f"  Port {server.port}\n  User tester\n"
        )
        yield server


@pytest.fixture
def fleet(tmp_path: Path, served: ssh_server.Server) -> Program:
    return Program(tmp_path)


def begin(fleet: Program, *words: str) -> subprocess.Popen[str]:
    """Start a sweep that cannot end soon: two of its hosts are silent."""
    return fleet.start("scan", f"h[1-{WELL}],s[1-2]", "--format", "ndjson", *words)


def finished(process: subprocess.Popen[str], lines: int) -> list[str]:
    """Read so many hosts of a sweep under way."""
    assert process.stdout is not None
    return [json.loads(process.stdout.readline())["host"] for _ in range(lines)]


def kept(fleet: Program) -> list[tuple[str, str]]:
    """Host and status of all scans in the database, after the next command has looked at it."""
    with store.connect(str(fleet.database)) as opened:
        store.mark_interrupted(opened)
        return sorted(
            (scan.host, scan.status)
            for host in store.host_names(opened)
            for scan in store.scans(opened, host)
        )


def states(fleet: Program) -> list[str]:
    with store.connect(str(fleet.database)) as opened:
        return [sweep.status for sweep in store.sweeps(opened)]


@pytest.mark.parametrize("words", [(), ("--processes", "2")])
@pytest.mark.parametrize("lines", [1, 9, WELL])
async def test_killed_at_any_moment_what_was_told_is_kept_once(
    fleet: Program, lines: int, words: tuple[str, ...]
) -> None:
    process = begin(fleet, *words)
    told = await asyncio.to_thread(finished, process, lines)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    _, said = await asyncio.to_thread(process.communicate)  # until the workers have gone, too
    assert said == ""
    after = await asyncio.to_thread(lambda: ended(fleet.start("hosts")))
    assert after.code == 0
    found = kept(fleet)
    assert {(host, "ok") for host in told} <= set(found)
    assert len(set(found)) == len(found)
    assert states(fleet) == ["interrupted"]
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 20)
    assert alive == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_interrupted_it_says_so_and_keeps_what_had_finished(
    fleet: Program, number: signal.Signals
) -> None:
    process = begin(fleet)
    told = await asyncio.to_thread(finished, process, WELL)
    process.send_signal(number)
    said: Said = await asyncio.to_thread(ended, process)
    assert said.code == 130
    assert "interrupted" in said.err
    assert [host["error"]["kind"] for host in said.ndjson] == ["cancelled"] * 2
    assert kept(fleet) == sorted((host, "ok") for host in told)
    assert states(fleet) == ["interrupted"]


async def test_asked_twice_it_does_not_wait_for_a_locked_database(fleet: Program) -> None:
    process = begin(fleet)
    told = await asyncio.to_thread(finished, process, WELL)
    with closing(sqlite3.connect(fleet.database, isolation_level=None, timeout=60)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            await asyncio.sleep(PATIENCE_SECONDS)
        said = await asyncio.to_thread(ended, process)
    assert said.code == 130
    assert "the next command brings in what waits to be stored" in said.err
    assert kept(fleet) == sorted((host, "ok") for host in told)
    assert states(fleet) == ["interrupted"]


async def test_the_next_sweep_says_that_the_last_was_broken_off_even_when_quiet(fleet: Program) -> None:
    process = begin(fleet)
    await asyncio.to_thread(finished, process, 1)
    process.kill()
    process.communicate()
    said = await asyncio.to_thread(lambda: ended(fleet.start("scan", "h1", "--quiet", "--exit-zero")))
    assert "was broken off" in said.err


async def test_watching_logs_in_once(fleet: Program, served: ssh_server.Server) -> None:
    words = ("watch", "h[1-3]", "--every", "1s", "--for", "3s")
    said = await asyncio.to_thread(lambda: ended(fleet.start(*words)))
    assert said.code in (0, 3), said.err
    looks = len(kept(fleet)) / 3
    assert looks >= 2
    assert served.connections == 3


async def test_a_host_that_hangs_keeps_nobody_waiting_for_long_in_a_watch(fleet: Program) -> None:
    words = ("watch", "h1,s1", "--every", "2s", "--for", "7s", "--timeout", "1")
    said = await asyncio.to_thread(lambda: ended(fleet.start(*words)))
    assert said.code == 3, said.err
    looks = Counter(kept(fleet))
    assert looks["h1", "ok"] == looks["s1", "failed"] >= 2
    assert said.out.count("NO ANSWER") == 1  # it is no news the second time


async def test_a_watch_waits_for_a_sweep_that_comes_in_between(fleet: Program, gate: asyncio.Event) -> None:
    watch = fleet.start("watch", "h1", "--every", "1s", "--for", "60s")
    assert watch.stdout is not None
    await asyncio.to_thread(watch.stdout.readline)
    sweep = fleet.start("scan", "h1,w1", "--wait", "--format", "ndjson")
    assert await asyncio.to_thread(finished, sweep, 1) == ["h1"]
    await asyncio.sleep(3)  # the watch finds the sweep under way, at least once
    gate.set()
    assert (await asyncio.to_thread(ended, sweep)).code == 0
    for _ in range(3):
        assert "1 host in" in await asyncio.to_thread(watch.stdout.readline)
    watch.send_signal(signal.SIGINT)
    assert (await asyncio.to_thread(ended, watch)).code == 130


async def test_a_second_sweep_of_the_same_hosts_is_told_and_leaves_the_first_alone(
    fleet: Program, gate: asyncio.Event
) -> None:
    first = fleet.start("scan", "h1,w1", "--format", "ndjson")
    assert await asyncio.to_thread(finished, first, 1) == ["h1"]
    second = await asyncio.to_thread(lambda: ended(fleet.start("scan", "h[1-3]")))
    assert second.code == 70
    assert "is still asking h1; wait for it (--wait) or leave these hosts out (--limit)" in second.err
    other = await asyncio.to_thread(lambda: ended(fleet.start("scan", "h[2-3]")))
    assert other.code == 0, other.err
    gate.set()
    assert (await asyncio.to_thread(ended, first)).code == 0


async def test_who_waits_for_another_sweep_can_be_interrupted(fleet: Program, gate: asyncio.Event) -> None:
    first = fleet.start("scan", "h1,w1", "--format", "ndjson")
    assert await asyncio.to_thread(finished, first, 1) == ["h1"]
    second = fleet.start("scan", "h1", "--wait")
    await asyncio.sleep(3)  # long enough to have found the first one, and to wait
    second.send_signal(signal.SIGINT)
    said = await asyncio.to_thread(ended, second)
    assert (said.code, said.out) == (130, "")
    gate.set()
    assert (await asyncio.to_thread(ended, first)).code == 0


@contextmanager
def small_volume(path: Path) -> Iterator[None]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "small", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill_up(path: Path) -> None:
    """Write a file until its volume is full."""
    with path.open("wb", buffering=0) as full, suppress(OSError):
        while full.write(bytes(4096)):
            continue


@pytest.mark.full
@pytest.mark.skipif(not AVAILABLE, reason="needs root: mounts a small volume")
async def test_a_volume_that_fills_up_in_mid_sweep_loses_nothing(
    fleet: Program, tmp_path: Path, gate: asyncio.Event
) -> None:
    with small_volume(tmp_path / "small"):
        database, filler = str(tmp_path / "small" / "fleet.db"), tmp_path / "small" / "filler"
        process = fleet.start("scan", f"h1,w[1-{WELL}]", "--db", database, "--format", "ndjson")
        assert await asyncio.to_thread(finished, process, 1) == ["h1"]
        fill_up(filler)
        gate.set()
        said = await asyncio.to_thread(ended, process)
        assert said.code == 0, said.err
        assert "no space is left" in said.err
        assert "wait in a spool file" in said.err
        filler.unlink()
        after = await asyncio.to_thread(lambda: ended(fleet.start("hosts", "--db", database)))
        assert after.code == 0, after.err
        with store.connect(database) as opened:
            assert store.stats(opened).scans == WELL + 1
            assert len(store.host_names(opened)) == WELL + 1


@pytest.mark.full
@pytest.mark.skipif(not AVAILABLE, reason="needs root: mounts a small volume")
async def test_on_a_full_volume_no_host_is_asked(
    fleet: Program, tmp_path: Path, served: ssh_server.Server
) -> None:
    with small_volume(tmp_path / "small"):
        fill_up(tmp_path / "small" / "filler")
        words = ("scan", "h1", "--db", str(tmp_path / "small" / "fleet.db"))
        said = await asyncio.to_thread(lambda: ended(fleet.start(*words)))
    assert said.code == 70
    assert "full" in said.err or "no space" in said.err
    assert served.connections == 0
