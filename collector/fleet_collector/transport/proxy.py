"""ProxyCommand: a program of the operator's whose stdin and stdout lead to the host."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import suppress


class Proxy:
    """A running ProxyCommand in a process group of its own; ``sock`` is our end."""

    def __init__(self, process: asyncio.subprocess.Process, sock: socket.socket) -> None:
        self.process = process
        self.sock = sock

    def end(self) -> None:
        """End it and its children."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGTERM)


async def start(command: str) -> Proxy:
    """Start a command line with the user's shell, as ssh_config(5) says, on one end of a socket pair."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        process = await asyncio.create_subprocess_exec(
            shell,
            "-c",
            f"exec {command}",
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Proxy(process, ours)
