"""From all symptoms of all hosts to few ranked causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from fleet_collector.causes import daemons, networks, peers, reaching, sockets, storage, wires, work
from fleet_collector.causes.case import Case, Link, Symptom
from fleet_collector.causes.diagnosis import Cause, Diagnosis, Effect, Fine, Judged, NotMeasured
from fleet_collector.causes.fleet import Fleet
from fleet_collector.causes.scans import failed_scan
from fleet_collector.findings.finding import ORDER, Severity, worst
from fleet_collector.folding import fold
from fleet_collector.snapshot import STEPS

ON_ONE_HOST: tuple[Callable[[Case], Iterable[Link]], ...] = (
    *storage.LINKS,
    *work.LINKS,
    *daemons.LINKS,
    *sockets.LINKS,
    *wires.LINKS,
)
ACROSS_HOSTS: tuple[Callable[[Fleet], Iterable[Link]], ...] = (
    reaching.verdicts,
    peers.slow_peers,
    peers.slow_probes,
    peers.both_ends,
    peers.dependants,
)


def why(judged: Sequence[Judged]) -> Diagnosis:
    """The causes behind all findings of these hosts, then what is fine and what was not measured."""
    fleet = Fleet(map(Case, judged))
    fleet.cases = {one.host: _told(fleet, one, judged) for one in judged}
    cases = list(fleet.cases.values())
    links = [link for case in cases for rule in ON_ONE_HOST for link in rule(case)]
    links += [link for rule in ACROSS_HOSTS for link in rule(fleet)]
    symptoms = [one for case in cases for one in case.symptoms if one.finding.severity != "ok"]
    symptoms += [case.failed_scan for case in cases if case.failed_scan is not None]
    symptoms += [*networks.same_address(fleet), *networks.unlike_mtus(fleet)]
    return Diagnosis(
        causes=_ranked(_grouped(symptoms, links)),
        fine=_fine(judged),
        not_measured=_not_measured(judged),
    )


def _told(fleet: Fleet, judged: Judged, everybody: Sequence[Judged]) -> Case:
    """The case of a host, its findings told with the names of its peers, or why its scan failed."""
    case = Case(judged, (peers.named(fleet, judged.host, finding) for finding in judged.findings))
    finding = failed_scan(judged, everybody)
    case.failed_scan = Symptom(judged.host, finding) if finding else None
    return case


def _grouped(symptoms: list[Symptom], links: list[Link]) -> dict[Symptom, list[Symptom]]:
    """Each root with all that it explains; what has several causes goes to the first that leads far."""
    effects: dict[Symptom, list[Symptom]] = defaultdict(list)
    explained: set[Symptom] = set()
    for link in links:
        if link.cause is not link.effect and link.effect.finding.severity != "ok":
            effects[link.cause].append(link.effect)
            explained.add(link.effect)
    nodes = list(dict.fromkeys([*symptoms, *effects]))
    roots = [node for node in nodes if node not in explained]
    reach = {root: _reachable(root, effects) for root in roots}
    # A ring of findings that explain each other has no root of its own: its severest member stands for it.
    for node in sorted(nodes, key=lambda node: -ORDER[node.finding.severity]):
        if node not in reach and not any(node in found for found in reach.values()):
            reach[node] = _reachable(node, effects)
    return _divided(reach)


def _reachable(root: Symptom, effects: dict[Symptom, list[Symptom]]) -> dict[Symptom, None]:
    """Everything that a cause leads to, near ones first, without itself."""
    seen: dict[Symptom, None] = {}
    waiting = list(effects.get(root, ()))
    while waiting:
        symptom = waiting.pop(0)
        if symptom not in seen and symptom is not root:
            seen[symptom] = None
            waiting += effects.get(symptom, ())
    return seen


def _divided(reach: dict[Symptom, dict[Symptom, None]]) -> dict[Symptom, list[Symptom]]:
    """Every effect under one cause only: the severest, then the one that explains most."""
    order = sorted(reach, key=lambda root: (-ORDER[root.finding.severity], -len(reach[root])))
    taken: set[Symptom] = set()
    divided: dict[Symptom, list[Symptom]] = {}
    for root in order:
        divided[root] = [symptom for symptom in reach[root] if symptom not in taken]
        taken.update(divided[root])
    return divided


def _ranked(groups: dict[Symptom, list[Symptom]]) -> list[Cause]:
    folded: dict[tuple[str, str], list[Symptom]] = defaultdict(list)
    for root in groups:
        folded[_key(root)].append(root)
    causes = [_cause(roots, [e for root in roots for e in groups[root]]) for roots in folded.values()]
    causes.sort(key=_weight)
    return [msgspec.structs.replace(cause, rank=rank) for rank, cause in enumerate(causes, 1)]


def _weight(cause: Cause) -> tuple[int, bool, int, int, list[str]]:
    """The severest first; of these last what others do on the same kernel; then by what it explains."""
    unseen = bool(cause.evidence.get("unseen"))
    return -ORDER[cause.severity], unseen, -len(cause.explains), -len(cause.hosts), cause.hosts


def _key(root: Symptom) -> tuple[str, str]:
    """What makes two causes on two hosts the same one."""
    if root.rule.startswith("scan."):
        return root.rule, f"{root.get('stage')} {root.get('neighbours') is not None}"
    if root.rule == "disk.hung" and root.get("server"):
        return root.rule, str(root.get("server"))
    subject = root.finding.subject
    if root.rule in ("services.failed", "services.wanted"):
        how = (root.get("load"), root.get("active"), root.get("result"), root.get("exit_status"))
        return root.rule, f"{subject} {how}"
    return root.rule, "" if subject == root.host else subject


def _cause(roots: list[Symptom], effects: list[Symptom]) -> Cause:
    first = max(roots, key=lambda root: ORDER[root.finding.severity])
    hosts = sorted({root.host for root in roots})
    severities: list[Severity] = [symptom.finding.severity for symptom in (*roots, *effects)]
    return Cause(
        rank=0,
        rule=first.rule,
        severity=worst(severities),
        hosts=hosts,
        hosts_folded=fold(hosts),
        subject=first.finding.subject,
        message=first.finding.message,
        evidence=first.finding.evidence,
        explains=[_effect(symptom) for symptom in dict.fromkeys(effects)],
        next=first.finding.next,
    )


def _effect(symptom: Symptom) -> Effect:
    return Effect(host=symptom.host, **msgspec.structs.asdict(symptom.finding))


def _fine(judged: Sequence[Judged]) -> list[Fine]:
    """Steps without any alarm or gap, joined where they are fine on the same hosts."""
    by_hosts: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for step in STEPS:
        hosts = tuple(one.host for one in judged if _is_fine(one, step))
        if hosts:
            by_hosts[hosts].append(step)
    return [
        Fine(steps=steps, hosts=list(hosts), hosts_folded=fold(hosts)) for hosts, steps in by_hosts.items()
    ]


def _is_fine(judged: Judged, step: str) -> bool:
    section = getattr(judged.snapshot, step) if judged.snapshot else None
    if section is None or section.data is None:
        return False
    if any(gap == step for gap, _ in _gaps(judged)):
        return False
    return all(finding.step != step or finding.severity == "ok" for finding in judged.findings)


def _not_measured(judged: Sequence[Judged]) -> list[NotMeasured]:
    by_reason: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in judged:
        for step, reason in _gaps(one):
            by_reason[step, reason].append(one.host)
    return [
        NotMeasured(step=step, reason=reason, hosts=hosts, hosts_folded=fold(hosts))
        for (step, reason), hosts in by_reason.items()
    ]


def _gaps(judged: Judged) -> Iterator[tuple[str, str]]:
    for finding in judged.findings:
        if finding.rule.endswith(".not_measured"):
            yield finding.step, str(finding.evidence.get("reason", finding.message))
        elif finding.severity == "unknown":
            yield finding.step, finding.message
    if judged.snapshot is None:
        yield "scan", judged.failure.message if judged.failure else "never scanned"
    elif judged.snapshot.reach and judged.snapshot.reach.data and not judged.snapshot.reach.data.probes:
        yield "reach", "no targets are expected"
