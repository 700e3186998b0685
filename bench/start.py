"""What it costs to start: every command that reads, beside the libraries that any such program loads.

    python -m bench.start

The database is of ten hosts and one night. CPU of the whole process (user and system, by wait4), and its wall
clock, the least of several runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.nights import fill
from fleet_collector import store

RUNS = 9
FLEET = str(Path(sys.executable).with_name("fleet"))
LIBRARIES = "import typer, rich.console, rich.table"
HOST = "host0001"
READING = (
    ("hosts",),
    ("show", HOST),
    ("history", HOST),
    ("history", HOST, "--metric", "time_wait"),
    ("trends",),
    ("why",),
    ("diff", HOST),
    ("db", "stats"),
)


def spent_ms(command: list[str]) -> tuple[float, float]:
    """CPU and wall clock of one run in milliseconds."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return (usage.ru_utime + usage.ru_stime) * 1000, (time.perf_counter() - begin) * 1000


def main() -> None:
    """Print the table."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        f"python -c '{LIBRARIES}'": [sys.executable, "-c", LIBRARIES],
        "fleet --help": [FLEET, "--help"],
        "fleet metrics": [FLEET, "metrics"],
    }
    print(f"{'command':54} {'CPU ms':>8} {'wall ms':>8}")
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory:
        path = str(Path(directory) / "fleet.db")
        with store.connect(path) as database:
            fill(database, 10, 1)
        commands |= {f"fleet {' '.join(words)}": [FLEET, *words, "--db", path] for words in READING}
        for name, command in commands.items():
            cpu, wall = zip(*(spent_ms(command) for _ in range(RUNS)), strict=True)
            print(f"{name:54} {min(cpu):8.0f} {min(wall):8.0f}")


if __name__ == "__main__":
    main()
