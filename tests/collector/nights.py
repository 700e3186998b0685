"""Nights of numbers in a database, as nightly sweeps leave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fleet_collector import store
from fleet_collector.metrics import Sample
from fleet_collector.record import Record

DAY_MS = 86_400_000
GIB = float(2**30)
LAST = 1_795_000_000_000  # the last night, in ms

Number = Callable[[int], float | None]
Host = Mapping[tuple[str, str], Number | float]

VOLUME = 100 * GIB


def level(middle: float, noise: float = 0.01, seed: int = 0) -> Number:
    """A number that stays, with noise."""
    return lambda night: float(middle * (1 + noise * np.random.default_rng([seed, night]).normal()))


def line(start: float, slope: float, noise: float = 0.0, seed: int = 0) -> Number:
    """A number that grows by so much a night."""
    return lambda night: float(
        start + slope * night + noise * np.random.default_rng([seed, night]).normal() * abs(slope)
    )


def volume(mount: str, used: Number, size: float = VOLUME) -> Host:
    """A volume's two numbers."""
    return {("disk_used_bytes", mount): used, ("disk_size_bytes", mount): size}


def keep(
    database: store.Database,
    hosts: Mapping[str, Host],
    nights: int = 40,
    *,
    last: int = LAST,
    without: Sequence[int] = (),
) -> None:
    """Store a scan a night, but for those missed; a number that is None was not measured that night."""
    first = last - (nights - 1) * DAY_MS
    number = store.begin_sweep(database, asked="hosts.txt", hosts=list(hosts), started_at=first)
    records = [
        _record(name, host, number, first + night * DAY_MS, night)
        for night in range(nights)
        if night not in without
        for name, host in hosts.items()
    ]
    store.save(database, records)
    store.finish_sweep(database, number, finished_at=last + 1000)


def _record(name: str, host: Host, sweep_id: int, at: int, night: int) -> Record:
    values = {key: made(night) if callable(made) else made for key, made in host.items()}
    samples = [Sample(*key, float(value)) for key, value in values.items() if value is not None]
    return Record(host=name, sweep_id=sweep_id, taken_at=at, status="ok", samples=samples)
