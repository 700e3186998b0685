"""A mount namespace of its own, so that what a test mounts stays with it and goes with it."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x4000 | 0x40000


def inside(function: Callable[[], Any]) -> Any:
    """Run a function in a child that sees its own mounts only; its result passes as JSON. Needs root."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _act(function, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, answer.decode()
    return json.loads(answer)


def _act(function: Callable[[], Any], writer: int) -> None:
    status = 1
    try:
        libc = ctypes.CDLL(None)
        assert libc.unshare(CLONE_NEWNS) == 0
        assert libc.mount(None, b"/", None, MS_REC_PRIVATE, None) == 0
        os.write(writer, json.dumps(function()).encode())
        status = 0
    except BaseException as fault:  # the parent must hear of it, whatever it is
        os.write(writer, repr(fault).encode())
    finally:
        os._exit(status)


@contextmanager
def ext4(directory: Path, *, mebibytes: int = 32, inodes: int = 0, options: str = "") -> Iterator[str]:
    """Mount an ext4 on ``directory`` from an image beside it; yields the loop device's name."""
    image = directory.with_name(directory.name + ".img")
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    more = ["-N", str(inodes)] if inodes else []
    subprocess.run(["mkfs.ext4", "-q", "-m", "5", *more, str(image)], check=True)
    loop = subprocess.check_output(["losetup", "--find", "--show", str(image)], text=True).strip()
    try:
        subprocess.run(["mount", *(["-o", options] if options else []), loop, str(directory)], check=True)
        try:
            yield loop.removeprefix("/dev/")
        finally:
            subprocess.run(["umount", "--lazy", str(directory)], check=True)
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)
        image.unlink()
