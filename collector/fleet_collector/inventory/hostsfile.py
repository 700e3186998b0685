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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.expression import MOST_HOSTS, Address, expand
from fleet_collector.inventory.target import is_ip, shown
from fleet_collector.inventory.variables import check

LONGEST_LINE = 16_384

_HEADING = re.compile(r"\[([^\[\]]*)\]\s*(?:[#;].*)?")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}", re.ASCII)
_YAML = re.compile(r"---(?:\s.*)?|- .*|[A-Za-z0-9_.\-]+:(?:\s.*)?")
_COMMENT = re.compile(r"(?:^|\s+)#.*")
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
class Heading:
    """Where a group got variables, or a child group: ``[web:vars]``, or ``web`` below ``[shop:children]``."""

    group: str
    source: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a hosts file says: its entries, its groups, each one's variables and child groups, and where."""

    entries: list[Entry] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    varied: list[Heading] = field(default_factory=list)
    children: dict[str, list[Heading]] = field(default_factory=dict)


def parse(text: str, source: str) -> Listing:
    """Parse a hosts file; raise InventoryError, with ``source`` and line, where it cannot be meant."""
    listing = Listing()
    group, kind = None, "hosts"
    for number, line in _lines(text, source):
        place = f"{source}:{number}"
        try:
            if (heading := _HEADING.fullmatch(line)) and not is_ip(heading[1]):
                group, kind = _heading(heading[1])
                _open(listing, group, kind, place)
            else:
                _READERS[kind](listing, group, line, place)
        except InventoryError as error:
            raise InventoryError(f"{place}: {error}") from error
    return listing


def _lines(text: str, source: str) -> Iterator[tuple[int, str]]:
    first = True
    for number, raw in enumerate(text.split("\n"), start=1):
        if len(raw) > LONGEST_LINE:
            raise InventoryError(f"{source}:{number}: the line is longer than {LONGEST_LINE} characters")
        line = raw.strip()
        if line and line[0] not in "#;":
            if first and _YAML.fullmatch(line):
                raise InventoryError(f"{source}:{number}: this is YAML; {piped(source)}")
            first = False
            yield number, line


def piped(source: str) -> str:
    """Say how hosts come from an inventory that only Ansible understands."""
    name = shlex.quote(source) if source.isprintable() and source != "-" else "INVENTORY"
    return f"let Ansible read it: ansible-inventory -i {name} --list | fleet scan -"


def _heading(text: str) -> tuple[str, str]:
    name, _, kind = text.strip().partition(":")
    if not _GROUP.fullmatch(name):
        raise InventoryError(f"{shown(text)} is not a group: use letters, digits, dots, hyphens, underscores")
    if (kind or "hosts") not in _KINDS:
        raise InventoryError(
            f"{shown(text)} is not known: write [{name}], [{name}:vars] or [{name}:children]"
        )
    return name, kind or "hosts"


def _open(listing: Listing, group: str, kind: str, place: str) -> None:
    if kind == "vars":
        listing.variables.setdefault(group, {})
        listing.varied.append(Heading(group, place))
    else:
        listing.groups.add(group)


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
    key, value = key.strip(), _value(value.strip())
    check(key, value)
    listing.variables[group or "all"][key] = value


def _value(text: str) -> str:
    """Quoted as a whole or as it stands, as Ansible has it; a comment may follow."""
    if text.startswith(("'", '"')):
        return " ".join(_words(text))
    return _COMMENT.sub("", text)


def _read_child(listing: Listing, group: str | None, line: str, place: str) -> None:
    words = _words(line)
    if len(words) != 1 or not _GROUP.fullmatch(words[0]):
        raise InventoryError(f"{shown(line)} is not the name of one group")
    listing.children.setdefault(group or "all", []).append(Heading(words[0], place))


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


def _assignments(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        key, equals, value = word.partition("=")
        if not key or (not equals and _KEY.fullmatch(word) and "=" in words):
            raise InventoryError("there is a space beside the =: write key=value")
        if not equals or not _KEY.fullmatch(key):
            raise InventoryError(f"{shown(word)} is not of the form key=value; write one host a line")
        check(key, value)
        yield key, value
