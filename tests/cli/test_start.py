"""What commands load that only read the database: nothing they do not need, for a start to stay quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import FLEET, Program

# What only sweeps, changes of the database's form, plots and files of hosts are for.
NOT_TO_READ = {"asyncssh", "cryptography", "alembic", "plotext", "ClusterShell", "uvloop", "scipy"}
NOT_TO_READ |= {"pydantic", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql"}


@pytest.mark.parametrize(
    ("words", "not_needed"),
    [
        (("hosts",), NOT_TO_READ | {"numpy"}),
        (("show", "web1"), NOT_TO_READ | {"numpy"}),
        (("diff", "web1"), NOT_TO_READ | {"numpy"}),
        (("db", "stats"), NOT_TO_READ | {"numpy"}),
        (("history", "web1"), NOT_TO_READ),
        (("trends",), NOT_TO_READ - {"ClusterShell"}),
        (("why",), NOT_TO_READ - {"ClusterShell"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_reading_loads_no_more_than_it_needs(
    program: Program, database: Path, words: tuple[str, ...], not_needed: set[str]
) -> None:
    code = (
        "import sys; sys.argv = ['fleet', *sys.argv[1:]]\n"
        "from fleet_cli.main import run\n"
        "try: run()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *words, "--db", str(database)]
    done = subprocess.run(
        command, env=program.environment, cwd=program.home, capture_output=True, text=True, check=True
    )
    assert done.stdout
    loaded = set(done.stderr.split())
    assert "sqlalchemy" in loaded
    assert not loaded & not_needed


def test_a_sweep_starts_no_programs_to_look_for_libraries() -> None:
    code = (
        "import ctypes.util, sys\n"
        "search = ctypes.util.find_library\n"
        "started = []\n"
        "sys.addaudithook(lambda event, words: event == 'subprocess.Popen' and started.append(words[1]))\n"
        "import fleet_cli.reporting\n"
        "assert 'asyncssh' in sys.modules and ctypes.util.find_library is search\n"
        "print(started)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_interruption_while_the_program_is_still_read_is_answered(program: Program) -> None:
    code = (
        "import builtins, os, signal\n"
        "real = builtins.__import__\n"
        "def read(name, *rest):\n"
        "    if name == 'typer': os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = read\n"
        "from fleet_cli.start import run\n"
        "run()"
    )
    command = [sys.executable, "-c", code, "metrics"]
    done = subprocess.run(command, env=program.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "fleet: interrupted\n")


def test_without_its_streams_a_command_does_its_work(program: Program, database: Path) -> None:
    for redirected in (">&-", "2>&-", "<&- >&- 2>&-"):
        line = f"exec {FLEET} why {redirected}"
        done = subprocess.run(
            ["sh", "-c", line],
            env=program.environment,
            cwd=program.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (2, ""), redirected
