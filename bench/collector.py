"""What a sweep costs the collector, beside the nearest tools, in one run on one real sshd.

    sudo .venv/bin/python bench/collector.py [--hosts 1000] [--peers-python PYTHON] [--only WORD]

Every host is an address of 127.0.0.0/8. Each tool is a process of its own; its CPU is that of the process
and all its children (wait4). CPU on the host is what sshd and all it started used meanwhile. Memory is the
most that the tool's processes held together (PSS, looked at every half second).

``fleet scan`` is the command itself, into a fresh SQLite database: start, connect, log in, send the agent,
receive, check, judge, measure, store, print. With the recorded answer hosts print what the agent printed
here before, so that agents do not take the CPU that the collector is to have. parallel-ssh, clush and ssh
run ``true``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import psutil  # noqa: E402

from bench.hostile import hostile_peers  # noqa: E402
from bench.tools import Lab, Tool, lab, tools, versions  # noqa: E402
from tests.sshd import AVAILABLE, WHY_NOT, Sshd, sshd  # noqa: E402

_SETTINGS = {"SetEnv": "SHLVL=5", "LogLevel": "ERROR", "MaxStartups": "4000:30:8000"}
_LOOK_SECONDS = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")
_HEAD = ("tool", "hosts", "hosts/s", "CPU ms/host", "on the host", "MiB", "result")


@dataclass(frozen=True)
class Cost:
    """One tool's run: CPU seconds of its processes and of the hosts', wall time, most memory held."""

    tool: Tool
    cpu_seconds: float
    host_seconds: float
    wall_seconds: float
    peak_bytes: int
    said: str


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    if not AVAILABLE:
        sys.exit(f"this benchmark {WHY_NOT}")
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as name:
        directory = Path(name)
        with sshd(directory / "sshd", _SETTINGS) as server, hostile_peers() as ports:
            place = lab(directory, server, ports, arguments)
            chosen = [tool for tool in tools(place, arguments) if arguments.only in tool.name]
            print(f"{os.cpu_count()} cores, {', '.join(versions(place, arguments.peers_python))}\n")
            print(_line(_HEAD))
            for tool in chosen:
                print(_row(tool, place, server, arguments.repeat), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--agent-hosts", type=int, default=200, help="with the real agent on them")
    parser.add_argument("--ssh-hosts", type=int, default=200, help="for clush and ssh, a process a host")
    parser.add_argument("--ansible-hosts", type=int, default=20, help="ansible -m setup is slow")
    parser.add_argument("--at-once", type=int, default=128)
    parser.add_argument("--processes", type=int, help="of fleet; its own choice without")
    parser.add_argument("--hostile-hosts", type=int, default=20, help="in place of as many well ones")
    parser.add_argument("--repeat", type=int, default=1, help="take the run with the least CPU of so many")
    parser.add_argument("--only", default="", metavar="WORD", help="tools with this word in their name")
    parser.add_argument(
        "--peers-python", default=sys.executable, help="of an environment with the peers in it"
    )
    return parser.parse_args()


def _row(tool: Tool, place: Lab, server: Sshd, repeat: int) -> str:
    if not tool.command:
        return f"{tool.name}: not installed here (--peers-python)"
    runs = [_measure(tool, place, server) for _ in range(repeat)]
    best = min(runs, key=lambda run: run.cpu_seconds)
    each = tool.hosts / 1000
    return _line(
        (
            tool.name,
            str(tool.hosts),
            f"{tool.hosts / best.wall_seconds:.1f}",
            f"{best.cpu_seconds / each:.2f}",
            f"{best.host_seconds / each:.1f}",
            f"{best.peak_bytes / 2**20:.0f}",
            best.said,
        )
    )


def _line(cells: Sequence[str]) -> str:
    name, *numbers, said = cells
    return f"{name:32}" + "".join(f"{number:>12}" for number in numbers) + f"  {said}"


def _measure(tool: Tool, place: Lab, server: Sshd) -> Cost:
    """Run a tool to its end and return its cost."""
    for leftover in place.database.parent.glob(f"{place.database.name}*"):
        leftover.unlink()
    before, began = _spent(server.pid), time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(tool.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        with _watched(process.pid) as peak:
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        output.seek(0)
        last = (output.read().decode("utf-8", "replace").strip().splitlines() or [""])[-1].strip()
    said = last if 0 < len(last) <= 60 else f"exit status {process.returncode}"
    used = usage.ru_utime + usage.ru_stime
    return Cost(tool, used, _spent(server.pid) - before, wall, max(peak), said)


@contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """Note, while the block runs, the memory that a process and its children hold together."""
    over, peak = threading.Event(), [0]

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            with suppress(psutil.NoSuchProcess):
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                peak.append(sum(_held(process) for process in family))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _held(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.memory_full_info().pss)
    return 0


def _spent(pid: int) -> float:
    """CPU seconds of a server, its ended children and those still there (proc(5), fields 14 to 17)."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(OSError):
            stat = Path(f"/proc/{process.pid}/stat").read_text()
            total += sum(int(word) for word in stat.rpartition(")")[2].split()[11:15]) / _TICKS
    return total


if __name__ == "__main__":
    main()
