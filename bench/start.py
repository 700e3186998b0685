"""What it costs to start: `fleet --help` beside the libraries that any such program loads.

    python bench/start.py

CPU of the whole process (user and system, by wait4), the least of several runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUNS = 15
FLEET = str(Path(sys.executable).with_name("fleet"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import typer, rich.console, rich.table'": [
        sys.executable,
        "-c",
        "import typer, rich.console, rich.table",
    ],
    "fleet --help": [FLEET, "--help"],
    "fleet metrics": [FLEET, "metrics"],
}


def cpu_ms(command: list[str]) -> float:
    """CPU of one run in milliseconds."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    """Print the table."""
    least = {name: min(cpu_ms(command) for _ in range(RUNS)) for name, command in COMMANDS.items()}
    libraries = least["python -c 'import typer, rich.console, rich.table'"]
    print(f"{'command':54} {'CPU ms':>8} {'of the libraries':>17}")
    for name, cost in least.items():
        print(f"{name:54} {cost:8.0f} {cost / libraries:16.2f}x")


if __name__ == "__main__":
    main()
