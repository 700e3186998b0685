from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_cli import main
from fleet_collector import store
from tests.cli import seeded
from tests.program import Program, Said

Fleet = Callable[..., Said]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and the working directory."""
    for name, value in Program(tmp_path).environment.items():
        if name.startswith(("HOME", "XDG_")):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def program(home: Path) -> Program:
    """The program as a process of its own."""
    return Program(home)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fleet:
    """The program within the test's process: as true for all that needs no terminal, and quicker."""

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["fleet", *words])
        capsys.readouterr()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.raises(SystemExit) as left:
            main.run()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert isinstance(left.value.code, int)
        return Said(left.value.code, said.out, said.err)

    return run


@pytest.fixture
def database(program: Program) -> Path:
    """The user's database with a little fleet in it: see ``seeded``."""
    with store.connect(str(program.database)) as opened:
        seeded.little_fleet(opened)
    return program.database
