"""Step 5: links, addresses, routes, resolver, and the tables of the kernel that fill up."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, Severity, found, level
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed, quoted, several, short
from fleet_collector.snapshot.network import Interface, Lookup, Network, Route
from fleet_collector.wording import number, percent

LINK_LOCAL = ("fe80:", "169.254.")
CHANGES = 6  # of a link since the last scan: a maintained switch and a new cable make four
CHANGES_EVER = 20  # since the boot, and one an hour
QUIET_KINDS = ("loopback", "bridge")  # a bridge without members has no carrier, and docker0 often has none


def links(subject: Subject) -> Iterator[Finding]:
    """An interface that should carry traffic (up, with an address) and has no link."""
    network = facts(subject.snapshot.network)
    ways_out = {route.interface for route in (network.default_routes if network else None) or ()}
    for interface in (network.interfaces if network else None) or ():
        if not interface.up or interface.carrier is not False or interface.kind in QUIET_KINDS:
            continue
        if not own_addresses(interface) and not interface.master:
            continue
        yield found(
            "network.link_down",
            "critical" if interface.name in ways_out else "warning",
            interface.name,
            f"{interface.name} is up and has no link"
            + (f"; it has the address {listed(own_addresses(interface))}" if own_addresses(interface) else "")
            + ("; the default route leads there" if interface.name in ways_out else ""),
            then=f"ip -s link show dev {quoted(interface.name)}",
            interface=interface.name,
            addresses=interface.addresses,
            carrier_changes=interface.carrier_changes,
        )


def own_addresses(interface: Interface) -> list[str]:
    """An interface's addresses without prefix length, link-local ones left out."""
    return [a.partition("/")[0] for a in interface.addresses if not a.lower().startswith(LINK_LOCAL)]


def default_route(subject: Subject) -> Iterator[Finding]:
    """No way out, on a host that has an address other than its own loopback."""
    network = facts(subject.snapshot.network)
    if network is None or network.default_routes is None or network.default_routes:
        return
    if subject.snapshot.network is not None and "default_routes" in subject.snapshot.network.notes:
        return
    outward = _outward(network)
    down = [
        interface
        for interface in network.interfaces or ()
        if interface.up is False and own_addresses(interface)
    ]
    previous = subject.past.previous
    had = bool(previous and previous.default_routes)
    if outward or had or down:
        yield found(
            "network.no_default_route",
            "critical" if had else "warning",
            "default route",
            "There is no default route"
            + (", as there was at the last scan" if had else "")
            + "".join(f"; {one.name}, {own_addresses(one)[0]}, was taken down" for one in down[:3]),
            then="ip route; ip -6 route",
            interfaces=outward,
            down=[interface.name for interface in down] or None,
        )


def two_ways_out(subject: Subject) -> Iterator[Finding]:
    """Two default routes of one weight: the kernel takes the first, and nobody chose it.

    Routers of IPv6 announce themselves, several of one weight are a habit there.
    """
    network = facts(subject.snapshot.network)
    by_metric: dict[int, dict[str, Route]] = {}
    for route in (network.default_routes if network else None) or ():
        if ":" not in (route.gateway or "") and route.interface:
            by_metric.setdefault(route.metric or 0, {})[f"{route.gateway} on {route.interface}"] = route
    first = by_metric[min(by_metric)] if by_metric else {}
    if len(first) > 1:
        yield found(
            "network.two_default_routes",
            "warning",
            "default route",
            f"There are {len(first)} default routes of the same metric: via {listed(first)};"
            " packets take the first",
            then="ip route show default",
            gateways=[route.gateway for route in first.values()],
            interfaces=[route.interface for route in first.values()],
        )


