"""ProxyCommand: a program of the operator's whose stdin and stdout lead to the host."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
from contextlib import suppress

_MOST_BYTES = 65536  # what a pipe holds


class Proxy:
    """A running ProxyCommand in a process group of its own; ``sock`` is our end."""

    def __init__(self, process: asyncio.subprocess.Process, sock: socket.socket, errors: io.FileIO) -> None:
        self.process = process
        self.sock = sock
        self._errors = errors

    def complaint(self) -> str:
        """The last line that it wrote to standard error."""
        if self._errors.closed:
            return ""
        lines = (self._errors.read(_MOST_BYTES) or b"").decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def end(self) -> None:
        """End it and its children."""
        self._errors.close()
        if self.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGTERM)


async def start(command: str) -> Proxy:
    """Start a command line with the user's shell, as ssh_config(5) says, on one end of a socket pair."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    errors, their_errors = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)  # full, it loses words and holds up nobody
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        process = await asyncio.create_subprocess_exec(
            shell,
            "-c",
            f"exec {command}",
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=their_errors,
            start_new_session=True,
        )
    except OSError:
        ours.close()
        os.close(errors)
        raise
    finally:
        theirs.close()
        os.close(their_errors)
    return Proxy(process, ours, io.FileIO(errors, "rb"))
