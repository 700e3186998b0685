"""A real OpenSSH server for tests and benchmarks: own configuration, own keys, any number of addresses.

It listens on every address of 127.0.0.0/8, logs in the current user with a fresh key, and is ended by its
pid. Needs root: sshd without it can log in nobody else.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", "")) or "/usr/sbin/sshd"
AVAILABLE = os.geteuid() == 0 and Path(SSHD).exists()
WHY_NOT = "needs root and OpenSSH's sshd"


@dataclass(frozen=True)
class Sshd:
    """A running server: ``key`` is the private key that logs ``user`` in, ``pid`` its listening process."""

    directory: Path
    port: int
    user: str
    key: Path
    host_key: str  # "ssh-ed25519 AAAA…"
    pid: int

    def known_hosts(self, *names: str) -> str:
        """Lines for a known_hosts file."""
        return "".join(f"[{name}]:{self.port} {self.host_key}\n" for name in names)

    def log(self) -> str:
        """Return what the server wrote so far."""
        return (self.directory / "sshd.log").read_text(errors="replace")


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.create_server(("0.0.0.0", 0)) as probe:
        return int(probe.getsockname()[1])


def new_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair with ssh-keygen and return the private one's path."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "fleet-test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)
    return path


@contextmanager
def sshd(directory: Path, options: Mapping[str, str] | None = None, prefix: str = "") -> Iterator[Sshd]:
    """Run a server until the block ends; ``options`` for sshd_config, ``prefix`` for authorized_keys."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    user = pwd.getpwuid(os.geteuid()).pw_name
    key = new_key(directory / "id_ed25519")
    host_key = directory / "host_ed25519"
    if not host_key.exists():
        new_key(host_key)
    public = key.with_suffix(".pub").read_text()
    (directory / "authorized_keys").write_text(f"{prefix} {public}".lstrip())
    settings = {
        "ListenAddress": "0.0.0.0",
        "HostKey": str(host_key),
        "PidFile": "none",
        "AuthorizedKeysFile": str(directory / "authorized_keys"),
        "StrictModes": "no",
        "UsePAM": "no",
        "UseDNS": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "MaxStartups": "2000:30:4000",
        "PrintMotd": "no",
        "PrintLastLog": "no",
        "Subsystem": "sftp internal-sftp",
        **(options or {}),
    }
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # privilege separation's empty root
    process, port = _started(directory, settings)
    try:
        words = host_key.with_suffix(".pub").read_text().split()
        yield Sshd(directory, port, user, key, " ".join(words[:2]), process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _started(directory: Path, settings: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port; on another one if somebody was quicker to take that."""
    config = directory / "sshd_config"
    for left in reversed(range(3)):
        port = free_port()
        config.write_text(
            "".join(f"{name} {value}\n" for name, value in {"Port": str(port), **settings}.items())
        )
        with (directory / "sshd.log").open("w") as log:
            process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            _wait(process, port, directory)
            break
        except RuntimeError:
            process.kill()
            process.wait()
            if not left or "already in use" not in (directory / "sshd.log").read_text(errors="replace"):
                raise
    return process, port


def _wait(process: subprocess.Popen[bytes], port: int, directory: Path) -> None:
    """Return when the server accepts; raise with its log when it does not."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("sshd did not start: " + (directory / "sshd.log").read_text(errors="replace"))
