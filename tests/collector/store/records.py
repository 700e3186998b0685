"""Records to store, and a child process that stores them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fleet_collector import store
from fleet_collector.failures import Failure
from fleet_collector.findings.finding import Finding
from fleet_collector.metrics import Sample
from fleet_collector.record import Record
from fleet_collector.snapshot import Snapshot

DAY = 86_400_000
NOON = 1_800_000_000_000 // DAY * DAY + DAY // 2

FINDING = Finding(
    rule="disk.full",
    step="disk",
    severity="critical",
    subject="/var",
    message="/var is 97 % full",
    evidence={"used_percent": 97.0, "top": [{"name": "shop", "bytes": 1}], "note": "ü\u202e"},
    next="du -x /var",
)
FAILURE = Failure(kind="refused", stage="connect", message="web1 refused the connection.", hint="Is sshd up?")


def snapshot(**sections: dict[str, Any]) -> Snapshot:
    made = {step: {"status": "ok", "data": data} for step, data in sections.items()}
    return msgspec.convert({"schema": 1, "agent": {"version": "1"}, **made}, Snapshot)


def points(database: store.Database, series_id: int) -> tuple[list[int], list[float]]:
    """The times and values of one series."""
    found = list(store.histories(database, [series_id]))
    return (found[0].at.tolist(), found[0].values.tolist()) if found else ([], [])


def samples(count: int = 3, start: float = 0.0) -> list[Sample]:
    return [Sample("disk_used_bytes", f"/{n}", start + n) for n in range(count)]


def well(host: str, sweep_id: int, at: int, **changes: Any) -> Record:
    whole: dict[str, Any] = {
        "host": host,
        "sweep_id": sweep_id,
        "taken_at": at,
        "status": "ok",
        "snapshot": snapshot(cpu={"load1": 0.5}, identity={"hostname": host}),
        "samples": samples(),
        "duration_ms": 12.5,
        "clock_offset_seconds": -0.25,
        "address": "192.0.2.1",
    }
    return Record(**(whole | changes))


def failed(host: str, sweep_id: int, at: int) -> Record:
    return Record(host=host, sweep_id=sweep_id, taken_at=at, status="failed", failure=FAILURE)


def sweep(database: store.Database, *hosts: str, **options: Any) -> int:
    return store.begin_sweep(database, asked="scan", hosts=hosts, **options)


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python that has the product and this module at hand; what it prints is to be read."""
    opening = "import sys; from fleet_collector import store; from tests.collector.store import records\n"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", opening + program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def finish(children: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Wait for children and return what each printed; each must end well."""
    said = []
    for process in children:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        said.append(out)
    return said
