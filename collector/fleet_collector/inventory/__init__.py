"""The list of hosts: from files and expressions to targets.

Everything is read and checked before any host is touched: one line that cannot be meant stops the whole
command, with its file and number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.ansible_json import parse_json
from fleet_collector.inventory.assembly import assemble
from fleet_collector.inventory.expression import MOST_HOSTS, expand, split
from fleet_collector.inventory.hostsfile import Entry, Listing, parse, piped
from fleet_collector.inventory.limit import narrow
from fleet_collector.inventory.target import Target

__all__ = ["Target", "read"]

LARGEST_FILE_BYTES = 16 * 1024 * 1024

_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_FILE_ENDINGS = (".txt", ".ini", ".cfg", ".conf", ".hosts", ".list", ".inventory", ".yml", ".yaml")


def read(
    words: Sequence[str], stdin: BinaryIO | None = None, limit: Iterable[str] | None = None
) -> list[Target]:
    """Return the hosts that files, expressions and ``-`` (stdin) name, in that order, each once.

    A word that is an existing file is read as one; one that looks like a path and is none is refused.
    ``limit`` keeps some of them (see ``limit.narrow``). Raises InventoryError, with ``file:line`` where it
    applies.
    """
    if not words:
        raise InventoryError("name a hosts file, or hosts such as web[1-3] or root@db1:2222")
    targets = assemble([_listing(word, stdin) for word in words])
    if not targets:
        raise InventoryError(f"{', '.join(words)}: there is no host in it")
    if len(targets) > MOST_HOSTS:
        raise InventoryError(f"{len(targets)} hosts are more than {MOST_HOSTS}; scan them in parts")
    terms = [term for term in limit or () if term.strip()]
    return narrow(targets, terms) if terms else targets


def _listing(word: str, stdin: BinaryIO | None) -> Listing:
    if word == "-":
        if stdin is None:
            raise InventoryError("- stands for the standard input, which is not there")
        return _parse(_text(stdin, "-"), "-")
    path = Path(word)
    if _is_file(path):
        return _file(path, word)
    if _looks_like_path(word):
        reason = "it is a directory" if path.is_dir() else "there is no such file"
        raise InventoryError(f"{word}: {reason}; name a hosts file, or hosts such as web[1-3]")
    return Listing([Entry(address, {}, None, word) for part in split(word) for address in expand(part)])


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a NUL, is no file
        return False


def _looks_like_path(word: str) -> bool:
    bare = _BRACKETS.sub("", word)
    return "/" in bare or "\\" in bare or bare.lower().endswith(_FILE_ENDINGS)


def _file(path: Path, word: str) -> Listing:
    if word.lower().endswith((".yml", ".yaml")):
        raise InventoryError(f"{word}: this is YAML; {piped(word)}")
    try:
        with path.open("rb") as file:
            return _parse(_text(file, word), word)
    except OSError as error:
        raise InventoryError(f"{word}: cannot be read: {error.strerror or error}") from error


def _parse(text: str, source: str) -> Listing:
    if text.startswith("#!"):
        raise InventoryError(f"{source}: this is a program; {piped(source)}")
    return parse_json(text, source) if text.lstrip().startswith("{") else parse(text, source)


def _text(file: BinaryIO, source: str) -> str:
    content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise InventoryError(f"{source}: larger than {LARGEST_FILE_BYTES >> 20} MiB; is it a hosts file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise InventoryError(f"{source}:{line}: the byte {byte:#x} is not UTF-8; save it as UTF-8") from error
