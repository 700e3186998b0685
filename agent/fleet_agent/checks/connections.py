"""Step 8: how many connections, in which state, to whom, and how far the local ports are used up."""

from fleet_agent import sockets
from fleet_agent.tally import NOBODY, UNKNOWN, Tally

LIST_MOST = 20
REMOTES_MOST = 3
DEFAULT_RANGE = (32768, 60999, 28232)

_SNMP = (
    "ActiveOpens",
    "PassiveOpens",
    "AttemptFails",
    "EstabResets",
    "InSegs",
    "OutSegs",
    "RetransSegs",
    "InErrs",
    "OutRsts",
)
_TCPEXT = (
    "ListenOverflows",
    "ListenDrops",
    "SyncookiesSent",
    "TCPTimeWaitOverflow",
    "TCPAbortOnMemory",
    "TCPBacklogDrop",
    "TCPReqQFullDrop",
    "TCPSynRetrans",
    "TCPTimeouts",
    "PruneCalled",
)
_RATES = (
    ("listen_overflows_per_second", "ListenOverflows"),
    ("listen_drops_per_second", "ListenDrops"),
    ("resets_sent_per_second", "OutRsts"),
    ("syn_cookies_per_second", "SyncookiesSent"),
)


def sample(host):
    """Raw TCP counters of /proc/net/snmp and /proc/net/netstat."""
    return read_counters(host)


def collect(section):
    """The section's data (Connections)."""
    host = section.host
    fact = section.fact
    data = {
        "time_wait_max": fact("time_wait_max", host.read_int, "/proc/sys/net/ipv4/tcp_max_tw_buckets"),
        "tcp_memory_max_pages": fact("tcp_memory_max_pages", read_memory_limit, host),
    }
    totals = fact("orphans", read_sockstat, host)
    if totals:
        data.update(orphans=totals["orphan"], tcp_memory_pages=totals["mem"])
    data.update(rates(section.first or {}, fact("counters", read_counters, host) or {}, section.seconds))
    ports = fact("local_port_range", read_port_range, host)
    if ports:
        data["local_port_range"] = list(ports[:2])
    names, tally = _count(section, ports or DEFAULT_RANGE, totals["tw"] if totals else sockets.FLOOD)
    data.update(_servers(section, tally, names))
    data.update(_clients(section, tally, (ports or DEFAULT_RANGE)[2]))
    data.update(_processes(section, tally))
    return {name: value for name, value in data.items() if value is not None}


def _count(section, ports, time_wait):
    """All connections in a Tally, and the pid behind each service port."""
    listening, cut = sockets.listeners(section.host, "tcp")
    owners = {inode: pids[0] for inode, pids in section.table.sockets().items()}
    service_ports = frozenset(row.port.to_bytes(2, "big") for row in listening)
    tally = Tally(service_ports, owners, ports[0].to_bytes(2, "big"), ports[1].to_bytes(2, "big"))
    for family, rows, lost in sockets.connections(section.host, time_wait):
        cut = cut or lost
        tally.add(family, rows)
    if cut:
        section.note("states", "cut: not every connection could be read")
    if tally.cut:
        section.note("endpoints", "cut: endpoints with few connections were folded into one")
    return {row.port: owners[row.inode] for row in listening if row.inode in owners}, tally


def _servers(section, tally, names):
    """Connections to the machine's own service ports."""
    ports, peers = {}, {}
    for state, _, port, peer, count in tally.servers():
        _add(ports, port, state, count)
        if peer is not None:
            _add(peers, peer, state, count)
    rows = []
    for port, states in _top(section, "by_local_port", ports):
        name = {"name": section.table.who(names[port])["name"]} if port in names else {}
        rows.append(_sized(dict(name, port=port), states))
    by_peer = [_sized({"address": peer}, states) for peer, states in _top(section, "by_peer", peers)]
    return {"by_local_port": rows, "by_peer": by_peer}


def _clients(section, tally, free):
    """Connections to services elsewhere, and the local ports they take.

    Each pair of source address and destination has the whole port range for itself.
    """
    remotes, ranges = {}, {}
    for state, _, source, endpoint, ranged, count in tally.clients():
        if endpoint:
            _add(remotes, endpoint, state, count)
            if ranged:
                _add(ranges, (source, *endpoint), state, count)
    used = [
        {
            "source": source,
            "address": address,
            "port": port,
            "used": sum(states.values()),
            "time_wait": states.get("time_wait", 0),
            "percent": round(100.0 * sum(states.values()) / max(1, free), 2),
        }
        for (source, address, port), states in _top(section, "local_ports", ranges)
    ]
    return {
        "by_remote": [_remote(endpoint, states) for endpoint, states in _top(section, "by_remote", remotes)],
        "local_ports": used,
        "local_ports_percent": used[0]["percent"] if used else 0.0,
    }


