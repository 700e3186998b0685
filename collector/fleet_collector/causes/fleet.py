"""All hosts of the question together: whose address is whose, who listens where, who could not be scanned."""

from __future__ import annotations

from collections.abc import Iterable

from fleet_collector.causes.case import Case, Symptom
from fleet_collector.findings.past import facts
from fleet_collector.findings.ports import is_loopback, on_port
from fleet_collector.findings.services import bare
from fleet_collector.snapshot.ports import Listener


class Fleet:
    """The cases by host, and hosts by every name and address they have."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.cases = {case.host: case for case in cases}
        self._names: dict[str, str] = {}
        self._addresses: dict[str, set[str]] = {}
        for case in self.cases.values():
            self._learn(case)

    def _learn(self, case: Case) -> None:
        snapshot = case.judged.snapshot
        identity = facts(snapshot.identity) if snapshot else None
        self._names[case.host] = case.host
        for name in (case.host.partition(".")[0], identity.hostname if identity else None):
            if name and not name.isdigit():
                self._names.setdefault(name, case.host)
        for address in {*addresses_of(case), *([case.judged.address] if case.judged.address else [])}:
            self._addresses.setdefault(address, set()).add(case.host)

    def host_of(self, address: str | None, name: str | None = None, asker: str | None = None) -> str | None:
        """The host that an address or a name means to ``asker``; None where it is not one of ours."""
        if address and is_loopback(address) and address not in self._names:
            return asker
        owners = self._addresses.get(address or "", set())
        if asker in owners:
            return asker
        if len(owners) == 1:
            return next(iter(owners))
        for word in (address, name, (name or "").partition(".")[0]):
            if word and word in self._names:
                return self._names[word]
        return None


def addresses_of(case: Case) -> set[str]:
    """The addresses of a host's interfaces, loopback and link-local ones left out."""
    network = facts(case.judged.snapshot.network) if case.judged.snapshot else None
    found = set()
    for interface in (network.interfaces if network else None) or ():
        for address in interface.addresses:
            bare_address = address.partition("/")[0]
            if not is_loopback(bare_address) and not bare_address.lower().startswith("fe80:"):
                found.add(bare_address)
    return found


def listeners_of(case: Case, protocol: str, port: int) -> list[Listener] | None:
    """Who listens on a port of a host; None where that was not measured."""
    ports = facts(case.judged.snapshot.ports) if case.judged.snapshot else None
    if ports is None or ports.listeners is None:
        return None
    return on_port(ports.listeners, protocol, port)


def troubles_of(case: Case, protocol: str, port: int) -> list[Symptom]:
    """What is wrong on a host with the service of one port, by the port or by its listener's pid and unit."""
    listeners = listeners_of(case, protocol, port) or []
    pids = {listener.pid for listener in listeners if listener.pid is not None}
    units = {bare(listener.unit) for listener in listeners if listener.unit}
    found = []
    for symptom in case.symptoms:
        if not symptom.rule.startswith(("ports.", "services.", "processes.", "connections.undrained")):
            continue
        same_port = symptom.rule.startswith("ports.") and symptom.get("port") == port
        same_process = symptom.get("pid") in pids or bool(pids & set(symptom.get("pids") or ()))
        same_unit = bool(symptom.get("unit")) and bare(str(symptom.get("unit"))) in units
        if same_port or same_process or same_unit:
            found.append(symptom)
    return found
