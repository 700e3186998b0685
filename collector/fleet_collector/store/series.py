"""Reading numbers over time: which series there are, and their points, one at a time or by the million."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, select, text

from fleet_collector.store.bulk import chunks, plain_rows
from fleet_collector.store.database import Database
from fleet_collector.tables import HOST, SAMPLE, SCAN, SERIES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 500
SERIES_AT_ONCE = 1000  # of whole histories in memory: 1,000 series of 750 points are 18 MB
EVER = 2**62
LatestSample = tuple[int, str, str, str, float]
LASTING = 3 * 86_400_000  # ms for which the last known value of a number stands for the present one


class SeriesKey(NamedTuple):
    """One series: ``id`` in this database, and what it is of."""

    id: int
    host: str
    metric: str
    label: str


class History(NamedTuple):
    """A history as arrays of one length: ``at`` int64 (ms since the epoch), ``values`` float64."""

    series_id: int
    at: NDArray[np.int64]
    values: NDArray[np.float64]


def series(
    database: Database, names: Iterable[str] | None = None, metrics: Iterable[str] | None = None
) -> list[SeriesKey]:
    """Return the series of these hosts and metrics, or of all, by host, metric and label."""
    query = select(SERIES.c.id, HOST.c.name, SERIES.c.metric, SERIES.c.label).join(
        HOST, HOST.c.id == SERIES.c.host_id
    )
    if metrics is not None:
        query = query.where(SERIES.c.metric.in_(sorted(set(metrics))))
    found: list[SeriesKey] = []
    with database.reading() as connection:
        for some in [None] if names is None else chunks(sorted(set(names)), AT_ONCE):
            chosen = query if some is None else query.where(HOST.c.name.in_(some))
            found += map(SeriesKey._make, plain_rows(connection, chosen))
    return sorted(found, key=itemgetter(1, 2, 3))


def histories(
    database: Database, series_ids: Iterable[int], *, since: int = 0, until: int = EVER
) -> Iterator[History]:
    """Yield the history of each series that has points in ``since <= at < until`` (ms), by series number.

    Whole histories of a thousand series are in memory at once, so that any number of them can be read.
    """
    read = _from_sqlite if database.is_sqlite else _from_postgresql
    for some in chunks(sorted(set(series_ids)), SERIES_AT_ONCE):
        with database.reading() as connection:
            found = read(connection, {"some": some, "since": since, "until": until})
        yield from found


def latest_values(
    database: Database, names: Iterable[str], *, before: int = EVER
) -> dict[str, dict[tuple[str, str], float]]:
    """Return each host's numbers by (metric, label), as of its last scan that left any (see ``limit_of``).

    What that scan could not measure is taken from the days before it: a limit does not go with a step that
    timed out. Of the scans ``before`` a time (ms), where one is given.
    """
    return by_host(latest_samples(database, names, before=before))


def by_host(samples: Iterable[LatestSample]) -> dict[str, dict[tuple[str, str], float]]:
    """Return the values of such samples by host, and of each by (metric, label)."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for _, host, metric, label, value in samples:
        found.setdefault(host, {})[metric, label] = value
    return found


def latest_samples(database: Database, names: Iterable[str], *, before: int = EVER) -> list[LatestSample]:
    """Return the same as rows: series number, host, metric, label and value."""
    last = (
        select(func.max(SCAN.c.taken_at))
        .where(SCAN.c.host_id == HOST.c.id, SCAN.c.samples > 0, SCAN.c.taken_at < before)
        .correlate(HOST)
        .scalar_subquery()
    )
    hosts = select(HOST.c.id, HOST.c.name, last.label("last"))
    found: list[LatestSample] = []
    with database.reading() as connection:
        for some in chunks(sorted(set(names)), AT_ONCE):
            rows = plain_rows(connection, _latest(hosts.where(HOST.c.name.in_(some))))
            found += (row for row in rows if row[4] is not None)
    return found


def _latest(hosts: Select[Any]) -> Select[Any]:
    """Select the last value of every series of hosts (id, name, last) within a while before the last scan.

    One look-up for each series, whatever the database believes of its rows: joined to samples by stale
    statistics, every point of every series was read.
    """
    of = hosts.cte("of").prefix_with("MATERIALIZED", dialect="postgresql")
    value = (
        select(SAMPLE.c.value)
        .where(SAMPLE.c.series_id == SERIES.c.id, SAMPLE.c.at.between(of.c.last - LASTING, of.c.last))
        .order_by(SAMPLE.c.at.desc())
        .limit(1)
        .correlate(SERIES, of)
        .scalar_subquery()
    )
    return select(SERIES.c.id, of.c.name, SERIES.c.metric, SERIES.c.label, value).join(
        of, of.c.id == SERIES.c.host_id
    )


def _from_sqlite(connection: Connection, values: dict[str, Any]) -> list[History]:
    import numpy as np

    statement = text(
        "SELECT series_id, at, value FROM sample WHERE series_id IN :some AND at >= :since AND at < :until "
        "ORDER BY series_id, at"
    ).bindparams(bindparam("some", expanding=True))
    plain = plain_rows(connection, statement, values)
    if not plain:
        return []
    rows = np.fromiter(plain, dtype=[("series_id", "i8"), ("at", "i8"), ("value", "f8")], count=len(plain))
    numbers, starts = np.unique(rows["series_id"], return_index=True)
    return [
        History(int(number), part["at"].copy(), part["value"].copy())
        for number, part in zip(numbers, np.split(rows, starts[1:]), strict=True)
    ]


def _from_postgresql(connection: Connection, values: dict[str, Any]) -> list[History]:
    """Let the server string the points of each series together: a row a series, not a row a point."""
    import numpy as np

    statement = """
        SELECT series_id, string_agg(int8send(at), ''::bytea), string_agg(float8send(value), ''::bytea)
        FROM (
            SELECT series_id, at, value FROM sample
            WHERE series_id = ANY(%(some)s) AND at >= %(since)s AND at < %(until)s ORDER BY series_id, at
        ) AS point
        GROUP BY series_id ORDER BY series_id
    """
    driver: Any = connection.connection.driver_connection
    with driver.cursor(binary=True) as cursor:
        return [
            History(
                number,
                np.frombuffer(at, dtype=">i8").astype(np.int64),
                np.frombuffer(points, dtype=">f8").astype(np.float64),
            )
            for number, at, points in cursor.execute(statement, values)
        ]
