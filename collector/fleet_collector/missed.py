"""What should have been seen and was not: hosts without an answer, a nightly sweep that did not run."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise

from fleet_collector.store import Database, HostSummary, SweepSummary, days, sweeps
from fleet_collector.wording import duration, moment

DAY = 86400.0
HABIT = 3  # sweeps a day apart that make a habit (ours)
LATE = 1.25  # times the habit (ours): 30 hours for a nightly sweep


def silent(hosts: Iterable[HostSummary], now: float, days: float) -> list[HostSummary]:
    """Hosts without an answer for so many days; one that never answered is one of them."""
    return [host for host in hosts if host.answered_at is None or now - host.answered_at / 1000 > days * DAY]


def missed_night(database: Database, now: float) -> str | None:
    """A sentence if sweeps used to run about daily and the last one is overdue, or was broken off.

    Sweeps by hand in between do no harm: of each day the first one counts.
    """
    last = next(iter(sweeps(database, at_most=1)), None)
    return (last and _broken_off(last)) or _overdue(days(database), now)


def _broken_off(sweep: SweepSummary) -> str | None:
    missing = sweep.hosts - sweep.ok - sweep.partial - sweep.failed
    if sweep.status != "interrupted" or missing <= 0:
        return None
    return (
        f"the last sweep, of {moment(sweep.started_at / 1000)} UTC, was broken off: "
        f"{missing} of {sweep.hosts} hosts have no result of it"
    )


def _overdue(starts: Sequence[float], now: float) -> str | None:
    """``starts`` holds when the first sweep of each day began, oldest first."""
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
