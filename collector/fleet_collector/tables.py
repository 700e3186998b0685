"""The tables, the same on SQLite and PostgreSQL.

Times are integers: milliseconds since the epoch, UTC, on the collector's clock. What is only ever read whole
(a snapshot, a finding's evidence) is JSON; what is asked for by the million (samples) is three columns wide
and lies in the order of its series, so that a history is one short read.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only where the type is INTEGER to the letter.
Serial = BigInteger().with_variant(Integer, "sqlite")

_NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class Table(DeclarativeBase):
    """Root of all tables."""

    metadata = MetaData(naming_convention=_NAMES)


class Host(Table):
    """A host by the name it has in the inventory."""

    __tablename__ = "host"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class Sweep(Table):
    """One run over many hosts; ``owner`` and ``heartbeat_at`` tell whether it still runs."""

    __tablename__ = "sweep"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    started_at: Mapped[int] = mapped_column(BigInteger, index=True)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text)  # running, finished, interrupted
    asked: Mapped[str] = mapped_column(Text)  # the words of the command
    owner: Mapped[str] = mapped_column(Text)
    heartbeat_at: Mapped[int] = mapped_column(BigInteger)
    targets: Mapped[bytes | None] = mapped_column(
        LargeBinary
    )  # host names, while it runs and wants them alone
    hosts: Mapped[int] = mapped_column(Integer)
    ok: Mapped[int] = mapped_column(Integer, default=0)
    partial: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)


class Scan(Table):
    """One host in one sweep, also where it failed; ``samples`` is how many numbers it left."""

    __tablename__ = "scan"
    __table_args__ = (
        UniqueConstraint("host_id", "taken_at", "sweep_id"),
        Index(
            "scan_to_thin", "taken_at", sqlite_where=text("NOT thinned"), postgresql_where=text("NOT thinned")
        ),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("host.id"))
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweep.id"), index=True)
    taken_at: Mapped[int] = mapped_column(BigInteger, index=True)
    status: Mapped[str] = mapped_column(Text)  # ok, partial, failed
    severity: Mapped[str] = mapped_column(Text)  # ok, warning, critical, unknown
    failure_kind: Mapped[str | None] = mapped_column(Text)
    failure_stage: Mapped[str | None] = mapped_column(Text)
    failure_message: Mapped[str | None] = mapped_column(Text)
    failure_hint: Mapped[str | None] = mapped_column(Text)
    duration_ms: Mapped[float] = mapped_column(Double)
    clock_offset_seconds: Mapped[float | None] = mapped_column(Double)
    address: Mapped[str | None] = mapped_column(Text)
    groups: Mapped[str] = mapped_column(Text)  # of the inventory then, behind commas, the outermost first
    samples: Mapped[int] = mapped_column(Integer)
    thinned: Mapped[bool] = mapped_column(Boolean)  # retention has looked at it


class Snapshot(Table):
    """A scan's whole answer, and the glimpse that later scans compare with: JSON, compressed with zstd."""

    __tablename__ = "snapshot"

    scan_id: Mapped[int] = mapped_column(ForeignKey("scan.id"), primary_key=True, autoincrement=False)
    schema: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    glimpse: Mapped[bytes] = mapped_column(LargeBinary)


class Finding(Table):
    """What a rule found in a scan; ``evidence`` is JSON."""

    __tablename__ = "finding"

    scan_id: Mapped[int] = mapped_column(ForeignKey("scan.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    rule: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text)
    next: Mapped[str | None] = mapped_column(Text)


class Series(Table):
    """A metric of a host, with its label; the label is empty where the metric has none."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("host_id", "metric", "label"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("host.id"))
    metric: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)


class Sample(Table):
    """One number. No foreign key: a check for each of a hundred million rows would cost more than the row."""

    __tablename__ = "sample"
    __table_args__ = (
        PrimaryKeyConstraint("series_id", "at", postgresql_include=["value"]),
        {"sqlite_with_rowid": False},
    )

    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    at: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[float] = mapped_column(Double)


class Forecast(Table):
    """What was foretold of a series, kept to see later how far off it was; days count from ``made_at``."""

    __tablename__ = "forecast"
    __table_args__ = (
        PrimaryKeyConstraint("series_id", "made_at"),
        {"sqlite_with_rowid": False},
    )

    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    made_at: Mapped[int] = mapped_column(BigInteger, index=True)
    value: Mapped[float] = mapped_column(Double)
    limit_value: Mapped[float | None] = mapped_column(Double)
    slope_per_day: Mapped[float] = mapped_column(Double)
    confidence: Mapped[float] = mapped_column(Double)
    eta_days: Mapped[float | None] = mapped_column(Double)
    eta_low: Mapped[float | None] = mapped_column(Double)
    eta_high: Mapped[float | None] = mapped_column(Double)
