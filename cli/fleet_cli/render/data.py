"""Rows and documents for scripts: JSON, NDJSON, CSV."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import RenderableType

from fleet_cli.options import Format
from fleet_cli.render.terminal import out
from fleet_collector.wording import plain

MOST_LETTERS = 100_000  # of a cell

# Delete and the second control block, and Unicode's invisible and direction marks; JSON escapes the first.
_STEERING = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def write_json(document: object) -> None:
    """One JSON document, indented, keys in their own order."""
    sys.stdout.write(_escaped(msgspec.json.format(msgspec.json.encode(document), indent=2).decode()) + "\n")


def write_ndjson(rows: Iterable[object]) -> None:
    """One JSON object a line, each flushed as it comes."""
    for row in rows:
        sys.stdout.write(_escaped(msgspec.json.encode(row).decode()) + "\n")
        sys.stdout.flush()


def _escaped(text: str) -> str:
    """The same JSON with letters that steer a terminal or turn text around as escapes (RFC 8259, 7)."""
    return text if text.isascii() else _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Comma-separated rows with a header (RFC 4180); missing values are empty, control characters spelt."""
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(row.get(key)) for key in columns} for row in rows)


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    # A spreadsheet runs a cell that starts like a formula; text of hosts must not.
    shield = "'" if value[:1] in {"=", "+", "-", "@"} else ""
    return shield + plain(value, MOST_LETTERS)


def emit(
    format_: Format,
    kind: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    table: RenderableType,
) -> None:
    """The same rows in the form asked for: ``{"schema", kind: rows}``, a line each, CSV, or ``table``."""
    if format_ is Format.JSON:
        write_json({"schema": 1, kind: rows})
    elif format_ is Format.NDJSON:
        write_ndjson(rows)
    elif format_ is Format.CSV:
        write_csv(columns, rows)
    else:
        out().print(table)


def write_one(
    format_: Format, document: Mapping[str, Any], flat: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> None:
    """One document as JSON, as one line, or as one row of what ``flat`` makes of it."""
    if format_ is Format.JSON:
        write_json(document)
    elif format_ is Format.NDJSON:
        write_ndjson([document])
    else:
        row = flat(document)
        write_csv([key for key, value in row.items() if not isinstance(value, dict)], [row])
