"""On the host: what became of the command and of its answer."""

from __future__ import annotations

from fleet_collector.complaints import advice
from fleet_collector.failures.failure import HostError, failed, words
from fleet_collector.wording import plain, size


def no_python(detail: str) -> HostError:
    """No interpreter, or none that is fit."""
    said = f": {words(detail)}" if detail else ""
    return failed(
        "no_python",
        "start",
        f"There is no usable Python on the host{said}.",
        "Install Python 3.6 or newer with its standard library (Debian: python3, not only python3-minimal).",
    )


def not_started(detail: str) -> HostError:
    """The login went well and the command did not start."""
    said = f": {words(detail)}" if detail else ""
    return failed(
        "agent",
        "start",
        f"The host let fleet in but did not start the command{said}.",
        "The account's login shell, a forced command, or the host's limit on processes; try ssh HOST true.",
    )


def nothing_said(status: str, detail: str) -> HostError:
    """The command ended and no frame came."""
    said = f": {words(detail)}" if detail else " and printed nothing"
    return failed(
        "agent",
        "start",
        f"The agent did not run: the host's shell ended with {status}{said}.",
        advice(f"{detail} {status}")
        or "A forced command, a login shell that refuses, or an rc file that exits, reads standard input or "
        "starts another shell? Try: echo well | ssh HOST cat",
    )


def cut_short(status: str, detail: str) -> HostError:
    """The agent began and did not end."""
    said = f": {words(detail)}" if detail else ""
    return failed(
        "agent",
        "run",
        f"The agent was stopped half-way ({status}){said}.",
        advice(detail) or "Killed on the host (out of memory?), or the connection broke; what came is kept.",
    )


def unreadable(reason: str) -> HostError:
    """Frames came, and they are not a snapshot."""
    return failed(
        "agent",
        "read",
        f"The answer cannot be read: {plain(reason)}.",
        "Run the agent there by hand (fleet agent show) and look at what it prints.",
    )


def too_large(limit: int) -> HostError:
    """Output without end."""
    return failed(
        "too_large",
        "read",
        f"The host printed more than {size(limit)}.",
        "An rc file or a forced command that prints without end? What came of the answer is kept.",
    )
