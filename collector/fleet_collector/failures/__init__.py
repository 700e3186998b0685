"""Why a host gave no answer, or only half of one: every kind, its sentence and what to do, in this one place.

Text that came from a host is made safe for a terminal before it enters a message.
"""

from __future__ import annotations

from fleet_collector.failures.answer import (
    cut_short,
    no_python,
    not_started,
    nothing_said,
    too_large,
    unreadable,
)
from fleet_collector.failures.failure import Failure, HostError, Kind, Stage
from fleet_collector.failures.host_key import bad_key, changed_key, other_type, unknown_key
from fleet_collector.failures.login import broken_off, keys_not_enough, login_broken, login_refused
from fleet_collector.failures.told import cancelled, internal, suspecting, through, worker_lost
from fleet_collector.failures.way import (
    closed_early,
    no_common_algorithm,
    not_connected,
    not_forwarded,
    not_greeted,
    not_ssh,
    proxy_ended,
    too_slow,
    unresolved,
)

__all__ = [
    "Failure",
    "HostError",
    "Kind",
    "Stage",
    "bad_key",
    "broken_off",
    "cancelled",
    "changed_key",
    "closed_early",
    "cut_short",
    "internal",
    "keys_not_enough",
    "login_broken",
    "login_refused",
    "no_common_algorithm",
    "no_python",
    "not_connected",
    "not_forwarded",
    "not_greeted",
    "not_ssh",
    "not_started",
    "nothing_said",
    "other_type",
    "proxy_ended",
    "suspecting",
    "through",
    "too_large",
    "too_slow",
    "unknown_key",
    "unreadable",
    "unresolved",
    "worker_lost",
]
