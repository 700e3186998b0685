"""Host expressions: ``[user@]host[:port]`` with ranges, as ``root@web[01-20,30].example.com:2222``.

Ranges are those of ClusterShell's NodeSet (``[01-20]``, ``[1-9/2]``, ``[1-3,7]``) and of Ansible
(``[01:20]``, ``[1:9:2]``, ``[a:f]``). NodeSet sees plain names and digits only, with group look-ups off,
so that no configuration of the machine can make it run a command.
"""

from __future__ import annotations

import re
from itertools import product
from typing import NamedTuple

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.target import check_name, check_port, check_user, is_ip, shown

MOST_HOSTS = 100_000
LONGEST_EXPRESSION = 4096

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_RANGES = re.compile(r"\d{1,18}(-\d{1,18}(/\d{1,18})?)?(,\d{1,18}(-\d{1,18}(/\d{1,18})?)?)*", re.ASCII)
_ANSIBLE_DIGITS = re.compile(r"(\d{1,18}):(\d{1,18})(?::(\d{1,18}))?", re.ASCII)
_ANSIBLE_LETTERS = re.compile(r"([a-z]):([a-z])(?::(\d{1,2}))?|([A-Z]):([A-Z])(?::(\d{1,2}))?", re.ASCII)


class Address(NamedTuple):
    """Where to log in, as far as an expression says."""

    host: str
    user: str | None
    port: int | None


def expand(text: str) -> list[Address]:
    """Return every host an expression stands for, in its order; raise InventoryError where it is wrong."""
    if len(text) > LONGEST_EXPRESSION:
        raise InventoryError(f"the expression {shown(text)} is longer than {LONGEST_EXPRESSION} characters")
    login, _, rest = text.rpartition("@")
    if "@" in text and not login:
        raise InventoryError(f"{shown(text)} names no login; choose a group with --limit {shown(rest)}")
    user = check_user(login) if login else None
    host, port = _split_port(rest)
    return [Address(check_name(name), user, port) for name in _names(host)]


def split(text: str) -> list[str]:
    """Split a list at its commas, leaving those inside brackets: ``web[1,3],db1`` has two parts."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def names(text: str) -> list[str]:
    """Return the host names of an expression that may have neither user nor port."""
    return [check_name(name) for name in _names(text)]


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("[") and is_ip(text[1:].partition("]")[0]):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise InventoryError(f"{shown(text)}: only :port may follow the address in brackets")
        return host, check_port(rest[1:]) if rest else None
    if is_ip(text):
        return text, None
    bare = _BRACKETS.sub("", text)
    if ":" not in bare:
        return text, None
    host, _, port = text.rpartition(":")
    return host, check_port(port)


def _names(text: str) -> list[str]:
    if "[" not in text and "]" not in text:
        return [text]
    pieces = _BRACKETS.split(text)
    if "[" in "".join(pieces[::2]) or "]" in "".join(pieces[::2]):
        raise InventoryError(f"{shown(text)} has a bracket that is not closed or not opened")
    choices = [_choices(piece, text) for piece in pieces[1::2]]
    size = 1
    for choice in choices:
        size *= _size(choice)
    if size > MOST_HOSTS:
        raise InventoryError(f"{shown(text)} stands for {size} hosts; the most is {MOST_HOSTS}")
    for plain in pieces[::2]:
        if plain:
            check_name("0" + plain)
    found = [
        pieces[0] + "".join(value + plain for value, plain in zip(values, pieces[2::2], strict=True))
        for values in product(*(_values(choice, text) for choice in choices))
    ]
    if not found:
        raise InventoryError(f"{shown(text)} stands for no host")
    return found


def _choices(inside: str, whole: str) -> str | list[str]:
    """Return one bracket as NodeSet's ranges, or as the list of letters that NodeSet has no form for."""
    if digits := _ANSIBLE_DIGITS.fullmatch(inside):
        first, last, step = digits.groups()
        inside = f"{first}-{last}" + (f"/{step}" if step else "")
    elif letters := _ANSIBLE_LETTERS.fullmatch(inside):
        first, last, step = letters.groups()[:3] if letters[1] else letters.groups()[3:]
        return [chr(code) for code in range(ord(first), ord(last) + 1, max(int(step or 1), 1))]
    if not _RANGES.fullmatch(inside):
        raise InventoryError(
            f"{shown(whole)}: {shown(inside)} is not a range such as [01-20], [1,3] or [01:20]"
        )
    return inside


def _size(choice: str | list[str]) -> int:
    if isinstance(choice, list):
        return len(choice)
    total = 0
    for part in choice.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        total += max(int(last or first) - int(first), 0) // max(int(step or 1), 1) + 1
    return total


def _values(choice: str | list[str], whole: str) -> list[str]:
    """Return what one bracket stands for; NodeSet alone would read digits beside it into the range."""
    if isinstance(choice, list):
        return choice
    try:
        return [name[1:] for name in NodeSet(f"n[{choice}]", resolver=RESOLVER_NOGROUP)]
    except NodeSetException as error:
        raise InventoryError(f"{shown(whole)} is not a range of hosts: {error}") from error
