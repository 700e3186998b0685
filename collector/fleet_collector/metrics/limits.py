"""The real limit of a series, from the other numbers of the same scan.

A trend is worth a date only where something ends: the volume, the descriptor limit, the port range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fleet_collector.metrics.catalog import METRICS

Latest = Mapping[tuple[str, str], float]
"""The last value of each (metric, label) of one host; the label is empty where there is none."""


def limit_of(metric: str, label: str, latest: Latest) -> float | None:
    """Return the value at which a series meets its limit, in its own unit; None where nothing ends.

    It is met from below, except for ``mem_available_bytes``, which falls to 0. A percentage that is bounded
    ends at 100, a log where its volume is full, a process's memory where the host's is used up.
    """
    if metric in _PERCENT:
        return 100.0
    if metric in _ANOTHER:
        return latest.get((_ANOTHER[metric], label))
    rule = _RULES.get(metric)
    return rule(label, latest) if rule else None


_PERCENT = {name for name, metric in METRICS.items() if metric.unit == "percent" and metric.worse}

_ANOTHER = {
    "swap_used_bytes": "swap_total_bytes",
    "threads": "threads_max",
    "open_files": "open_files_max",
    "conntrack": "conntrack_max",
    "disk_used_bytes": "disk_size_bytes",
    "process_fds": "process_fds_limit",
}


def _nothing_left(_label: str, _latest: Latest) -> float:
    return 0.0


def _time_wait(_label: str, latest: Latest) -> float | None:
    """Return the port range, or the kernel's own cap where servers' peers have passed the range."""
    ports, cap = latest.get(("local_ports", "")), latest.get(("time_wait_max", ""))
    now = latest.get(("time_wait", ""), 0.0)
    return ports if ports is not None and now < ports else cap


def _process_memory(label: str, latest: Latest) -> float | None:
    return _sum(latest.get(("process_rss_bytes", label)), latest.get(("mem_available_bytes", "")))


def _processes(_label: str, latest: Latest) -> float | None:
    """Return the lower of both limits: a process is at least one thread."""
    limits = (latest.get(("processes_max", "")), latest.get(("threads_max", "")))
    return min((limit for limit in limits if limit is not None), default=None)


def _process_threads(label: str, latest: Latest) -> float | None:
    most, all_threads = latest.get(("threads_max", "")), latest.get(("threads", ""))
    own = latest.get(("process_threads", label))
    if most is None or all_threads is None or own is None:
        return most
    return most - max(all_threads - own, 0.0)


def _log(label: str, latest: Latest) -> float | None:
    mount = mount_of(label, latest)
    room = _room(mount, latest) if mount else None
    return _sum(latest.get(("log_bytes", label)), room)


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _room(mount: str, latest: Latest) -> float | None:
    size, used = latest.get(("disk_size_bytes", mount)), latest.get(("disk_used_bytes", mount))
    return None if size is None or used is None else max(size - used, 0.0)


def mount_of(path: str, latest: Latest) -> str | None:
    """Return the innermost known mount that holds a path."""
    mounts = (label for metric, label in latest if metric == "disk_size_bytes")
    around = (mount for mount in mounts if path == mount or path.startswith(mount.rstrip("/") + "/"))
    return max(around, key=len, default=None)


_RULES: dict[str, Callable[[str, Latest], float | None]] = {
    "mem_available_bytes": _nothing_left,
    "time_wait": _time_wait,
    "process_rss_bytes": _process_memory,
    "processes": _processes,
    "process_threads": _process_threads,
    "log_bytes": _log,
}
