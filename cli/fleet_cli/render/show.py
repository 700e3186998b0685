"""One host's page: what is wrong on top, then the ten steps in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from fleet_cli.render import terminal
from fleet_cli.render.steps import BLOCKS
from fleet_collector.failures import Failure
from fleet_collector.findings.finding import ORDER, Finding, worst
from fleet_collector.record import Record
from fleet_collector.snapshot import STEPS, Section, Snapshot
from fleet_collector.store import ScanSummary
from fleet_collector.wording import duration, moment, plain

MOST_LETTERS = 400  # of one line or cell
WIDTHS_OF_FINDING = (8, 11)  # CRITICAL, connections
WIDTHS_OF_STEP = (2, 11, 8)
GAP = "  "  # between cells
LEAST_LAST, LEAST_NAME = 12, 16  # letters that are left of a cell
INDENT_OF_ROWS = 17  # below the state of the step

_NOT_MEASURED = {
    "denied": "not measured: denied to this user",
    "absent": "not there on this host",
    "timeout": "not measured: no answer in time",
    "error": "not measured: a fault in the agent",
}


def page(record: Record, last: ScanSummary, now: float) -> RenderableType:
    """Head, findings by severity with the next command, and a block for each step."""
    parts: list[RenderableType] = [_head(record, now)]
    if last.failure is not None and last.taken_at > record.taken_at:
        parts.append(_failure(f"NO ANSWER on {moment(last.taken_at / 1000)} UTC", last.failure))
    elif record.failure is not None:
        parts.append(_failure("NO ANSWER" if record.snapshot is None else "HALF AN ANSWER", record.failure))
    parts += _findings(record.findings)
    if record.snapshot is not None:
        parts += [Text(), *_steps(record.snapshot, record.findings)]
    return Group(*parts)


def _head(record: Record, now: float) -> Text:
    at = record.taken_at / 1000
    severity = record.severity
    return Text.assemble(
        (plain(record.host), "bold"),
        "  ",
        terminal.severity(severity, "fine" if severity == "ok" else None),
        (f"  scanned {moment(at)} UTC, {duration(max(now - at, 0))} ago", "dim"),
    )


def _failure(word: str, failure: Failure) -> Text:
    said = f"  {plain(failure.message, 600)} {plain(failure.hint, 600)}"
    return Text.assemble((word, terminal.STYLES["failed"]), said)


def _findings(findings: Sequence[Finding]) -> list[RenderableType]:
    """The severest first; below each the next command."""
    wrong = sorted((f for f in findings if f.severity != "ok"), key=lambda f: -ORDER[f.severity])
    lines: list[RenderableType] = [Text()] if wrong else []
    for finding in wrong:
        grid = terminal.columns(WIDTHS_OF_FINDING)
        severity = terminal.severity(finding.severity)
        grid.add_row(severity, Text(finding.step, "bold"), plain(finding.message, 600))
        lines.append(grid)
        if finding.next:
            lines.append(terminal.typed(finding.next, WIDTHS_OF_FINDING[0] + 2))
    return lines


def _steps(snapshot: Snapshot, findings: Sequence[Finding]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for number, step in enumerate(STEPS):
        section: Section[object] | None = getattr(snapshot, step)
        head, *below = _content(step, section)
        grid = terminal.columns(WIDTHS_OF_STEP)
        grid.add_row(Text(f"{number:2}", "dim"), Text(step, "bold"), _state(step, section, findings), head)
        lines += [grid, *(Padding(part, (0, 0, 0, INDENT_OF_ROWS)) for part in below)]
    return lines


def _state(step: str, section: Section[object] | None, findings: Sequence[Finding]) -> Text:
    severity = worst(finding.severity for finding in findings if finding.step == step)
    if severity == "ok" and (section is None or section.data is None):
        return Text("-", style="dim")
    return terminal.severity(severity)


def _content(step: str, section: Section[object] | None) -> list[RenderableType]:
    if section is None:
        return [Text("not measured: the agent ended before it", style="magenta")]
    if section.data is None:
        reasons = "; ".join(plain(note) for note in section.notes.values())
        word = _NOT_MEASURED.get(section.status, section.status)
        style = "magenta" if section.status != "absent" else "dim"
        return [Text(f"{word} ({reasons})" if reasons else word, style)]
    block = BLOCKS[step](section.data)
    parts: list[RenderableType] = [Text(plain(block.line, MOST_LETTERS))]
    if block.rows:
        parts.append(Rows(block.rows))
    denied = sorted(fact for fact, note in section.notes.items() if not note.startswith(("absent", "cut")))
    if denied:
        parts.append(Text(f"not measured: {plain(', '.join(denied))}", style="magenta"))
    return parts


@dataclass(frozen=True)
class Rows:
    """Cells side by side; where the line is too short the last cell gives way, then the name, no number."""

    cells: Sequence[Sequence[str]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        rows = [[plain(cell, MOST_LETTERS) for cell in row] for row in self.cells]
        widths = [max(map(cell_len, column)) for column in zip_longest(*rows, fillvalue="")]
        widths = _fitted(widths, options.max_width)
        for row in rows:
            line = GAP.join(set_cell_size(_cut(cell, width), width) for cell, width in zip(row, widths))  # noqa: B905
            yield Text(line.rstrip(), "dim", no_wrap=True, overflow="ellipsis")


def _fitted(widths: list[int], room: int) -> list[int]:
    over = sum(widths) + len(GAP) * (len(widths) - 1) - room
    for place, least in ((-1, LEAST_LAST), (0, LEAST_NAME)):
        spare = max(min(over, widths[place] - least), 0)
        widths[place] -= spare
        over -= spare
    return widths


def _cut(text: str, width: int) -> str:
    """Shorten a cell; of a path the end tells more than the beginning."""
    if cell_len(text) <= width:
        return text
    if text.startswith("/") and " " not in text:
        return "…" + text[len(text) - width + 1 :]
    return set_cell_size(text, width - 1).rstrip() + "…"
