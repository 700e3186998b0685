"""The program ``fleet`` itself, started as a user starts it, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLEET = str(Path(sys.executable).with_name("fleet"))
ENDS_WITHIN = 120.0


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document; NaN and Infinity are none."""
        return json.loads(self.out, parse_constant=_refuse)

    @property
    def ndjson(self) -> list[Any]:
        """Standard output as one JSON document a line."""
        return [json.loads(line, parse_constant=_refuse) for line in self.out.splitlines()]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True)
class Program:
    """``fleet`` with a home directory, a working directory in it, and an environment of its own."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the program sees: nothing of the user's, and warnings are errors."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONWARNINGS": "error",
            **{f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")},
            **self.variables,
        }

    @property
    def database(self) -> Path:
        """The database that is used without ``--db``."""
        return self.home / "data" / "fleet" / "fleet.db"

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [FLEET, *words],
            env=self.environment,
            cwd=self.home,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, stdin: str = "") -> Said:
        """Run a command to its end."""
        return ended(self.start(*words, stdin=subprocess.PIPE), stdin)


def ended(process: subprocess.Popen[str], stdin: str | None = None) -> Said:
    """What a command said, once it has ended; whatever else is wrong, nobody sees a traceback."""
    try:
        out, err = process.communicate(stdin, timeout=ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert "Traceback" not in err, err
    return Said(process.returncode, out, err)