def _processes(section, tally):
    """The same connections by state and by the process that holds them."""
    everything, processes, held = {}, {}, {}
    for state, pid, _, endpoint, _, count in tally.clients():
        _add(everything, "", state, count)
        _add(processes, pid, state, count)
        if endpoint and pid > 0:
            _add(held.setdefault(pid, {}), endpoint, state, count)
    for state, pid, _, _, count in tally.servers():
        _add(everything, "", state, count)
        _add(processes, pid, state, count)
    unknown = sum(processes.pop(UNKNOWN, {}).values())
    processes.pop(NOBODY, None)
    if unknown and section.table.denied:
        section.note("by_process", "denied: the processes of %d connections" % unknown)
    who = section.table.who
    rows = []
    for pid, states in _top(section, "by_process", processes):
        remotes = [_remote(endpoint, counts) for endpoint, counts in _rank(held.get(pid, {}))[:REMOTES_MOST]]
        rows.append(_sized(dict(who(pid), remotes=remotes), states))
    undrained = {pid: {"established": count} for pid, count in tally.undrained().items()}
    states = everything.get("", {})
    return {
        "states": states,
        "total": sum(states.values()),
        "by_process": rows,
        "undrained": [_sized(who(pid), counts) for pid, counts in _top(section, "undrained", undrained)],
    }


def _add(table, key, state, count):
    states = table.setdefault(key, {})
    word = sockets.STATES[state]
    states[word] = states.get(word, 0) + count


def _rank(table):
    return sorted(table.items(), key=lambda item: (-sum(item[1].values()), str(item[0])))


def _top(section, name, table):
    """The largest rows of {key: {state: count}}."""
    return section.cut(name, _rank(table), LIST_MOST)


def _sized(fact, states):
    return dict(fact, count=sum(states.values()), states=states)


def _remote(endpoint, states):
    return _sized({"address": endpoint[0], "port": endpoint[1]}, states)


def read_port_range(host):
    """(first, last, number of ports that connect(2) may take)."""
    low, high = [int(word) for word in host.read("/proc/sys/net/ipv4/ip_local_port_range").split()]
    try:
        reserved = parse_reserved(host.read("/proc/sys/net/ipv4/ip_local_reserved_ports"), low, high)
    except OSError:
        reserved = 0
    return low, high, high - low + 1 - reserved


def parse_reserved(text, low, high):
    """How many ports of low..high a list such as ``8080,9148-9150`` reserves."""
    count = 0
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            count += max(0, min(high, int(last or first)) - max(low, int(first)) + 1)
    return count


def read_sockstat(host):
    """The kernel's own totals of TCP sockets."""
    return parse_sockstat(host.read("/proc/net/sockstat"))


def read_memory_limit(host):
    """Pages that all TCP sockets together may use: the third of tcp_mem, which a namespace does not show."""
    return int(host.read("/proc/sys/net/ipv4/tcp_mem").split()[2])


def parse_sockstat(text):
    """{word: number} of the line ``TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 7`` of /proc/net/sockstat."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "TCP:":
            return {words[at]: int(words[at + 1]) for at in range(1, len(words) - 1, 2)}
    raise ValueError("no TCP line")


def read_counters(host):
    """Counters since boot by the kernel's names; those it does not have are left out."""
    found = parse_counters(host.read("/proc/net/snmp"), "Tcp:")
    try:
        extended = parse_counters(host.read("/proc/net/netstat"), "TcpExt:")
    except OSError:  # gVisor has no such file
        extended = {}
    counters = {name: found[name] for name in _SNMP if name in found}
    counters.update({name: extended[name] for name in _TCPEXT if name in extended})
    return counters


def parse_counters(text, group):
    """{name: value} of one group: a line of names, then a line of values (proc_net(5))."""
    names, values = [line.split() for line in text.splitlines() if line.startswith(group)][:2]
    return {names[at]: int(values[at]) for at in range(1, len(names))}


def rates(first, now, seconds):
    """What the counters did between two samples; ``counters`` keeps both readings."""
    if not now:
        return {}
    facts = {
        "listen_overflows": now.get("ListenOverflows"),
        "listen_drops": now.get("ListenDrops"),
        "counters": {name: [first.get(name, value), value] for name, value in now.items()},
    }
    if not first or seconds <= 0:
        return facts
    grown = {name: max(0, now[name] - first[name]) for name in now if name in first}
    for fact, name in _RATES:
        if name in grown:
            facts[fact] = round(grown[name] / seconds, 3)
    sent = grown.get("OutSegs", 0) + grown.get("RetransSegs", 0)  # OutSegs leaves retransmitted ones out
    if sent:
        facts["retransmits_percent"] = round(100.0 * grown.get("RetransSegs", 0) / sent, 3)
    return facts
