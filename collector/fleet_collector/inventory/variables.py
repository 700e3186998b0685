"""The variables of hosts and groups that say how to log in, and what their values may look like.

Other variables are other people's and pass unread; one that is all but the name of these is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.ssh_arguments import ssh_options
from fleet_collector.inventory.target import check_name, check_path, check_port, check_user, shown

ADDRESS = ("ansible_host", "ansible_ssh_host", "address")
PORT = ("ansible_port", "ansible_ssh_port", "port")
USER = ("ansible_user", "ansible_ssh_user", "user")
KEY_FILE = ("ansible_ssh_private_key_file", "ansible_private_key_file", "key_file")
SSH = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
CONNECTION = "ansible_connection"
PRIORITY = "ansible_group_priority"

_NEARLY = 0.9  # so alike are ansible_hots and ansible_host, and no two names of Ansible's own


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach a host, as far as somebody said."""

    address: str | None = None
    port: int | None = None
    user: str | None = None
    key_file: str | None = None


def login(variables: Mapping[str, str]) -> Login:
    """Return what checked variables say of the login."""
    port = _first(variables, PORT)
    return Login(
        address=_first(variables, ADDRESS),
        port=int(port) if port else None,
        user=_first(variables, USER),
        key_file=_first(variables, KEY_FILE),
    )


def _first(variables: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((variables[key] for key in keys if key in variables), None)


def check(key: str, value: str) -> None:
    """Raise InventoryError where a variable that is read cannot be meant."""
    reader = _READERS.get(key)
    if reader is None:
        _check_key(key)
    elif "{{" in value:
        raise InventoryError(f"{shown(value)} is a template, which only Ansible fills in; write the value")
    else:
        reader(value)


@cache
def _check_key(key: str) -> None:
    meant = get_close_matches(key, READ, n=1, cutoff=_NEARLY) if key.startswith("ansible_") else []
    if meant:
        raise InventoryError(f"{shown(key)} is not known; did you mean {meant[0]}?")


def _check_priority(text: str) -> None:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InventoryError(f"{PRIORITY} must be a whole number, not {shown(text)}")


_READERS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(ADDRESS, check_name),
    **dict.fromkeys(PORT, check_port),
    **dict.fromkeys(USER, check_user),
    **dict.fromkeys(KEY_FILE, check_path),
    **dict.fromkeys(SSH, ssh_options),
    CONNECTION: str,
    PRIORITY: _check_priority,
}
READ = frozenset(_READERS)
