"""Reading numbers over time: which series there are, and their points, one at a time or by the million."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, text

from fleet_collector.store.bulk import chunks
from fleet_collector.store.database import Database
from fleet_collector.tables import Host, Sample, Scan, Series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 500
SERIES_AT_ONCE = 1000  # of whole histories in memory: 1,000 series of 750 points are 18 MB
EVER = 2**62


class SeriesKey(NamedTuple):
    """One series: ``id`` in this database, and what it is of."""

    id: int
    host: str
    metric: str
    label: str


class Points(NamedTuple):
    """A history, oldest first: times in ms since the epoch, and values."""

    at: list[int]
    values: list[float]


class History(NamedTuple):
    """A history as arrays of one length: ``at`` int64 (ms since the epoch), ``values`` float64."""

    series_id: int
    at: NDArray[np.int64]
    values: NDArray[np.float64]


def series(
    database: Database, names: Iterable[str] | None = None, metrics: Iterable[str] | None = None
) -> list[SeriesKey]:
    """Return the series of these hosts and metrics, or of all, by host, metric and label."""
    query = select(Series.id, Host.name, Series.metric, Series.label).join(Host, Host.id == Series.host_id)
    if metrics is not None:
        query = query.where(Series.metric.in_(sorted(set(metrics))))
    found: list[SeriesKey] = []
    with database.reading() as connection:
        for some in [None] if names is None else chunks(sorted(set(names)), AT_ONCE):
            chosen = query if some is None else query.where(Host.name.in_(some))
            found += [SeriesKey(*row) for row in connection.execute(chosen)]
    return sorted(found, key=lambda key: key[1:])


def metrics(database: Database, name: str | None = None) -> list[str]:
    """Return the metrics that have a series, of one host or of any, sorted."""
    query = select(Series.metric).distinct()
    if name is not None:
        query = query.join(Host, Host.id == Series.host_id).where(Host.name == name)
    with database.reading() as connection:
        return sorted(connection.scalars(query))


def labels(database: Database, name: str, metric: str) -> list[str]:
    """Return the labels under which a host has a metric, sorted; one empty one where it has no label."""
    return [key.label for key in series(database, [name], [metric])]


def points(database: Database, series_id: int, *, since: int = 0, until: int = EVER) -> Points:
    """Return a series' points in ``since <= at < until`` (ms), oldest first."""
    query = (
        select(Sample.at, Sample.value)
        .where(Sample.series_id == series_id, Sample.at >= since, Sample.at < until)
        .order_by(Sample.at)
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return Points([row[0] for row in rows], [row[1] for row in rows])


def histories(
    database: Database, series_ids: Iterable[int], *, since: int = 0, until: int = EVER
) -> Iterator[History]:
    """Yield the history of each series that has points in ``since <= at < until`` (ms), by series number.

    Whole histories of a thousand series are in memory at once, so that any number of them can be read.
    """
    import numpy as np

    read = _from_sqlite if database.is_sqlite else _from_postgresql
    for some in chunks(sorted(set(series_ids)), SERIES_AT_ONCE):
        with database.reading() as connection:
            rows = read(connection, some, since, until)
        numbers, starts = np.unique(rows["series_id"], return_index=True)
        for number, start, end in zip(numbers, starts, [*starts[1:], len(rows)], strict=True):
            part = rows[start:end]
            yield History(int(number), part["at"].astype(np.int64), part["value"].astype(np.float64))


def latest_values(database: Database, names: Iterable[str]) -> dict[str, dict[tuple[str, str], float]]:
    """Return each host's numbers by (metric, label), of its last scan that left any (see ``limit_of``)."""
    last = (
        select(func.max(Scan.taken_at))
        .where(Scan.host_id == Host.id, Scan.samples > 0)
        .correlate(Host)
        .scalar_subquery()
    )
    query = (
        select(Host.name, Series.metric, Series.label, Sample.value)
        .join(Series, Series.host_id == Host.id)
        .join(Sample, Sample.series_id == Series.id)
        .where(Sample.at == last)
    )
    found: dict[str, dict[tuple[str, str], float]] = {}
    with database.reading() as connection:
        for some in chunks(sorted(set(names)), AT_ONCE):
            for host, metric, label, value in connection.execute(query.where(Host.name.in_(some))):
                found.setdefault(host, {})[metric, label] = value
    return found


def _from_sqlite(connection: Connection, some: list[int], since: int, until: int) -> NDArray[Any]:
    import numpy as np

    statement = text(
        "SELECT series_id, at, value FROM sample WHERE series_id IN :some AND at >= :since AND at < :until "
        "ORDER BY series_id, at"
    ).bindparams(bindparam("some", expanding=True))
    result = connection.execute(statement, {"some": some, "since": since, "until": until})
    cursor = result.cursor
    rows = cursor.fetchall() if cursor is not None else []  # plain tuples: Row objects would double the time
    return np.fromiter(rows, dtype=[("series_id", "i8"), ("at", "i8"), ("value", "f8")], count=len(rows))


def _from_postgresql(connection: Connection, some: list[int], since: int, until: int) -> NDArray[Any]:
    """Read by binary COPY, whose rows of three fixed numbers are an array as they stand.

    The format: PostgreSQL manual, COPY, "Binary Format": a header of 19 bytes, then for each row the number
    of fields and each field with its length, all big-endian; at the end the number -1.
    """
    import numpy as np

    row = [
        ("n", ">i2"),
        ("l1", ">i4"),
        ("series_id", ">i4"),
        ("l2", ">i4"),
        ("at", ">i8"),
        ("l3", ">i4"),
        ("value", ">f8"),
    ]
    statement = (
        "COPY (SELECT series_id, at, value FROM sample WHERE series_id = ANY(%s) AND at >= %s AND at < %s "
        "ORDER BY series_id, at) TO STDOUT (FORMAT BINARY)"
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement, (some, since, until)) as copy:
        content = b"".join(copy)
    return np.frombuffer(content, dtype=np.dtype(row), offset=19, count=(len(content) - 21) // 34)
