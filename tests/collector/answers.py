"""What an agent prints, made up: enough for the collector to take it for a whole answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from fleet_collector.snapshot import STEPS


def frame(nonce: str, **content: object) -> bytes:
    return b"\nfleet-frame " + nonce.encode() + b" " + json.dumps(content).encode() + b"\n"


def start(nonce: str, schema: int = 1, started_at: float | None = None) -> bytes:
    agent = {"version": "0.1", "python": "3.11", "uid": 0, "started_at": started_at or time.time()}
    return frame(nonce, frame="start", schema=schema, agent=agent)


def section(nonce: str, step: str, **content: object) -> bytes:
    return frame(
        nonce, frame="section", step=step, **{"status": "ok", "ms": 1.5, "notes": {}, "data": {}, **content}
    )


def end(nonce: str) -> bytes:
    return frame(nonce, frame="end", agent={"wall_ms": 12.5, "cpu_ms": 8, "max_rss_bytes": 9_000_000})


def answer(nonce: str, steps: Iterable[str] = STEPS, started_at: float | None = None) -> bytes:
    return start(nonce, started_at=started_at) + b"".join(section(nonce, step) for step in steps) + end(nonce)
