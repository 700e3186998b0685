from __future__ import annotations

import asyncio
import itertools
import socket
import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from fleet_collector.inventory import Target
from fleet_collector.scan import Outcome, sweep
from fleet_collector.snapshot import STEPS
from fleet_collector.transport import Limits, Program, SshOptions
from tests.collector import peers
from tests.collector.answers import answer, end, section, start
from tests.collector.ssh_server import NONCE, Behaviour, Process, program, server

LIMITS = Limits(
    connect_seconds=3.0,
    login_seconds=3.0,
    run_seconds=3.0,
    total_seconds=12.0,
    retries=1,
    retry_seconds=0.05,
    output_bytes=256 * 1024,
)
ANSWER = answer(NONCE)


async def scan(
    targets: list[Target], ssh: SshOptions, limits: Limits = LIMITS, what: Program | None = None
) -> dict[str, Outcome]:
    what = what or program("true")
    outcomes = [one async for one in sweep(targets, lambda _: what, ssh=ssh, limits=limits)]
    assert len(outcomes) == len(targets)
    return {one.target.name: one for one in outcomes}


async def well(process: Process) -> None:
    process.stdout.write(ANSWER)
    process.exit(0)


HABITS: list[tuple[peers.Habit, str, str, int]] = [
    (peers.silent, "timeout", "connect", 1),
    (peers.banner_without_end, "protocol", "connect", 1),
    (peers.line_without_end, "protocol", "connect", 1),
    (peers.slow_banner, "timeout", "connect", 1),
    (peers.drip, "timeout", "connect", 1),
    (peers.close, "protocol", "connect", 2),
    (peers.reset, "protocol", "connect", 2),
    (peers.turn_away, "protocol", "connect", 2),
    (peers.close_after_greeting, "protocol", "host key", 2),
    (peers.hang_after_greeting, "timeout", "host key", 1),
    (peers.garbage, "protocol", "host key", 1),
    (peers.huge_packet, "protocol", "host key", 1),
    (peers.no_common_algorithm, "protocol", "host key", 1),
    (peers.http, "protocol", "connect", 1),
    (peers.ssh1, "protocol", "connect", 1),
]


