"""How many, how long, how much."""

from __future__ import annotations

import random
from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a sweep; ``total_seconds`` ends a host whatever hangs, retries included.

    The first ``burst`` hosts begin at once, further ones ``start_rate`` a second at the most until all places
    are taken, so that bastions and firewalls see a ramp and not a wall.
    """

    concurrency: int = 128
    connect_seconds: float = 10.0
    login_seconds: float = 20.0
    run_seconds: float = 40.0
    total_seconds: float = 75.0
    per_bastion: int = 64
    per_address: int = 8
    retries: int = 2
    retry_seconds: float = 1.0
    burst: int = 32
    start_rate: float = 200.0
    output_bytes: int = 8 * MEBIBYTE

    def pause(self, attempt: int) -> float:
        """Seconds before the next attempt: doubled each time, with chance, so that those refused spread."""
        return self.retry_seconds * float(2**attempt) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret

    def ramp(self, place: int) -> float:
        """Seconds until a place of the fan-out begins its first host."""
        return max(0, place - self.burst) / self.start_rate * random.uniform(0.5, 1.5)  # noqa: S311
