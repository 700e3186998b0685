"""What is run on a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A command line for the login shell, what goes to its stdin, and the nonce its frames carry."""

    command: str
    stdin: bytes
    nonce: str
