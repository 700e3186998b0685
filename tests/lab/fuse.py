"""A file system that hangs: a FUSE daemon that answers INIT and nothing else (linux/fuse.h).

A caller whose request the daemon has read sleeps uninterruptibly until the daemon dies, as with a dead NFS
server. Use ``hung`` in a mount namespace of its own, or every process on the machine can run into it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FUSE_INIT = 26
REQUEST_BYTES = 1 << 17
REQUEST_HEADER = struct.Struct("=IIQQIIII")
REPLY_HEADER = struct.Struct("=IiQ")
INIT_REPLY = struct.Struct("=IIIIHHIIHHI28x")
MNT_DETACH = 2


@contextmanager
def hung(directory: Path, source: str = "fleetlab") -> Iterator[int]:
    """Mount a hung file system on ``directory``; yields the daemon's pid. Needs root."""
    command = [sys.executable, __file__, str(directory), source]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert daemon.stdout is not None
    try:
        assert daemon.stdout.readline() == b"ready\n"
        yield daemon.pid
    finally:
        daemon.send_signal(signal.SIGKILL)  # closes /dev/fuse: everybody who waits gets an error
        daemon.wait()
        daemon.stdout.close()
        ctypes.CDLL(None).umount2(os.fsencode(directory), MNT_DETACH)


def _serve(directory: str, source: str) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), os.fsencode(directory), b"fuse.fleetlab", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
    while True:
        request = os.read(device, REQUEST_BYTES)
        _, opcode, unique, *_ = REQUEST_HEADER.unpack_from(request)
        if opcode == FUSE_INIT:
            reply = INIT_REPLY.pack(7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, 0)
            os.write(device, REPLY_HEADER.pack(REPLY_HEADER.size + len(reply), 0, unique) + reply)
            sys.stdout.write("ready\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
