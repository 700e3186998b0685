"""A real PostgreSQL for tests and benchmarks: a cluster of its own, in a temporary directory, ended by pid.

``FLEET_TEST_POSTGRES`` names a server to use instead, as ``postgresql://user@host/``; databases are made and
dropped there. Without either, tests that need it are skipped, and say so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

GIVEN = os.environ.get("FLEET_TEST_POSTGRES", "")


def _binaries() -> Path | None:
    """Return the directory of the newest initdb of this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    in_path = shutil.which("initdb")
    return found[-1].parent if found else Path(in_path).parent if in_path else None


BINARIES = _binaries()
AVAILABLE = bool(GIVEN) or BINARIES is not None
WHY_NOT = "needs PostgreSQL's initdb, or a server named by FLEET_TEST_POSTGRES"


@dataclass(slots=True)
class Cluster:
    """A running server; ``stop`` and ``start`` interrupt it; ``pid`` is 0 for a given one."""

    url: str
    directory: Path | None = None
    port: int = 0
    pid: int = 0

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, yield its URL, drop it."""
        import psycopg

        name = f"fleet_test_{uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
        try:
            base, _, options = self.url.partition("?")
            yield base.rsplit("/", 1)[0] + f"/{name}" + (f"?{options}" if options else "")
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def start(self) -> None:
        """Start the server and wait until it answers."""
        assert self.directory is not None
        assert BINARIES is not None
        options = ["-D", str(self.directory / "data"), "-k", str(self.directory), "-p", str(self.port)]
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                _as_postgres(str(BINARIES / "postgres"), *options),
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.pid = process.pid
        _wait_until_up(process, self.directory)
        _PROCESSES[self.pid] = process

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server at once (fast shutdown), as an operator's restart would."""
        process = _PROCESSES.pop(self.pid)
        process.send_signal(how)
        process.wait(timeout=30)
        self.pid = 0


_PROCESSES: dict[int, subprocess.Popen[bytes]] = {}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Yield a server; its own cluster is gone afterwards."""
    if GIVEN:
        yield Cluster(GIVEN)
        return
    directory = Path(tempfile.mkdtemp(prefix="fleet-pg-"))
    try:
        _initialise(directory)
        server = _started(directory)
        try:
            yield server
        finally:
            if server.pid:
                server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _started(directory: Path) -> Cluster:
    """Start a server on a free port; on another one if somebody was quicker to take that."""
    for left in reversed(range(3)):
        port = _free_port()
        server = Cluster(f"postgresql://postgres@127.0.0.1:{port}/postgres", directory, port)
        try:
            server.start()
            break
        except RuntimeError as fault:
            if not left or "already in use" not in str(fault):
                raise
    return server


def _initialise(directory: Path) -> None:
    assert BINARIES is not None
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(directory, owner.pw_uid, owner.pw_gid)
    command = [str(BINARIES / "initdb"), "-D", str(directory / "data"), "-U", "postgres", "-A", "trust"]
    command += ["-E", "UTF8", "--locale", "C", "--no-sync"]
    subprocess.run(_as_postgres(*command), check=True, capture_output=True)
    with (directory / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write("fsync = off\nfull_page_writes = off\nlisten_addresses = '127.0.0.1'\n")
        settings.write("shared_buffers = 128MB\nmax_wal_size = 2GB\n")


def _as_postgres(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Wait until the server says so itself: the eighth line of its postmaster.pid."""
    deadline = time.monotonic() + 60
    said: list[str] = []
    while not (len(said) > 7 and said[0] == str(process.pid) and said[7].strip() == "ready"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((directory / "log").read_text(encoding="utf-8", errors="replace"))
        time.sleep(0.02)
        with suppress(FileNotFoundError):
            said = (directory / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
