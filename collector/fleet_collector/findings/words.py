"""How findings name a culprit and tell amounts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from fleet_collector.snapshot.fact import Process
from fleet_collector.wording import duration, size


def rate(bytes_per_second: float) -> str:
    """A flow of bytes in the unit of time that is easiest to grasp: ``3.0 MiB/s``, ``1.1 GiB a day``."""
    if bytes_per_second >= 100 * 1024:
        return f"{size(bytes_per_second)}/s"
    if bytes_per_second * 3600 >= 10 * 1024**2:
        return f"{size(bytes_per_second * 3600)} an hour"
    return f"{size(bytes_per_second * 86400)} a day"


def several(count: int, one: str, many: str | None = None) -> str:
    """``1 process``, ``1,200 processes``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def ago(at: float, now: float) -> str:
    """How long before ``now`` something was: ``12 min ago``."""
    return f"{duration(max(now - at, 0.0))} ago"


def listed(words: Iterable[str], most: int = 3) -> str:
    """``a, b and c``; beyond ``most``, how many more."""
    names = list(dict.fromkeys(words))
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def short(text: str, most: int = 80) -> str:
    """The start of a long text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def who(process: Process) -> str:
    """A culprit by name: ``java (pid 812, unit shop.service)``."""
    unit = f", unit {short(process.unit, 60)}" if process.unit else ""
    return f"{short(process.name, 40)} (pid {process.pid}{unit})"


def who_evidence(process: Process) -> dict[str, Any]:
    """A culprit as evidence, under the keys that causes join on."""
    return {
        "pid": process.pid,
        "name": process.name,
        "command": short(process.command, 300) if process.command else None,
        "user": process.user,
        "unit": process.unit,
        "started_at": process.started_at,
    }


def filters(port: int) -> str:
    """The next command where something on the way is suspected: the host's own rules for a port."""
    words = rf"\b{port}\b|drop|reject"
    return f"(nft list ruleset; iptables-save) 2>/dev/null | grep -niE '{words}' | head -20"


def quoted(word: str) -> str:
    """A word as a shell takes it, for the next command."""
    return shlex.quote(short(word, 300))
