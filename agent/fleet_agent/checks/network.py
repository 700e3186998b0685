"""Step 5: network configuration."""

import _socket as socket
import posix as os
import select
import time

from fleet_agent import dns, links, packetfilter, routing
from fleet_agent.host import Absent

ROUTES_MOST = 200
SERVERS_MOST = 3  # as many as the C library asks (resolv.conf(5))
LOOKUP_SECONDS = 2.0
FIREWALL_SECONDS = 1.5

_UP, _REJECT = 0x1, 0x200  # RTF_*, linux/route.h
_LOCAL6 = 0x80000000


def sample(host):
    """Raw counters: those of the interfaces, and packets that the softnet backlog dropped."""
    first = {"links": links.read_counters(host)}
    try:
        first["softnet"] = read_softnet(host)
    except OSError:  # an old kernel, a recorded tree
        pass
    return first


def collect(section):
    """The section's data (Network)."""
    host = section.host
    routes = section.fact("routes", read_routes, host) or []
    defaults = [route for route in routes if route["destination"] == "default"]
    data = {
        "interfaces": section.fact("interfaces", _interfaces, section),
        "default_routes": defaults,
        "routes": section.cut("routes", routes, ROUTES_MOST),
        "resolver": section.fact("resolver", _resolver, section),
        "neighbours": section.fact("neighbours", _neighbours, section, defaults),
        "bonds": section.fact("bonds", read_bonds, host),
        "firewall": section.fact("firewall", _firewall, section),
        "conntrack": section.fact("conntrack", host.read_int, "/proc/sys/net/netfilter/nf_conntrack_count"),
        "conntrack_max": section.fact(
            "conntrack_max", host.read_int, "/proc/sys/net/netfilter/nf_conntrack_max"
        ),
        "softnet_dropped": section.fact("softnet_dropped", read_softnet, host),
    }
    if "routes" in section.notes and not routes:
        del data["routes"], data["default_routes"]
    first = (section.first or {}).get("softnet")
    if first is not None and data["softnet_dropped"] is not None and section.seconds > 0:
        grown = max(0, data["softnet_dropped"] - first)
        data["softnet_dropped_per_second"] = round(grown / section.seconds, 3)
    return {name: value for name, value in data.items() if value is not None}


def _interfaces(section):
    host = section.host
    counters = links.read_counters(host)
    before = (section.first or {}).get("links", {})
    addresses = section.fact("addresses", links.read_addresses, host)
    found = []
    for name in section.cut("interfaces", links.order(counters), links.LINKS_MOST):
        fact = links.describe(host, name, counters[name], before.get(name), section.seconds)
        if addresses is not None:
            fact["addresses"] = section.cut("addresses", addresses.get(name, []), links.ADDRESSES_MOST)
        found.append(fact)
    return found


def read_routes(host):
    """The main tables of both families, IPv4 first."""
    routes = parse_routes(host.read("/proc/net/route"))
    try:
        return routes + parse_routes6(host.read("/proc/net/ipv6_route"))
    except OSError:  # no IPv6
        return routes


def parse_routes(text):
    """/proc/net/route: interface, destination, gateway, flags, two unused, metric, mask."""
    routes = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or words[0] == "*" or int(words[3], 16) & (_UP | _REJECT) != _UP:
            continue  # a blackhole has no interface
        prefix = bin(int(words[7], 16)).count("1")
        destination, gateway = (links.number(word).to_bytes(4, "big") for word in words[1:3])
        routes.append(_route(socket.AF_INET, (destination, prefix, gateway), int(words[6]), words[0]))
    return routes


def parse_routes6(text):
    """/proc/net/ipv6_route: destination/prefix, source/prefix, next hop, metric, 2 counts, flags, name."""
    routes = []
    for line in text.splitlines():
        words = line.split()
        flags = int(words[8], 16) if len(words) == 10 else _REJECT
        if flags & (_REJECT | _LOCAL6) or not flags & _UP or words[0].startswith("ff") or words[9] == "lo":
            continue
        target = (bytes.fromhex(words[0]), int(words[1], 16), bytes.fromhex(words[4]))
        routes.append(_route(socket.AF_INET6, target, int(words[5], 16), words[9]))
    return routes


def _route(family, target, metric, interface):
    destination, prefix, gateway = target
    cidr = "%s/%d" % (socket.inet_ntop(family, destination), prefix) if prefix else "default"
    route = {"destination": cidr, "interface": interface, "metric": metric}
    if any(gateway):
        route["gateway"] = socket.inet_ntop(family, gateway)
    return route


def _resolver(section):
    """What resolv.conf says, and how each of its servers answers one question."""
    servers, search = parse_resolv_conf(section.host.read("/etc/resolv.conf"))
    fact = {"servers": servers, "search": search}
    if section.host.live:
        name = section.request.get("lookup") or (search or ["localhost"])[0]
        fact["lookups"] = look_up(servers[:SERVERS_MOST], name, LOOKUP_SECONDS)
    return fact


