"""`make demo`: scan this machine through the real path, then show and history.

Real agent, real SSH: to this machine's own server where a key opens it, else to one started for the demo on
loopback, without root. Everything it writes is below .demo/.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".demo"
NAME = "this-machine"


def _own_server_answers() -> bool:
    """Whether `ssh localhost` works without a question."""
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=3", "-o", "StrictHostKeyChecking=yes"]
    try:
        done = subprocess.run(
            ["ssh", *options, "localhost", "true"], capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextmanager
def _server() -> Iterator[None]:
    program = [sys.executable, str(ROOT / "demo" / "server.py"), str(DIRECTORY), NAME]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None  # noqa: S101
        assert server.stdout is not None  # noqa: S101
        if server.stdout.readline().strip() != "ready":
            sys.exit("demo: the SSH server on loopback did not start")
        try:
            yield
        finally:
            server.stdin.close()
            server.wait(10)


def _fleet(*arguments: str) -> None:
    """Show a command as a user would type it, and run it."""
    sys.stdout.write(f"\n$ fleet {' '.join(arguments)}\n")
    sys.stdout.flush()
    environment = dict(os.environ, FLEET_DB=str(DIRECTORY / "fleet.db"))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("fleet")), *arguments],
        env=environment,
        cwd=DIRECTORY,
        check=False,
    )
    if done.returncode not in {0, 1, 2}:  # 1 and 2: this machine really has a warning or worse
        sys.exit(f"demo: `fleet {' '.join(arguments)}` left with {done.returncode}")


def _scan_and_show(host: str, *options: str) -> None:
    (DIRECTORY / "hosts.txt").write_text(f"{host}\n")
    _fleet("scan", "hosts.txt", *options)
    _fleet("scan", "hosts.txt", *options)
    _fleet("why")
    _fleet("show", host)
    _fleet("history", host, "--metric", "load1")


def main() -> None:
    """Choose the server and run the commands."""
    DIRECTORY.mkdir(exist_ok=True)
    if _own_server_answers():
        _scan_and_show("localhost")
        return
    with _server():
        _scan_and_show(NAME, "--ssh-config", "ssh_config")


if __name__ == "__main__":
    main()
