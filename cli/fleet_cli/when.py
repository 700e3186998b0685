"""Points in time as people write them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from fleet_collector.errors import UsageError

_AGO = re.compile(r"(\d{1,6})\s*([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def parse(text: str, now: float | None = None) -> float:
    """Seconds since the epoch of ``30d`` (ago), ``2026-11-01`` (UTC) or ``2026-11-01T02:10:00Z``.

    Raises UsageError.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return (time.time() if now is None else now) - int(ago[1]) * _SECONDS[ago[2]]
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError as fault:
        raise UsageError(
            f"{text!r} is no time: write 12h, 30d, 2026-11-01 or 2026-11-01T02:10:00Z"
        ) from fault
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def span(since: str | None, until: str | None) -> tuple[float | None, float | None]:
    """Both ends of a window of time, None where it is open; raises UsageError if it ends before it begins."""
    now = time.time()
    start = None if since is None else parse(since, now)
    end = None if until is None else parse(until, now)
    if start is not None and start >= (now if end is None else end):
        after = "now" if until is None else f"--until {until}"
        raise UsageError(f"--since {since} is not before {after}: there is no time between them")
    return start, end


def seconds(text: str) -> float:
    """The length of ``10s``, ``5m``, ``2h`` in seconds; raises UsageError."""
    length = _AGO.fullmatch(text.strip())
    if not length or not int(length[1]):
        raise UsageError(f"{text!r} is no length of time: write 10s, 5m or 2h")
    return float(int(length[1]) * _SECONDS[length[2]])


def iso(at: float) -> str:
    """ISO 8601 in UTC with milliseconds, as all JSON of fleet has it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