async def test_each_raw_peer_gets_its_own_failure_on_time_and_harms_nobody(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(server(tmp_path, well))
        targets = [good.target()]
        for habit, *_ in HABITS:
            port = await stack.enter_async_context(peers.peer(habit))
            targets.append(Target(habit.__name__, address="127.0.0.1", port=port))
        began = time.monotonic()
        outcomes = await scan(targets, good.options())
        assert time.monotonic() - began < 3 * LIMITS.total_seconds
    assert outcomes["127.0.0.1"].status == "ok", outcomes["127.0.0.1"].failure
    for habit, kind, stage, attempts in HABITS:
        outcome = outcomes[habit.__name__]
        assert outcome.failure is not None, habit
        assert (habit.__name__, outcome.failure.kind, outcome.failure.stage, outcome.attempts) == (
            habit.__name__,
            kind,
            stage,
            attempts,
        ), outcome.failure
        assert outcome.failure.message.endswith(".")
        assert outcome.failure.hint


async def test_refused_unresolved_and_well_hosts_side_by_side(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with server(tmp_path, well) as good:
            targets = [
                good.target(),
                Target("refused", address="127.0.0.1", port=port),
                Target("no-such-host.invalid"),
            ]
            outcomes = await scan(targets, good.options())
    assert outcomes["127.0.0.1"].status == "ok"
    refused, unknown = outcomes["refused"].failure, outcomes["no-such-host.invalid"].failure
    assert refused is not None
    assert unknown is not None
    assert (refused.kind, refused.stage) == ("refused", "connect")
    assert (unknown.kind, unknown.stage) == ("dns", "resolve")


async def endless(process: Process) -> None:
    while not process.stdout.is_closing():
        process.stdout.write(b"all work and no play\n" * 1000)
        await process.stdout.drain()


async def endless_after_two_sections(process: Process) -> None:
    process.stdout.write(start(NONCE) + section(NONCE, "cpu") + section(NONCE, "memory"))
    await endless(process)


async def endless_errors(process: Process) -> None:
    while not process.stderr.is_closing():
        process.stderr.write(b"oops\n" * 1000)
        await process.stderr.drain()


async def hang(process: Process) -> None:
    await asyncio.sleep(3600)


async def hang_half_way(process: Process) -> None:
    process.stdout.write(start(NONCE) + section(NONCE, "identity"))
    await asyncio.sleep(3600)


async def killed_half_way(process: Process) -> None:
    process.stdout.write(start(NONCE) + section(NONCE, "identity") + section(NONCE, "cpu"))
    process.exit_with_signal("KILL")


async def killed_at_the_start(process: Process) -> None:
    process.stdout.write(start(NONCE))
    process.exit_with_signal("KILL")


async def over_its_limit(process: Process) -> None:
    process.stderr.write(b"Killed\n")
    process.exit(137)


async def stdin_was_eaten(process: Process) -> None:
    process.stderr.write(b"zlib.error: Error -3 while decompressing data: incorrect header check\n")
    process.exit(1)


async def cut_half_way(process: Process) -> None:
    process.stdout.write(start(NONCE) + section(NONCE, "identity"))
    await process.stdout.drain()
    process.channel.get_connection().abort()


async def cut_at_once(process: Process) -> None:
    process.channel.get_connection().abort()


async def nothing(process: Process) -> None:
    process.exit(0)


async def noise_only(process: Process) -> None:
    process.stdout.write(b"this menu is all you get \x1b[2J\n")
    process.exit(0)


async def nologin(process: Process) -> None:
    process.stdout.write(b"This account is currently not available.\n")
    process.exit(1)


async def fork_failed(process: Process) -> None:
    process.stderr.write(b"sh: 0: Cannot fork: Resource temporarily unavailable\n")
    process.exit(2)


async def without_python(process: Process) -> None:
    process.stdout.write(b'\nfleet-frame - {"frame":"no_python","tried":"python3:127 python3.6:127"}\n')
    process.exit(127)


async def minimal_python(process: Process) -> None:
    process.stderr.write(b"Traceback (most recent call last):\nModuleNotFoundError: No module named 'json'\n")
    process.exit(1)


async def another_schema(process: Process) -> None:
    process.stdout.write(start(NONCE, schema=99) + section(NONCE, "cpu"))
    process.exit(0)


async def open_end(process: Process) -> None:
    """Answer well, but leave the channel open, as a child that kept stdout does."""
    process.stdout.write(ANSWER)
    await asyncio.sleep(3600)


async def noisy(process: Process) -> None:
    noise = b"\x1b]0;title\x07 fleet-frame nope {}\n{\n"
    parts = [start(NONCE), *(section(NONCE, step) for step in STEPS), end(NONCE)]
    process.stdout.write(noise + noise.join(parts) + noise)
    process.stderr.write(noise)
    process.exit(0)


BEHAVIOURS: list[tuple[Behaviour, str, str | None, str | None, str]] = [
    (well, "ok", None, None, ""),
    (open_end, "ok", None, None, ""),
    (noisy, "ok", None, None, ""),
    (endless, "failed", "too_large", "read", "256 KiB"),
    (endless_errors, "failed", "too_large", "read", "256 KiB"),
    (endless_after_two_sections, "partial", "too_large", "read", ""),
    (hang, "failed", "timeout", "run", ""),
    (hang_half_way, "partial", "timeout", "run", ""),
    (killed_half_way, "partial", "agent", "run", "signal KILL"),
    (killed_at_the_start, "failed", "agent", "run", "signal KILL"),
    (over_its_limit, "failed", "agent", "start", "exit status 137: Killed."),
    (stdin_was_eaten, "failed", "agent", "start", "zlib.error"),
    (cut_half_way, "partial", "agent", "run", "broke"),
    (cut_at_once, "failed", "unreachable", "start", "broke after the login"),
    (nothing, "failed", "agent", "start", "printed nothing"),
    (noise_only, "failed", "agent", "start", r"this menu is all you get \x1b[2J"),
    (nologin, "failed", "agent", "start", "not available"),
    (fork_failed, "failed", "agent", "start", "Cannot fork"),
    (without_python, "failed", "no_python", "start", "python3.6 does not run"),
    (minimal_python, "failed", "no_python", "start", "json"),
    (another_schema, "failed", "agent", "read", "schema 99"),
]


@pytest.mark.parametrize(
    ("behaviour", "status", "kind", "stage", "words"), BEHAVIOURS, ids=[row[0].__name__ for row in BEHAVIOURS]
)
async def test_what_a_host_does_after_the_login(
    tmp_path: Path, behaviour: Behaviour, status: str, kind: str | None, stage: str | None, words: str
) -> None:
    async with server(tmp_path, behaviour) as host:
        outcome = (await scan([host.target()], host.options()))["127.0.0.1"]
    assert outcome.status == status, outcome.failure
    assert (outcome.failure and outcome.failure.kind) == kind, outcome.failure
    assert (outcome.failure and outcome.failure.stage) == stage, outcome.failure
    assert outcome.failure is None or words in outcome.failure.message
    assert outcome.attempts == 1


async def test_a_connection_that_breaks_before_the_command_starts_is_tried_again(tmp_path: Path) -> None:
    async with server(tmp_path, well, sessions=False) as host:
        outcome = (await scan([host.target()], host.options()))["127.0.0.1"]
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.stage) == ("unreachable", "start"), outcome.failure
    assert outcome.attempts == 2


async def test_the_total_limit_ends_a_host_that_outlives_all_others(tmp_path: Path) -> None:
    limits = Limits(connect_seconds=60, login_seconds=60, run_seconds=60, total_seconds=0.5)
    async with peers.peer(peers.drip) as port, server(tmp_path, hang) as host:
        targets = [Target("drip", address="127.0.0.1", port=port), host.target()]
        began = time.monotonic()
        outcomes = await scan(targets, host.options(), limits)
        assert time.monotonic() - began < 10
    assert [one.failure.kind for one in outcomes.values() if one.failure] == ["timeout", "timeout"]


async def test_among_a_thousand_hosts_each_hostile_one_costs_itself_alone(tmp_path: Path) -> None:
    """980 well hosts and 20 hostile ones take as long as the well ones and one total limit."""
    limits = Limits(total_seconds=15, retries=1, retry_seconds=0.05, concurrency=32, per_address=32)
    hostile = [f"hostile{number}" for number in range(20)]
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(server(tmp_path, well))
        targets = [Target(f"w{n}", address="127.0.0.1", port=good.port) for n in range(980)]
        began = time.monotonic()
        alone = await scan(targets[::4], good.options(), limits)
        seconds = 4 * (time.monotonic() - began)
        for number, name in enumerate(hostile):
            habit = HABITS[number % len(HABITS)][0]
            port = await stack.enter_async_context(peers.peer(habit))
            targets.insert(number * 50, Target(name, address="127.0.0.1", port=port))
        began = time.monotonic()
        outcomes = await scan(targets, good.options(), limits)
        together = time.monotonic() - began
    assert all(one.status == "ok" for one in alone.values())
    assert {name for name, one in outcomes.items() if one.status != "ok"} == set(hostile)
    assert together < 2 * seconds + limits.total_seconds + 1


async def test_a_clock_in_1970_is_told_and_nothing_else_is_wrong(tmp_path: Path) -> None:
    async def young(process: Process) -> None:
        process.stdout.write(answer(NONCE, started_at=86_400.0))
        process.exit(0)

    async with server(tmp_path, young) as host:
        outcome = (await scan([host.target()], host.options()))["127.0.0.1"]
    assert outcome.status == "ok"
    assert outcome.clock_offset_seconds == pytest.approx(86_400.0 - outcome.started_at, abs=60)


async def test_a_clock_that_is_set_back_here_makes_no_negative_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    falling = itertools.count(1.8e9, -3600)
    monkeypatch.setattr(
        "fleet_collector.scan.time", SimpleNamespace(time=falling.__next__, monotonic=time.monotonic)
    )
    async with server(tmp_path, well) as host:
        outcome = (await scan([host.target()], host.options()))["127.0.0.1"]
    assert outcome.status == "ok"
    assert outcome.started_at < outcome.finished_at < outcome.started_at + 60


async def test_an_answer_of_ten_thousand_processes_is_read_whole(tmp_path: Path) -> None:
    names = [f"worker-{n}\u202e\x1b[2J\n" for n in range(10_000)]
    groups = [{"name": name, "count": 1, "rss_bytes": n} for n, name in enumerate(names)]
    data = {"total": 10_000, "threads": 10_000, "groups": groups}

    async def crowded(process: Process) -> None:
        rest = (section(NONCE, step) for step in STEPS if step != "processes")
        process.stdout.write(
            start(NONCE) + section(NONCE, "processes", data=data) + b"".join(rest) + end(NONCE)
        )
        process.exit(0)

    limits = msgspec.structs.replace(LIMITS, output_bytes=4 * 1024 * 1024, run_seconds=20, total_seconds=20)
    async with server(tmp_path, crowded) as host:
        outcome = (await scan([host.target()], host.options(), limits))["127.0.0.1"]
    assert outcome.status == "ok", outcome.failure
    assert outcome.snapshot is not None
    assert outcome.snapshot.processes is not None
    assert outcome.snapshot.processes.data is not None
    assert [group.name for group in outcome.snapshot.processes.data.groups or ()] == names
