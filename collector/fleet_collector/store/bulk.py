"""Many rows at once, as each driver takes them fastest: long statements on SQLite, arrays on PostgreSQL.

SQLite's driver gives up the interpreter's lock and takes it again for each step of a statement. With a
statement a row, a thread that saves waits for the busy threads beside it at every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Table

VALUES_AT_ONCE = 900  # in one statement; SQLite before 3.32 takes 999

Row = tuple[Any, ...]


def insert_new(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not there yet, and leave the others as they are.

    Rows should be sorted by key: two processes that insert the same rows in different orders would lock
    each other out. On PostgreSQL the values of one column must be of one type.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        for some in chunks(rows, VALUES_AT_ONCE // len(columns)):
            statement = _insert(table, columns, connection.dialect, len(some))
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(some)))
    else:
        statement = _insert(table, columns, connection.dialect)
        connection.exec_driver_sql(statement, tuple(list(values) for values in zip(*rows, strict=True)))


def plain_rows(
    connection: Connection, query: Executable, values: Mapping[str, Any] | None = None
) -> list[Any]:
    """Return a query's rows as the driver's own tuples: half the time of Row objects where they are many.

    For numbers and text only; nothing is converted on the way.
    """
    cursor = connection.execute(query, values).cursor
    return list(cursor.fetchall()) if cursor is not None else []


def delete_samples(connection: Connection, keys: Sequence[tuple[int, int]]) -> int:
    """Delete samples by series and time; return how many there were."""
    if not keys:
        return 0
    if connection.dialect.name == "sqlite":
        statement = "DELETE FROM sample WHERE series_id = ? AND at = ?"
        return connection.exec_driver_sql(statement, list(keys)).rowcount
    statement = (
        "DELETE FROM sample USING unnest(%s::integer[], %s::bigint[]) AS key (series_id, at) "
        "WHERE sample.series_id = key.series_id AND sample.at = key.at"
    )
    series, times = zip(*keys, strict=True)
    return connection.exec_driver_sql(statement, (list(series), list(times))).rowcount


@lru_cache(maxsize=64)
def _insert(table: Table, columns: tuple[str, ...], dialect: Dialect, rows: int = 1) -> str:
    quote = dialect.identifier_preparer.quote
    into = f"INSERT INTO {quote(table.name)} ({', '.join(quote(column) for column in columns)})"
    if dialect.name == "sqlite":
        row = f"({', '.join('?' * len(columns))})"
        source = f"VALUES {', '.join([row] * rows)}"
    else:
        types = (table.columns[column].type.compile(dialect) for column in columns)
        source = f"SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in types)})"  # noqa: S608 - own names
    return f"{into} {source} ON CONFLICT DO NOTHING"


def chunks(values: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Cut values into lists of at most ``size``: statements with unbounded lists are refused by databases."""
    every = list(values)
    return (every[start : start + size] for start in range(0, len(every), size))
