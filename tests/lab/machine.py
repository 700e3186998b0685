"""A machine of the lab, and the question put to it by the real program.

``booted`` makes one of namespaces with a real systemd: its own processes, mounts, network, name and units,
and this machine's files under an overlay. It shares the kernel and its counters (CPU, memory, kernel log)
with all others. ``this_machine`` is the one the tests run on, for what needs no root.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fleet_collector import bundle
from fleet_collector.causes.diagnosis import Judged
from fleet_collector.findings.expected import Expected
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past, recall
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.snapshot import Snapshot, frames

HERE = Path(__file__).parent
SYSTEMD = Path("/usr/lib/systemd/systemd")
TOOLS = ("unshare", "nsenter", "ip", "systemctl", "mount")
NAMESPACES = ("--net", "--pid", "--mount", "--uts", "--ipc", "--cgroup")
INTERVAL_SECONDS = 0.5
ANSWER_SECONDS = 60.0  # of a machine that is loaded by the other tests as well
WAIT_SECONDS = 20.0
LOG_ROOTS = bundle.Request(nonce="").log_roots


@dataclass(frozen=True)
class Fault:
    """A fault that is there: its process as the machine sees it."""

    pid: int
    name: str
    process: subprocess.Popen[bytes]


@dataclass
class Machine:
    """``enter`` is the command that leads inside; ``outer_pid`` its first process as seen from outside."""

    name: str
    enter: tuple[str, ...] = ()
    faults: str = str(HERE / "faults")
    python: str = sys.executable
    outer_pid: int | None = None
    started: list[Fault] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    since: float = field(default_factory=time.time)
    known: set[tuple[str, str]] = field(default_factory=set)  # (rule, subject) of causes before any fault

    def start(self, script: str, fault: str, name: str, *arguments: object) -> Fault:
        """Start a fault of ``faults/SCRIPT.py`` that goes by ``name``; it is there when this returns."""
        command = [*self.enter, self.python, "-S", f"{self.faults}/{script}.py", fault, name]
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # as everything on a host that is not of one login
        )
        said = _stdout(process).readline().split()
        if said[:1] != [b"ready"]:
            _end(process)
            raise AssertionError(f"{script} {fault} did not come up: {said}")
        self.started.append(Fault(int(said[1]), name, process))
        self.names.add(name)
        return self.started[-1]

    def run(self, *command: str, text: str = "") -> str:
        """Run a command inside; its output. Raises CalledProcessError."""
        return subprocess.run(
            [*self.enter, *command], input=text, check=True, stdout=subprocess.PIPE, text=True, timeout=60
        ).stdout

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1"', "sh", path, text=text)

    def service(self, name: str, *lines: str, start: bool = True) -> None:
        """Make a unit of these lines of its [Service] section, and start it."""
        self.names.add(name)
        self.write(f"/etc/systemd/system/{name}.service", "\n".join(["[Service]", *lines, ""]))
        self.run("systemctl", "daemon-reload")
        if start:
            self.run("systemctl", "start", "--no-block", name)

    def wait_for(self, command: str, pattern: str) -> None:
        """Wait until what a command prints matches a pattern."""
        limit = time.monotonic() + WAIT_SECONDS
        while not re.search(pattern, said := self.run("sh", "-c", command)):
            assert time.monotonic() < limit, f"{command} says {said}"
            time.sleep(0.05)

    def wait_for_unit(self, name: str, state: str) -> None:
        """Wait until a unit is in a state, as in ``failed`` or ``auto-restart``."""
        self.wait_for(f"systemctl show -p ActiveState,SubState --value {name}", f"(?m)^{state}$")

    def ask(
        self,
        *,
        expected: Expected | None = None,
        thresholds: Thresholds | None = None,
        past: Past | None = None,
        interval_seconds: float = INTERVAL_SECONDS,
        lookup: str | None = None,
    ) -> Judged:
        """Send the program inside as the collector does, and judge what it answers."""
        expected = expected or Expected()
        request = bundle.Request(
            nonce=secrets.token_hex(8),
            interval_seconds=interval_seconds,
            section_seconds=10.0,
            total_seconds=40.0,
            processes=expected.processes,
            services=expected.services,
            reach=expected.reach,
            log_roots=(*LOG_ROOTS, *expected.log_roots),
            lookup=lookup,
        )
        taken_at = time.time()
        snapshot = self._answer(request)
        subject = Subject(
            host=self.name,
            taken_at=taken_at,
            snapshot=snapshot,
            thresholds=thresholds or Thresholds(),
            expected=expected,
            past=past or Past(),
        )
        return Judged(
            host=self.name,
            taken_at=taken_at,
            snapshot=snapshot,
            findings=judge(subject),
            past=past or Past(),
        )

    def _answer(self, request: bundle.Request) -> Snapshot:
        done = subprocess.run(
            [*self.enter, "/bin/sh", "-c", bundle.COMMAND],
            input=bundle.payload(request),
            capture_output=True,
            check=False,
            timeout=ANSWER_SECONDS,
            start_new_session=True,  # as sshd starts it
        )
        assert done.returncode == 0, done.stderr.decode()
        return frames.decode(done.stdout, request.nonce)

    def end_faults(self) -> None:
        """End every fault by its own process, the last one first."""
        while self.started:
            _end(self.started.pop().process)


def past_of(*answers: Judged) -> Past:
    """What earlier answers of a machine say of its usual state, the oldest first."""
    return recall((one.taken_at, one.snapshot) for one in answers if one.snapshot is not None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a fault end as it is meant to, else kill it."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _stdout(process).close()


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


@contextmanager
def this_machine() -> Iterator[Machine]:
    """The machine the tests run on, with what is wrong there anyway."""
    machine = Machine("this")
    try:
        yield machine
    finally:
        machine.end_faults()


def missing() -> str:
    """What this machine lacks to boot another one, in words; empty if nothing."""
    if os.geteuid():
        return "needs root"
    lacking = [tool for tool in TOOLS if not shutil.which(tool)]
    if not SYSTEMD.exists():
        lacking.append("systemd")
    return f"needs {', '.join(lacking)}" if lacking else ""


@contextmanager
def booted(name: str, megabytes: int = 64) -> Iterator[Machine]:
    """A machine of its own that has come up; all of it is gone afterwards. Needs root."""
    with ExitStack() as stack:
        base = stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-lab-"))
        group = stack.enter_context(_control_group(Path(base).name))
        command = [
            "sh", "-c", 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"', "sh", str(group),
            "unshare", *NAMESPACES, "--fork", "--kill-child=KILL",
            "sh", str(HERE / "boot.sh"), base, name, str(HERE / "faults"), f"{megabytes}m",
        ]  # fmt: skip
        log = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(_kill, process)
        first = first_child(process)
        machine = Machine(
            name, ("nsenter", f"--target={first}", "--all"), "/opt/faults", "python3", outer_pid=first
        )
        stack.callback(machine.end_faults)
        _wait_until_up(machine, process, log)
        yield machine


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # unshare's; its child, the first process inside, and all others die with it
    process.wait()


@contextmanager
def _control_group(name: str) -> Iterator[Path]:
    """A control group (version 2) for one machine, removed with all that systemd makes below it."""
    top = Path("/sys/fs/cgroup")
    group = (top if (top / "cgroup.procs").exists() else top / "unified") / name
    group.mkdir()
    try:
        yield group
    finally:
        remove_control_group(group)


def remove_control_group(group: Path) -> None:
    """Remove a group and those below it, once the dead have left it."""
    limit = time.monotonic() + 10
    for directory, _, _ in os.walk(group, topdown=False):
        while True:
            try:
                Path(directory).rmdir()
                break
            except OSError:
                assert time.monotonic() < limit, f"{directory} is still in use"
                time.sleep(0.02)


def first_child(process: subprocess.Popen[bytes]) -> int:
    """The pid, seen from outside, of what unshare or nsenter has started inside."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    limit = time.monotonic() + 10
    while not (words := children.read_text().split()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    return int(words[0])


def _wait_until_up(machine: Machine, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    limit = time.monotonic() + 30
    while not _is_up(machine):
        if process.poll() is not None or time.monotonic() > limit:
            log.seek(0)
            raise AssertionError(f"the machine did not boot: {log.read().decode()}")
        time.sleep(0.05)


def _is_up(machine: Machine) -> bool:
    if Path(f"/proc/{machine.outer_pid}/exe").readlink() != SYSTEMD.resolve():
        return False  # still the script that makes its mounts
    command = [*machine.enter, "systemctl", "is-active", "--quiet", "default.target"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
