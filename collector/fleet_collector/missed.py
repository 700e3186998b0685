"""What should have been seen and was not: hosts without an answer, a nightly sweep that did not run."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise

from fleet_collector.store import HostSummary, SweepSummary
from fleet_collector.wording import duration, moment

DAY = 86400.0
HABIT = 3  # sweeps a day apart that make a habit (ours)
LATE = 1.25  # times the habit (ours): 30 hours for a nightly sweep


def silent(hosts: Iterable[HostSummary], now: float, days: float) -> list[HostSummary]:
    """Hosts without an answer for so many days; one that never answered is one of them."""
    return [host for host in hosts if host.answered_at is None or now - host.answered_at / 1000 > days * DAY]


def missed_night(sweeps: Sequence[SweepSummary], now: float) -> str | None:
    """A sentence if sweeps used to run about daily and the last one is overdue, or was broken off.

    ``sweeps`` newest first. Sweeps by hand in between do no harm: of each day the first one counts.
    """
    if not sweeps:
        return None
    newest = sweeps[0]
    if newest.status == "interrupted":
        return f"the last sweep, of {moment(newest.started_at / 1000)} UTC, was broken off: scan again"
    days: dict[int, float] = {}
    for sweep in sweeps:
        days[int(sweep.started_at // (DAY * 1000))] = sweep.started_at / 1000
    starts = sorted(days.values())
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    if len(gaps) < HABIT:
        return None
    usual = statistics.median(gaps)
    if not 0.5 * DAY < usual < 8 * DAY or now - starts[-1] <= LATE * usual:
        return None
    return (
        f"a sweep is overdue: they ran every {duration(usual)}, the last one began "
        f"{duration(now - starts[-1])} ago; is the timer or the cron job alive?"
    )
