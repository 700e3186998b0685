"""Where a block of ssh_config(5) holds, and what ``%h`` and the like stand for."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import IGNORECASE, Pattern
from re import compile as compile_pattern
from re import escape as escape_pattern

from fleet_collector.errors import SettingsError

_SINGLE = frozenset({"all", "canonical", "final"})  # criteria without an argument
EVALUATED = _SINGLE | {"host line", "host", "originalhost", "user", "localuser", "exec", "tagged"}
_EXEC_SECONDS = 10.0

Values = dict[str, list[str]]


@dataclass(frozen=True)
class Patterns:
    """A pattern list: one of ``wanted`` must match and none of ``unwanted``."""

    wanted: tuple[Pattern[str], ...]
    unwanted: tuple[Pattern[str], ...]

    def match(self, text: str) -> bool:
        """Tell whether a name falls under the list."""
        return any(one.fullmatch(text) for one in self.wanted) and not any(
            one.fullmatch(text) for one in self.unwanted
        )


@dataclass(frozen=True)
class Criterion:
    """One criterion of a ``Host`` or ``Match`` line."""

    word: str
    negated: bool
    argument: str
    patterns: Patterns | None


@dataclass(frozen=True)
class Subject:
    """The host that is looked up, as the command line gave it."""

    host: str
    local_user: str
    user: str | None = None
    port: int | None = None
    options: tuple[str, ...] = ()  # lines that come before all files


def host_line(words: list[str]) -> tuple[Criterion, ...]:
    """Return the criterion of a ``Host`` line."""
    patterns = _patterns(words, exactly=True)
    return (Criterion("host line", negated=False, argument=" ".join(words), patterns=patterns),)


def match_line(words: list[str], where: str) -> tuple[Criterion, ...]:
    """Return the criteria of a ``Match`` line; SettingsError where one lacks its value."""
    criteria = []
    rest = iter(words)
    for word in rest:
        negated, (name, equals, argument) = word.startswith("!"), word.removeprefix("!").partition("=")
        name = name.lower()
        if name in _SINGLE:
            criteria.append(Criterion(name, negated, "", None))
            continue
        argument = argument if equals else next(rest, "")
        if not argument:
            raise SettingsError(f"{where}: Match {name} needs a value")
        patterns = _patterns(argument.split(","), exactly=name not in ("host", "originalhost"))
        criteria.append(Criterion(name, negated, argument, patterns))
    return tuple(criteria)


def _patterns(words: list[str], *, exactly: bool) -> Patterns:
    return Patterns(
        tuple(_pattern(word, exactly) for word in words if not word.startswith("!")),
        tuple(_pattern(word[1:], exactly) for word in words if word.startswith("!")),
    )


@cache
def _pattern(text: str, exactly: bool) -> Pattern[str]:
    """Compile ``*`` and ``?``; ``exactly`` tells upper and lower case apart, as Host lines do."""
    parts = (".*" if c == "*" else "." if c == "?" else escape_pattern(c) for c in text)
    return compile_pattern("".join(parts), 0 if exactly else IGNORECASE)


def applies(criterion: Criterion, subject: Subject, values: Values, final: bool) -> bool:
    """Tell whether a criterion holds, leaving aside whether it is negated."""
    patterns = criterion.patterns
    if patterns is None:
        return criterion.word == "all" or final
    if criterion.word == "exec":
        return _succeeds(expand(criterion.argument, tokens(subject, values)))
    host = host_name(subject, values)
    texts = {
        "host line": host if final else subject.host,
        "originalhost": subject.host,
        "host": host,
        "user": (values.get("user") or [subject.local_user])[0],
        "localuser": subject.local_user,
        "tagged": (values.get("tag") or [""])[0],
    }
    text = texts.get(criterion.word)
    return text is not None and patterns.match(text)


@cache
def _succeeds(command: str) -> bool:
    """Run a ``Match exec`` command of the operator's own file, each text once."""
    try:
        done = subprocess.run(  # noqa: S602 - ssh_config(5): the user's shell runs it
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_EXEC_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


def host_name(subject: Subject, values: Values) -> str:
    """Where to connect to."""
    return expand((values.get("hostname") or [subject.host])[0], {"h": subject.host}).lower()


def tokens(subject: Subject, values: Values) -> dict[str, str]:
    """Return what ``%h`` and the like stand for (ssh_config(5), TOKENS)."""
    return {
        "h": host_name(subject, values),
        "n": subject.host,
        "p": (values.get("port") or ["22"])[0],
        "r": (values.get("user") or [subject.local_user])[0],
        "u": subject.local_user,
        "i": str(os.getuid()),
        "l": _local_name(),
        "L": _local_name().partition(".")[0],
        "d": str(at_home("~")),
        "k": (values.get("hostkeyalias") or [subject.host])[0],
    }


@cache
def _local_name() -> str:
    return socket.gethostname()


def at_home(path: str | Path) -> Path:
    """Expand ``~`` and ``~user``; where nobody has that name it stays, and leads to nothing."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises


def expand(text: str, known: dict[str, str]) -> str:
    """Replace ``%x`` by what it stands for; an unknown one stays."""
    if "%" not in text:
        return text
    parts, rest = [], iter(text)
    for letter in rest:
        if letter != "%":
            parts.append(letter)
            continue
        name = next(rest, "%")
        parts.append("%" if name == "%" else known.get(name, "%" + name))
    return "".join(parts)
