"""What the agent costs a host: CPU time, memory and bytes, for each interpreter and by phase.

    python bench/agent.py [--runs 7] [--processes 100]

The CPU time is that of the interpreter and everything it starts, as wait4(2) gives it to the waiting parent.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from fleet_collector import bundle


class Cost(NamedTuple):
    """One run: CPU milliseconds, peak resident bytes, bytes of the answer and its frames."""

    cpu_ms: float
    rss_bytes: int
    answer: bytes


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=7, help="of each kind; the median and the least are shown"
    )
    parser.add_argument("--processes", type=int, default=100, help="bring the machine to this many processes")
    parser.add_argument(
        "--python", action="append", help="interpreters to try, instead of all that are found"
    )
    options = parser.parse_args()
    console = Console()
    request = bundle.Request(nonce="bench")
    with company(options.processes):
        console.print(costs(request, options.python or interpreters(), options.runs))
        console.print(phases(options.python or interpreters(), options.runs))
        console.print(sections(request, options.runs))


def costs(request: bundle.Request, found: list[str], runs: int) -> Table:
    """Return the table of whole runs."""
    payload = bundle.payload(request)
    size = f"{len(payload):,} bytes sent, {len(bundle.program(request)):,} bytes of program"
    table = Table(title=f"Whole job at {process_count()} processes; {size}")
    for column in ("interpreter", "CPU ms, median", "CPU ms, least", "peak MB", "answer bytes"):
        table.add_column(column, justify="left" if column == "interpreter" else "right")
    for python in found:
        results = [run(python, bundle.BOOTSTRAP, payload) for _ in range(runs)]
        cpu = [result.cpu_ms for result in results]
        peak = max(result.rss_bytes for result in results) / 1e6
        answer = f"{len(results[-1].answer):,}"
        table.add_row(python, f"{statistics.median(cpu):.1f}", f"{min(cpu):.1f}", f"{peak:.1f}", answer)
    return table


def phases(found: list[str], runs: int) -> Table:
    """Return the table of phases: starting the interpreter, reading the program, compiling all steps."""
    request = bundle.Request(nonce="bench")
    head, _, _ = bundle.program(request).rpartition("\nfrom ")
    imports = (
        "\nfrom fleet_agent import runner\nfor step in runner.STEPS: runner._load(step, runner.DEFAULTS)\n"
    )
    table = Table(title="Phases, least CPU ms of each; the rest of the job is the two samples and the steps")
    for column in ("interpreter", "start", "+ read program", "+ compile all steps"):
        table.add_column(column, justify="left" if column == "interpreter" else "right")
    for python in found:
        row = [
            min(run(python, code, text).cpu_ms for _ in range(runs))
            for code, text in (
                ("pass", b""),
                (STDIN, head.encode()),
                (STDIN, (head + imports).encode()),
            )
        ]
        table.add_row(python, *(f"{value:.1f}" for value in row))
    return table


STDIN = "import sys;exec(sys.stdin.buffer.read())"


def sections(request: bundle.Request, runs: int) -> Table:
    """Return the table of steps: least wall milliseconds and bytes of each, on this interpreter."""
    times: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for _ in range(runs):
        for line in run(sys.executable, bundle.BOOTSTRAP, bundle.payload(request)).answer.splitlines():
            frame = msgspec.json.decode(line.split(b" ", 2)[2]) if line else {}
            if frame.get("frame") == "section":
                times.setdefault(frame["step"], []).append(frame["ms"])
                sizes[frame["step"]] = len(line)
    table = Table(title="Steps, least wall ms")
    for column in ("step", "ms", "bytes"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for step, values in times.items():
        table.add_row(step, f"{min(values):.1f}", f"{sizes[step]:,}")
    return table


def run(python: str, code: str, stdin: bytes) -> Cost:
    """Run one interpreter as the command on a host does, and wait for it with its rusage."""
    process = subprocess.Popen(
        [python, *bundle.FLAGS.split(), "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(stdin)
    process.stdin.close()
    answer = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 92):
        sys.exit(f"{python} ended with {process.returncode}")
    return Cost((usage.ru_utime + usage.ru_stime) * 1000, peak_bytes(answer), answer)


def peak_bytes(answer: bytes) -> int:
    """Return what the agent says of its largest process (VmHWM); ru_maxrss would show the parent's."""
    for line in reversed(answer.splitlines()):
        if b'"end"' in line:
            return int(msgspec.json.decode(line.split(b" ", 2)[2])["agent"]["max_rss_bytes"])
    return 0


@contextlib.contextmanager
def company(wanted: int) -> Iterator[None]:
    """Keep as many idle processes as bring the machine to ``wanted`` of them."""
    sleepers = [subprocess.Popen(["sleep", "3600"]) for _ in range(wanted - process_count())]
    try:
        yield
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def process_count() -> int:
    """Return the number of processes, kernel threads included."""
    return sum(entry.name.isdigit() for entry in Path("/proc").iterdir())


def interpreters() -> list[str]:
    """Return the system's python3 and every interpreter pyenv has, from 3.6 on."""
    found = [path for path in ["/usr/bin/python3"] if Path(path).exists()]
    versions = Path.home() / ".pyenv" / "versions"
    numbered = []
    for path in versions.glob("3.*/bin/python3"):
        major, minor = path.parts[-3].split(".")[:2]
        if (int(major), int(minor)) >= (3, 6):
            numbered.append((int(minor), str(path)))
    return found + [path for _, path in sorted(numbered)]


if __name__ == "__main__":
    main()