def flapping(subject: Subject) -> Iterator[Finding]:
    """A link that comes and goes: since the last scan, or since the boot where that is all that is known."""
    network, identity = facts(subject.snapshot.network), facts(subject.snapshot.identity)
    previous = subject.past.previous
    same_boot = previous is not None and identity is not None and previous.boot_id == identity.boot_id
    before = previous.carriers if previous and same_boot else {}
    hours = ((identity.uptime_seconds if identity else None) or 0.0) / 3600
    ways_out = {route.interface for route in (network.default_routes if network else None) or ()}
    for interface in (network.interfaces if network else None) or ():
        if interface.kind not in ("physical", "bond") and interface.name not in ways_out:
            continue
        changes = interface.carrier_changes or 0
        if interface.name in before:
            changes -= before[interface.name]
            often, since = changes >= CHANGES, "since the last scan"
        else:
            often, since = changes >= CHANGES_EVER and changes >= hours, "since it booted"
        if often:
            yield found(
                "network.flapping",
                "warning",
                interface.name,
                f"The link of {interface.name} came and went, {several(changes, 'change')} {since}",
                then=f"ip -s link show dev {quoted(interface.name)}; dmesg -T | grep -i 'link is' | tail",
                interface=interface.name,
                changes=changes,
                carrier=interface.carrier,
            )


def _outward(network: Network) -> list[str]:
    """Interfaces with an address that others could reach; none on a host that was given no network."""
    return [
        interface.name
        for interface in network.interfaces or ()
        if interface.up and interface.kind not in QUIET_KINDS and own_addresses(interface)
    ]


def _is_local(lookup: Lookup) -> bool:
    return lookup.server.startswith(("127.", "::1"))


def gateway(subject: Subject) -> Iterator[Finding]:
    """The router that the default route names does not answer to its address.

    Where IPv4 works, an IPv6 router that does not is told without alarm: many networks announce one in vain.
    """
    network = facts(subject.snapshot.network)
    failed = set((network.neighbours.failed if network and network.neighbours else None) or ())
    routes = (network.default_routes if network else None) or []
    lost = [route for route in routes if route.gateway in failed]
    old_family_works = any(
        route.gateway and ":" not in route.gateway for route in routes if route not in lost
    )
    for route in lost:
        spare: Severity = "ok" if old_family_works and ":" in (route.gateway or "") else "warning"
        yield unanswered(route, "critical" if len(lost) == len(routes) else spare)


def unanswered(route: Route, severity: Severity) -> Finding:
    """The router of a route that does not answer."""
    return found(
        "network.gateway",
        severity,
        route.gateway or "gateway",
        f"The gateway {route.gateway} does not answer on {route.interface}",
        then=f"ip neigh show {route.gateway}; ip -s link show dev {quoted(route.interface or '')}",
        gateway=route.gateway,
        interface=route.interface,
    )


def errors(subject: Subject) -> Iterator[Finding]:
    """Packets spoilt or thrown away in the interval."""
    network, limits = facts(subject.snapshot.network), subject.thresholds
    for interface in (network.interfaces if network else None) or ():
        for kind, words, seen, limit in (
            ("errors", "errors", interface.errors_per_second, limits.network_errors_per_second),
            ("dropped", "dropped packets", interface.dropped_per_second, limits.network_dropped_per_second),
        ):
            if seen is not None and seen >= limit:
                yield found(
                    f"network.{kind}",
                    "warning",
                    interface.name,
                    f"{interface.name} has {number(seen)} {words} a second",
                    then=f"ip -s -s link show dev {quoted(interface.name)}",
                    interface=interface.name,
                    per_second=seen,
                    rx_errors=interface.rx_errors,
                    tx_errors=interface.tx_errors,
                    rx_dropped=interface.rx_dropped,
                    tx_dropped=interface.tx_dropped,
                )


def duplex(subject: Subject) -> Iterator[Finding]:
    """A card that agreed on half duplex."""
    network = facts(subject.snapshot.network)
    for interface in (network.interfaces if network else None) or ():
        if interface.kind == "physical" and interface.carrier and interface.duplex == "half":
            yield found(
                "network.duplex",
                "warning",
                interface.name,
                f"{interface.name} runs at half duplex",
                then=f"ethtool {quoted(interface.name)}",
                interface=interface.name,
                speed_mbit=interface.speed_mbit,
            )


