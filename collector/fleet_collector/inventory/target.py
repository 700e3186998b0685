"""One host to ask, and what its name, user and port may look like."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet_collector.errors import InventoryError

LONGEST_NAME = 255

# Names go into command lines of ProxyCommand and onto terminals: what ssh_config(5) can alias, and no more.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", re.ASCII)
_USER = re.compile(r"[^\s\-'\"`;&<>|(){}$\x00-\x1f\x7f][^\s'\"`;&<>|(){}$\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A host to ask: ``name`` as written, and None wherever ~/.ssh/config shall decide.

    ``name`` has neither user nor port, unless two entries differ by the port alone (``web1:2222``).
    ``groups`` run from the outermost to the innermost, ``source`` is where it was written (``hosts.txt:3``).
    """

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    groups: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    source: str = ""
    ssh_options: tuple[str, ...] = ()  # lines of ssh_config(5) for this host alone
    local: bool = False  # this very machine, which needs no SSH


def shown(text: str) -> str:
    """Quote text of a file for a message: one line, no control characters, not endless."""
    cut = text if len(text) <= 60 else text[:57] + "..."
    return repr(cut)


def is_ip(text: str) -> bool:
    """Tell whether text is an IPv4 or IPv6 address, with or without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_name(text: str) -> str:
    """Return a host name or address that is safe to use, or raise InventoryError."""
    if len(text) > LONGEST_NAME:
        raise InventoryError(f"the host name {shown(text)} is longer than {LONGEST_NAME} characters")
    if ":" in text and is_ip(text) and _NAME.fullmatch(text.partition("%")[2] or "0"):
        return text
    if not text.isascii() and (ascii_form := _in_ascii(text)):
        raise InventoryError(f"{shown(text)} is not a host name in ASCII: write {ascii_form}")
    if not _NAME.fullmatch(text):
        raise InventoryError(
            f"{shown(text)} is not a host name: use letters, digits, dots, hyphens and underscores, "
            "and write an IPv6 address with a port as [2001:db8::1]:22"
        )
    return text


def _in_ascii(name: str) -> str | None:
    """The form in which a name such as bücher.example is looked up."""
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        return None
    return encoded if _NAME.fullmatch(encoded) else None


def is_this_machine(name: str) -> bool:
    """Tell whether a name or address can only mean the machine that fleet runs on."""
    if is_ip(name):
        return ipaddress.ip_address(name).is_loopback
    return name in ("localhost", socket.gethostname())


def check_user(text: str) -> str:
    """Return a login name that is safe to use, or raise InventoryError."""
    if len(text) > LONGEST_NAME or not text.isprintable() or not _USER.fullmatch(text):
        raise InventoryError(f"{shown(text)} is not a login name")
    return text


def check_port(text: str) -> int:
    """Return a TCP port from 1 to 65535, or raise InventoryError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535):
        raise InventoryError(f"{shown(text)} is not a port: it must be a number from 1 to 65535")
    return int(text)


def check_path(text: str) -> str:
    """Return the path of a key file, or raise InventoryError."""
    if not text or len(text) > 4096 or not text.isprintable():
        raise InventoryError(f"{shown(text)} is not the path of a key file")
    return text
