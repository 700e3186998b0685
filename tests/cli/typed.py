"""Whether a line can be typed: its words are read as the program reads them, and nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from fleet_cli import main

PROGRAM: Any = typer.main.get_command(main.app)


def refusal(words: Sequence[str]) -> str | None:
    """Why the program would refuse ``fleet …``, or None; hosts and files need not be there."""
    name, *arguments = words
    assert name == "fleet", words
    command: Any = PROGRAM
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        word = arguments.pop(0)
        if word not in command.commands:
            return f"there is no command {word}"
        command = command.commands[word]
    try:
        with command.make_context(name, list(arguments), resilient_parsing=False):
            return None
    except typer.Exit:  # --help and --version are answered at once
        return None
    except typer.TyperException as fault:
        return str(fault)
