"""The host's key is not the one that is known."""

from __future__ import annotations

from fleet_collector.failures.failure import HostError, failed
from fleet_collector.wording import plain


def unknown_key(name: str, offered: str, files: str) -> HostError:
    """known_hosts has nothing about the host."""
    return failed(
        "host_key",
        "host key",
        f"The host key of {plain(name)} is not known: it offers {offered}.",
        f"Compare the fingerprint, then add the key to {plain(files)}, or use --host-keys accept-new.",
    )


def changed_key(name: str, offered: str, known: str, where: str) -> HostError:
    """known_hosts has another key of the host; ``where`` is its file and line."""
    return failed(
        "host_key",
        "host key",
        f"The host key of {plain(name)} has changed: it offers {offered}, known is {known} ({plain(where)}).",
        f"Somebody may be in between. If it was reinstalled: {_forgetting(name, where)}, then scan again.",
    )


def other_type(name: str, offered: str, known: str, where: str) -> HostError:
    """known_hosts has keys of the host, none of a type that it offers."""
    return failed(
        "host_key",
        "host key",
        f"The host no longer offers the key that is known of {plain(name)}, {known} ({plain(where)}), "
        f"but one of another type: {offered}.",
        f"Compare the fingerprint, on its console. If it is the host's: {_forgetting(name, where)}, "
        "and add the new key.",
    )


def _forgetting(name: str, where: str) -> str:
    return f"ssh-keygen -f '{plain(where.rpartition(':')[0])}' -R '{plain(name)}'"


def bad_key(name: str, reason: str) -> HostError:
    """Revoked, or a certificate that does not fit."""
    return failed(
        "host_key",
        "host key",
        f"The host key of {plain(name)} is refused: {plain(reason)}.",
        "Look at @revoked and @cert-authority in known_hosts, and at the certificate's names and dates.",
    )
