"""The tables, the same on SQLite and PostgreSQL.

Times are integers: milliseconds since the epoch, UTC, on the collector's clock. What is only ever read whole
(a snapshot, a finding's evidence) is JSON; what is asked for by the million (samples) is three columns wide
and lies in the order of its series, so that a history is one short read.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

# SQLite numbers rows by itself only where the type is INTEGER to the letter.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")
_NOT_THINNED = text("NOT thinned")

# A host by the name it has in the inventory.
HOST = Table(
    "host",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

# One run over many hosts; owner and heartbeat_at tell whether it still runs.
SWEEP = Table(
    "sweep",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("finished_at", BigInteger),
    Column("status", Text, nullable=False),  # running, finished, interrupted
    Column("asked", Text, nullable=False),  # the words of the command
    Column("owner", Text, nullable=False),
    Column("heartbeat_at", BigInteger, nullable=False),
    Column("targets", LargeBinary),  # host names, while it runs and wants them alone
    Column("hosts", Integer, nullable=False),
    Column("ok", Integer, nullable=False, default=0),
    Column("partial", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
)

# One host in one sweep, also where it failed; samples is how many numbers it left.
SCAN = Table(
    "scan",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    Column("host_id", ForeignKey("host.id"), nullable=False),
    Column("sweep_id", ForeignKey("sweep.id"), nullable=False, index=True),
    Column("taken_at", BigInteger, nullable=False, index=True),
    Column("status", Text, nullable=False),  # ok, partial, failed
    Column("severity", Text, nullable=False),  # ok, warning, critical, unknown
    Column("failure_kind", Text),
    Column("failure_stage", Text),
    Column("failure_message", Text),
    Column("failure_hint", Text),
    Column("duration_ms", Double, nullable=False),
    Column("clock_offset_seconds", Double),
    Column("address", Text),
    Column("groups", Text, nullable=False),  # of the inventory then, behind commas, the outermost first
    Column("samples", Integer, nullable=False),
    Column("thinned", Boolean, nullable=False),  # retention has looked at it
    UniqueConstraint("host_id", "taken_at", "sweep_id"),
    Index("scan_to_thin", "taken_at", sqlite_where=_NOT_THINNED),
)

# A scan's whole answer, and the glimpse that later scans compare with: JSON, compressed with zstd.
SNAPSHOT = Table(
    "snapshot",
    METADATA,
    Column("scan_id", ForeignKey("scan.id"), primary_key=True, autoincrement=False),
    Column("schema", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("glimpse", LargeBinary, nullable=False),
)

# What a rule found in a scan; evidence is JSON.
FINDING = Table(
    "finding",
    METADATA,
    Column("scan_id", ForeignKey("scan.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("next", Text),
)

# A metric of a host, with its label; the label is empty where the metric has none.
SERIES = Table(
    "series",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("host_id", ForeignKey("host.id"), nullable=False),
    Column("metric", Text, nullable=False),
    Column("label", Text, nullable=False),
    UniqueConstraint("host_id", "metric", "label"),
)

# One number. No foreign key: a check for each of a hundred million rows would cost more than the row.
SAMPLE = Table(
    "sample",
    METADATA,
    Column("series_id", Integer, nullable=False, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    PrimaryKeyConstraint("series_id", "at"),
    sqlite_with_rowid=False,
)

# What was foretold of a series, kept to see later how far off it was; days count from made_at.
FORECAST = Table(
    "forecast",
    METADATA,
    Column("series_id", Integer, nullable=False, autoincrement=False),
    Column("made_at", BigInteger, nullable=False, index=True),
    Column("value", Double, nullable=False),
    Column("limit_value", Double),
    Column("slope_per_day", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("eta_days", Double),
    Column("eta_low", Double),
    Column("eta_high", Double),
    PrimaryKeyConstraint("series_id", "made_at"),
    sqlite_with_rowid=False,
)


@event.listens_for(METADATA, "before_create")
def _as_postgresql_can(_: MetaData, connection: Connection, **__: object) -> None:
    """Add what PostgreSQL alone can do. Named with the tables, it would load that dialect for SQLite too."""
    if connection.dialect.name == "postgresql":
        SAMPLE.primary_key.dialect_options["postgresql"]["include"] = ["value"]
        for index in SCAN.indexes:
            if index.name == "scan_to_thin":
                index.dialect_options["postgresql"]["where"] = _NOT_THINNED
