"""The whole program as it is sent to a host: every interpreter, user and login shell, and nothing written."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from fleet_collector import bundle
from fleet_collector.snapshot import STEPS, Snapshot
from tests.agent import interpreters

TREE = Path(__file__).parents[1] / "fixtures/small"
FLAGS = [*bundle.FLAGS.split(), "-c"]
WELL = 92
PEAK_LIMIT = 30_000_000


def send(python: str, *wrapper: str, code: str = bundle.BOOTSTRAP, **request: Any) -> bytes:
    """Run the program as ``python`` runs it on a host, and return its standard output."""
    payload = bundle.payload(bundle.Request(nonce="n1", **{"interval_seconds": 0.1, **request}))
    done = subprocess.run(
        [*wrapper, python, *FLAGS, code],
        input=payload,
        capture_output=True,
        check=False,
        cwd="/",
        timeout=120,
    )
    assert done.returncode == WELL, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


def decode(output: bytes) -> Snapshot:
    """The frames of an answer as a checked snapshot, with no word that the snapshot's types do not know."""
    facts: dict[str, Any] = {"schema": 1, "agent": {}}
    for line in output.decode().splitlines():
        if line.startswith("fleet-frame n1 "):
            frame = msgspec.json.decode(line.split(" ", 2)[2])
            kind = frame.pop("frame")
            if kind == "section":
                facts[frame.pop("step")] = frame
            else:
                facts["agent"].update(frame["agent"])
                facts["agent"]["finished"] = kind == "end"
    snapshot = msgspec.convert(facts, Snapshot)
    assert unknown(facts, msgspec.to_builtins(snapshot)) == []
    return snapshot


def unknown(sent: Any, kept: Any, path: str = "") -> list[str]:
    """Paths of what was sent and did not survive the types: a misspelt fact would be lost in silence."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        lost = [
            f"{path}.{name}"
            for name, value in sent.items()
            if name not in kept and value not in (None, [], {}, False)
        ]
        return lost + [
            line
            for name in sent
            if name in kept
            for line in unknown(sent[name], kept[name], f"{path}.{name}")
        ]
    if isinstance(sent, list) and isinstance(kept, list):
        return [
            line for one, other in zip(sent, kept, strict=True) for line in unknown(one, other, path + "[]")
        ]
    return []


def sections(snapshot: Snapshot) -> dict[str, Any]:
    return {step: getattr(snapshot, step) for step in STEPS}


@pytest.mark.parametrize("python", interpreters.found())
def test_every_interpreter_gives_a_whole_snapshot(python: str) -> None:
    snapshot = decode(send(python, processes=("no-such-process",), services=("no-such-service",)))
    assert snapshot.agent.finished
    assert snapshot.agent.max_rss_bytes is not None
    assert snapshot.agent.max_rss_bytes <= PEAK_LIMIT
    for step, section in sections(snapshot).items():
        assert section is not None, step
        assert section.status in ("ok", "partial"), (step, section)
        assert not [note for note in section.notes.values() if note.startswith("error")], (
            step,
            section.notes,
        )


@pytest.mark.parametrize("python", interpreters.found())
def test_every_interpreter_reads_a_recorded_tree_alike(python: str) -> None:
    snapshot = decode(send(python, root=str(TREE), interval_seconds=0.0))
    assert snapshot.identity is not None
    assert snapshot.identity.data is not None
    assert snapshot.identity.data.hostname == "recorded"
    assert snapshot.identity.data.kernel_messages is None
    assert snapshot.identity.notes["kernel_messages"] == "absent"
    assert snapshot.processes is not None
    assert snapshot.processes.data is not None
    assert snapshot.processes.data.total == 3
    assert snapshot.memory is not None
    assert snapshot.memory.data is not None
    assert snapshot.memory.data.total_bytes == 24684096 * 1024
    assert "error" not in {section.status for section in sections(snapshot).values()}


@pytest.mark.parametrize("python", interpreters.found())
def test_an_interpreter_without_extension_modules_copes(python: str) -> None:
    """Debian's python3-minimal has no json, ctypes, resource and others; blocking them is as good."""
    missing = ("json", "_json", "ctypes", "_ctypes", "resource", "shlex", "zipfile", "concurrent", "typing")
    block = "import sys;" + "".join(f"sys.modules[{name!r}]=None;" for name in missing)
    snapshot = decode(send(python, code=block + bundle.BOOTSTRAP))
    assert snapshot.identity is not None
    assert snapshot.identity.status == "ok"
    assert snapshot.identity.notes["clock_synchronised"] == "absent"
    assert "error" not in {section.status for section in sections(snapshot).values()}


