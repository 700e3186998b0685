"""What reaches a terminal: colour only there, progress only there, and nothing that a host made up."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import termios
import time
import unicodedata
from pathlib import Path

import asyncssh
import pytest
from rich.console import Console

from fleet_cli.render import scan
from fleet_cli.render.show import Rows
from fleet_collector import store
from fleet_collector.failures import Failure
from tests.cli import seeded
from tests.cli.conftest import Fleet
from tests.program import FLEET, Program


def on_a_terminal(program: Program, *words: str, width: int = 120, **variables: str) -> str:
    """What a command writes to a terminal, standard error included."""
    ours, process = started(program, *words, width=width, **variables)
    written = until(ours)
    process.wait(timeout=60)
    return written


def started(
    program: Program, *words: str, width: int = 120, **variables: str
) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a command on a terminal of its own; our end of it is the caller's to read to its end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", FLEET, *words],
        env=program.environment | {"TERM": "xterm-256color"} | variables,
        cwd=program.home,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    return ours, process


def until(ours: int, sign: str = "\0") -> str:
    """Read until the sign has come, or to the end, which closes our end, too."""
    written = b""
    try:
        while sign.encode() not in written:
            written += os.read(ours, 65536)
    except OSError:  # EIO: the other side is closed
        os.close(ours)
    return written.decode()


@pytest.mark.parametrize(
    ("typed", "code", "told"), [("s3cret\n", 3, "refused the"), ("\x03", 130, "interrupted")]
)
def test_a_passphrase_is_asked_for_with_the_bar_away(
    program: Program, typed: str, code: int, told: str
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (program.home / "locked").write_bytes(key.export_private_key(passphrase="s3cret"))
    ours, process = started(program, "scan", "127.0.0.1:1", "--identity", "locked")
    before = until(ours, "Passphrase of locked: ")
    assert select.select([ours], [], [], 0.5) == ([], [], [])  # a bar would be drawn five times
    os.write(ours, typed.encode())
    after = until(ours)
    assert process.wait(timeout=60) == code
    assert told in after
    assert "s3cret" not in before + after


def test_colour_is_for_terminals_and_no_color_turns_it_off(program: Program, database: Path) -> None:
    assert "\x1b[1;31mCRITICAL" in on_a_terminal(program, "why")
    assert "\x1b" not in on_a_terminal(program, "why", NO_COLOR="1")
    assert "\x1b" not in program("why").out


def test_data_is_plain_on_a_terminal_too(program: Program, database: Path) -> None:
    assert "\x1b" not in on_a_terminal(program, "why", "--format", "json")


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(program: Program, database: Path, width: int) -> None:
    for words in (["show", "db1"], ["why"], ["hosts"]):
        for line in on_a_terminal(program, *words, width=width, NO_COLOR="1").splitlines():
            assert len(line) <= width or "next: " in line  # which can be copied whole


def test_where_a_row_is_too_long_names_give_way_and_numbers_stay() -> None:
    rows = (
        ("/srv/" + "very/" * 12 + "deep", "25 % used", "76 GiB of 252 GiB left", "read-only"),
        ("/", "1 % used", "1 GiB of 2 GiB left", ""),
        ("java 812 (shop.service)", "30 %", "0.6 cores", "/usr/bin/java -jar " + "x" * 90),
    )
    console = Console(width=70, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(Rows(rows))
    lines = captured.get().splitlines()
    assert all(len(line) <= 70 for line in lines)
    assert "ery/deep  25 % used  76 GiB of 252 GiB left  read-only" in lines[0]
    assert "1 GiB of 2 GiB left" in lines[1]
    assert lines[2].rstrip().endswith("/usr/bin/ja…")


@pytest.fixture
def many(program: Program) -> None:
    """Forty hosts that are well and two that are not."""
    well: list[tuple[str, object]] = [(f"web{number:02}", {}) for number in range(1, 41)]
    with store.connect(str(program.database)) as opened:
        seeded.nights(opened, [*well, ("db1", {}), ("db2", {})], count=1)
        seeded.sweep(
            opened, time.time(), *well, ("db1", seeded.full_disk()), ("db2", seeded.warned() | seeded.busy())
        )


@pytest.mark.usefixtures("many")
def test_of_many_hosts_the_fine_ones_are_one_line(fleet: Fleet) -> None:
    hosts = fleet("hosts").out.splitlines()
    assert [line.split()[0] for line in hosts if line.strip()] == ["HOST", "db1", "db2", "ok"]
    assert "web[01-40]: 40 hosts" in hosts[-1]
    assert len(fleet("hosts", "--format", "ndjson").ndjson) == 42
    changes = fleet("diff").out.splitlines()
    assert "nothing changed db1,web[01-40]" in [line.rstrip() for line in changes]
    assert "fine identity, memory, processes, network, ports, connections, logs on" in fleet("why").out
    assert "on all 42 hosts" in fleet("why").out


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_culprit_and_the_next_command_are_never_cut(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("fleet_cli.render.terminal.PIPE_WIDTH", width)
    page = fleet("show", "db2").out
    assert "java 812 (shop.service)  95 %  3.8 cores  /usr/bin/java" in page
    assert "next: ps -eo pid,user,nice,pcpu,etime,args --sort=-pcpu | head -15\n" in page
    assert "next: top -H -b -n 1 -p 812 | head -20\n" in fleet("why").out


@pytest.mark.parametrize(("width", "shown"), [(80, ()), (120, ("CPU", "MEMORY LEFT")), (160, ("LOAD",))])
def test_numbers_give_way_to_sentences(width: int, shown: tuple[str, ...]) -> None:
    records = [
        seeded.answered("db1", 1, 0.0, **seeded.full_disk()),
        seeded.answered("web1", 1, 0.0),
        seeded.silent("db9", 1, 0.0),
    ]
    console = Console(width=width, file=io.StringIO())
    console.print(scan.table([scan.row(record) for record in records], console, 4.0))
    text = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert "/ is 99.5 % full, 512 MiB left" in text
    assert "1 critical, 1 fine, 1 without an answer" in text
    assert all(head in text for head in shown)
    assert ("CPU" in text) == bool(shown)
    assert max(map(len, text.splitlines())) <= width


def test_progress_is_for_terminals_and_not_for_cron(program: Program) -> None:
    (program.home / "fleet.toml").write_text("[limits]\nretries = 0\n")
    words = ["scan", "127.0.0.1:1", "--exit-zero"]
    assert "asking" in on_a_terminal(program, *words)
    assert "asking" not in on_a_terminal(program, *words, "--quiet")
    piped = program(*words)
    assert "asking" not in piped.err
    assert "NO ANSWER" in piped.out


COMMANDS = [
    ["show", "evil"],
    ["show", seeded.EVIL],
    ["why"],
    ["why", "--quiet"],
    ["hosts"],
    ["hosts", "--unseen", "0"],
    ["diff"],
    ["diff", "evil"],
    ["history", "evil"],
    ["history", "evil", "--changes"],
    ["history", "evil", "--metric", "disk_used_percent"],
    ["history", "evil", "--metric", "disk_used_percent", "--plot"],
    ["history", "evil", "--metric", f"disk_used_percent:{seeded.EVIL}"],
    ["history", "evil", "--metric", seeded.EVIL],
    ["trends"],
    ["trends", "--explain", "evil", f"disk_used_percent:/{seeded.EVIL}"],
    ["db", "stats", "--db", seeded.EVIL],
]


@pytest.fixture
def hostile(program: Program) -> None:
    """Hosts whose every text is a trap: one healthy before, one by its very name, one by its error."""
    failure = Failure(kind="agent", stage="start", message=seeded.EVIL, hint=seeded.EVIL)
    with store.connect(str(program.database)) as opened:
        seeded.nights(opened, [("evil", {}), ("web1", {})])
        traps = [("evil", seeded.hostile()), (seeded.EVIL, seeded.hostile()), ("mute", failure)]
        seeded.sweep(opened, time.time() - 60, *traps)


@pytest.mark.usefixtures("hostile")
def test_nothing_a_host_says_reaches_the_terminal_raw(fleet: Fleet) -> None:
    for words in COMMANDS:
        said = fleet(*words)
        for text in (said.out, said.err):
            raw = {letter for letter in text if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"}}
            assert raw <= {"\n"}, (words, raw)
            assert not any(line.startswith("FINE") for line in text.splitlines()), words


@pytest.mark.usefixtures("hostile")
def test_data_for_scripts_is_kept_as_it_is_and_escaped(fleet: Fleet) -> None:
    for words in (["show", "evil"], ["why"], ["hosts"]):
        said = fleet(*words, "--format", "json")
        assert not any(letter in said.out for letter in ("\x1b", "\x07", "\r", "\x9b"))
    assert fleet("show", "mute", "--format", "json").json["error"]["message"] == seeded.EVIL


def test_a_clock_that_says_anything_is_no_fault(fleet: Fleet, program: Program) -> None:
    odd = seeded.odd_times()
    with store.connect(str(program.database)) as opened:
        seeded.sweep(opened, time.time(), ("far", odd))
    for words in (["show", "far"], ["why", "--exit-zero"], ["history", "far"], ["diff", "far"]):
        assert fleet(*words).code == 0, words


def test_a_reader_that_leaves_is_no_fault(program: Program, database: Path) -> None:
    for words in (["metrics"], ["agent", "show"], ["show", "web1", "--format", "json"]):
        process = program.start(*words)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0
        process.stderr.close()


def test_a_locale_without_the_blocks_of_a_sparkline_is_no_fault(program: Program, database: Path) -> None:
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = Program(program.home, variables)("history", "web1", "--metric", "time_wait")
    assert (said.code, said.err) == (0, "")
    assert "time_wait" in said.out
