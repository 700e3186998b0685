"""What a failure is: the kind, how far it came, one plain sentence, and what to do."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fleet_collector.errors import FleetError
from fleet_collector.wording import plain

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


def failed(kind: Kind, stage: Stage, message: str, hint: str, *, passing: bool = False) -> HostError:
    """Return the error of a failure."""
    return HostError(Failure(kind=kind, stage=stage, message=message, hint=hint), passing=passing)


def words(said: str) -> str:
    """Return words of others for within a sentence, which has a full stop of its own."""
    return plain(said.strip().rstrip("."))