def parse_resolv_conf(text):
    """(servers, search domains) of resolv.conf(5); the last of several search lines counts."""
    servers, search = [], []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            servers.append(words[1])
        elif words[:1] in (["search"], ["domain"]):
            search = [word for word in words[1:] if word != "."]
    return servers, search


def look_up(servers, name, seconds, port=dns.PORT):
    """Ask every server at once for a name: a Lookup each.

    NXDOMAIN and REFUSED are answers too: the server is there, and that is the question; SERVFAIL is not.
    """
    number = int.from_bytes(os.urandom(2), "big")
    facts = [{"server": server, "ok": False} for server in servers]
    asked = {}
    begun = time.monotonic()
    try:
        for fact in facts:
            try:
                asked[_ask(fact["server"], port, dns.question(name, number))] = fact
            except (OSError, UnicodeError) as fault:
                fact["error"] = getattr(fault, "strerror", None) or str(fault)
        pending = set(asked)
        while pending:
            left = begun + seconds - time.monotonic()
            ready = select.select(list(pending), [], [], max(0, left))[0]
            if not ready:
                break
            pending.difference_update(
                [channel for channel in ready if _hear(channel, number, asked[channel], begun)]
            )
        for channel in pending:
            asked[channel]["error"] = "no answer within %g s" % seconds
    finally:
        for channel in asked:
            channel.close()
    return facts


def _ask(server, port, packet):
    family, kind, _, _, place = socket.getaddrinfo(
        server.encode(), port, 0, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST
    )[0]
    channel = socket.socket(family, kind)
    try:
        channel.setblocking(False)
        channel.connect(place)
        channel.send(packet)
    except OSError:
        channel.close()
        raise
    return channel


def _hear(channel, number, fact, begun):
    """Take what a server sent; whether that settles the question."""
    try:
        code = dns.rcode(channel.recv(4096), number)
    except OSError as fault:
        fact["error"] = fault.strerror
        return True
    if code is None:
        return False  # an answer to something else
    fact.update(ok=code in ("NOERROR", "NXDOMAIN", "REFUSED"), ms=round((time.monotonic() - begun) * 1000, 2))
    if code != "NOERROR":
        fact["error"] = code
    return True


def _neighbours(section, defaults):
    """The fuller of the two tables (ARP, neighbour discovery), and default gateways that do not answer."""
    tables = []
    for family, name in (("ipv4", "arp_cache"), ("ipv6", "ndisc_cache")):
        try:
            count = int(section.host.read("/proc/net/stat/" + name).splitlines()[1].split()[0], 16)
            limit = section.host.read_int("/proc/sys/net/%s/neigh/default/gc_thresh3" % family)
        except (OSError, IndexError):  # in a network namespace, or without IPv6
            continue
        tables.append((count / max(1, limit), count, limit))
    if section.host.live:
        failed = routing.failed_neighbours()
    else:
        failed = parse_arp(section.host.read("/proc/net/arp"))
    gateways = {route.get("gateway") for route in defaults}
    fact = {"failed": sorted(failed & gateways)}
    if tables:
        _, fact["count"], fact["limit"] = max(tables)
    return fact


def parse_arp(text):
    """Addresses without an answer in /proc/net/arp: flag ATF_COM (2) is not set."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return {words[0] for words in rows if len(words) > 2 and not int(words[2], 16) & 2}


def read_bonds(host):
    """Bonded interfaces; none where there is no bonding driver."""
    try:
        names = host.list("/proc/net/bonding")
    except FileNotFoundError:
        return []
    return [parse_bond(name, host.read("/proc/net/bonding/" + name)) for name in names]


def parse_bond(name, text):
    """A Bond from Documentation/networking/bonding.rst's status file: MII status of each member."""
    member, down, members = None, [], 0
    for line in text.splitlines():
        label, _, value = line.partition(":")
        if label == "Slave Interface":
            member = value.strip()
            members += 1
        elif label == "MII Status" and member and value.strip() != "up":
            down.append(member)
    return {"name": name, "members": members, "members_up": members - len(down), "down": down}


def _firewall(section):
    """nf_tables, or the older iptables where its tables are loaded; needs root."""
    host = section.host
    if not host.live:
        raise Absent("a recorded tree has no packet filter")
    if host.exists("/proc/modules") and not host.exists("/sys/module/nf_tables"):
        facts, cut = {}, False  # asking would load the module
    else:
        facts, cut = packetfilter.nftables()
    if cut:
        section.note("firewall", "cut: more than %d rules" % packetfilter.RULES_MOST)
    try:
        legacy = host.read("/proc/net/ip_tables_names").strip()
    except OSError:
        legacy = ""
    if legacy and not facts:
        _, text = host.run(["iptables-save"], FIREWALL_SECONDS)
        return packetfilter.parse_iptables_save(text)
    return facts


def read_softnet(host):
    """Packets dropped because the backlog of a processor was full."""
    return parse_softnet(host.read("/proc/net/softnet_stat"))


def parse_softnet(text):
    """The sum of the second column of /proc/net/softnet_stat, hexadecimal, a line a processor."""
    return sum(int(line.split()[1], 16) for line in text.splitlines())
