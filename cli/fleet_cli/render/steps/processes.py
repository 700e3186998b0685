"""Step 3 on the page: processes and threads."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_cli.render.steps.block import Block, joined, named, rows
from fleet_collector.findings.words import several
from fleet_collector.snapshot.processes import Processes
from fleet_collector.wording import number, plain


def block(processes: Processes) -> Block:
    """Counts by state; the wanted ones, zombies by parent, blocked tasks, and who holds most files."""
    states = processes.states or {}
    line = joined(
        several(processes.total, "process", "processes") if processes.total is not None else None,
        several(processes.threads, "thread") if processes.threads is not None else None,
        several(states["Z"], "zombie") if states.get("Z") else None,
        f"{states['D']} blocked" if states.get("D") else None,
        f"{number(processes.open_files)} open files" if processes.open_files is not None else None,
    )
    return Block(line, rows(_rows(processes), 8))


def _rows(processes: Processes) -> Iterator[tuple[str, ...]]:
    for wanted in processes.wanted or ():
        yield plain(wanted.name, 40), "wanted", f"{wanted.count} running" if wanted.count else "not running"
    for zombies in processes.zombies or ():
        count = several(zombies.count, "zombie")
        yield named(zombies.parent), f"parent of {count}", plain(" ".join(zombies.names), 60)
    for task in processes.blocked or ():
        yield named(task), "blocked", plain(task.wait_channel or "", 40)
    for holder in (processes.top_open_files or ())[:2]:
        of = f" of {number(holder.limit)}" if holder.limit else ""
        yield named(holder), f"{number(holder.open_files)}{of} open files"
