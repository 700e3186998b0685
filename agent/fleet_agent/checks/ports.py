"""Step 7: which process holds which port."""

from fleet_agent import sockets

LISTENERS_MOST = 500


def collect(section):
    """The section's data (Ports)."""
    listeners, cut = sockets.listeners(section.host, "tcp")
    datagrams, datagrams_cut = section.fact("udp", sockets.listeners, section.host, "udp") or ([], False)
    listeners += datagrams
    if cut or datagrams_cut:
        section.note("listeners", "cut: not every socket could be read")
    listeners.sort(key=lambda row: (row.protocol[:3], row.port, row.protocol, row.address))
    owners = section.table.sockets()
    unknown = sum(row.inode not in owners for row in listeners)
    if unknown and section.table.denied:
        section.note("owners", "denied: the processes of %d sockets" % unknown)
    shown = section.cut("listeners", listeners, LISTENERS_MOST)
    return {"listeners": [describe(section, row, owners) for row in shown], "owners_unknown": unknown}


def describe(section, listener, owners):
    """One Listener: the socket and the process that holds it, the oldest where several share it."""
    fact = {"protocol": listener.protocol, "address": listener.address, "port": listener.port}
    if listener.protocol.startswith("tcp"):
        fact["queue"] = listener.queue
        fact["backlog"] = listener.backlog
    table = section.table
    pids = owners.get(listener.inode)
    if pids:
        pid = min(pids, key=lambda each: (table.rows[each].started_ticks if each in table.rows else 0, each))
        fact.update(table.who(pid), pids=len(pids))
        fact["exe_deleted"] = exe_deleted(section.host, pid)
    else:
        fact["user"] = table.user(listener.uid)  # the socket's own: of whoever made it
    return {name: value for name, value in fact.items() if value is not None}


def exe_deleted(host, pid):
    """Whether the program was replaced or removed since it was started; None where it may not be seen."""
    try:
        return host.link("/proc/%d/exe" % pid).endswith(" (deleted)")
    except OSError:
        return None
