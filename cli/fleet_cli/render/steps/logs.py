"""Step 10 on the page: files that grow without rotation."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, named, rows
from fleet_collector.findings.words import several
from fleet_collector.snapshot.logs import LogFile, Logs
from fleet_collector.wording import plain, size


def block(logs: Logs) -> Block:
    """The largest files, their growth, their writer, their rotation; journald and logrotate."""
    files = logs.files or []
    journal = logs.journal
    line = joined(
        several(len(files), "large file") if files else "no large files",
        f"{size(logs.total_bytes)} below the log roots" if logs.total_bytes is not None else None,
        f"journal {size(journal.used_bytes)}" if journal and journal.used_bytes else None,
        "logrotate not installed" if logs.logrotate and logs.logrotate.installed is False else None,
    )
    return Block(line, rows(_row(file) for file in sorted(files, key=lambda file: -file.size_bytes)))


def _row(file: LogFile) -> tuple[str, ...]:
    growth = file.growth_bytes_per_second
    return (
        plain(file.path, 60),
        size(file.size_bytes),
        f"+{size(growth)}/s" if growth else "",
        f"by {named(file.writer)}" if file.writer else "",
        _rotation(file),
    )


def _rotation(file: LogFile) -> str:
    if file.deleted:
        return "deleted"
    if file.rotation is None:
        return ""
    return f"rotated {file.rotation.period or 'by rule'}" if file.rotation.covered else "no rotation rule"
