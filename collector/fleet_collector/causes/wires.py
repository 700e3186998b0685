"""Chains on one host around its way out: link, route, name server, target."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from fleet_collector.causes.case import Case, Link, Symptom, every, shared
from fleet_collector.findings.network import unanswered
from fleet_collector.findings.past import facts
from fleet_collector.snapshot.network import Route

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
FAR = ("reach.filtered", "reach.unreachable", "reach.slow", "reach.denied")


def carrier(case: Case) -> Iterator[Link]:
    """A dead link takes its gateway, and whatever lies on its own network."""
    links = case.of("network.link_down", "network.bond")
    yield from shared(case.of("network.flapping"), [*links, *case.of("network.gateway")], "interface")
    yield from shared(links, case.of("network.gateway"), "interface")
    for link in links:
        near = subnets(case, str(link.get("interface")))
        for effect in (*case.of(*FAR), *case.of("network.resolver")):
            if any(_within(address, near) for address in _addresses(effect)):
                yield Link(link, effect)


def way_out(case: Case) -> Iterator[Link]:
    """Without a working default route, everything off the host's own networks is out of reach."""
    causes = case.of("network.no_default_route", "network.gateway")
    if not causes:
        return
    near = subnets(case)
    for effect in (*case.of(*FAR), *case.of("network.resolver")):
        addresses = _addresses(effect)
        if addresses and not any(_within(address, near) for address in addresses):
            yield from every(causes, [effect])


def silent_router(case: Case) -> Iterator[Link]:
    """The agent's own probes found the router dead: before them, nothing may have asked for its address."""
    told = {gateway.get("gateway"): gateway for gateway in case.of("network.gateway")}
    for effect in case.of(*FAR):
        address = str(effect.get("address") or "")
        route = _route(case, address) if effect.get("gateway_failed") else None
        if route is not None and route.gateway:
            dead = Symptom(case.host, unanswered(route, "critical"))
            yield Link(told.setdefault(route.gateway, dead), effect)


def _route(case: Case, address: str) -> Route | None:
    """The route that packets for an address take: the narrowest, of these the one of the lowest metric."""
    network = facts(case.judged.snapshot.network) if case.judged.snapshot else None
    best: Route | None = None
    key = (-1, 0)
    for route in (*(network.routes or ()), *(network.default_routes or ())) if network else ():
        subnet = _destination(route)
        if (
            subnet is not None
            and _within(address, [subnet])
            and (subnet.prefixlen, -(route.metric or 0)) > key
        ):
            best, key = route, (subnet.prefixlen, -(route.metric or 0))
    return best


def _destination(route: Route) -> Subnet | None:
    everywhere = "::/0" if ":" in (route.gateway or "") else "0.0.0.0/0"
    try:
        return ipaddress.ip_network(everywhere if route.destination == "default" else route.destination)
    except ValueError:
        return None


def names(case: Case) -> Iterator[Link]:
    """No name server answers, so no name is resolved."""
    silent = [symptom for symptom in case.of("network.resolver") if not symptom.get("answering")]
    yield from every(silent, case.of("reach.unresolved"))


def _addresses(effect: Symptom) -> list[str]:
    if effect.rule == "network.resolver":
        return [str(server) for server in effect.get("servers") or ()]
    return [str(effect.get("address"))] if effect.get("address") else []


def subnets(case: Case, interface: str | None = None) -> list[Subnet]:
    """The networks a host is part of itself, loopback included; of one interface if named."""
    network = facts(case.judged.snapshot.network) if case.judged.snapshot else None
    found: list[Subnet] = (
        [] if interface else [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
    )
    for one in (network.interfaces if network else None) or ():
        if interface is None or one.name == interface:
            for address in one.addresses:
                try:
                    found.append(ipaddress.ip_network(address, strict=False))
                except ValueError:
                    continue
    return found


def _within(address: str, networks: list[Subnet]) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(parsed in network for network in networks)


LINKS = (carrier, way_out, silent_router, names)
