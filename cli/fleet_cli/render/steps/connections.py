"""Step 8 on the page: connections by state."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, rows
from fleet_collector.snapshot.connections import Connections
from fleet_collector.wording import number, percent, plain

_SHOWN = ("established", "time_wait", "close_wait", "syn_sent", "syn_recv")


def block(connections: Connections) -> Block:
    """Counts by state, use of local ports, and where most connections go."""
    states = connections.states or {}
    line = joined(
        *(f"{number(states[state])} {state}" for state in _SHOWN if states.get(state)),
        _local_ports(connections),
        f"{percent(connections.retransmits_percent)} retransmitted"
        if connections.retransmits_percent
        else None,
        f"{number(connections.listen_overflows)} listen overflows since boot"
        if connections.listen_overflows
        else None,
    )
    largest = sorted(
        [(f"to {row.address}:{row.port}", row.count, row.states) for row in connections.by_remote or ()]
        + [
            (f"on port {row.port} {row.name or ''}", row.count, row.states)
            for row in connections.by_local_port or ()
        ],
        key=lambda row: -row[1],
    )
    return Block(
        line or "no connections",
        rows((plain(where, 60), number(count), _top(by)) for where, count, by in largest),
    )


def _local_ports(connections: Connections) -> str | None:
    share = connections.local_ports_percent
    return f"{percent(share)} of local ports used" if share and share >= 1 else None


def _top(states: dict[str, int]) -> str:
    ordered = sorted(states.items(), key=lambda item: -item[1])
    return ", ".join(f"{number(count)} {plain(state, 20)}" for state, count in ordered[:2])
