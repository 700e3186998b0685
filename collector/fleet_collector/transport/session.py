"""One command on a connection: its input sent, its output gathered within bounds."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

import asyncssh

from fleet_collector.snapshot.frames import MARK, ended
from fleet_collector.transport.program import Program
from fleet_collector.transport.silence import SILENCE

_STDERR_BYTES = 16 * 1024
_NOISE_BYTES = 16 * 1024


@dataclass
class Answer:
    """What a command printed and how it ended; filled while it runs, so that half of it survives a deadline.

    ``sent_at`` and ``came_at`` are this machine's clock when the program was sent and when its first frame
    came.
    """

    chunks: list[bytes] = field(default_factory=list)
    stderr: bytearray = field(default_factory=bytearray)
    received_bytes: int = 0
    exit_status: int | None = None
    exit_signal: str = ""
    sent_at: float = 0.0
    came_at: float = 0.0
    started: bool = False
    closed: bool = False
    overflowed: bool = False
    broken: str = ""

    @property
    def output(self) -> bytes:
        """All of stdout that came."""
        return b"".join(self.chunks)

    @property
    def complaint(self) -> str:
        """The last line of stderr."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    @property
    def ending(self) -> str:
        """How the command ended, in words."""
        if self.exit_signal:
            return f"signal {self.exit_signal}"
        if self.exit_status is not None:
            return f"exit status {self.exit_status}"
        return self.broken or ("no exit status" if self.closed else "no end")

    def take(self, data: bytes, program: Program, limit_bytes: int) -> bool:
        """Keep a piece of stdout, up to the limit; tell whether nothing more need be waited for."""
        self.received_bytes += len(data)
        if self.received_bytes > limit_bytes:
            self.overflowed = True
            return True
        self.chunks.append(data)
        if not self.came_at:
            self._look_for(MARK + program.nonce.encode())
        return ended(data, program.nonce)

    def _look_for(self, mark: bytes) -> None:
        """Note when the first frame comes; of all that was printed before it the end will do."""
        noise = self.output
        if mark in noise:
            self.came_at = time.time()
        elif len(noise) > 4 * _NOISE_BYTES:
            self.chunks[:] = [noise[-_NOISE_BYTES:]]

    def take_error(self, data: bytes, limit_bytes: int) -> bool:
        """Keep the end of stderr, where the reason stands; tell whether it is too much."""
        self.received_bytes += len(data)
        self.stderr += data
        del self.stderr[:-_STDERR_BYTES]
        self.overflowed = self.overflowed or self.received_bytes > limit_bytes
        return self.overflowed


class Session(asyncssh.SSHClientSession[bytes]):
    """asyncssh's side of a command: bytes in, a future that is done when nothing more is to come."""

    def __init__(self, program: Program, answer: Answer, limit_bytes: int) -> None:
        self.program = program
        self.answer = answer
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._limit_bytes = limit_bytes

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Silence the channel too."""
        chan._logger = SILENCE

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Keep what comes."""
        if datatype is None:
            finished = self.answer.take(data, self.program, self._limit_bytes)
        else:
            finished = self.answer.take_error(data, self._limit_bytes)
        if finished:
            self._finish()

    def exit_status_received(self, status: int) -> None:
        """Keep the exit status."""
        self.answer.exit_status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        """Keep the signal's name."""
        self.answer.exit_signal = signal[:20]

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel or its connection is closed."""
        self.answer.closed = True
        if exc is not None:
            self.answer.broken = "the connection broke"
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(connection: asyncssh.SSHClientConnection, session: Session) -> None:
    """Run the session's program until it ends, says that it is complete, or says too much."""
    program, answer = session.program, session.answer
    channel, _ = await connection.create_session(
        lambda: session, program.command, encoding=None, request_pty=False
    )
    answer.started = True
    answer.sent_at = time.time()
    with suppress(OSError):  # it may have ended already, and its last words say why
        channel.write(program.stdin)
        channel.write_eof()
    await session.done
