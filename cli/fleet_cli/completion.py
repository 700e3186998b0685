"""What a shell offers for a word that is half typed: hosts that were scanned, metrics that are kept."""

from __future__ import annotations

import os
from pathlib import Path


def hosts(incomplete: str) -> list[str]:
    """Names that begin so, of an SQLite file that is there: a key stroke waits for no server."""
    from fleet_cli import database, settings
    from fleet_collector import store
    from fleet_collector.errors import FleetError

    try:
        address = database.address(os.environ.get("FLEET_DB"), settings.load())
        if not Path(address).is_file():
            return []
        with store.connect(address) as opened:
            return [name for name in store.host_names(opened) if name.startswith(incomplete)]
    except FleetError:
        return []


def metrics(incomplete: str) -> list[str]:
    """Metrics whose name begins so."""
    from fleet_collector.metrics import METRICS

    return [name for name in METRICS if name.startswith(incomplete)]
