"""From a target and ~/.ssh/config to everything a connection needs to know."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from getpass import getuser
from pathlib import Path
from typing import Literal

from fleet_collector.errors import SettingsError
from fleet_collector.inventory import Target
from fleet_collector.inventory.target import check_name
from fleet_collector.transport.ssh_config import SshConfig
from fleet_collector.transport.ssh_criteria import Subject, Values, at_home, expand, tokens

HostKeys = Literal["strict", "accept-new"]

DEFAULT_IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
_DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_MOST_JUMPS = 8
_UNHEARD = {
    name.lower(): name
    for name in (
        "BindInterface",
        "CanonicalizeHostname",
        "HostbasedAuthentication",
        "KnownHostsCommand",
        "PKCS11Provider",
        "ProxyUseFdpass",
        "SecurityKeyProvider",
    )
}


@dataclass(frozen=True)
class Algorithms:
    """Lists of ssh_config(5) where somebody set them: ``+`` ``-`` ``^`` or a whole list."""

    kex: str | None = None
    ciphers: str | None = None
    macs: str | None = None
    host_keys: str | None = None


@dataclass(frozen=True)
class Identity:
    """Which keys may be offered: files in order, and what of the agent."""

    files: tuple[Path, ...]
    certificates: tuple[Path, ...]
    chosen: bool  # somebody named the files; not the defaults
    only: bool  # IdentitiesOnly: of the agent, only keys whose files are named
    agent: str | None  # its socket


@dataclass(frozen=True)
class Route:
    """One way to one host; ``jump`` is the bastion before it, which has a route of its own.

    ``unheard`` names what ssh_config asks for and fleet does not do: the first suspect when the way fails.
    """

    name: str  # as written in the hosts file
    host: str
    port: int
    user: str
    identity: Identity
    known_as: str
    known_hosts: tuple[Path, ...]
    host_keys: HostKeys
    jump: Route | None
    proxy_command: str | None
    bind_address: str | None
    family: Literal["any", "inet", "inet6"]
    algorithms: Algorithms
    unheard: tuple[str, ...]


@dataclass(frozen=True)
class Defaults:
    """What the command line says for all hosts."""

    user: str | None = None
    port: int | None = None
    key_files: tuple[Path, ...] = ()
    host_keys: HostKeys | None = None
    jump: str | None = None  # -J: user@host:port, several with commas
    known_hosts: tuple[Path, ...] = ()  # in place of the user's and the system's
    agent: str | None = None


def route(target: Target, config: SshConfig, defaults: Defaults) -> Route:
    """Return the way to a target. Raises SettingsError when ssh_config holds a value that cannot be meant."""
    keys = (at_home(target.key_file),) if target.key_file else defaults.key_files
    host = target.address or target.name
    user, port = target.user or defaults.user, target.port or defaults.port
    return _route(Subject(host, _local_user(), user, port, target.ssh_options), keys, config, defaults, ())


def _route(
    subject: Subject, keys: tuple[Path, ...], config: SshConfig, defaults: Defaults, behind: Sequence[str]
) -> Route:
    values = config.lookup(subject)
    known = tokens(subject, values)
    jumps, command = _through(values, None if behind else defaults.jump)
    return Route(
        name=subject.host,
        host=known["h"],
        port=_port(known["p"], subject.host),
        user=known["r"],
        identity=_identity(values, known, keys, defaults),
        known_as=_first(values, "hostkeyalias") or known["h"],
        known_hosts=defaults.known_hosts or _known_hosts(values, known),
        host_keys=defaults.host_keys or _host_keys(values),
        jump=_jump(expand(jumps, known), subject, config, defaults, behind) if jumps else None,
        proxy_command=expand(command, known) if command else None,
        bind_address=_first(values, "bindaddress"),
        family=_family(values),
        algorithms=Algorithms(
            _first(values, "kexalgorithms"),
            _first(values, "ciphers"),
            _first(values, "macs"),
            _first(values, "hostkeyalgorithms"),
        ),
        unheard=_unheard(values, config),
    )


def _unheard(values: Values, config: SshConfig) -> tuple[str, ...]:
    if (revoked := _first(values, "revokedhostkeys")) and revoked.lower() != "none":
        raise SettingsError(
            "~/.ssh/config: RevokedHostKeys is not read; write the keys as @revoked lines into known_hosts"
        )
    asked = (name for word, name in _UNHEARD.items() if (_first(values, word) or "no").lower() != "no")
    return (*asked, *config.unheard)


def _first(values: Values, keyword: str) -> str | None:
    words = values.get(keyword)
    return words[0] if words else None


def _port(text: str, host: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"~/.ssh/config: {text} is not a port (for {host})")
    return int(text)


def _identity(values: Values, known: dict[str, str], keys: tuple[Path, ...], defaults: Defaults) -> Identity:
    named = [_path(word, known) for word in values.get("identityfile", ()) if word.lower() != "none"]
    files = tuple(dict.fromkeys((*keys, *named)))
    return Identity(
        files=files or tuple(_path(f"~/.ssh/{name}", known) for name in DEFAULT_IDENTITIES),
        certificates=tuple(_path(word, known) for word in values.get("certificatefile", ())),
        chosen=bool(files),
        only=(_first(values, "identitiesonly") or "no").lower() == "yes",
        agent=_agent(values, known, defaults),
    )


def _agent(values: Values, known: dict[str, str], defaults: Defaults) -> str | None:
    word = _first(values, "identityagent") or "SSH_AUTH_SOCK"
    if word.lower() == "none":
        return None
    if word == "SSH_AUTH_SOCK":
        return defaults.agent
    if word.startswith("$"):
        return os.environ.get(word[1:].strip("{}"))
    return str(_path(word, known))


@cache
def _local_user() -> str:
    return getuser()  # may ask a directory server


def _path(word: str, known: dict[str, str]) -> Path:
    if "%" in word or "$" in word:
        return at_home(os.path.expandvars(expand(word, known)))
    return _fixed_path(word, os.environ.get("HOME"))


@lru_cache(maxsize=1024)
def _fixed_path(word: str, home: str | None) -> Path:  # noqa: ARG001 - what ~ stands for
    """The same path of ten thousand hosts is one object."""
    return at_home(word)


def _known_hosts(values: Values, known: dict[str, str]) -> tuple[Path, ...]:
    user = values.get("userknownhostsfile", list(_DEFAULT_KNOWN_HOSTS))
    system = values.get("globalknownhostsfile", list(_GLOBAL_KNOWN_HOSTS))
    return tuple(_path(word, known) for word in (*user, *system) if word.lower() != "none")


def _host_keys(values: Values) -> HostKeys:
    """``yes`` and ``ask`` are strict; ``no`` is taken for accept-new: a changed key is never accepted."""
    word = (_first(values, "stricthostkeychecking") or "yes").lower()
    return "accept-new" if word in ("accept-new", "no", "off") else "strict"


def _family(values: Values) -> Literal["any", "inet", "inet6"]:
    word = (_first(values, "addressfamily") or "any").lower()
    return "inet" if word == "inet" else "inet6" if word == "inet6" else "any"


def _through(values: Values, wish: str | None) -> tuple[str | None, str | None]:
    """Return ProxyJump or ProxyCommand: whichever came first, the command line before both."""
    if wish:
        return wish, None
    jump, command = _first(values, "proxyjump") or "none", _first(values, "proxycommand")
    earlier = next((keyword for keyword in values if keyword in ("proxyjump", "proxycommand")), "")
    if jump.lower() != "none" and earlier == "proxyjump":
        return jump, None
    return None, command if command and command.lower() != "none" else None


def _jump(
    jumps: str,
    subject: Subject,
    config: SshConfig,
    defaults: Defaults,
    behind: Sequence[str],
) -> Route | None:
    """The last bastion of ``a,b,c``; a bastion's own ProxyJump counts for the first one, as with ssh -J."""
    words = [word.strip() for word in jumps.split(",")]
    if len(behind) + len(words) > _MOST_JUMPS or subject.host in behind:
        raise SettingsError(
            f"~/.ssh/config: ProxyJump of {subject.host} goes round in a circle; "
            f"write ProxyJump none for the first bastion, above what holds for all hosts"
        )
    path = (*behind, subject.host)
    previous: Route | None = None
    for word in words:
        user, _, place = word.removeprefix("ssh://").rpartition("@")
        host, port = _place(place)
        check_name(host)
        jump = Subject(host, subject.local_user, user or None, port)
        hop = _route(jump, defaults.key_files, config, defaults, path)
        previous = _behind(hop, previous) if previous else hop
    return previous


def _behind(hop: Route, previous: Route) -> Route:
    """The same bastion, reached through another."""
    return replace(hop, jump=previous, proxy_command=None)


def _place(text: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port`` and ``[v6]:port``."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    return host, int(port) if port.isdecimal() else None
