"""The login, up to the first word of the agent."""

from __future__ import annotations

from fleet_collector.complaints import advice
from fleet_collector.failures.failure import HostError, failed, words
from fleet_collector.wording import plain


def login_refused(user: str, tried: str, detail: str) -> HostError:
    """The server took none of the keys."""
    said = f" It says: {words(detail)}." if detail else ""
    return failed(
        "auth",
        "login",
        f"The login as {plain(user)} was refused (tried {tried}).{said}",
        advice(detail)
        or "Is the public key in the account's authorized_keys, and is the account open? See ssh -v.",
    )


def keys_not_enough(user: str) -> HostError:
    """The server takes no key, or wants something besides."""
    return failed(
        "auth",
        "login",
        f"The login as {plain(user)} was refused: the host takes no key, or none without a password.",
        "Let a key do for this account: PubkeyAuthentication and AuthenticationMethods in its sshd_config.",
    )


def login_broken(detail: str) -> HostError:
    """The connection ended between key exchange and login."""
    said = f" ({words(detail)})" if detail else ""
    return failed(
        "auth",
        "login",
        f"The host ended the connection during the login{said}.",
        advice(detail)
        or "Too many keys offered (MaxAuthTries)? Set IdentityFile and IdentitiesOnly. Else read sshd's log.",
    )


def broken_off() -> HostError:
    """The connection ended between the login and the first word of the agent."""
    return failed(
        "unreachable",
        "start",
        "The connection broke after the login, before the agent said anything.",
        "Is the host going down, or the line to it bad? A firewall that cuts connections looks the same.",
        passing=True,
    )
