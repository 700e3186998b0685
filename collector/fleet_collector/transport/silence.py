"""asyncssh's logging, put out (it formats text for each packet before it asks whether anybody reads it), and
warnings about algorithms that only the host's owner can change.
"""

from __future__ import annotations

import logging
import warnings

from asyncssh.logging import SSHLogger
from cryptography.utils import CryptographyDeprecationWarning

warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning)  # of an old server's algorithms
logging.getLogger("asyncssh").setLevel(logging.CRITICAL + 1)


class Silence(SSHLogger):
    """A logger that says nothing."""

    def get_child(self, child: str = "", context: str = "") -> Silence:  # noqa: ARG002
        """Return the same silence."""
        return self

    def log(self, level: int, msg: object, *args: object, **kwargs: object) -> None:
        """Say nothing."""

    def debug1(self, msg: str, *args: object, **kwargs: object) -> None:
        """Say nothing."""

    def debug2(self, msg: str, *args: object, **kwargs: object) -> None:
        """Say nothing."""

    def info(self, msg: object, *args: object, **kwargs: object) -> None:
        """Say nothing."""

    def packet(self, pktid: int | None, packet: bytes, msg: str, *args: object, **kwargs: object) -> None:
        """Say nothing."""


SILENCE = Silence()
