"""A little fleet in a database: hosts that are well, sick, silent and hostile, scanned on some nights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from fleet_collector import failures, store
from fleet_collector.failures import Failure
from fleet_collector.findings.expected import Expected
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.thresholds import GIB, MIB, Thresholds
from fleet_collector.metrics import measure
from fleet_collector.record import Record
from fleet_collector.snapshot.cpu import CpuProcess
from fleet_collector.snapshot.fact import Process
from fleet_collector.snapshot.identity import KernelMessage
from fleet_collector.snapshot.logs import LogFile
from fleet_collector.snapshot.memory import MemoryProcess, OomKill
from fleet_collector.snapshot.processes import Zombies
from fleet_collector.snapshot.services import Unit
from fleet_collector.store import Database
from tests.collector import hosts
from tests.collector.hosts import but

NIGHT = 86400.0
REFUSED = failures.Failure(
    kind="refused",
    stage="connect",
    message="db9 port 22 refused the connection.",
    hint="Is sshd running there?",
)

# What a hostile host may put into a name: an escape sequence, a title, a bell, a line, text turned around.
EVIL = "x\x1b[31m\x1b]0;owned\x07\nFINE\r\u202etxt.exe\u2066\x9b2J\u2028end"


def full_disk() -> dict[str, Any]:
    """A root volume without room."""
    return {
        "disk": but(
            hosts.DISK,
            volumes=[but(hosts.ROOT, used_bytes=99 * GIB, available_bytes=GIB // 2, used_percent=99.5)],
        )
    }


def short_of_memory() -> dict[str, Any]:
    """Less memory than the operator's threshold."""
    return {"memory": but(hosts.MEMORY, available_bytes=300 * MIB)}


def warned() -> dict[str, Any]:
    """One failed unit."""
    unit = Unit(name="shop.service", active="failed", sub="failed", result="exit-code", exit_status=3)
    return {"services": but(hosts.SERVICES, units=[unit], failed=1)}


def busy() -> dict[str, Any]:
    """One application on all cores."""
    command = "/usr/bin/java -Xmx12g -jar /srv/shop/releases/2026-11-20/shop.jar --profile=production"
    java = CpuProcess(
        pid=812, name="java", unit="shop.service", command=command, core_percent=380.0, machine_percent=95.0
    )
    percent = but(hosts.PERCENT, busy=97.0, user=95.0, idle=3.0)
    return {"cpu": but(hosts.CPU, percent=percent, load1=18.2, top=[java])}


def hostile() -> dict[str, Any]:
    """A sick host, with every text that a host may choose itself turned into a trap."""
    process = Process(pid=1, name="init", command="/sbin/init", user="root", unit="init.scope")
    unit = Unit(name="shop.service", active="failed", sub="x", result="exit-code", log=["line"], restarts=9)
    sick = full_disk() | {
        "memory": but(
            hosts.MEMORY,
            available_bytes=100 * MIB,
            top=[MemoryProcess(pid=7, name="java", unit="shop", command="java", rss_bytes=15 * GIB)],
        ),
        "processes": but(hosts.PROCESSES, zombies=[Zombies(parent=process, count=900, names=["cat"])]),
        "services": but(hosts.SERVICES, units=[unit], failed=1),
        "logs": but(
            hosts.DATA["logs"], files=[LogFile(path="/var/log/x", size_bytes=9 * GIB, writer=process)]
        ),
    }
    return {step: _trapped(hosts.DATA[step] if step not in sick else sick[step]) for step in hosts.DATA}


def odd_times() -> dict[str, Any]:
    """Times at the ends of what a snapshot may hold."""
    unit = Unit(name="shop.service", active="failed", sub="failed", since=1e18, started_at=-1e18)
    message = KernelMessage(kind="oom_kill", count=1, last_at=1e18, last="x")
    return {
        "identity": but(hosts.IDENTITY, booted_at=-1e18, clock_at=1e18, kernel_messages=[message]),
        "memory": but(hosts.MEMORY, oom=[OomKill(at=1e18, pid=1, name="x")]),
        "services": but(hosts.SERVICES, units=[unit], failed=1),
    }


def _trapped(data: Any) -> Any:
    """The same struct with EVIL behind every text that is free."""
    built = msgspec.to_builtins(data)
    for holder, key in list(_texts(built)):
        was = holder[key]
        holder[key] = was + EVIL
        try:
            msgspec.convert(built, type(data))
        except msgspec.ValidationError:  # one of a few words that are allowed there
            holder[key] = was
    return msgspec.convert(built, type(data))


def _texts(part: Any) -> Iterator[tuple[Any, Any]]:
    """Where texts stand in a document: the list or table, and the place in it."""
    items = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in items:
        if isinstance(value, str):
            yield part, key
        elif isinstance(value, (dict, list)):
            yield from _texts(value)


def answered(host: str, sweep_id: int, at: float, /, **changes: Any) -> Record:
    """A scan of a host that is healthy but for ``changes``, judged as ``fleet scan`` judges it."""
    snapshot = hosts.snapshot(at, **changes)
    subject = Subject(
        host=host,
        taken_at=at,
        snapshot=snapshot,
        thresholds=Thresholds(),
        expected=Expected(),
        clock_offset_seconds=0.0,
        past=Past(),
    )
    return Record(
        host=host,
        sweep_id=sweep_id,
        taken_at=round(at * 1000),
        status="ok",
        snapshot=snapshot,
        samples=measure(snapshot),
        findings=judge(subject),
        duration_ms=900,
        clock_offset_seconds=0.0,
    )


def silent(host: str, sweep_id: int, at: float, failure: Failure = REFUSED) -> Record:
    """A scan without an answer."""
    return Record(host=host, sweep_id=sweep_id, taken_at=round(at * 1000), status="failed", failure=failure)


def sweep(database: Database, at: float, *records: tuple[str, Any]) -> int:
    """Store a sweep: a host's name with what ails it, a Failure where it did not answer."""
    names = [name for name, _ in records]
    number = store.begin_sweep(database, asked="hosts.txt", hosts=names, started_at=round(at * 1000))
    store.save(database, [_record(name, number, at, state) for name, state in records])
    store.finish_sweep(database, number, finished_at=round(at * 1000) + 4000)
    return number


def _record(name: str, number: int, at: float, state: Any) -> Record:
    if isinstance(state, Failure):
        return silent(name, number, at, state)
    return answered(name, number, at, **state)


def nights(database: Database, records: Sequence[tuple[str, Any]], count: int = 3) -> None:
    """The same fleet on several nights, the last one an hour ago."""
    for night in range(count - 1, -1, -1):
        sweep(database, time.time() - 3600 - night * NIGHT, *records)


def little_fleet(database: Database) -> None:
    """web1 and web2 well on three nights; last night web2 short of memory, db1 full, db9 silent."""
    nights(database, [("web1", {}), ("web2", {}), ("db1", {})])
    sweep(
        database,
        time.time() - 60,
        ("web1", {}),
        ("web2", short_of_memory()),
        ("db1", full_disk()),
        ("db9", REFUSED),
    )
