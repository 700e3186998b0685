"""First form: hosts, sweeps, scans, snapshots, findings, series, samples, forecasts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    _host()
    _sweep()
    _scan()
    _snapshot()
    _finding()
    _series()
    _sample()
    _forecast()


def downgrade() -> None:
    """Drop every table."""
    for table in ("forecast", "sample", "series", "finding", "snapshot", "scan", "sweep", "host"):
        op.drop_table(table)


def _host() -> None:
    op.create_table(
        "host",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="host_pkey"),
        sa.UniqueConstraint("name", name="host_name_key"),
    )


def _sweep() -> None:
    op.create_table(
        "sweep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("targets", sa.LargeBinary(), nullable=True),
        sa.Column("hosts", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("partial", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="sweep_pkey"),
    )
    op.create_index("sweep_started_at", "sweep", ["started_at"], unique=False)


def _scan() -> None:
    op.create_table(
        "scan",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("sweep_id", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("failure_stage", sa.Text(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_hint", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("clock_offset_seconds", sa.Double(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("thinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], name="scan_host_id_fkey"),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweep.id"], name="scan_sweep_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="scan_pkey"),
        sa.UniqueConstraint("host_id", "taken_at", "sweep_id", name="scan_host_id_taken_at_sweep_id_key"),
    )
    op.create_index("scan_sweep_id", "scan", ["sweep_id"], unique=False)
    op.create_index("scan_taken_at", "scan", ["taken_at"], unique=False)
    op.create_index(
        "scan_to_thin",
        "scan",
        ["taken_at"],
        unique=False,
        sqlite_where=sa.text("NOT thinned"),
        postgresql_where=sa.text("NOT thinned"),
    )


def _snapshot() -> None:
    op.create_table(
        "snapshot",
        sa.Column("scan_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("glimpse", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name="snapshot_scan_id_fkey"),
        sa.PrimaryKeyConstraint("scan_id", name="snapshot_pkey"),
    )


def _finding() -> None:
    op.create_table(
        "finding",
        sa.Column("scan_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name="finding_scan_id_fkey"),
        sa.PrimaryKeyConstraint("scan_id", "position", name="finding_pkey"),
    )


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], name="series_host_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="series_pkey"),
        sa.UniqueConstraint("host_id", "metric", "label", name="series_host_id_metric_label_key"),
    )


def _sample() -> None:
    op.create_table(
        "sample",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "at", name="sample_pkey", postgresql_include=["value"]),
        sqlite_with_rowid=False,
    )


def _forecast() -> None:
    op.create_table(
        "forecast",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("limit_value", sa.Double(), nullable=True),
        sa.Column("slope_per_day", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("eta_days", sa.Double(), nullable=True),
        sa.Column("eta_low", sa.Double(), nullable=True),
        sa.Column("eta_high", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("series_id", "made_at", name="forecast_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("forecast_made_at", "forecast", ["made_at"], unique=False)
