"""The verdict in one plain clause."""

from __future__ import annotations

from datetime import UTC, datetime

HOURS_PER_DAY = 24.0


def number(value: float) -> str:
    """Three significant digits, without exponents: 0.0123, 3.1, 1,230,000."""
    size = abs(value)
    if size >= 1000.0:
        digits = len(str(int(size))) - 3
        return f"{round(value, -digits):,.0f}"
    if size < 1e-6:
        return f"{value:.1e}" if size else "0"
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.9f}".rstrip("0")


def date(at: float) -> str:
    """Day and month, UTC: 12 May."""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when.day} {when:%b}"


def span(days: float) -> str:
    """Days, or hours where there are less than two of them, or minutes."""
    if days >= 2.0:
        return f"{days:.0f} days"
    hours = days * HOURS_PER_DAY
    return f"{hours:.0f} hours" if hours >= 2.0 else f"{hours * 60.0:.0f} minutes"


def every(days: float) -> str:
    """How often something comes round: about daily, about weekly, about every 3 days."""
    for name, usual in (("hourly", 1.0 / HOURS_PER_DAY), ("daily", 1.0), ("weekly", 7.0), ("monthly", 30.4)):
        if abs(days - usual) <= 0.15 * usual:
            return f"about {name}"
    return f"about every {span(days)}"


def too_little(samples: int, span_days: float, least_samples: int) -> str:
    """Why there is no verdict."""
    if samples >= least_samples:
        return f"{span(span_days)} of samples are too few"
    if not samples:
        return "no samples"
    return f"{samples} sample{' is' if samples == 1 else 's are'} too few"


def sawtooth(period_days: float, to_nothing: bool) -> str:
    """A sawtooth whose troughs do not rise."""
    return (
        f"rotates {every(period_days)}"
        if to_nothing
        else f"falls back {every(period_days)}, its troughs do not rise"
    )


def growing(slope: float, since: float | None, samples: int, span_days: float, *, troughs: bool) -> str:
    """Growth, with what it was measured on."""
    start = "" if since is None else f" since {date(since)}"
    what = "troughs rise" if troughs else "grows"
    return f"{what} {number(slope)} a day{start}, {samples} samples over {span(span_days)}"


def quiet(kind: str, since: float, steps: tuple[float, ...], removed: tuple[str, ...], slope: float) -> str:
    """A series that does not grow, by its likeliest explanation."""
    if kind == "level":
        return f"{' and '.join(removed)} only" if removed else f"level since {date(since)}"
    if kind in ("early growth", "ramp", "early growth and step"):
        return f"grew until {date(since)}, level since"
    if kind == "plateau":
        return "levelled off"
    if kind == "step" or (kind == "two steps" and len(steps) == 1):
        return f"one step on {date(since)}, level since"
    if kind == "two steps":
        return f"steps on {date(steps[0])} and {date(steps[1])}, level since"
    return f"falls {number(-slope)} a day" if slope < 0.0 else "growth not clear of the noise"
