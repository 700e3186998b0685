"""What asyncssh and the system raise while a connection is made, as the failure it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncssh

from fleet_collector import failures
from fleet_collector.failures import HostError
from fleet_collector.transport.connection import Opening
from fleet_collector.transport.known_hosts import fingerprint

# Lines that sshd sends in place of a greeting when it turns somebody away for now.
_FOR_NOW = ("exceeded maxstartups", "not allowed at this time")


def explain(error: BaseException, opening: Opening) -> HostError:
    """Return the failure behind an exception of a handshake that came as far as ``opening.stage``."""
    if isinstance(error, HostError):
        return error
    for kind, told in _TOLD:
        if isinstance(error, kind):
            return told(error, opening)
    if opening.stage in ("connect", "host key"):
        return failures.not_ssh(f"{type(error).__name__} {error}".strip(), opening.stage)
    return failures.internal(opening.stage, error)


def _host_key(error: asyncssh.HostKeyNotVerifiable, opening: Opening) -> HostError:
    route, trust = opening.handshake.route, opening.handshake.trust
    name = route.known_as if route.port == 22 else f"[{route.known_as}]:{route.port}"
    if "revoked" in error.reason or opening.handshake.offered is None:
        return failures.bad_key(name, error.reason)
    if not trust.known:
        files = str(route.known_hosts[0]) if route.known_hosts else "known_hosts"
        return failures.unknown_key(name, opening.handshake.offer, files)
    known = " or ".join(fingerprint(key) for key in trust.keys) or "of an unknown type"
    same_type = opening.handshake.offered.get_algorithm() in {key.get_algorithm() for key in trust.keys}
    told = failures.changed_key if same_type else failures.other_type
    return told(name, opening.handshake.offer, known, trust.known[0].where)


def _refused(_: Exception, opening: Opening) -> HostError:
    if not opening.connection.takes_keys:
        return failures.keys_not_enough(opening.handshake.route.user)
    count = opening.offered_keys
    none = f"no key: {opening.lacking or 'none could be read'}"
    tried = none if count == 0 else "1 key" if count == 1 else f"{count} keys"
    return failures.login_refused(opening.handshake.route.user, tried, opening.handshake.banner)


def _closed(error: Exception, opening: Opening) -> HostError:
    """The connection ended: turned away for now, no SSH server, or in the middle of the login."""
    detail = str(error) if isinstance(error, OSError) else ""
    if opening.stage not in ("connect", "host key"):
        return failures.login_broken(opening.handshake.banner or detail)
    line, proxy = opening.connection.first_line, opening.connection.proxy
    if opening.stage == "connect" and not line and proxy is not None:
        return failures.proxy_ended(proxy.complaint(), opening.handshake.route.proxy_command or "")
    if opening.stage == "connect" and line and not any(words in line.lower() for words in _FOR_NOW):
        return failures.not_ssh(f"it began with {line!r}", "connect")
    return failures.closed_early(line if opening.stage == "connect" else detail, opening.stage)


def _no_algorithm(error: asyncssh.KeyExchangeFailed, _: Opening) -> HostError:
    return failures.no_common_algorithm(error.reason)


def _protocol(error: asyncssh.DisconnectError, opening: Opening) -> HostError:
    if opening.stage == "login":
        return failures.login_broken(opening.handshake.banner or error.reason)
    line = opening.connection.first_line
    if opening.stage == "connect" and line:
        return failures.not_ssh(f"{error.reason}; it began with {line!r}", "connect")
    return failures.not_ssh(error.reason, opening.stage)


def _channel(error: asyncssh.ChannelOpenError, opening: Opening) -> HostError:
    """A bastion could not open the way to a host; OpenSSH gives strerror(3) or the resolver's word."""
    route, reason = opening.handshake.route, error.reason
    return failures.not_forwarded(route.jump.name if route.jump else "", route.host, route.port, reason)


_TOLD: tuple[tuple[type[Exception], Callable[[Any, Opening], HostError]], ...] = (
    (asyncssh.HostKeyNotVerifiable, _host_key),
    (asyncssh.PermissionDenied, _refused),
    (asyncssh.ChannelOpenError, _channel),
    (asyncssh.KeyExchangeFailed, _no_algorithm),
    (asyncssh.ConnectionLost, _closed),
    (OSError, _closed),
    (asyncssh.DisconnectError, _protocol),
)
