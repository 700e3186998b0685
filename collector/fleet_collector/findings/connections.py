"""Step 8: how many connections, in which state, to whom."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, found, level
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed, several, short, who, who_evidence
from fleet_collector.snapshot.connections import ByPeer, ByProcess, ByRemote, Connections, LocalPorts
from fleet_collector.wording import number, percent

USUAL_ROOM = 500  # above the usual by fewer than this is no alarm
SEGMENTS = 100  # a share of fewer says nothing


def endpoint(address: str, port: int) -> str:
    """``10.0.0.5:5432``, ``[fd00::5]:5432``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def local_ports(subject: Subject) -> Iterator[Finding]:
    """The local port range used up towards one destination; TIME_WAIT has no process, its client is told."""
    connections, limits = facts(subject.snapshot.connections), subject.thresholds
    for use in (connections.local_ports if connections else None) or ():
        severity = level(
            use.percent,
            limits.connections_local_ports_percent,
            limits.connections_local_ports_critical_percent,
        )
        if severity != "ok" and connections is not None:
            yield _local_ports(connections, use, "critical" if severity == "critical" else "warning")


def _local_ports(connections: Connections, use: LocalPorts, severity: str) -> Finding:
    client = _client_of(connections, use.address, use.port)
    waiting = f", {number(use.time_wait)} of them in TIME_WAIT" if use.time_wait else ""
    return found(
        "connections.local_ports",
        "critical" if severity == "critical" else "warning",
        endpoint(use.address, use.port),
        f"{percent(use.percent)} of the local ports towards {endpoint(use.address, use.port)} are in use"
        f" ({number(use.used)}{waiting})" + (f"; the client is {who(client)}" if client else ""),
        then=f"ss -Hant dst {use.address} dport = :{use.port} | awk '{{print $1}}' | sort | uniq -c",
        address=use.address,
        port=use.port,
        used=use.used,
        time_wait=use.time_wait,
        percent=use.percent,
        range=connections.local_port_range,
        **(who_evidence(client) if client else {}),
    )


def _client_of(connections: Connections, address: str, port: int) -> ByProcess | None:
    for process in connections.by_process or ():
        if any(remote.address == address and remote.port == port for remote in process.remotes):
            return process
    return None


def time_wait(subject: Subject) -> Iterator[Finding]:
    """Abnormally many TIME_WAIT: against the kernel's bound, the host's past, or a rule of thumb."""
    connections = facts(subject.snapshot.connections)
    held = _state(connections, "time_wait")
    if connections is None or held is None:
        return
    reason = _too_many(subject, "time_wait", held, subject.thresholds.connections_time_wait)
    if connections.time_wait_max and held >= 0.9 * connections.time_wait_max:
        reason = f"the kernel keeps {number(connections.time_wait_max)} at most"
    first = _most_to(connections, "time_wait")
    if not reason and first and subject.past.median("time_wait") is None:
        reason = _one_endpoint(subject, first.states["time_wait"])
    if reason:
        client = _client_of(connections, first.address, first.port) if first else None
        to = (
            f"; {number(first.states['time_wait'])} towards {endpoint(first.address, first.port)}"
            if first
            else _most_at(connections, "time_wait")
        )
        yield found(
            "connections.time_wait",
            "warning",
            endpoint(first.address, first.port) if first else "time_wait",
            f"{number(held)} connections in TIME_WAIT, {reason}{to}"
            + (f"; the client is {who(client)}" if client else ""),
            then="ss -Hant state time-wait | awk '{print $4}' | sort | uniq -c | sort -rn | head",
            count=held,
            median=subject.past.median("time_wait"),
            address=first.address if first else None,
            port=first.port if first else None,
            towards=first.states["time_wait"] if first else None,
            **(who_evidence(client) if client else {}),
        )


def _one_endpoint(subject: Subject, towards: int) -> str:
    """Why many of one client towards one endpoint are too many: each keeps a local port for a minute."""
    many = towards >= subject.thresholds.connections_time_wait_one_endpoint
    return f"{number(round(towards / 60))} a second were closed here and not used again" if many else ""


