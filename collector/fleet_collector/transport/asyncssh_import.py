"""asyncssh, imported without its search for optional C libraries (liboqs, nettle).

``ctypes.util.find_library`` looks for each with ldconfig, gcc and ld: a dozen processes and a fifth of the
start of ``fleet scan``, for algorithms that this program does not offer. Imported before all else here.
"""

from __future__ import annotations

import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_found() -> Iterator[None]:
    """Let ``find_library`` find nothing while the block runs."""

    def nothing(name: str) -> str | None:  # noqa: ARG001
        return None

    search, ctypes.util.find_library = ctypes.util.find_library, nothing
    try:
        yield
    finally:
        ctypes.util.find_library = search


with nothing_found():
    import asyncssh

__all__ = ["asyncssh"]