def resolver(subject: Subject) -> Iterator[Finding]:
    """Name servers that do not answer; on a host without any network that is no wonder."""
    network = facts(subject.snapshot.network)
    lookups = network.resolver.lookups if network and network.resolver else []
    silent = [lookup for lookup in lookups if not lookup.ok]
    if not silent:
        return
    servers = listed(lookup.server for lookup in silent)
    every = len(silent) == len(lookups)
    alone = network is not None and not _outward(network) and not any(map(_is_local, silent))
    text = "No name server answers" if every and len(lookups) > 1 else "The name server does not answer"
    reasons = listed(short(lookup.error or "no answer", 60) for lookup in silent)
    yield found(
        "network.resolver",
        "ok" if alone else "critical" if every else "warning",
        servers,
        f"{text}: {servers} ({reasons})",
        then=f"cat /etc/resolv.conf; ip route get {quoted(silent[0].server)};"
        f" ping -c 2 -W 2 {quoted(silent[0].server)}",
        servers=[lookup.server for lookup in silent],
        answering=[lookup.server for lookup in lookups if lookup.ok],
        errors=[lookup.error for lookup in silent if lookup.error],
    )


def tables(subject: Subject) -> Iterator[Finding]:
    """Connection tracking and neighbour table near their limits."""
    network = facts(subject.snapshot.network)
    if network is None:
        return
    neighbours = network.neighbours
    yield from _table(
        subject, "conntrack", "connection tracking table", network.conntrack, network.conntrack_max
    )
    if neighbours is not None:
        yield from _table(subject, "neighbours", "neighbour table", neighbours.count, neighbours.limit)


def _table(subject: Subject, name: str, words: str, used: int | None, limit: int | None) -> Iterator[Finding]:
    if not used or not limit:
        return
    limits, share = subject.thresholds, 100 * used / limit
    severity = level(share, limits.network_table_percent, limits.network_table_critical_percent)
    if severity != "ok":
        yield found(
            f"network.{name}",
            severity,
            words,
            f"The {words} is {percent(share)} full ({number(used)} of {number(limit)});"
            " when full, packets are lost",
            then="sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"
            if name == "conntrack"
            else "ip neigh | wc -l; sysctl net.ipv4.neigh.default.gc_thresh3",
            used=used,
            limit=limit,
            percent=round(share, 1),
        )


def softnet(subject: Subject) -> Iterator[Finding]:
    """The kernel could not keep up with arriving packets."""
    network = facts(subject.snapshot.network)
    dropped = network.softnet_dropped_per_second if network else None
    if dropped is not None and dropped >= 10:  # Netdata
        yield found(
            "network.softnet",
            "warning",
            "softnet",
            f"The kernel drops {number(dropped)} packets a second before it looks at them",
            then="cat /proc/net/softnet_stat",
            per_second=dropped,
        )


def bonds(subject: Subject) -> Iterator[Finding]:
    """A bond that lost members."""
    network: Network | None = facts(subject.snapshot.network)
    for bond in (network.bonds if network else None) or ():
        if bond.members_up < bond.members:
            yield found(
                "network.bond",
                "warning" if bond.members_up else "critical",
                bond.name,
                f"{bond.name} has {bond.members_up} of {bond.members} links"
                + (f"; down: {listed(bond.down)}" if bond.down else ""),
                then=f"cat /proc/net/bonding/{quoted(bond.name)}",
                interface=bond.name,
                members=bond.members,
                members_up=bond.members_up,
                down=bond.down,
            )


RULES = (
    links,
    flapping,
    default_route,
    two_ways_out,
    gateway,
    errors,
    duplex,
    resolver,
    tables,
    softnet,
    bonds,
)
