"""On the way to the host: name, route, bastion, and whether what answers speaks SSH."""

from __future__ import annotations

import errno
import os

from fleet_collector.failures.failure import HostError, Kind, Stage, failed, words
from fleet_collector.wording import duration, plain


def unresolved(host: str, reason: str) -> HostError:
    """No address for the name."""
    return failed(
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
            return failed(
                "refused",
                "connect",
                f"{where} refused the connection.",
                "Is sshd running there, on this port? A firewall that rejects looks the same.",
            )
        case errno.ETIMEDOUT:
            return failed("timeout", "connect", f"{where} did not answer.", _DROPPED)
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return closed_early("", "connect")
        case errno.EMFILE | errno.ENFILE | errno.EADDRNOTAVAIL | errno.ENOBUFS | errno.ENOMEM:
            return failed(
                "unreachable",
                "connect",
                f"This machine could not open a connection to {where}: {os.strerror(error.errno)}.",
                "Lower the concurrency, or raise the limit on open files (ulimit -n).",
                passing=True,
            )
    return failed(
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
    return failed("timeout", stage, f"{message} within {duration(seconds)}{said}.", hint)


def not_greeted(seconds: float, first_line: str) -> HostError:
    """Connected, but no SSH greeting in time; ``first_line`` is the beginning of what came instead."""
    what = (
        f"sent no SSH greeting but {plain(first_line)!r}"
        if first_line
        else "accepted the connection and said nothing"
    )
    return failed(
        "timeout",
        "connect",
        f"The host {what} within {duration(seconds)}.",
        "An overloaded host, or no SSH server on this port; look at the host's console.",
    )


def closed_early(detail: str, stage: Stage) -> HostError:
    """The connection ended before the login: MaxStartups, PerSourcePenalties, a firewall, TCP wrappers."""
    said = f" ({plain(detail)})" if detail else ""
    when = "before it greeted" if stage == "connect" else "during the key exchange"
    return failed(
        "protocol",
        stage,
        f"The host closed the connection {when}{said}.",
        "sshd's MaxStartups or PerSourcePenalties, hosts.deny, a firewall, or no SSH server on this port.",
        passing=True,
    )


def proxy_ended(complaint: str, command: str) -> HostError:
    """The operator's own ProxyCommand ended, or let the connection end, before the host said a word."""
    said = f" It says: {words(complaint)}." if complaint else ""
    return failed(
        "unreachable",
        "connect",
        f"The ProxyCommand ended before the host greeted.{said}",
        f"Try it by hand: {plain(command)}",
        passing=True,
    )


def not_ssh(detail: str, stage: Stage) -> HostError:
    """What came is not SSH 2, or breaks its rules."""
    return failed(
        "protocol",
        stage,
        f"The host does not speak SSH 2 as it should: {plain(detail)}.",
        "Is this the SSH port? A web server or a very old SSH server answers like this.",
    )


def no_common_algorithm(detail: str) -> HostError:
    """Nothing in common to exchange keys with."""
    return failed(
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
        return failed(
            "unreachable", "connect", message, "Look at the bastion and its sshd's log.", passing=True
        )
    for kind, signs in _FORWARDING:
        if any(sign in text for sign in signs):
            return failed(
                kind, "resolve" if kind == "dns" else "connect", said, f"On the bastion, try: nc -v {where}"
            )
    hint = "Look at AllowTcpForwarding and PermitOpen of the bastion's sshd, and at its route to the host."
    return failed("unreachable", "connect", said, hint)


_FORWARDING: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("refused", ("refused", "errno 111")),
    ("timeout", ("timed out", "timeout")),
    ("dns", ("name or service", "resolution", "resolve", "no address", "nodename", "lookup", "unknown host")),
)