def established(subject: Subject) -> Iterator[Finding]:
    """Abnormally many open connections, with who holds most and to whom."""
    connections = facts(subject.snapshot.connections)
    held = _state(connections, "established")
    if connections is None or held is None:
        return
    reason = _too_many(subject, "established", held, subject.thresholds.connections_established)
    peer = _one_peer(subject, connections)
    if not reason and peer:
        reason = f"{number(peer.states.get('established', 0))} of them with {_peer_name(peer)} alone"
    if not reason:
        return
    holder = max(
        connections.by_process or (),
        key=lambda process: process.states.get("established", 0),
        default=None,
    )
    yield found(
        "connections.established",
        "warning",
        holder.name if holder else (_peer_name(peer) if peer else "established"),
        f"{number(held)} connections are open, {reason}"
        + (f"; {who(holder)} holds {number(holder.states.get('established', 0))}" if holder else "")
        + _most_at(connections, "established"),
        then="ss -Hant state established | awk '{sub(/:[0-9]+$/, \"\", $4); print $4}'"
        " | sort | uniq -c | sort -rn | head",
        count=held,
        median=subject.past.median("established"),
        address=peer.address if peer else None,
        port=peer.port if isinstance(peer, ByRemote) else None,
        **(who_evidence(holder) if holder else {}),
    )


def _one_peer(subject: Subject, connections: Connections) -> ByPeer | ByRemote | None:
    peers: list[ByPeer | ByRemote] = [*(connections.by_peer or ()), *(connections.by_remote or ())]
    most = max(peers, key=lambda peer: peer.states.get("established", 0), default=None)
    limit = subject.thresholds.connections_one_peer
    return most if most and most.states.get("established", 0) >= limit else None


def _peer_name(peer: ByPeer | ByRemote) -> str:
    return endpoint(peer.address, peer.port) if isinstance(peer, ByRemote) else peer.address


def _too_many(subject: Subject, metric: str, held: int, limit: int) -> str:
    """Why a count is too high: the host's own past decides where it is known, a rule of thumb elsewhere."""
    median = subject.past.median(metric)
    factor = subject.thresholds.connections_past_factor
    if median is not None:
        usual = held <= factor * median or held <= median + USUAL_ROOM
        return "" if usual else f"where {number(median)} are usual"
    return f"over {number(limit)}" if held >= limit else ""


def close_wait(subject: Subject) -> Iterator[Finding]:
    """The peer has closed and the process has not: never a kernel setting, always the program."""
    connections, limits = facts(subject.snapshot.connections), subject.thresholds
    if connections is None:
        return
    low, high = limits.connections_close_wait, limits.connections_close_wait_critical
    named = 0
    for process in connections.by_process or ():
        held = process.states.get("close_wait", 0)
        if level(held, low, high) != "ok":
            named += held
            yield _close_wait(process, held, "critical" if held >= high else "warning")
    held = (_state(connections, "close_wait") or 0) - named
    if level(held, low, high) != "ok" and not named:
        first = _most_to(connections, "close_wait")
        yield found(
            "connections.close_wait",
            "critical" if held >= high else "warning",
            endpoint(first.address, first.port) if first else "close_wait",
            f"{number(held)} connections in CLOSE_WAIT: a program does not close what its peer has closed"
            + (f"; most towards {endpoint(first.address, first.port)}" if first else ""),
            then="ss -Hantp state close-wait | head -20",
            count=held,
            address=first.address if first else None,
            port=first.port if first else None,
        )


def _close_wait(process: ByProcess, held: int, severity: str) -> Finding:
    remote = max(process.remotes, key=lambda one: one.states.get("close_wait", 0), default=None)
    known = remote is not None and remote.states.get("close_wait", 0) > 0
    to = f" towards {endpoint(remote.address, remote.port)}" if remote and known else ""
    return found(
        "connections.close_wait",
        "critical" if severity == "critical" else "warning",
        process.name,
        f"{who(process)} holds {number(held)} connections in CLOSE_WAIT{to}: it does not close them",
        then=f"ss -Hantp state close-wait | grep -F 'pid={process.pid},' | head -20",
        count=held,
        address=remote.address if remote and known else None,
        port=remote.port if remote and known else None,
        **who_evidence(process),
    )


def syn_sent(subject: Subject) -> Iterator[Finding]:
    """Many connections asked for at one place that does not answer."""
    connections = facts(subject.snapshot.connections)
    for remote in (connections.by_remote if connections else None) or ():
        waiting = remote.states.get("syn_sent", 0)
        if connections is not None and waiting >= subject.thresholds.connections_syn_sent:
            place = endpoint(remote.address, remote.port)
            client = _client_of(connections, remote.address, remote.port)
            yield found(
                "connections.syn_sent",
                "warning",
                place,
                f"{several(waiting, 'connection')} to {place} wait for an answer"
                + (f"; {who(client)} asks" if client else ""),
                then=f"ss -Hantp state syn-sent dst {remote.address} | head -20",
                count=waiting,
                address=remote.address,
                port=remote.port,
                **(who_evidence(client) if client else {}),
            )


