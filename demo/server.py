"""An SSH server on loopback that runs commands as the user who started it: a host for the demo.

    python demo/server.py DIRECTORY NAME

It makes a host key and a client key in DIRECTORY, writes an ssh_config and a known_hosts there that lead
to it, prints "ready" and serves until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import asyncssh


async def _serve_command(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run the command with /bin/sh, as sshd does."""
    question = await process.stdin.read()
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        process.command or "true",
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    answer, errors = await child.communicate(question)
    process.stdout.write(answer)
    process.stderr.write(errors)
    process.exit(child.returncode or 0)


def _write_client_files(directory: Path, name: str, port: int, host_key: asyncssh.SSHKey) -> None:
    public = host_key.export_public_key().decode().strip()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    (directory / "ssh_config").write_text(
        f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {directory}/client_key\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {directory}/known_hosts\n"
    )


async def serve(directory: Path, name: str) -> None:
    """Serve until standard input ends."""
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    (directory / "client_key").touch(mode=0o600)
    (directory / "client_key").write_bytes(client_key.export_private_key())
    (directory / "authorized_keys").write_bytes(client_key.export_public_key())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(directory / "authorized_keys"),
        process_factory=_serve_command,
        encoding=None,
    )
    _write_client_files(directory, name, server.get_port(), host_key)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
