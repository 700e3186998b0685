"""The scan table: what is wrong first, what is fine in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs
from rich.console import Console, Group, RenderableType
from rich.text import Text

from fleet_cli.render import terminal
from fleet_collector.failures import Failure
from fleet_collector.findings.finding import ORDER, Finding, Severity
from fleet_collector.findings.words import several
from fleet_collector.folding import fold
from fleet_collector.record import Record
from fleet_collector.snapshot import Snapshot
from fleet_collector.wording import duration, number, percent, plain, size

SHOW_ALL = 30  # up to so many hosts the fine ones have a row each
MOST_FINDINGS = 3
MANY = 200  # rows from which on rich's own layout, a millisecond a row, would be felt
_NUMBERS = ("CPU", "LOAD", "MEMORY LEFT", "FULLEST DISK", "CONNECTIONS")
_WIDE, _USUAL = 140, 110  # letters a line


@dataclass(frozen=True)
class Row:
    """One host as the table needs it; the snapshot is not kept."""

    host: str
    severity: Severity
    answered: bool
    numbers: tuple[str, str, str, str, str]
    failure: Failure | None
    findings: tuple[Finding, ...]


def row(record: Record) -> Row:
    """What the table shows of a record."""
    wrong = tuple(
        structs.replace(finding, evidence={}) for finding in record.findings if finding.severity != "ok"
    )
    answered = record.snapshot is not None
    return Row(record.host, record.severity, answered, _numbers(record.snapshot), record.failure, wrong)


def table(rows: Sequence[Row], console: Console, seconds: float, *, quiet: bool = False) -> Group:
    """Rows by severity, then one line with the fine hosts folded, then the sum: parts to print in turn."""
    ordered = sorted(rows, key=lambda row: (-ORDER[row.severity], row.host))
    trouble = [row for row in ordered if row.severity != "ok"]
    shown = ordered if len(ordered) <= SHOW_ALL and not quiet else trouble
    parts: list[RenderableType] = []
    if shown:
        layout = _grid if len(shown) < MANY else _listing
        parts += layout(shown, _chosen(shown, console.width))
    fine = [row.host for row in ordered if row.severity == "ok"]
    if fine and shown is trouble and not quiet:
        parts.append(Text.assemble(("fine  ", "green"), plain(fold(fine), 2000)))
    parts.append(Text(summary(rows, seconds), style="dim"))
    return Group(*parts)


def _chosen(rows: Sequence[Row], width: int) -> tuple[int, ...]:
    """Which numbers have room: the sentences that name what is wrong come first, and have numbers in them."""
    if not any(row.answered for row in rows):
        return ()
    if width >= _WIDE:
        return (0, 1, 2, 3, 4)
    if any(row.severity != "ok" for row in rows):
        return (0, 2) if width >= _USUAL else ()
    return (0, 2, 3)


def _listing(rows: Sequence[Row], numbers: Sequence[int]) -> Iterator[RenderableType]:
    """The same columns as ``_grid`` in padded lines, for many rows: what is wrong is not wrapped."""
    heads = ("HOST", "STATE", *(_NUMBERS[each] for each in numbers))
    cells = [
        (plain(row.host, 60), _state(row).plain, *(row.numbers[each] for each in numbers)) for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]

    def line(texts: Sequence[str]) -> str:
        return "".join(f"{text:<{width}}  " for text, width in zip(texts, widths, strict=True))

    indent = "\n" + " " * len(line(heads))
    lines = [(f"{line(heads)}WHAT IS WRONG", "bold dim")]
    for row, texts in zip(rows, cells, strict=True):
        words = indent.join(words for words, _ in _wrong(row))
        lines.append((f"{line(texts)}{words}", terminal.STYLES.get(row.severity, "")))
    yield terminal.lines(lines)


def _state(row: Row) -> Text:
    return terminal.severity(row.severity) if row.answered else terminal.severity("failed", "NO ANSWER")


def _grid(rows: Sequence[Row], numbers: Sequence[int]) -> Iterator[RenderableType]:
    grid = terminal.table("HOST", "STATE", *(_NUMBERS[each] for each in numbers), "WHAT IS WRONG")
    for column in grid.columns[: 2 + len(numbers)]:
        column.no_wrap = True
    for row in rows:
        cells = (row.numbers[each] for each in numbers)
        wrong = Text("\n").join(Text(words, style) for words, style in _wrong(row))
        grid.add_row(plain(row.host, 60), _state(row), *cells, wrong)
    yield grid


def _numbers(snapshot: Snapshot | None) -> tuple[str, str, str, str, str]:
    if snapshot is None:
        return ("", "", "", "", "")
    cpu = snapshot.cpu.data if snapshot.cpu else None
    memory = snapshot.memory.data if snapshot.memory else None
    connections = snapshot.connections.data if snapshot.connections else None
    return (
        percent(cpu.percent.busy) if cpu and cpu.percent else "-",
        f"{cpu.load1:.2f}" if cpu and cpu.load1 is not None else "-",
        size(memory.available_bytes) if memory and memory.available_bytes is not None else "-",
        _fullest(snapshot),
        number(connections.total) if connections and connections.total is not None else "-",
    )


def _fullest(snapshot: Snapshot) -> str:
    disk = snapshot.disk.data if snapshot.disk else None
    volumes = [
        (volume.used_percent, volume.mount)
        for volume in (disk.volumes if disk else None) or ()
        if volume.used_percent is not None and not volume.read_only
    ]
    if not volumes:
        return "-"
    used, mount = max(volumes)
    return f"{percent(used)} {plain(mount, 20)}"


def _wrong(row: Row) -> list[tuple[str, str]]:
    """The sentences of a row, each with its style."""
    lines = [] if row.failure is None else [(f"{row.failure.message} {row.failure.hint}", "")]
    lines += [
        (plain(finding.message), terminal.STYLES.get(finding.severity, ""))
        for finding in row.findings[:MOST_FINDINGS]
    ]
    if len(row.findings) > MOST_FINDINGS:
        more = len(row.findings) - MOST_FINDINGS
        lines.append((f"and {more} more: fleet show {plain(row.host, 60)}", "dim"))
    return lines


def summary(rows: Sequence[Row], seconds: float) -> str:
    """``412 hosts in 41 s: 3 critical, 9 warning, 398 fine, 2 without an answer``."""
    words = {"critical": "critical", "warning": "warning", "unknown": "not fully measured", "ok": "fine"}
    answered = [row.severity for row in rows if row.answered]
    counts = [
        f"{answered.count(severity)} {word}" for severity, word in words.items() if severity in answered
    ]
    silent = len(rows) - len(answered)
    counts += [f"{silent} without an answer"] if silent else []
    hosts = several(len(rows), "host")
    return f"{hosts} in {duration(seconds)}: {', '.join(counts) or 'nothing was asked'}"
