"""Failures of fleet's own, and failures told again from further away."""

from __future__ import annotations

from fleet_collector.failures.failure import Failure, HostError, Stage, failed
from fleet_collector.wording import plain


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
    return failed(
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
    return failed(failure.kind, failure.stage, failure.message, hint, passing=error.passing)


def through(bastion: str, error: HostError) -> HostError:
    """The same failure, told as one of the bastion's."""
    failure = error.failure
    message = f"Through the bastion {plain(bastion)}: {failure.message}"
    return failed(failure.kind, failure.stage, message, failure.hint, passing=error.passing)
