"""What was foretold of a series, kept so that ``fleet trends`` can say how far off it was."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import select

from fleet_collector.store.bulk import insert_new, plain_rows
from fleet_collector.store.database import Database
from fleet_collector.store.series import EVER, SeriesKey
from fleet_collector.tables import FORECAST, HOST, SERIES

A_DAY_MS = 20 * 3_600_000  # nights are not exactly a day apart
_COLUMNS = (
    "series_id",
    "made_at",
    "value",
    "limit_value",
    "slope_per_day",
    "confidence",
    "eta_days",
    "eta_low",
    "eta_high",
)


class Forecast(Struct, frozen=True, kw_only=True):
    """What a trend said of a series at ``made_at`` (ms): the value then, its limit, and the days to it."""

    series_id: int
    made_at: int
    value: float
    limit_value: float | None
    slope_per_day: float
    confidence: float
    eta_days: float | None
    eta_low: float | None
    eta_high: float | None


def save_forecasts(database: Database, made: Iterable[Forecast]) -> None:
    """Keep forecasts, one a day of each series: the first of a day stays as it is."""
    every = sorted(made, key=lambda one: (one.series_id, one.made_at))
    if not every:
        return
    earliest, latest = min(one.made_at for one in every), max(one.made_at for one in every)
    near = select(FORECAST.c.series_id, FORECAST.c.made_at).where(
        FORECAST.c.made_at.between(earliest - A_DAY_MS, latest + A_DAY_MS)
    )
    with database.writing() as connection:
        taken: dict[int, list[int]] = {}
        for series_id, made_at in plain_rows(connection, near):
            taken.setdefault(series_id, []).append(made_at)
        rows = []
        for one in every:
            times = taken.setdefault(one.series_id, [])
            if all(abs(one.made_at - at) >= A_DAY_MS for at in times):
                times.append(one.made_at)
                rows.append(tuple(getattr(one, name) for name in _COLUMNS))
        insert_new(connection, FORECAST, _COLUMNS, rows)


def forecasts(database: Database, *, since: int = 0, until: int = EVER) -> list[tuple[SeriesKey, Forecast]]:
    """Return the forecasts made in ``since <= made_at < until`` (ms), by time, each with its series."""
    query = (
        select(HOST.c.name, SERIES.c.metric, SERIES.c.label, FORECAST)
        .join(SERIES, SERIES.c.id == FORECAST.c.series_id)
        .join(HOST, HOST.c.id == SERIES.c.host_id)
        .where(FORECAST.c.made_at >= since, FORECAST.c.made_at < until)
        .order_by(FORECAST.c.made_at, FORECAST.c.series_id)
    )
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        (
            SeriesKey(row["series_id"], row["name"], row["metric"], row["label"]),
            Forecast(**{name: row[name] for name in _COLUMNS}),
        )
        for row in rows
    ]
