"""Why a host gave no answer, or only half of one: every kind, its sentence and what to do, in this one place.

Text that came from a host is made safe for a terminal before it enters a message.
"""

from __future__ import annotations

import errno
import os
from typing import Literal

from msgspec import Struct

from fleet_collector.complaints import advice
from fleet_collector.errors import FleetError
from fleet_collector.wording import duration, plain, size

Kind = Literal[
    "dns",
    "refused",
    "timeout",
    "unreachable",
    "host_key",
    "auth",
    "no_python",
    "protocol",
    "agent",
    "too_large",
    "cancelled",
]
Stage = Literal["resolve", "connect", "host key", "login", "start", "run", "read"]


class Failure(Struct, frozen=True, kw_only=True):
    """What went wrong with one host: the kind, how far it came, one plain sentence, and what to do."""

    kind: Kind
    stage: Stage
    message: str
    hint: str


class HostError(FleetError):
    """A host could not be asked; ``passing`` when the same attempt may well succeed a moment later."""

    def __init__(self, failure: Failure, *, passing: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.passing = passing


def _error(kind: Kind, stage: Stage, message: str, hint: str, *, passing: bool = False) -> HostError:
    return HostError(Failure(kind=kind, stage=stage, message=message, hint=hint), passing=passing)


def _words(said: str) -> str:
    """Words of others within a sentence, which has a full stop of its own."""
    return plain(said.strip().rstrip("."))


# ---- the way to the host


def unresolved(host: str, reason: str) -> HostError:
    """No address for the name."""
    return _error(
        "dns",
        "resolve",
        f"The name {plain(host)} has no address ({plain(reason)}).",
        "Check the spelling in the hosts file, HostName in ~/.ssh/config, and this machine's resolver.",
    )


def not_connected(host: str, port: int, error: OSError) -> HostError:
    """connect(2) failed: refused, unreachable, or something on this machine."""
    where = f"{plain(host)} port {port}"
    match error.errno:
        case errno.ECONNREFUSED:
            return _error(
                "refused",
                "connect",
                f"{where} refused the connection.",
                "Is sshd running there, on this port? A firewall that rejects looks the same.",
            )
        case errno.ETIMEDOUT:
            return _error("timeout", "connect", f"{where} did not answer.", _DROPPED)
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return closed_early("", "connect")
        case errno.EMFILE | errno.ENFILE | errno.EADDRNOTAVAIL | errno.ENOBUFS | errno.ENOMEM:
            return _error(
                "unreachable",
                "connect",
                f"This machine could not open a connection to {where}: {os.strerror(error.errno)}.",
                "Lower the concurrency, or raise the limit on open files (ulimit -n).",
                passing=True,
            )
    return _error(
        "unreachable",
        "connect",
        f"{where} cannot be reached: {os.strerror(error.errno) if error.errno else plain(str(error))}.",
        "Is the host up, is there a route to it, does a firewall on the way reject?",
    )


_DROPPED = "Is the host up? A firewall that drops packets looks the same; try the address from another host."


def too_slow(stage: Stage, seconds: float, detail: str = "") -> HostError:
    """A deadline passed; ``detail`` says what was there until then."""
    message, hint = {
        "resolve": ("The resolver gave no answer", "Check the name servers of this machine."),
        "connect": ("No connection", _DROPPED),
        "host key": (
            "The key exchange came to a halt",
            "An overloaded host, a broken path MTU, or no SSH server at all on this port.",
        ),
        "login": (
            "The login came to a halt",
            "On the host: a slow directory service, PAM module or reverse DNS of sshd (UseDNS).",
        ),
        "start": (
            "The remote command did not start",
            "On the host: out of processes or memory, a hanging login shell or rc file.",
        ),
        "run": (
            "The agent did not finish",
            "Its login shell, an rc file or the host itself hangs; sections that came are kept.",
        ),
        "read": ("The answer did not end", "The line is very slow, or the host hangs."),
    }[stage]
    said = f": {plain(detail)}" if detail else ""
    return _error("timeout", stage, f"{message} within {duration(seconds)}{said}.", hint)


def not_greeted(seconds: float, first_line: str) -> HostError:
    """Connected, but no SSH greeting in time; ``first_line`` is the beginning of what came instead."""
    what = (
        f"sent no SSH greeting but {plain(first_line)!r}"
        if first_line
        else "accepted the connection and said nothing"
    )
    return _error(
        "timeout",
        "connect",
        f"The host {what} within {duration(seconds)}.",
        "An overloaded host, or no SSH server on this port; look at the host's console.",
    )


def closed_early(detail: str, stage: Stage) -> HostError:
    """The connection ended before the login: MaxStartups, PerSourcePenalties, a firewall, TCP wrappers."""
    said = f" ({plain(detail)})" if detail else ""
    when = "before it greeted" if stage == "connect" else "during the key exchange"
    return _error(
        "protocol",
        stage,
        f"The host closed the connection {when}{said}.",
        "sshd's MaxStartups or PerSourcePenalties, hosts.deny, a firewall, or no SSH server on this port.",
        passing=True,
    )


def proxy_ended(complaint: str, command: str) -> HostError:
    """The operator's own ProxyCommand ended, or let the connection end, before the host said a word."""
    said = f" It says: {_words(complaint)}." if complaint else ""
    return _error(
        "unreachable",
        "connect",
        f"The ProxyCommand ended before the host greeted.{said}",
        f"Try it by hand: {plain(command)}",
        passing=True,
    )


def not_ssh(detail: str, stage: Stage) -> HostError:
    """What came is not SSH 2, or breaks its rules."""
    return _error(
        "protocol",
        stage,
        f"The host does not speak SSH 2 as it should: {plain(detail)}.",
        "Is this the SSH port? A web server or a very old SSH server answers like this.",
    )


def no_common_algorithm(detail: str) -> HostError:
    """Nothing in common to exchange keys with."""
    return _error(
        "protocol",
        "host key",
        f"The host and fleet share no algorithm: {plain(detail)}.",
        "Update the host's SSH server, or allow its algorithm in ~/.ssh/config (KexAlgorithms, Ciphers).",
    )


def not_forwarded(bastion: str, host: str, port: int, reason: str) -> HostError:
    """The bastion could not connect to the host, or must not; ``reason`` is its own word."""
    text = reason.lower()
    where = f"{plain(host)} port {port}"
    said = f"The bastion {plain(bastion)} cannot connect to {where}: {plain(reason)}."
    if "connection closed" in text:
        message = f"The connection to the bastion {plain(bastion)} broke."
        return _error(
            "unreachable", "connect", message, "Look at the bastion and its sshd's log.", passing=True
        )
    for kind, signs in _FORWARDING:
        if any(sign in text for sign in signs):
            return _error(
                kind, "resolve" if kind == "dns" else "connect", said, f"On the bastion, try: nc -v {where}"
            )
    hint = "Look at AllowTcpForwarding and PermitOpen of the bastion's sshd, and at its route to the host."
    return _error("unreachable", "connect", said, hint)


_FORWARDING: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("refused", ("refused", "errno 111")),
    ("timeout", ("timed out", "timeout")),
    ("dns", ("name or service", "resolution", "resolve", "no address", "nodename", "lookup", "unknown host")),
)