def reachable_by_others() -> list[str]:
    return [python for python in interpreters.found() if not str(Path(python).resolve()).startswith("/root")]


@pytest.mark.full
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
@pytest.mark.parametrize("python", reachable_by_others())
def test_as_nobody_facts_are_denied_and_nothing_fails(python: str) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv of util-linux")
    uid = str(pwd.getpwnam("nobody").pw_uid)
    snapshot = decode(send(python, setpriv, "--reuid", uid, "--regid", uid, "--clear-groups", "--"))
    assert snapshot.agent.uid == int(uid)
    for step, section in sections(snapshot).items():
        assert section.status in ("ok", "partial"), (step, section)
        assert not [note for note in section.notes.values() if note.startswith("error")], (
            step,
            section.notes,
        )
    assert snapshot.processes is not None
    assert snapshot.processes.data is not None
    assert snapshot.processes.data.total == pytest.approx(len(psutil.pids()), abs=20)


WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
CHANGING = "mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,truncate,chmod,chown,fchmodat,fchownat,mknod,mknodat,utimensat,setxattr"  # fmt: skip # noqa: E501


@pytest.mark.parametrize("python", interpreters.found())
def test_nothing_is_written(tmp_path: Path, python: str) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    trace = tmp_path / "trace"
    calls = "open,openat,creat," + CHANGING
    # A file a process: in a common one, a call that another process interrupts is told in two halves.
    send(python, strace, "-ff", "-qq", "-o", str(trace), "-e", "trace=" + calls, "--")
    lines = [line for file in tmp_path.glob("trace.*") for line in file.read_text().splitlines()]
    opened = [line for line in lines if line.startswith(("open", "creat"))]
    assert len(opened) > 100  # the trace is of the agent at work
    written = [line for line in opened if any(flag in line for flag in WRITING) and '"/dev/null"' not in line]
    assert written == []
    assert [line for line in lines if not line.startswith(("open", "creat", "---", "+++"))] == []


LOGIN_SHELLS = [shell for name in ("sh", "bash", "dash", "ksh", "zsh", "csh", "tcsh", "fish", "rbash") if (shell := shutil.which(name))]  # fmt: skip # noqa: E501


@pytest.mark.parametrize("shell", LOGIN_SHELLS)
def test_every_login_shell_reads_the_command(shell: str) -> None:
    payload = bundle.payload(bundle.Request(nonce="n1", root=str(TREE), interval_seconds=0.0))
    done = subprocess.run(
        [shell, "-c", bundle.COMMAND], input=payload, capture_output=True, check=True, timeout=120
    )
    assert decode(done.stdout).agent.finished


def test_nothing_special_to_any_shell_stands_in_the_quotes() -> None:
    assert bundle.COMMAND.startswith("sh -c '")
    assert bundle.COMMAND.endswith("'")
    inside = bundle.COMMAND[len("sh -c '") : -1]
    assert not set("'!\n") & set(inside)
    assert not inside.replace('\\"', "").count("\\")
    assert not set("\"'$`\\!") & set(bundle.BOOTSTRAP)


