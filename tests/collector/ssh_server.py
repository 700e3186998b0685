"""An SSH server within the test process (asyncssh's own, on a free port), with real programs behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from fleet_collector.inventory import Target
from fleet_collector.transport import Program, SshOptions
from fleet_collector.transport.route import Defaults, HostKeys

Process = asyncssh.SSHServerProcess[bytes]
Behaviour = Callable[[Process], Awaitable[None]]

NONCE = "c0ffee"


@dataclass
class Server:
    """A running server: what it saw, and how to reach it."""

    port: int
    key_file: Path
    host_key: asyncssh.SSHKey
    directory: Path
    logins: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    connections: int = 0

    def known_line(self, name: str = "127.0.0.1") -> str:
        return f"[{name}]:{self.port} {self.host_key.export_public_key().decode().strip()}\n"

    def options(
        self,
        *,
        known: str | None = None,
        host_keys: HostKeys | None = None,
        config: str = "",
        key_files: tuple[Path, ...] | None = None,
    ) -> SshOptions:
        """Options that know this server and nothing of the machine the test runs on."""
        known_hosts = self.directory / "known_hosts"
        known_hosts.write_text(self.known_line() if known is None else known)
        config_file = self.directory / "ssh_config"
        config_file.write_text(config)
        files = (self.key_file,) if key_files is None else key_files
        return SshOptions(
            defaults=Defaults(
                key_files=files, known_hosts=(known_hosts,), host_keys=host_keys, user="tester"
            ),
            config_files=(config_file,),
            recorded_hosts=self.directory / "own" / "known_hosts",
        )

    def target(self, name: str = "127.0.0.1") -> Target:
        return Target(name, port=self.port)


async def shell(process: Process) -> None:
    """Run the command with /bin/sh, as sshd does."""
    await run(process, process.command or "true")


async def run(process: Process, command: str) -> None:
    """Run a command with /bin/sh in place of the one that was asked for."""
    stdin = await process.stdin.read()
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await child.communicate(stdin)
    process.stdout.write(output)
    process.stderr.write(errors)
    process.exit(child.returncode or 0)


@asynccontextmanager
async def server(
    directory: Path, behaviour: Behaviour = shell, *, login: bool = True, sessions: bool = True
) -> AsyncIterator[Server]:
    """Run a server until the block ends; ``behaviour`` answers each command.

    Without ``login`` no key will do; without ``sessions`` it hangs up after the login.
    """
    user_key = asyncssh.generate_private_key("ssh-ed25519")
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    key_file = directory / "id_user"
    user_key.write_private_key(key_file)
    known = Server(0, key_file, host_key, directory)

    class Door(asyncssh.SSHServer):
        def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
            known.connections += 1
            self.connection = connection

        def begin_auth(self, username: str) -> bool:
            known.attempts.append(username)
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, _: str, key: asyncssh.SSHKey) -> bool:
            return login and key.public_data == user_key.public_data

        def auth_completed(self) -> None:
            known.logins.append(known.attempts[-1])
            if not sessions:
                asyncio.get_running_loop().call_soon(self.connection.close)

        def connection_requested(self, *_: object) -> bool:
            return True

    listener = await asyncssh.create_server(
        Door, "127.0.0.1", 0, server_host_keys=[host_key], process_factory=behaviour, encoding=None
    )
    known.port = listener.get_port()
    try:
        yield known
    finally:
        listener.close()
        await listener.wait_closed()


def program(command: str, stdin: bytes = b"") -> Program:
    return Program(command, stdin, NONCE)
