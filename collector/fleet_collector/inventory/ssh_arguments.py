"""``ansible_ssh_common_args`` and its like: arguments of ssh(1) as lines of ssh_config(5)."""

from __future__ import annotations

import getopt
import shlex
from functools import cache

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.target import shown
from fleet_collector.wording import plain

_FLAGS = "46AaCfGgKkMNnqsTtVvXxYyB:b:c:D:E:e:F:I:i:J:L:l:m:O:o:P:p:Q:R:S:W:w:"
_KEYWORDS = {
    "-J": "ProxyJump",
    "-b": "BindAddress",
    "-c": "Ciphers",
    "-i": "IdentityFile",
    "-l": "User",
    "-m": "MACs",
    "-p": "Port",
}
_FAMILIES = {"-4": "AddressFamily inet", "-6": "AddressFamily inet6"}


@cache
def ssh_options(arguments: str) -> tuple[str, ...]:
    """Return the lines; what does not say how to reach a host (``-C``, ``-q``) is left out.

    ``-o ProxyCommand="ssh -W %h:%p gate" -J gate`` gives two. Raises InventoryError.
    """
    try:
        options, rest = getopt.getopt(shlex.split(arguments), _FLAGS)
    except (getopt.GetoptError, ValueError) as error:
        raise InventoryError(f"{shown(arguments)} are not arguments of ssh: {plain(str(error))}") from error
    if rest:
        raise InventoryError(f"{shown(arguments)} are not arguments of ssh: {shown(rest[0])} is no option")
    lines = []
    for flag, value in options:
        if flag == "-F":
            raise InventoryError(f"{shown(arguments)}: -F is not read here; use fleet scan --ssh-config")
        if flag == "-o":
            lines.append(value)
        elif flag in _KEYWORDS:
            lines.append(f"{_KEYWORDS[flag]} {value}")
        elif flag in _FAMILIES:
            lines.append(_FAMILIES[flag])
    return tuple(lines)
