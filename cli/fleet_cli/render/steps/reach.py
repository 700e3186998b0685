"""Step 6 on the page: which targets this host can open."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, rows
from fleet_collector.snapshot.reach import Probe, Reach
from fleet_collector.wording import duration, plain

_WORDS = {
    "open": "open",
    "refused": "refused",
    "filtered": "no answer: filtered",
    "unreachable": "unreachable",
    "dns": "name not resolved",
    "local_ports_used_up": "local ports used up",
    "open_or_filtered": "open or filtered (silent)",
    "denied": "denied by this host",
}


def block(reach: Reach) -> Block:
    """How many targets open; each with its result."""
    probes = reach.probes or []
    if not probes:
        return Block("no targets configured")
    opened = sum(probe.result == "open" for probe in probes)
    ordered = sorted(probes, key=lambda probe: probe.result == "open")
    return Block(f"{opened} of {len(probes)} targets open", rows((_row(probe) for probe in ordered), 8))


def _row(probe: Probe) -> tuple[str, ...]:
    took = duration(probe.ms / 1000) if probe.ms is not None else ""
    return plain(probe.target, 60), _WORDS[probe.result], took, plain(probe.errno or "", 30)
