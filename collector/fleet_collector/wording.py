"""Numbers in the words a person uses: sizes, shares, durations, ages, names that are safe to print."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_YEAR = 365.25 * _DAY
TOO_FAR_DAYS = 730.0
_LAST_MOMENT = 253_402_300_799.0  # the end of the year 9999: a host's clock may say anything

# Line breaks, escapes, and the marks that turn text around (bidirectional controls are of category Cf).
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def size(count: float) -> str:
    """Bytes as ``81 GiB``, ``1.5 GiB``, ``512 B``.

    >>> size(1610612736)
    '1.5 GiB'
    """
    value, power = float(count), 0
    while abs(value) >= 999.5 and power < len(_UNITS) - 1:
        value, power = value / 1024, power + 1
    digits = 1 if power and abs(value) < 9.95 else 0
    return f"{value:.{digits}f} {_UNITS[power]}"


def percent(value: float) -> str:
    """A share as ``7 %``; below 10 with one digit, never rounded up to a full 100, nor easily down to none.

    >>> percent(99.97), percent(0.031)
    ('99.9 %', '0.03 %')
    """
    if 99.5 <= value < 100:
        return f"{int(value * 10) / 10:.1f} %"
    if 0.005 <= abs(value) < 0.05:
        return f"{value:.2f} %"
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"


def amount(value: float, unit: str) -> str:
    """A number in its unit, as a person says it.

    >>> amount(3 * 1024**3, "bytes"), amount(12, "percent"), amount(4.25, "files")
    ('3.0 GiB', '12 %', '4.25')
    """
    if unit == "bytes":
        return size(value)
    if unit == "percent":
        return percent(value)
    if unit == "seconds":
        return duration(value)
    return number(value)


def coming(low_days: float, high_days: float | None, now: float) -> str:
    """When a limit is met, always as a range: ``in 6 to 11 days``, ``not before 20 Oct``, ``now``.

    ``high_days`` None is an open end; ``now`` is what days count from, in seconds since the epoch.

    >>> coming(6.3, 10.2, 0.0), coming(0.2, 1.4, 0.0)
    ('in 6 to 11 days', 'in 4 to 34 hours')
    """
    if low_days > TOO_FAR_DAYS:
        return "in more than 2 years"
    if high_days is None or high_days > TOO_FAR_DAYS:
        return f"not before {day(now + max(low_days, 0.0) * _DAY)}"
    if high_days <= 0.0:
        return "now"
    first, last, unit = max(low_days, 0.0), high_days, "days"
    if last < 2.0:
        first, last, unit = first * 24, last * 24, "hours"
    elif 1.0 / 24 <= first < 2.0:
        return f"in {_count(math.floor(first * 24), 'hour')} to {math.ceil(last)} days"
    if math.floor(first) == 0:
        return f"within {_count(math.ceil(last), unit.removesuffix('s'))}"
    return f"in {math.floor(first)} to {max(math.ceil(last), math.floor(first) + 1)} {unit}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def number(value: float) -> str:
    """A count or a rate with thousands apart: ``12,400``, ``0.35``.

    >>> number(12400.0)
    '12,400'
    """
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """How long, in one unit: ``40 ms``, ``12 s``, ``5 min``, ``3 h``, ``41 d``, ``2.1 years``.

    >>> duration(300)
    '5 min'
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    for unit, name, most in ((_MINUTE, "min", 100 * _MINUTE), (_HOUR, "h", 2 * _DAY), (_DAY, "d", 2 * _YEAR)):
        if seconds < most:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / _YEAR:.1f} years"


def day(at: float) -> str:
    """A day in UTC as ``22 Nov``, with the year where it is not this one's business."""
    when = datetime.fromtimestamp(at, UTC)
    near = abs(datetime.now(UTC).timestamp() - at) < _YEAR / 2
    return f"{when.day} {when:%b}" if near else f"{when:%Y-%m-%d}"


def moment(at: float) -> str:
    """A time of day in UTC as ``22 Nov 16:47``, with the year where it is not this one's business."""
    when = datetime.fromtimestamp(min(max(at, 0.0), _LAST_MOMENT), UTC)
    return (
        f"{when.day} {when:%b %H:%M}"
        if abs(datetime.now(UTC).timestamp() - at) < _YEAR / 2
        else f"{when:%Y-%m-%d %H:%M}"
    )


def plain(text: str, most: int = 300) -> str:
    r"""Text of a host, safe on a terminal: bounded; control and bidirectional characters spelt out.

    >>> plain("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt(letter) if unicodedata.category(letter) in _HARMFUL else letter for letter in text)


def _spelt(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``; did you mean web1 or web2?``, or nothing where nothing is near (``cutoff`` as difflib has it)."""
    from difflib import get_close_matches  # for a mistake alone

    near = get_close_matches(word, list(known), n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(map(plain, near))}?" if near else ""
