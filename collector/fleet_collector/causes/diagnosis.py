"""What `why` is given and what it answers."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct, field

from fleet_collector.findings.finding import Finding, Severity
from fleet_collector.findings.past import Past
from fleet_collector.snapshot import Snapshot


class Failure(Protocol):
    """How a scan failed: the transport's word for it, the stage, a sentence, what to do."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def hint(self) -> str | None: ...  # noqa: D102


class LastGood(Struct, frozen=True):
    """The last scan of a host that worked: when (seconds since the epoch), and what was found then."""

    taken_at: float
    findings: tuple[Finding, ...] = ()


class Judged(Struct, frozen=True, kw_only=True):
    """One host of the question: its snapshot with its findings, or how the scan failed.

    ``address`` is where it was reached, if known; ``last_good`` is wanted for failed ones only.
    """

    host: str
    taken_at: float
    snapshot: Snapshot | None = None
    findings: list[Finding] = field(default_factory=list)
    failure: Failure | None = None
    address: str | None = None
    last_good: LastGood | None = None
    past: Past = Past()


class Effect(Finding, frozen=True, kw_only=True):
    """A finding that a cause explains, with the host it was seen on."""

    host: str


class Cause(Struct, frozen=True, kw_only=True):
    """One cause, on one host or on many; ``severity`` is the worst of itself and what it explains."""

    rank: int
    rule: str
    severity: Severity
    hosts: list[str]
    hosts_folded: str
    subject: str
    message: str
    evidence: dict[str, Any]
    explains: list[Effect]
    next: str | None = None


class Fine(Struct, frozen=True, kw_only=True):
    """Steps that were looked at and show nothing, on these hosts."""

    steps: list[str]
    hosts: list[str]
    hosts_folded: str


class NotMeasured(Struct, frozen=True, kw_only=True):
    """What could not be looked at, why, and where."""

    step: str
    reason: str
    hosts: list[str]
    hosts_folded: str


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The ranked causes, what is innocent, and what nobody could tell."""

    causes: list[Cause]
    fine: list[Fine]
    not_measured: list[NotMeasured]