def stub(directory: Path, name: str, script: str) -> str:
    path = directory / name
    path.write_text("#!/bin/sh\n" + script + "\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "script",
    [
        "exit 0",
        "exit 1",
        "exit 3",
        "exit 91",
        "exit 127",
        "exit 255",
        "echo noise",
        "kill -6 $$",
        "kill -11 $$",
    ],
)
def test_an_unfit_interpreter_is_passed_over(tmp_path: Path, script: str) -> None:
    command = bundle.command(("/no/such/python3", stub(tmp_path, "python3", script), sys.executable))
    payload = bundle.payload(bundle.Request(nonce="n1", root=str(TREE), interval_seconds=0.0))
    done = subprocess.run(["sh", "-c", command], input=payload, capture_output=True, check=True, timeout=120)
    assert decode(done.stdout).agent.finished


@pytest.mark.parametrize(("script", "status"), [("cat >/dev/null; exit 7", 7), ("cat >/dev/null", 0)])
def test_one_that_took_the_program_and_failed_is_not_made_up_for(
    tmp_path: Path, script: str, status: int
) -> None:
    command = bundle.command((stub(tmp_path, "python3", script), sys.executable))
    payload = bundle.payload(bundle.Request(nonce="n1", root=str(TREE), interval_seconds=0.0))
    done = subprocess.run(["sh", "-c", command], input=payload, capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (status, b"")


def test_without_an_interpreter_one_frame_says_what_was_tried(tmp_path: Path) -> None:
    old, broken = stub(tmp_path, "python3", "exit 91"), stub(tmp_path, "python3.9", "exit 1")
    done = subprocess.run(
        ["sh", "-c", bundle.command(("/no/such/python3", old, broken))],
        input=b"x",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 127
    [line] = [line for line in done.stdout.splitlines() if line]
    word, nonce, frame = line.split(b" ", 2)
    assert (word, nonce) == (b"fleet-frame", b"-")
    tried = msgspec.json.decode(frame)
    assert tried == {"frame": "no_python", "tried": f"{old}:91 {broken}:1"}
    assert bundle.misfits(tried["tried"]) == f"{old} is older than 3.6, {broken} ended with status 1"


def test_a_too_old_interpreter_ends_before_it_reads() -> None:
    code = bundle.BOOTSTRAP.replace("(3,6)", "(99,0)")
    done = subprocess.run([sys.executable, *FLAGS, code], stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 91


def test_the_sent_program_can_also_be_run_as_it_is_shown() -> None:
    text = bundle.program(bundle.Request(nonce="n1", root=str(TREE), interval_seconds=0.0))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=text.encode(), capture_output=True, check=True
    )
    assert decode(done.stdout).agent.finished


def test_by_hand_it_prints_one_document() -> None:
    root = Path(__file__).parents[2] / "agent"
    command = [
        sys.executable,
        "-m",
        "fleet_agent",
        "--root",
        str(TREE),
        "--interval",
        "0",
        "--process",
        "init",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    snapshot = msgspec.json.decode(done.stdout, type=Snapshot)
    assert snapshot.agent.finished
    assert all(section is not None for section in sections(snapshot).values())


PORTABLE = ("identity", "cpu", "memory", "processes", "network", "ports", "connections", "disk")


def test_with_psutil_the_other_systems_path_gives_what_psutil_can() -> None:
    snapshot = decode(send(sys.executable, portable=True, processes=("no-such-process",)))
    for step in PORTABLE:
        section = getattr(snapshot, step)
        assert section.status == "ok", (step, section.notes)
        assert section.data is not None
    for step in set(STEPS) - set(PORTABLE):
        assert getattr(snapshot, step).status == "absent"
    assert snapshot.memory is not None
    assert snapshot.memory.data is not None
    assert snapshot.memory.data.total_bytes == psutil.virtual_memory().total


def test_without_psutil_the_other_systems_path_says_so() -> None:
    block = "import sys;sys.modules['psutil']=None;"
    snapshot = decode(send(sys.executable, code=block + bundle.BOOTSTRAP, portable=True))
    for section in sections(snapshot).values():
        assert section.status == "absent"
    assert snapshot.cpu is not None
    assert "psutil" in snapshot.cpu.notes["section"]
