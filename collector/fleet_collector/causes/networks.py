"""What machines of one network must agree on: whose an address is, and how large a packet may be."""

from __future__ import annotations

import ipaddress

from fleet_collector.causes.case import Case, Symptom
from fleet_collector.causes.fleet import Fleet
from fleet_collector.findings.finding import Finding, found
from fleet_collector.findings.network import own_addresses
from fleet_collector.findings.past import facts
from fleet_collector.findings.words import listed, quoted
from fleet_collector.snapshot.network import Interface

ETHERNET_MTU = 1500


def same_address(fleet: Fleet) -> list[Symptom]:
    """One address on two machines."""
    owners: dict[str, dict[str, str]] = {}
    for case in fleet.cases.values():
        identity = facts(case.judged.snapshot.identity) if case.judged.snapshot else None
        machine = identity.machine_id if identity else None
        for interface in _own_links(case) if machine else ():
            for address in own_addresses(interface):
                owners.setdefault(address, {})[machine or ""] = case.host
    return [
        Symptom(
            host,
            found(
                "network.duplicate_address",
                "critical",
                address,
                f"{address} is on {' and '.join(sorted(hosts.values())[:4])} at once",
                then=f"ip -br address | grep -F {quoted(address)}",
                address=address,
                hosts=sorted(hosts.values()),
            ),
        )
        for address, hosts in owners.items()
        if len(hosts) > 1
        for host in sorted(hosts.values())
    ]


def unlike_mtus(fleet: Fleet) -> list[Symptom]:
    """Machines of one network whose largest packets differ: what one sends is lost on the way to others."""
    members: dict[str, dict[str, tuple[str, int]]] = {}
    for case in fleet.cases.values():
        for interface in _own_links(case):
            for address in interface.addresses:
                subnet = _network(address)
                if interface.mtu and subnet:
                    members.setdefault(subnet, {})[case.host] = (interface.name, interface.mtu)
    return [
        Symptom(host, _unlike(subnet, name, mtu, usual, hosts))
        for subnet, hosts in members.items()
        for usual in [_usual([mtu for _, mtu in hosts.values()])]
        for host, (name, mtu) in sorted(hosts.items())
        if mtu != usual
    ]


def _network(address: str) -> str | None:
    """The network of ``10.0.1.11/24``, if it has room for others and is not every link's own."""
    try:
        network = ipaddress.ip_interface(address).network
    except ValueError:
        return None
    return None if network.is_link_local or network.num_addresses < 4 else str(network)


def _own_links(case: Case) -> list[Interface]:
    """The links of the machine itself, not those of its containers and guests."""
    network = facts(case.judged.snapshot.network) if case.judged.snapshot else None
    ways_out = {route.interface for route in (network.default_routes if network else None) or ()}
    return [
        interface
        for interface in (network.interfaces if network else None) or ()
        if interface.kind in {"physical", "bond", "vlan"} or interface.name in ways_out
    ]


def _usual(mtus: list[int]) -> int:
    """What most have; of two that as many have, Ethernet's own, or the smaller."""
    return max(set(mtus), key=lambda mtu: (mtus.count(mtu), mtu == ETHERNET_MTU, -mtu))


def _unlike(subnet: str, name: str, mtu: int, usual: int, hosts: dict[str, tuple[str, int]]) -> Finding:
    others = sorted(host for host, (_, one) in hosts.items() if one == usual)
    verb = "has" if len(others) == 1 else "have"
    return found(
        "network.mtu",
        "warning",
        f"{name} {mtu}",
        f"{name} has an MTU of {mtu}, where {listed(others)} in {subnet} {verb} {usual}:"
        " large packets get lost",
        then=f"ip link show dev {quoted(name)};"
        f" ping -M do -s {max(mtu, usual) - 28} -c 2 {quoted(others[0])}",
        interface=name,
        mtu=mtu,
        usual=usual,
        subnet=subnet,
        others=others[:10],
    )
