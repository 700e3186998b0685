"""Step 2 on the page: how much memory is left."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, named, rows
from fleet_collector.snapshot.memory import Memory
from fleet_collector.wording import percent, plain, size


def block(memory: Memory) -> Block:
    """What is available, swap, kills by the kernel, and who holds most."""
    line = joined(
        f"{size(memory.available_bytes)} available" if memory.available_bytes is not None else None,
        f"of {size(memory.total_bytes)}" if memory.total_bytes is not None else None,
        _swap(memory),
        f"{memory.oom_kills} killed for memory since boot" if memory.oom_kills else None,
        f"pressure {percent(memory.pressure.full_avg60)}"
        if memory.pressure and memory.pressure.full_avg60
        else None,
    )
    return Block(
        line.replace("available, of", "available of"),
        rows(
            (
                named(process),
                size(process.rss_bytes),
                f"{size(process.swap_bytes)} swapped" if process.swap_bytes else "",
                plain(process.command or "", 70),
            )
            for process in memory.top or ()
        ),
    )


def _swap(memory: Memory) -> str | None:
    if memory.swap_total_bytes is None:
        return None
    if not memory.swap_total_bytes:
        return "no swap"
    return f"swap {size(memory.swap_used_bytes or 0)} of {size(memory.swap_total_bytes)}"
