from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, os, signal
from fleet_cli import ending

signal.signal(signal.SIGHUP, signal.SIG_IGN)
ending.listen()
early = signal.getsignal(signal.SIGTERM)


async def main():
    stop = asyncio.Event()
    with ending.signals(stop):
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        print("ignored", not stop.is_set())
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
    print("as before", signal.getsignal(signal.SIGTERM) is early, signal.getsignal(signal.SIGHUP).name)


asyncio.run(main())
"""


def test_signals_are_heard_during_a_sweep_and_after_it_but_not_those_that_were_ignored() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("ignored True\nas before True SIG_IGN\n", "")
