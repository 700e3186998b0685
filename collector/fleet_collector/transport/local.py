"""The machine fleet runs on, without SSH: the same program through the same shell."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

from fleet_collector import failures
from fleet_collector.limits import Limits
from fleet_collector.transport.program import Program
from fleet_collector.transport.session import Answer

_PIECE_BYTES = 64 * 1024
_END_SECONDS = 0.5


async def ask(program: Program, answer: Answer, limits: Limits) -> None:
    """Run a program here and fill ``answer``. Raises HostError."""
    try:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            program.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise failures.not_started(error.strerror or str(error)) from error
    answer.started, answer.sent_at = True, time.time()
    try:
        async with asyncio.timeout(limits.run_seconds):
            await _talk(process, program, answer, limits)
    except TimeoutError:
        raise failures.too_slow("run", limits.run_seconds, answer.complaint) from None
    finally:
        await _end(process)
    if answer.overflowed:
        raise failures.too_large(limits.output_bytes)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a program that said all end by itself, else end it and what it started; never wait for long."""
    for kill in (False, True):
        with suppress(ProcessLookupError, TimeoutError):
            if kill:
                os.killpg(process.pid, signal.SIGKILL)
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
                return


async def _talk(
    process: asyncio.subprocess.Process, program: Program, answer: Answer, limits: Limits
) -> None:
    """Feed the program and gather both outputs until it ends, is complete, or says too much."""
    assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - all three are pipes
    process.stdin.write(program.stdin)
    with suppress(ConnectionError):
        await process.stdin.drain()
    process.stdin.close()
    errors = asyncio.create_task(_errors(process.stderr, answer, limits))
    try:
        while data := await process.stdout.read(_PIECE_BYTES):
            if answer.take(data, program, limits.output_bytes):
                return
        await errors
        status = await process.wait()
    finally:
        errors.cancel()
    if status < 0:
        answer.exit_signal = signal.Signals(-status).name.removeprefix("SIG")
    else:
        answer.exit_status = status


async def _errors(stream: asyncio.StreamReader, answer: Answer, limits: Limits) -> None:
    while data := await stream.read(_PIECE_BYTES):
        if answer.take_error(data, limits.output_bytes):
            return
