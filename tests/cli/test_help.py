"""The command line as prose: help, examples, completion, and what a start costs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from fleet_cli import main
from tests.cli.conftest import Fleet
from tests.program import Program

HEAVY = {"asyncssh", "sqlalchemy", "alembic", "numpy", "rich", "plotext", "ClusterShell", "zstandard"}


def commands(app: typer.Typer) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """The words of every command with its closing line."""
    for command in app.registered_commands:
        yield (str(command.name),), command.epilog
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for words, epilog in commands(group.typer_instance):
            yield (str(group.name), *words), epilog


EVERY = dict(commands(main.app))


def test_all_commands_of_the_design_are_there() -> None:
    first = {words[0] for words in EVERY}
    assert first == {
        *("scan", "why", "show", "history", "trends", "diff", "hosts"),
        *("metrics", "watch", "schedule", "agent", "db", "config"),
    }


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_begins_with_a_verb_and_ends_with_an_example(fleet: Fleet, words: tuple[str, ...]) -> None:
    said = fleet(*words, "--help")
    assert (said.code, said.err) == (0, "")
    usage, _, about, *_ = (line.strip() for line in said.out.splitlines())
    assert usage.startswith(f"Usage: fleet {' '.join(words)}")
    assert about[0].isupper()
    assert f"Example: fleet {' '.join(words)}" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_the_examples_can_be_typed(words: tuple[str, ...]) -> None:
    from tests.cli.typed import refusal

    epilog = EVERY[words]
    assert epilog is not None
    for example in epilog.removeprefix("Example: ").replace("at night: ", "").split("; "):
        line = example.partition(" | ")[0].partition(" > ")[0]
        assert refusal(shlex.split(line)) is None, line


def test_without_words_it_shows_where_to_begin(fleet: Fleet) -> None:
    said = fleet()
    assert said.code == 64
    assert "fleet scan hosts.txt" in said.out + said.err


def test_the_version_is_told(fleet: Fleet) -> None:
    assert fleet("--version").out.startswith("fleet 0.")


def test_a_start_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fleet', '--help']\n"
        "from fleet_cli.main import run\n"
        "try: run()\n"
        "except SystemExit: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stderr.split())
    assert "fleet_cli" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(program: Program, shell: str) -> None:
    said = replace(program, variables={"_FLEET_COMPLETE": f"source_{shell}"})()
    assert (said.code, said.err) == (0, "")
    assert f"complete_{shell}" in said.out


def test_completion_knows_the_commands(program: Program) -> None:
    typed = {"_FLEET_COMPLETE": "complete_bash", "COMP_WORDS": "fleet h", "COMP_CWORD": "1"}
    assert replace(program, variables=typed)().out.split() == ["history", "hosts"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fleet show we", ["web1", "web2"]),
        ("fleet why db", ["db1", "db9"]),
        ("fleet history web1 --metric time_", ["time_wait", "time_wait_max"]),
        ("fleet scan web1 --host-keys ", ["strict", "accept-new"]),
    ],
)
def test_completion_knows_hosts_and_metrics(
    program: Program, database: Path, line: str, offered: list[str]
) -> None:
    typed = {
        "_FLEET_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    assert replace(program, variables=typed)().out.split() == offered


def test_completion_makes_no_database(program: Program) -> None:
    typed = {"_FLEET_COMPLETE": "complete_bash", "COMP_WORDS": "fleet show w", "COMP_CWORD": "2"}
    assert replace(program, variables=typed)().out == "\n"
    assert not program.database.exists()
