"""From the entries of all files and expressions to one target a host.

A host's own words beat its groups', an inner group's beat an outer one's. The same host on several lines is
one target in several groups; lines that contradict each other are refused, and a port written behind the
host (``web1:2222``) makes another target of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.grouping import Groups
from fleet_collector.inventory.hostsfile import Entry, Listing
from fleet_collector.inventory.target import Target, check_name, check_path, check_port, check_user

_ADDRESS = ("ansible_host", "ansible_ssh_host", "address")
_PORT = ("ansible_port", "ansible_ssh_port", "port")
_USER = ("ansible_user", "ansible_ssh_user", "user")
_KEY_FILE = ("ansible_ssh_private_key_file", "ansible_private_key_file", "key_file")
_CONSUMED = frozenset(_ADDRESS + _PORT + _USER + _KEY_FILE)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Login:
    """How to reach a host, as far as somebody said."""

    address: str | None = None
    port: int | None = None
    user: str | None = None
    key_file: str | None = None


@dataclass(slots=True)
class _Host:
    """What all lines say of one host."""

    name: str
    login: _Login
    variables: dict[str, str]
    groups: list[str]
    source: str


def assemble(listings: Iterable[Listing]) -> list[Target]:
    """Return one target a host, in the order written; raise InventoryError where lines contradict."""
    hosts: dict[tuple[str, int | None], _Host] = {}
    variables: dict[str, dict[str, str]] = {}
    children: dict[str, list[str]] = {}
    for listing in listings:
        for entry in listing.entries:
            _add(hosts, entry)
        for group, values in listing.variables.items():
            variables.setdefault(group, {}).update(values)
        for group, names in listing.children.items():
            children.setdefault(group, []).extend(names)
    groups = Groups(variables, children)
    written = Counter(host for host, _ in hosts)
    return [
        _target(host, _distinct(key, written), groups.around(host.groups), groups)
        for key, host in hosts.items()
    ]


def _add(hosts: dict[tuple[str, int | None], _Host], entry: Entry) -> None:
    name, user, port = entry.address
    login = _agree(
        _login(entry.variables, entry.source), _Login(port=port, user=user), f"{entry.source}: {name} has"
    )
    host = hosts.setdefault((name, port), _Host(name, login, {}, [], entry.source))
    host.login = _agree(host.login, login, f"{entry.source}: {name}, also on {host.source}, has")
    host.variables |= entry.variables
    host.groups += [entry.group] if entry.group else []


def _login(variables: Mapping[str, str], source: str) -> _Login:
    def first(keys: tuple[str, ...], check: Callable[[str], T]) -> T | None:
        return next((check(variables[key]) for key in keys if key in variables), None)

    try:
        return _Login(
            address=first(_ADDRESS, check_name),
            port=first(_PORT, check_port),
            user=first(_USER, check_user),
            key_file=first(_KEY_FILE, check_path),
        )
    except InventoryError as error:
        raise InventoryError(f"{source}: {error}") from error


def _agree(one: _Login, other: _Login, place: str) -> _Login:
    for word in ("address", "port", "user", "key_file"):
        a, b = getattr(one, word), getattr(other, word)
        if a is not None and b is not None and a != b:
            raise InventoryError(f"{place} two different values for {word}: {a} and {b}; keep one")
    return _over(one, other)


def _over(inner: _Login, outer: _Login) -> _Login:
    return _Login(
        inner.address or outer.address,
        inner.port or outer.port,
        inner.user or outer.user,
        inner.key_file or outer.key_file,
    )


def _distinct(key: tuple[str, int | None], written: Counter[str]) -> str:
    host, port = key
    if written[host] == 1 or port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _target(host: _Host, name: str, around: tuple[str, ...], groups: Groups) -> Target:
    inherited = groups.variables(around)
    login = _over(host.login, _login(inherited, host.source))
    variables = inherited | host.variables
    return Target(
        name=name,
        address=login.address if login.address or name == host.name else host.name,
        port=login.port,
        user=login.user,
        key_file=login.key_file,
        groups=around,
        variables={key: value for key, value in variables.items() if key not in _CONSUMED},
        source=host.source,
    )
