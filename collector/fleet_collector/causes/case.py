"""One host's symptoms, ready to be asked for by rule, and the links that join them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fleet_collector.causes.diagnosis import Judged
from fleet_collector.findings.finding import Finding

ALARMS = ("warning", "critical")
# What is no alarm by itself but may well be the cause of one: a kill some hours ago, a task that is stuck.
LATENT = ("memory.oom", "cpu.application", "processes.blocked")


@dataclass(frozen=True, eq=False)
class Symptom:
    """A finding on a host; two are the same only if they are the same object."""

    host: str
    finding: Finding

    @property
    def rule(self) -> str:
        """The finding's rule."""
        return self.finding.rule

    def get(self, key: str) -> Any:
        """A fact of the finding's evidence, None if it has none of that name."""
        return self.finding.evidence.get(key)


@dataclass(frozen=True)
class Link:
    """``cause`` explains ``effect``: they share a named object, or the order in time is known."""

    cause: Symptom
    effect: Symptom


class Case:
    """One host with its symptoms by rule."""

    def __init__(self, judged: Judged, findings: Iterable[Finding] | None = None) -> None:
        self.judged = judged
        self.host = judged.host
        self.failed_scan: Symptom | None = None
        self.symptoms = [
            Symptom(judged.host, finding)
            for finding in (judged.findings if findings is None else findings)
            if finding.severity in ALARMS or (finding.severity == "ok" and finding.rule in LATENT)
        ]
        self._by_rule: dict[str, list[Symptom]] = defaultdict(list)
        for symptom in self.symptoms:
            self._by_rule[symptom.rule].append(symptom)

    def of(self, *rules: str) -> list[Symptom]:
        """Symptoms of these rules; ``logs.`` stands for all of a step."""
        found: list[Symptom] = []
        for rule in rules:
            if rule.endswith("."):
                found += [s for name, group in self._by_rule.items() if name.startswith(rule) for s in group]
            else:
                found += self._by_rule.get(rule, ())
        return found


def shared(causes: Iterable[Symptom], effects: Iterable[Symptom], *keys: str) -> Iterator[Link]:
    """Links between all symptoms whose evidence agrees on every one of ``keys``; None agrees with nothing."""
    known: dict[tuple[Any, ...], list[Symptom]] = defaultdict(list)
    for effect in effects:
        known[tuple(map(effect.get, keys))].append(effect)
    for cause in causes:
        values = tuple(map(cause.get, keys))
        if None not in values:
            yield from (Link(cause, effect) for effect in known.get(values, ()) if effect is not cause)


def every(causes: Iterable[Symptom], effects: Iterable[Symptom]) -> Iterator[Link]:
    """Links between all of them: the rules themselves name one and the same thing of the machine."""
    effects = list(effects)
    return (Link(cause, effect) for cause in causes for effect in effects)


def words_of(symptom: Symptom) -> str:
    """The last lines that a failed unit wrote."""
    return "\n".join(symptom.get("log") or ())
