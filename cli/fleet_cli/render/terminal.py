"""The two streams: data goes to standard output, progress and messages to standard error."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from fleet_collector.wording import plain

STYLES = {
    "critical": "bold red",
    "warning": "yellow",
    "unknown": "magenta",
    "failed": "magenta",
    "ok": "green",
}
PIPE_WIDTH = 160  # where no terminal says how wide it is, nothing should be cut short


def out() -> Console:
    """Standard output; no colour when it is not a terminal or NO_COLOR is set."""
    console = _console()
    return console if console.is_terminal else _console(width=PIPE_WIDTH)


def err() -> Console:
    """Standard error, for progress and messages."""
    return _console(stderr=True)


def tell(message: str) -> None:
    """One message on standard error, on one line however long: mails and logs are searched by line."""
    err().print(f"fleet: {message}", soft_wrap=True)


def _console(*, stderr: bool = False, width: int | None = None) -> Console:
    # rich would still write bold and dim with NO_COLOR; who sets it wants plain text (no-color.org).
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(
        stderr=stderr, width=width, color_system=colours, highlight=False, markup=False, emoji=False
    )


def typed(command: str, indent: int) -> Text:
    """The next command to type, on one line however long: a terminal that wraps it still copies it whole."""
    spelt = plain(command, 600)
    return Text.assemble(" " * indent, ("next: ", "dim"), (spelt, "cyan"), no_wrap=True, overflow="ignore")


def lines(texts: Iterable[tuple[str, str]]) -> Segments:
    """Lines with their styles, printed as they are: no measuring, no wrapping, which takes its time."""
    return Segments([Segment(text, Style.parse(style)) for text, style in texts], new_lines=True)


def severity(word: str, text: str | None = None) -> Text:
    """A severity in its colour; critical is in capitals, so that it is seen without colour, too."""
    return Text(text or (word.upper() if word == "critical" else word), style=STYLES.get(word, ""))


def columns(widths: Sequence[int]) -> Table:
    """Columns of these widths, and one that takes the rest of the line and wraps within itself."""
    grid = table(*[""] * len(widths), "")
    for column, width in zip(grid.columns, widths, strict=False):
        column.width, column.no_wrap = width, True
    return grid


def table(*columns: str) -> Table:
    """A borderless table whose last column takes the rest of the line."""
    grid = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim", show_header=any(columns)
    )
    for column in columns:
        grid.add_column(column, overflow="fold")
    return grid
