"""Step 0 on the page: which machine, which boot."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, rows
from fleet_collector.snapshot.identity import Identity
from fleet_collector.wording import duration, moment, plain


def block(identity: Identity) -> Block:
    """System, kernel, uptime and clock; kernel messages of the last day."""
    line = joined(
        plain(identity.os) if identity.os else None,
        f"kernel {plain(identity.kernel)}" if identity.kernel else None,
        plain(identity.container or identity.virtualization or "") or None,
        f"up {duration(identity.uptime_seconds)}" if identity.uptime_seconds is not None else None,
        {True: "clock in step", False: "clock not synchronised", None: None}[identity.clock_synchronised],
    )
    return Block(
        line,
        rows(
            (
                message.kind,
                f"{message.count} x",
                moment(message.last_at) if message.last_at else "",
                plain(message.last or "", 90),
            )
            for message in identity.kernel_messages or ()
        ),
    )
