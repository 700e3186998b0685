"""Many host names as one word: ``web[01-07,12]``."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What NodeSet does not take for an operator, a group or a wildcard of its own.
PLAIN = re.compile(r"[A-Za-z0-9._:-]+\Z")


def fold(hosts: Sequence[str]) -> str:
    """Hosts as a range where their names allow it, else one by one.

    >>> fold(["web1", "web2", "web3", "db1"])
    'db1,web[1-3]'
    """
    names = list(dict.fromkeys(hosts))
    if len(names) > 1 and all(PLAIN.match(name) for name in names):
        return _folded(names)
    return ",".join(names)


def _folded(names: list[str]) -> str:
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        nodes = NodeSet.fromlist(names, resolver=RESOLVER_NOGROUP)
    except NodeSetException:
        return ",".join(names)
    return str(nodes) if len(nodes) == len(names) else ",".join(names)
