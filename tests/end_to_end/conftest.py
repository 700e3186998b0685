from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import postgres_server
from tests.program import Program
from tests.sshd import Sshd, new_key, sshd

__all__ = ["postgres_server"]

# bash started by sshd reads ~/.bashrc unless it is nested; whatever stands there is not part of these tests
QUICK = {"SetEnv": "SHLVL=5"}

# Hosts of their own by the key that logs in: commands run in a mount namespace where this was done.
PECULIAR = {
    "bare": """\
for each in /usr/bin/python3* /usr/local/bin/python3*; do
  if [ -e "$each" ]; then mount --bind /dev/null "$each"; fi
done
PATH=/usr/bin:/bin
""",
    "full": """\
mount -t tmpfs -o size=64k full /tmp
dd if=/dev/zero of=/tmp/filler 2>/dev/null
cd /tmp
HOME=/tmp TMPDIR=/tmp
export HOME TMPDIR
""",
    "read-only": """\
mount -t tmpfs none /tmp
mount -o remount,ro /tmp
mount -o remount,bind,ro /
cd /
HOME=/ TMPDIR=/tmp
export HOME TMPDIR
""",
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """OpenSSH on all of 127.0.0.0/8, where some keys lead to peculiar hosts."""
    with sshd(tmp_path_factory.mktemp("server"), QUICK) as running:
        for name, steps in PECULIAR.items():
            script = running.directory / f"{name}.sh"
            script.write_text(f'{steps}exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n')
            public = new_key(running.directory / name).with_suffix(".pub").read_text()
            with (running.directory / "authorized_keys").open("a") as authorized:
                authorized.write(f'command="exec unshare --mount sh {script}" {public}')
        yield running


@pytest.fixture
def fleet(server: Sshd, tmp_path: Path) -> Program:
    """The program of a user whose ~/.ssh knows the way to the server."""
    ssh = tmp_path / ".ssh"
    ssh.mkdir(mode=0o700)
    new_key(ssh / "stranger")
    other = new_key(ssh / "other_host").with_suffix(".pub").read_text()
    (ssh / "other_hosts").write_text(f"[127.0.8.1]:{server.port} {other}")
    (ssh / "known_hosts").write_text(server.known_hosts("127.0.*"))
    (ssh / "config").write_text(
        f"Host changed\n  HostName 127.0.8.1\n  UserKnownHostsFile {ssh / 'other_hosts'}\n"
        f"Host stranger\n  HostName 127.0.8.2\n  IdentityFile {ssh / 'stranger'}\n  IdentitiesOnly yes\n"
        f"Host closed\n  HostName 127.0.8.4\n  Port 1\n"
        f"Host {' '.join(PECULIAR)}\n  HostName 127.0.8.3\n  IdentityFile {server.directory}/%n\n"
        f"Host 127.0.7.*\n  IdentityFile {server.key}\n"
        f"Host *\n  Port {server.port}\n  User {server.user}\n"
    )
    (tmp_path / "fleet.toml").write_text("[agent]\ninterval_seconds = 0.1\n")
    return Program(tmp_path)
