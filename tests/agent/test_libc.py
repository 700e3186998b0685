from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fleet_agent import libc
from tests.agent import interpreters

ROOT = Path(__file__).parents[2]


def test_a_call_returns_and_fills_a_buffer() -> None:
    name = libc.buffer(65)
    assert libc.call("gethostname", name, 65) == 0
    assert name[:].partition(b"\0")[0].decode() == os.uname().nodename


def test_a_refused_call_carries_its_errno() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        libc.call("close", -1)


def test_an_unknown_name_is_absent() -> None:
    with pytest.raises(FileNotFoundError):
        libc.call("no_such_function_anywhere")


@pytest.mark.parametrize("python", interpreters.found())
def test_every_interpreter_can_call(python: str) -> None:
    code = "from fleet_agent import libc; print(libc.call('getpid'), end='')"
    environment = {"PYTHONPATH": str(ROOT / "agent"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen([python, "-S", "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        out, _ = process.communicate()
    assert int(out) == process.pid
