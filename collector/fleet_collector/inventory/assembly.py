"""From the entries of all files and expressions to one target a host.

A host's own words beat its groups', an inner group's beat an outer one's. The same host on several lines is
one target in several groups; lines that contradict each other are refused, and a port written behind the
host (``web1:2222``) makes another target of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.grouping import IMPLIED, Groups
from fleet_collector.inventory.hostsfile import Entry, Heading, Listing
from fleet_collector.inventory.ssh_arguments import ssh_options
from fleet_collector.inventory.target import Target, is_this_machine
from fleet_collector.inventory.variables import CONNECTION, READ, SSH, Login, login
from fleet_collector.wording import nearest


@dataclass(slots=True)
class _Host:
    """What all lines say of one host."""

    name: str
    login: Login
    variables: dict[str, str]
    groups: list[str]
    source: str


def assemble(listings: Sequence[Listing]) -> list[Target]:
    """Return one target a host, in the order written; raise InventoryError where lines contradict."""
    hosts: dict[tuple[str, int | None], _Host] = {}
    for listing in listings:
        for entry in listing.entries:
            _add(hosts, entry)
    groups = _groups(listings)
    written = Counter(host for host, _ in hosts)
    return [
        _target(host, _distinct(key, written), groups.around(host.groups), groups)
        for key, host in hosts.items()
    ]


def _groups(listings: Iterable[Listing]) -> Groups:
    names: set[str] = set(IMPLIED)
    variables: dict[str, dict[str, str]] = {}
    children: dict[str, list[Heading]] = {}
    varied: list[Heading] = []
    for listing in listings:
        names |= listing.groups
        varied += listing.varied
        for group, values in listing.variables.items():
            variables.setdefault(group, {}).update(values)
        for group, inner in listing.children.items():
            children.setdefault(group, []).extend(inner)
    for heading in varied:
        if heading.group not in names:
            known = nearest(heading.group, names)
            raise InventoryError(f"{heading.source}: there is no group {heading.group}{known}")
    return Groups(names, variables, children)


def _add(hosts: dict[tuple[str, int | None], _Host], entry: Entry) -> None:
    name, user, port = entry.address
    said = _agree(login(entry.variables), Login(port=port, user=user), f"{entry.source}: {name} has")
    host = hosts.setdefault((name, port), _Host(name, said, {}, [], entry.source))
    host.login = _agree(host.login, said, f"{entry.source}: {name}, also on {host.source}, has")
    host.variables |= entry.variables
    host.groups += [entry.group] if entry.group else []


def _agree(one: Login, other: Login, place: str) -> Login:
    for word in ("address", "port", "user", "key_file"):
        a, b = getattr(one, word), getattr(other, word)
        if a is not None and b is not None and a != b:
            raise InventoryError(f"{place} two different values for {word}: {a} and {b}; keep one")
    return _over(one, other)


def _over(inner: Login, outer: Login) -> Login:
    return Login(
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
    whole = _over(host.login, login(inherited))
    variables = inherited | host.variables
    return Target(
        name=name,
        address=whole.address if whole.address or name == host.name else host.name,
        port=whole.port,
        user=whole.user,
        key_file=whole.key_file,
        groups=around,
        variables={key: value for key, value in variables.items() if key not in READ},
        source=host.source,
        ssh_options=tuple(
            option for key in SSH if key in variables for option in ssh_options(variables[key])
        ),
        local=variables.get(CONNECTION) == "local" and is_this_machine(whole.address or host.name),
    )
