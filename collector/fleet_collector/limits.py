"""How many, how long, how much: the bounds of a sweep."""

from __future__ import annotations

import random
from typing import Annotated

from msgspec import Meta, Struct

MEBIBYTE = 1024 * 1024

Seconds = Annotated[float, Meta(gt=0, le=86400)]
Several = Annotated[int, Meta(ge=1, le=100_000)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of a sweep; ``total_seconds`` ends a host whatever hangs, retries included.

    The first ``burst`` hosts begin at once, further ones ``start_rate`` a second at the most until all places
    are taken, so that bastions and firewalls see a ramp and not a wall.
    """

    concurrency: Several = 128
    connect_seconds: Seconds = 10.0
    login_seconds: Seconds = 20.0
    run_seconds: Seconds = 40.0
    total_seconds: Seconds = 75.0
    per_bastion: Several = 64
    per_address: Several = 8
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    retry_seconds: Seconds = 1.0
    burst: Several = 32
    start_rate: Annotated[float, Meta(gt=0, le=100_000)] = 200.0
    output_bytes: Annotated[int, Meta(ge=65536, le=1024 * MEBIBYTE)] = 8 * MEBIBYTE

    def pause(self, attempt: int) -> float:
        """Seconds before the next attempt: doubled each time, with chance, so that those refused spread."""
        return self.retry_seconds * float(2**attempt) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret

    def ramp(self, place: int) -> float:
        """Seconds until a place of the fan-out begins its first host."""
        return max(0, place - self.burst) / self.start_rate * random.uniform(0.5, 1.5)  # noqa: S311
