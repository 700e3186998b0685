"""What ``ansible-inventory --list`` and inventory scripts print: Ansible's own reading of any inventory.

{"web": {"hosts": ["web1"], "vars": {"ansible_user": "deploy"}}, "shop": {"children": ["web"]},
 "_meta": {"hostvars": {"web1": {"ansible_host": "10.0.0.5"}}}}
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.expression import MOST_HOSTS, Address
from fleet_collector.inventory.hostsfile import Entry, Heading, Listing
from fleet_collector.inventory.target import check_name
from fleet_collector.inventory.variables import check
from fleet_collector.wording import plain

_META = "_meta"


class _Group(Struct):
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    vars: dict[str, Any] = field(default_factory=dict)
    hostvars: dict[str, dict[str, Any]] = field(default_factory=dict)  # of _meta alone


def parse_json(text: str, source: str) -> Listing:
    """Parse such a document; raise InventoryError where it is none."""
    try:
        groups = msgspec.json.decode(text, type=dict[str, _Group])
    except (msgspec.DecodeError, RecursionError) as error:
        told = plain(str(error))
        raise InventoryError(f"{source}: not what ansible-inventory --list prints: {told}") from error
    variables = groups.pop(_META, _Group()).hostvars
    listing = Listing(groups={*groups, *(child for one in groups.values() for child in one.children)})
    for name, group in groups.items():
        if len(listing.entries) + len(group.hosts) > MOST_HOSTS:
            raise InventoryError(f"{source}: the list has more than {MOST_HOSTS} hosts")
        listing.children[name] = [Heading(child, source) for child in group.children]
        try:
            listing.variables[name] = _texts(group.vars)
            listing.entries.extend(
                Entry(Address(check_name(host), None, None), _texts(variables.get(host, {})), name, source)
                for host in group.hosts
            )
        except InventoryError as error:
            raise InventoryError(f"{source}: {error}") from error
    return listing


def _texts(values: dict[str, Any]) -> dict[str, str]:
    """Of the variables those that a hosts file could hold as well."""
    texts = {key: str(value) for key, value in values.items() if isinstance(value, (str, int))}
    for key, text in texts.items():
        check(key, text)
    return texts
