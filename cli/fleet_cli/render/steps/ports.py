"""Step 7 on the page: which process holds which port."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, rows
from fleet_collector.findings.words import several
from fleet_collector.snapshot.ports import Listener, Ports
from fleet_collector.wording import plain


def block(ports: Ports) -> Block:
    """Every listener with its owner."""
    listeners = ports.listeners or []
    line = joined(
        several(len(listeners), "listener"),
        f"owner of {ports.owners_unknown} unknown" if ports.owners_unknown else None,
    )
    return Block(line, rows((_row(listener) for listener in listeners), 10))


def _row(listener: Listener) -> tuple[str, ...]:
    owner = plain(f"{listener.name} {listener.pid}", 50) if listener.pid is not None else "owner unknown"
    full = bool(listener.backlog and listener.queue and listener.queue >= listener.backlog)
    return (
        f"{listener.protocol} {plain(listener.address, 45)}:{listener.port}",
        owner,
        plain(listener.unit or listener.user or "", 50),
        joined(
            f"accept queue {listener.queue} of {listener.backlog}" + (", full" if full else "")
            if listener.queue
            else None,
            "program replaced on disk" if listener.exe_deleted else None,
        ),
    )