def syn_flood(subject: Subject) -> Iterator[Finding]:
    """Half-open connections pile up, or the kernel answers with cookies."""
    connections, limits = facts(subject.snapshot.connections), subject.thresholds
    if connections is None:
        return
    half_open = _state(connections, "syn_recv") or 0
    cookies = connections.syn_cookies_per_second or 0.0
    if half_open >= limits.connections_syn_recv or cookies >= limits.connections_syn_cookies_per_second:
        yield found(
            "connections.syn_recv",
            "warning",
            "syn_recv",
            f"{several(half_open, 'connection')} half open{_most_at(connections, 'syn_recv')}"
            + (f"; the kernel sends {number(cookies)} SYN cookies a second" if cookies else ""),
            then="ss -Hant state syn-recv | awk '{print $4}' | sort | uniq -c | sort -rn | head",
            count=half_open,
            syn_cookies_per_second=cookies or None,
        )


def overflows(subject: Subject) -> Iterator[Finding]:
    """Connections lost because a listener's queue was full."""
    connections, limits = facts(subject.snapshot.connections), subject.thresholds
    if connections is None:
        return
    lost = max(connections.listen_overflows_per_second or 0.0, connections.listen_drops_per_second or 0.0)
    severity = level(
        lost, limits.connections_overflows_per_second, limits.connections_overflows_critical_per_second
    )
    if severity != "ok":
        yield found(
            "connections.listen_overflows",
            severity,
            "listen queue",
            f"{number(lost)} connections a second are lost because a listener does not accept in time",
            then="nstat -az TcpExtListenOverflows TcpExtListenDrops; ss -lnt",
            per_second=lost,
        )


def retransmits(subject: Subject) -> Iterator[Finding]:
    """Much is sent again: the network loses packets."""
    connections = facts(subject.snapshot.connections)
    share = connections.retransmits_percent if connections else None
    if connections is None or share is None:
        return
    sent = _grown(connections, "OutSegs")
    if share >= subject.thresholds.connections_retransmits_percent and (sent or 0) >= SEGMENTS:
        yield found(
            "connections.retransmits",
            "warning",
            "network",
            f"{percent(share)} of the segments are sent again: packets get lost on the way",
            then="ss -Hti | grep -B1 retrans | head -20",
            retransmits_percent=share,
            segments=sent,
        )


def _grown(connections: Connections, counter: str) -> int | None:
    samples = (connections.counters or {}).get(counter)
    return samples[-1] - samples[0] if samples and len(samples) > 1 else None


def tcp_memory(subject: Subject) -> Iterator[Finding]:
    """The memory that TCP may use is nearly spent."""
    connections, limits = facts(subject.snapshot.connections), subject.thresholds
    if connections is None or not connections.tcp_memory_pages or not connections.tcp_memory_max_pages:
        return
    share = 100 * connections.tcp_memory_pages / connections.tcp_memory_max_pages
    severity = level(share, limits.connections_memory_percent, limits.connections_memory_critical_percent)
    if severity != "ok":
        yield found(
            "connections.tcp_memory",
            severity,
            "tcp_mem",
            f"TCP uses {percent(share)} of the memory it may",
            then="cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem",
            pages=connections.tcp_memory_pages,
            limit_pages=connections.tcp_memory_max_pages,
            orphans=connections.orphans,
        )


def undrained(subject: Subject) -> Iterator[Finding]:
    """A process that does not read what arrives."""
    connections = facts(subject.snapshot.connections)
    for process in (connections.undrained if connections else None) or ():
        if process.count >= subject.thresholds.connections_undrained:
            yield found(
                "connections.undrained",
                "warning",
                process.name,
                f"{who(process)} does not read from {several(process.count, 'connection')}",
                then=f"ss -Hantp | grep -F 'pid={process.pid},' | sort -k2 -rn | head",
                count=process.count,
                remotes=[endpoint(one.address, one.port) for one in process.remotes][:5],
                **who_evidence(process),
            )


def _state(connections: Connections | None, state: str) -> int | None:
    return (connections.states or {}).get(state) if connections else None


def _most_to(connections: Connections, state: str) -> ByRemote | None:
    """The remote endpoint with most connections in a state, this host being the client."""
    remotes = [remote for remote in connections.by_remote or () if remote.states.get(state)]
    return max(remotes, key=lambda remote: remote.states[state], default=None)


def _most_at(connections: Connections, state: str) -> str:
    services = [port for port in connections.by_local_port or () if port.states.get(state)]
    most = sorted(services, key=lambda port: -port.states[state])[:1]
    return listed(
        f"; {number(port.states[state])} at port {port.port}"
        + (f" of {short(port.name, 40)}" if port.name else "")
        for port in most
    )


RULES = (
    local_ports,
    time_wait,
    established,
    close_wait,
    syn_sent,
    syn_flood,
    overflows,
    retransmits,
    tcp_memory,
    undrained,
)
