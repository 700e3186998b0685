"""Exit codes that scripts rely on."""

from __future__ import annotations

from collections.abc import Iterable

FINE = 0
WARNING = 1
CRITICAL = 2
UNKNOWN = 3
USAGE = 64  # EX_USAGE of sysexits.h
FAULT = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells do

_BY_SEVERITY = {"critical": CRITICAL, "warning": WARNING, "unknown": UNKNOWN, "ok": FINE}
_WORST_FIRST = ("critical", "warning", "unknown", "ok")


def of(severities: Iterable[str]) -> int:
    """The exit code of the worst severity: critical before warning before unknown before ok."""
    seen = set(severities)
    return next((_BY_SEVERITY[severity] for severity in _WORST_FIRST if severity in seen), FINE)
