"""Chains on one host around processor and memory: who uses them up, and what slows down for it."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.causes.case import Case, Link, Symptom, every, shared
from fleet_collector.findings.past import facts

LARGE_SHARE = 0.3  # of the fall of available memory


def application(case: Case) -> Iterator[Link]:
    """A hog makes the machine busy, and the load where tasks compute and do not wait: its name is on top."""
    hogs = case.of("cpu.application")
    busy = case.of("cpu.busy")
    loads = [load for load in case.of("cpu.load") if not load.get("waiting")]
    for hog in hogs:
        yield from (
            Link(hog, effect) for effect in (*busy, *loads) if hog.get("name") in (effect.get("names") or ())
        )
    yield from every(busy, loads)
    for storm in case.of("cpu.short_lived"):
        if storm.get("unexplained_percent") >= (storm.get("busy_percent") or 0.0) / 2:
            yield from every([storm], (*busy, *loads))
    yield from every(hogs, case.of("cpu.throttled"))


def explosion(case: Case) -> Iterator[Link]:
    """Too many processes or threads of one name use up whatever that name is found on top of."""
    crowds = case.of("processes.one_name", "processes.many_threads")
    yield from shared(
        crowds,
        case.of("cpu.application", "memory.available", "processes.limit", "processes.unusual"),
        "name",
    )
    yield from shared(case.of("processes.many_threads"), case.of("processes.one_name"), "name")
    yield from shared(case.of("processes.unusual"), case.of("processes.limit"), "name")
    for crowd in crowds:
        for effect in case.of("cpu.busy", "cpu.load"):
            if crowd.get("name") in (effect.get("names") or ()) and not effect.get("waiting"):
                yield Link(crowd, effect)


def shortage(case: Case) -> Iterator[Link]:
    """Memory short: pages go out, swap fills, all wait; then the drives look busy and the load rises."""
    short = case.of("memory.available")
    moving = case.of("memory.swapping")
    pressed = case.of("memory.pressure")
    yield from every(short, (*moving, *pressed, *case.of("disk.swap")))
    yield from every(moving, (*pressed, *case.of("disk.swap")))
    slowed = (
        *case.of("disk.pressure", "disk.latency", "cpu.iowait"),
        *(load for load in case.of("cpu.load") if load.get("waiting")),
    )
    yield from every(moving or pressed, slowed)


def leak(case: Case) -> Iterator[Link]:
    """A process that takes more memory every day is why less is left every day, and why it is short."""
    trends = case.of("memory.trend")
    leaks = [trend for trend in trends if trend.get("metric") == "process_rss_bytes"]
    falls = [trend for trend in trends if trend.get("metric") == "mem_available_bytes"]
    for one in leaks:
        for fall in falls:
            if one.get("slope_per_day") >= LARGE_SHARE * abs(fall.get("slope_per_day")):
                yield Link(one, fall)
    yield from every(falls, case.of("memory.available"))
    yield from shared(leaks, case.of("memory.available"), "name")


def killed(case: Case) -> Iterator[Link]:
    """The machine's own shortage, not a group's limit, had the kernel kill."""
    for kill in case.of("memory.oom"):
        if not _in_limited_group(case, kill):
            yield from every(case.of("memory.available"), [kill])


def _in_limited_group(case: Case, kill: Symptom) -> bool:
    if kill.get("in_group") is not None:
        return bool(kill.get("in_group"))
    memory = facts(case.judged.snapshot.memory) if case.judged.snapshot else None
    unit = kill.get("unit")
    groups = (memory.groups if memory else None) or ()
    return any(group.oom_kills and unit and unit in group.path for group in groups)


def churn(case: Case) -> Iterator[Link]:
    """Who starts processes faster than it can collect them has dead ones at any moment."""
    yield from shared(case.of("cpu.short_lived"), case.of("processes.zombies"), "pid")


LINKS = (application, explosion, shortage, leak, killed, churn)
