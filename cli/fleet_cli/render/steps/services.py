"""Step 4 on the page: services and daemons."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, rows
from fleet_collector.snapshot.services import Services, Unit
from fleet_collector.wording import moment, plain


def block(services: Services) -> Block:
    """The manager and its state; every unit that is not simply running."""
    line = joined(
        services.manager,
        services.state,
        f"{services.running} running" if services.running is not None else None,
        f"{services.failed} failed" if services.failed is not None else None,
        f"{services.jobs} jobs waiting" if services.jobs else None,
    )
    return Block(
        line,
        rows(
            (plain(unit.name, 50), _state(unit), _detail(unit))
            for unit in services.units or ()
            if _worth_a_row(unit)
        ),
    )


def _worth_a_row(unit: Unit) -> bool:
    return unit.active in {"failed", "activating"} or bool(unit.restarts)


def _state(unit: Unit) -> str:
    return plain(f"{unit.active} ({unit.sub})" if unit.sub else unit.active, 40)


def _detail(unit: Unit) -> str:
    return joined(
        plain(unit.result, 40) if unit.result and unit.result != "success" else None,
        f"status {unit.exit_status}" if unit.exit_status else None,
        f"{unit.restarts} restarts" if unit.restarts else None,
        f"since {moment(unit.since)}" if unit.since else None,
    )
