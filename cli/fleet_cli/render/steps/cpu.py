"""Step 1 on the page: who eats the CPU."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, named, rows
from fleet_collector.snapshot.cpu import Cpu
from fleet_collector.wording import percent, plain


def block(cpu: Cpu) -> Block:
    """The split of the interval, load against cores, pressure, and the top processes."""
    split = cpu.percent
    line = joined(
        f"{percent(split.busy)} busy" if split else None,
        f"{percent(split.iowait)} iowait" if split and split.iowait >= 1 else None,
        f"{percent(split.steal)} steal" if split and split.steal >= 1 else None,
        _load(cpu),
        f"pressure {percent(cpu.pressure.some_avg60)}" if cpu.pressure and cpu.pressure.some_avg60 else None,
        f"{cpu.blocked} blocked" if cpu.blocked else None,
    )
    return Block(
        line,
        rows(
            (
                named(process),
                percent(process.machine_percent),
                f"{process.core_percent / 100:.1f} cores",
                plain(process.command or "", 70),
            )
            for process in cpu.top or ()
            if process.core_percent >= 1
        ),
    )


def _load(cpu: Cpu) -> str | None:
    if cpu.load1 is None:
        return None
    loads = " ".join(f"{load:.2f}" for load in (cpu.load1, cpu.load5, cpu.load15) if load is not None)
    return f"load {loads} on {cpu.cores} cores" if cpu.cores else f"load {loads}"
