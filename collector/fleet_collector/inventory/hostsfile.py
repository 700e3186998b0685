"""The text of a hosts file: one host a line, and the INI forms of Ansible.

# comment                                 [web]                  a group's hosts
web[01-20].example.com                    web1 ansible_port=2222
root@db1:2222 key_file=~/.ssh/db          [web:vars]             what holds for all of them
[2001:db8::7]:22                          ansible_user=deploy
                                          [shop:children]        groups of groups
                                          web
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.expression import MOST_HOSTS, Address, expand
from fleet_collector.inventory.target import is_ip, shown

LONGEST_LINE = 16_384

_HEADING = re.compile(r"\[([^\[\]]*)\]\s*(?:[#;].*)?")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}", re.ASCII)
_QUOTING = frozenset("\"'\\#")
_KINDS = ("hosts", "vars", "children")


@dataclass(frozen=True, slots=True)
class Entry:
    """One host of one line, before the groups have their say; ``group`` is None above all headings."""

    address: Address
    variables: dict[str, str]
    group: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a hosts file says: its entries, each group's variables, and each group's child groups."""

    entries: list[Entry] = field(default_factory=list)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)


def parse(text: str, source: str) -> Listing:
    """Parse a hosts file; raise InventoryError, with ``source`` and line, where it cannot be meant."""
    listing = Listing()
    group, kind = None, "hosts"
    for number, line in _lines(text, source):
        place = f"{source}:{number}"
        try:
            if (heading := _HEADING.fullmatch(line)) and not is_ip(heading[1]):
                group, kind = _heading(heading[1])
                listing.variables.setdefault(group, {})
            else:
                _READERS[kind](listing, group, line, place)
        except InventoryError as error:
            raise InventoryError(f"{place}: {error}") from error
    return listing


def _lines(text: str, source: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(text.split("\n"), start=1):
        if len(raw) > LONGEST_LINE:
            raise InventoryError(f"{source}:{number}: the line is longer than {LONGEST_LINE} characters")
        line = raw.strip()
        if line == "---":
            raise InventoryError(
                f"{source}:{number}: this is YAML; fleet reads one host a line, or Ansible's INI form"
            )
        if line and line[0] not in "#;":
            yield number, line


def _heading(text: str) -> tuple[str, str]:
    name, _, kind = text.strip().partition(":")
    if not _GROUP.fullmatch(name):
        raise InventoryError(f"{shown(text)} is not a group: use letters, digits, dots, hyphens, underscores")
    if (kind or "hosts") not in _KINDS:
        raise InventoryError(
            f"{shown(text)} is not known: write [{name}], [{name}:vars] or [{name}:children]"
        )
    return name, kind or "hosts"


def _read_host(listing: Listing, group: str | None, line: str, place: str) -> None:
    words = _words(line)
    if not words:
        return
    variables = dict(_assignments(words[1:]))
    for address in expand(words[0]):
        if len(listing.entries) >= MOST_HOSTS:
            raise InventoryError(f"the list has more than {MOST_HOSTS} hosts")
        listing.entries.append(Entry(address, variables, group, place))


def _read_variable(listing: Listing, group: str | None, line: str, _place: str) -> None:
    key, equals, value = line.partition("=")
    if not equals or not _KEY.fullmatch(key.strip()):
        raise InventoryError(f"{shown(line)} is not of the form key=value")
    listing.variables[group or "all"][key.strip()] = " ".join(_words(value.strip()))


def _read_child(listing: Listing, group: str | None, line: str, _place: str) -> None:
    words = _words(line)
    if len(words) != 1 or not _GROUP.fullmatch(words[0]):
        raise InventoryError(f"{shown(line)} is not the name of one group")
    listing.children.setdefault(group or "all", []).append(words[0])


_READERS: dict[str, Callable[[Listing, str | None, str, str], None]] = {
    "hosts": _read_host,
    "vars": _read_variable,
    "children": _read_child,
}


def _words(line: str) -> list[str]:
    if _QUOTING.isdisjoint(line):  # nearly every line of a long list; shlex takes 50 µs for each
        return line.split()
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise InventoryError(f"{shown(line)} has a quotation mark that is not closed") from error


def _assignments(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise InventoryError(f"{shown(word)} is not of the form key=value; write one host a line")
        yield key, value
