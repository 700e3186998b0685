"""The runner at work, each time in a process of its own, with checks made up for the case."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2] / "agent"
FINE = "def collect(section): return {'n': 1, 'none': None}"

HARNESS = """
import sys, types
sys.path.insert(0, {root!r})
from fleet_agent import runner
from fleet_agent.__main__ import serve
for name, source in {checks!r}.items():
    module = types.ModuleType(name)
    exec(source, module.__dict__)
    sys.modules["fleet_agent.checks." + name] = module
runner.STEPS = tuple({steps!r})
runner.MEANWHILE = ()
serve({request!r})
"""


def start(checks: dict[str, str], *more_steps: str, **request: Any) -> subprocess.Popen[bytes]:
    """Start the agent with ``checks`` (sources by step) in place of its own."""
    request = {"nonce": "n1", "interval_seconds": 0.01, "section_seconds": 5.0, **request}
    sources = {name: textwrap.dedent(source) for name, source in checks.items()}
    steps = [*checks, *more_steps]
    code = HARNESS.format(root=str(ROOT), checks=sources, steps=steps, request=request)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def frames(output: bytes) -> list[dict[str, Any]]:
    lines = [line for line in output.decode().splitlines() if line.startswith("fleet-frame n1 ")]
    return [json.loads(line.split(" ", 2)[2]) for line in lines]


def run(checks: dict[str, str], *more_steps: str, **request: Any) -> dict[str, dict[str, Any]]:
    """Run the agent to its end: {step: section frame}."""
    output, complaint = start(checks, *more_steps, **request).communicate(timeout=60)
    assert complaint == b""
    every = frames(output)
    assert every[0]["frame"] == "start"
    assert every[-1]["frame"] == "end"
    return {frame["step"]: frame for frame in every[1:-1]}


def test_a_section_is_what_collect_returned() -> None:
    sections = run({"one": FINE})
    assert sections["one"]["status"] == "ok"
    assert sections["one"]["data"] == {"n": 1}
    assert sections["one"]["notes"] == {}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("raise PermissionError(13, 'no')", "denied"),
        ("raise FileNotFoundError(2, 'no')", "absent"),
        ("from fleet_agent.host import Absent; raise Absent('no such thing')", "absent"),
        ("from fleet_agent.host import TooSlow; raise TooSlow()", "timeout"),
        ("raise ValueError('odd')", "error"),
        ("return {'n': float('nan')}", "error"),
        ("return {'n': object()}", "error"),
        ("import os; os._exit(3)", "error"),
        ("import os; os.kill(os.getpid(), 11)", "error"),
        ("return {'n': undefined}", "error"),
        ("def down(): return down()\n    return down()", "error"),
    ],
)
def test_a_fault_costs_its_section_alone(fault: str, status: str) -> None:
    sections = run({"one": FINE, "bad": f"def collect(section):\n    {fault}\n", "two": FINE})
    assert sections["bad"]["status"] == status
    assert sections["bad"]["data"] is None
    assert sections["bad"]["notes"]["section"].startswith(status)
    assert [sections[step]["status"] for step in ("one", "two")] == ["ok", "ok"]


def test_a_check_that_cannot_be_imported_costs_its_section_alone() -> None:
    sections = run({"one": FINE}, "no_such_step")
    assert sections["no_such_step"]["status"] == "error"
    assert sections["one"]["status"] == "ok"


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ("denied", "partial"),
        ("timeout", "partial"),
        ("error: x", "partial"),
        ("absent", "ok"),
        ("cut at 1 of 2", "ok"),
    ],
)
def test_notes_make_a_section_partial(note: str, status: str) -> None:
    check = f"def collect(section):\n    section.note('fact', {note!r})\n    return {{'n': 1}}"
    section = run({"one": check})["one"]
    assert section["status"] == status
    assert section["notes"] == {"fact": note}
    assert section["data"] == {"n": 1}


HANGS = {
    "stopped": "import os; os.kill(os.getpid(), 19)",
    "fifo": "import os; os.close(os.open({fifo!r}, os.O_RDONLY))",
    "busy": "while True: pass",
    "deaf": "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, {{15, 14, 2}}); time.sleep(60)",
}


@pytest.mark.parametrize("hang", HANGS)
@pytest.mark.parametrize("where", ["sample", "collect"])
def test_a_hanging_check_costs_its_section_alone(tmp_path: Path, hang: str, where: str) -> None:
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", fifo], check=True)
    stuck = HANGS[hang].format(fifo=str(fifo))
    check = f"def {where}(argument):\n    {stuck}\n" + (FINE if where == "sample" else "")
    begun = time.monotonic()
    sections = run({"one": FINE, "bad": check, "two": FINE}, section_seconds=0.5)
    assert time.monotonic() - begun < 15  # far below the 60 s of the hang
    assert sections["bad"]["status"] == "timeout"
    assert [sections[step]["status"] for step in ("one", "two")] == ["ok", "ok"]


def test_after_a_hang_no_command_line_is_read() -> None:
    sections = run(
        {
            "bad": "def collect(section):\n    import time\n    if section.table.commands: time.sleep(60)",
            "two": "def collect(section): return {'commands': section.table.commands}",
        },
        section_seconds=0.5,
    )
    assert sections["bad"]["status"] == "timeout"
    assert sections["two"]["data"] == {"commands": False}


def test_when_the_time_is_over_the_rest_says_so() -> None:
    slow = "def collect(section):\n    import time; time.sleep(60)"
    begun = time.monotonic()
    sections = run({"one": FINE, "a": slow, "b": slow, "c": slow}, section_seconds=5.0, total_seconds=1.0)
    assert time.monotonic() - begun < 15
    assert sections["one"]["status"] == "ok"
    assert {sections[step]["status"] for step in "abc"} == {"timeout"}
    assert "no time left" in sections["c"]["notes"]["section"]


def test_killed_half_way_it_leaves_half_a_snapshot() -> None:
    agent = start({"one": FINE, "bad": "def collect(section):\n    import time; time.sleep(60)"})
    assert agent.stdout is not None
    seen = b""
    while b'"step":"one"' not in seen:
        seen += agent.stdout.readline()
    [worker] = psutil.Process(agent.pid).children()
    agent.kill()
    rest, _ = agent.communicate(timeout=60)  # although the worker lives: it holds no stream of ours
    assert worker.is_running()
    worker.kill()
    assert [frame["frame"] for frame in frames(seen + rest)] == ["start", "section"]


def test_what_a_check_prints_does_no_harm() -> None:
    noisy = """
        import os
        def collect(section):
            print("noise", flush=True)
            os.write(1, b"noise")
            os.write(2, b"noise")
            return {}
    """
    agent = start({"one": noisy, "two": FINE})
    output, complaint = agent.communicate(timeout=60)
    assert b"noise" not in output + complaint
    assert len(frames(output)) == 4


def test_a_large_answer_arrives_whole() -> None:
    section = run({"one": "def collect(section): return {'text': 'x' * 3000000}"})["one"]
    assert len(section["data"]["text"]) == 3000000


@pytest.mark.parametrize("reads", [0, 100])
def test_a_reader_that_leaves_ends_the_agent(reads: int) -> None:
    agent = start({"one": "def collect(section): return {'text': 'x' * 3000000}", "two": FINE})
    assert agent.stdout is not None
    agent.stdout.read(reads)
    agent.stdout.close()
    assert agent.stderr is not None
    complaint = agent.stderr.read()
    assert agent.wait(timeout=60) == 70
    assert b"Traceback" not in complaint
    agent.stderr.close()


def test_samples_are_taken_an_interval_apart() -> None:
    check = """
        import time
        def sample(host): return time.monotonic()
        def collect(section): return {"apart": time.monotonic() - section.first, "seconds": section.seconds}
    """
    data = run({"one": check}, interval_seconds=0.3)["one"]["data"]
    assert data["apart"] >= 0.28
    assert data["seconds"] == pytest.approx(data["apart"], abs=0.1)
