"""The JSON that scripts rely on; times are ISO 8601 UTC, sizes bytes.

Schema history
    1  first form
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fleet_cli.when import iso
from fleet_collector.causes.diagnosis import Diagnosis
from fleet_collector.record import Record
from fleet_collector.snapshot import Snapshot

SCHEMA = 1


def record(record: Record, *, full: bool = False) -> dict[str, Any]:
    """One host of a scan; ``full`` adds its snapshot."""
    document: dict[str, Any] = {
        "host": record.host,
        "status": record.status,
        "severity": record.severity,
        "taken_at": iso(record.taken_at / 1000),
        "duration_ms": round(record.duration_ms),
        "error": None if record.failure is None else msgspec.to_builtins(record.failure),
        "findings": [msgspec.to_builtins(finding) for finding in record.findings],
    }
    if full:
        document["snapshot"] = None if record.snapshot is None else snapshot(record.snapshot)
    return document


def flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same in one row of a CSV file."""
    error = document["error"]
    wrong = [finding["message"] for finding in document["findings"] if finding["severity"] != "ok"]
    return {**document, "error": error and error["message"], "findings": "; ".join(wrong)}


def snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot by step; the agent's own cost beside them."""
    document: dict[str, Any] = msgspec.to_builtins(snapshot)
    return document


def sweep(
    number: int,
    started_at: float,
    finished_at: float | None,
    hosts: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The whole of ``fleet scan --format json``."""
    counts = {
        status: sum(host["status"] == status for host in hosts) for status in ("ok", "partial", "failed")
    }
    return {
        "schema": SCHEMA,
        "sweep": {
            "id": number,
            "started_at": iso(started_at),
            "finished_at": None if finished_at is None else iso(finished_at),
            "hosts": len(hosts),
            **counts,
        },
        "hosts": list(hosts),
    }


CAUSE_COLUMNS = ("rank", "severity", "hosts_folded", "rule", "subject", "message", "next")


def causes(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """The causes of ``fleet why``, ranked."""
    return [msgspec.to_builtins(cause) for cause in diagnosis.causes]


def diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    """The whole of ``fleet why --format json``."""
    return {"schema": SCHEMA, **msgspec.to_builtins(diagnosis)}
