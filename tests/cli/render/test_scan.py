from __future__ import annotations

import io

import pytest
from rich.console import Console

from fleet_cli.render import scan
from fleet_collector.findings.finding import Finding


def row(number: int) -> scan.Row:
    finding = Finding(
        rule="disk.space", step="disk", severity="warning", subject="/", message="/ is full", evidence={}
    )
    return scan.Row(
        f"web{number:03}", "warning", True, ("1 %", "0.1", "2 GiB", "99 % /", "7"), None, (finding,) * 5
    )


def printed(rows: int, **options: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=160, **options)  # type: ignore[arg-type]
    for part in scan.table([row(number) for number in range(rows)], console, 3.0).renderables:
        console.print(part, crop=False)
    return out.getvalue()


def test_very_many_rows_say_the_same_as_few() -> None:
    few, many = printed(scan.MANY - 1), printed(scan.MANY + 1)
    assert many.splitlines()[0].split() == few.splitlines()[0].split()
    host = [line.rstrip() for line in few.splitlines() if line.strip()][1:5]
    assert [line.rstrip() for line in many.splitlines()][1:5] == host
    assert " ".join(host[0].split()) == "web000 warning 1 % 0.1 2 GiB 99 % / 7 / is full"
    assert host[3].strip() == "and 2 more: fleet show web000"
    assert len(many.splitlines()) == 1 + 4 * (scan.MANY + 1) + 1


@pytest.mark.parametrize("rows", [scan.MANY - 1, scan.MANY + 1])
def test_rows_have_their_colour_on_a_terminal_alone(rows: int) -> None:
    assert "\x1b[33m" in printed(rows, force_terminal=True, color_system="standard")
    assert "\x1b" not in printed(rows, force_terminal=True, color_system=None)