# ---- host keys


def unknown_key(name: str, offered: str, files: str) -> HostError:
    """known_hosts has nothing about the host."""
    return _error(
        "host_key",
        "host key",
        f"The host key of {plain(name)} is not known: it offers {offered}.",
        f"Compare the fingerprint, then add the key to {plain(files)}, or use --host-keys accept-new.",
    )


def changed_key(name: str, offered: str, known: str, where: str) -> HostError:
    """known_hosts has another key of the host; ``where`` is its file and line."""
    return _error(
        "host_key",
        "host key",
        f"The host key of {plain(name)} has changed: it offers {offered}, known is {known} ({plain(where)}).",
        f"Somebody may be in between. If it was reinstalled: {_forgetting(name, where)}, then scan again.",
    )


def other_type(name: str, offered: str, known: str, where: str) -> HostError:
    """known_hosts has keys of the host, none of a type that it offers."""
    return _error(
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
    return _error(
        "host_key",
        "host key",
        f"The host key of {plain(name)} is refused: {plain(reason)}.",
        "Look at @revoked and @cert-authority in known_hosts, and at the certificate's names and dates.",
    )


# ---- login


def login_refused(user: str, tried: str, detail: str) -> HostError:
    """The server took none of the keys."""
    said = f" It says: {_words(detail)}." if detail else ""
    return _error(
        "auth",
        "login",
        f"The login as {plain(user)} was refused (tried {tried}).{said}",
        advice(detail)
        or "Is the public key in the account's authorized_keys, and is the account open? See ssh -v.",
    )


def keys_not_enough(user: str) -> HostError:
    """The server takes no key, or wants something besides."""
    return _error(
        "auth",
        "login",
        f"The login as {plain(user)} was refused: the host takes no key, or none without a password.",
        "Let a key do for this account: PubkeyAuthentication and AuthenticationMethods in its sshd_config.",
    )


def login_broken(detail: str) -> HostError:
    """The connection ended between key exchange and login."""
    said = f" ({_words(detail)})" if detail else ""
    return _error(
        "auth",
        "login",
        f"The host ended the connection during the login{said}.",
        advice(detail)
        or "Too many keys offered (MaxAuthTries)? Set IdentityFile and IdentitiesOnly. Else read sshd's log.",
    )


def broken_off() -> HostError:
    """The connection ended between the login and the first word of the agent."""
    return _error(
        "unreachable",
        "start",
        "The connection broke after the login, before the agent said anything.",
        "Is the host going down, or the line to it bad? A firewall that cuts connections looks the same.",
        passing=True,
    )


# ---- on the host


def no_python(detail: str) -> HostError:
    """No interpreter, or none that is fit."""
    said = f": {_words(detail)}" if detail else ""
    return _error(
        "no_python",
        "start",
        f"There is no usable Python on the host{said}.",
        "Install Python 3.6 or newer with its standard library (Debian: python3, not only python3-minimal).",
    )


def not_started(detail: str) -> HostError:
    """The login went well and the command did not start."""
    said = f": {_words(detail)}" if detail else ""
    return _error(
        "agent",
        "start",
        f"The host let fleet in but did not start the command{said}.",
        "The account's login shell, a forced command, or the host's limit on processes; try ssh HOST true.",
    )


def nothing_said(status: str, detail: str) -> HostError:
    """The command ended and no frame came."""
    said = f": {_words(detail)}" if detail else " and printed nothing"
    return _error(
        "agent",
        "start",
        f"The agent did not run: the host's shell ended with {status}{said}.",
        advice(f"{detail} {status}")
        or "A forced command, a login shell that refuses, or an rc file that exits, reads standard input or "
        "starts another shell? Try: echo well | ssh HOST cat",
    )


def cut_short(status: str, detail: str) -> HostError:
    """The agent began and did not end."""
    said = f": {_words(detail)}" if detail else ""
    return _error(
        "agent",
        "run",
        f"The agent was stopped half-way ({status}){said}.",
        advice(detail) or "Killed on the host (out of memory?), or the connection broke; what came is kept.",
    )


def unreadable(reason: str) -> HostError:
    """Frames came, and they are not a snapshot."""
    return _error(
        "agent",
        "read",
        f"The answer cannot be read: {plain(reason)}.",
        "Run the agent there by hand (fleet agent show) and look at what it prints.",
    )


def too_large(limit: int) -> HostError:
    """Output without end."""
    return _error(
        "too_large",
        "read",
        f"The host printed more than {size(limit)}.",
        "An rc file or a forced command that prints without end? What came of the answer is kept.",
    )


def cancelled(stage: Stage = "connect") -> Failure:
    """The sweep was interrupted before this host was done."""
    return Failure(
        kind="cancelled", stage=stage, message="The sweep was interrupted.", hint="Scan this host again."
    )


def worker_lost() -> Failure:
    """The process of fleet that had the host ended before it was done."""
    return Failure(
        kind="cancelled",
        stage="connect",
        message="The process of fleet that asked this host was killed.",
        hint="Is this machine short of memory? Scan this host again, with fewer --processes.",
    )


def internal(stage: Stage, error: BaseException) -> HostError:
    """Something nobody thought of; it must cost this host alone."""
    return _error(
        "protocol",
        stage,
        f"The answer of the host could not be handled: {plain(f'{type(error).__name__}: {error}')}.",
        "Please report this with the output of ssh -v HOST true.",
    )


def suspecting(unheard: tuple[str, ...], error: HostError) -> HostError:
    """The same failure, with what ssh_config asks for and fleet does not do as a possible cause."""
    if not unheard:
        return error
    failure = error.failure
    hint = f"{failure.hint} ssh_config has {' and '.join(unheard)}, which fleet does not act on."
    return _error(failure.kind, failure.stage, failure.message, hint, passing=error.passing)


def through(bastion: str, error: HostError) -> HostError:
    """The same failure, told as one of the bastion's."""
    failure = error.failure
    message = f"Through the bastion {plain(bastion)}: {failure.message}"
    return _error(failure.kind, failure.stage, message, failure.hint, passing=error.passing)
