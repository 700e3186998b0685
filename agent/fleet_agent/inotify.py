"""How far users have used up what inotify(7) allows them: instances and watches."""

LIMIT_PERCENT = 20  # from here it is reported
WATCH_BYTES = 1 << 20  # of fdinfo read in all: about 10,000 watches
LINK = "anon_inode:inotify"
LIMITS = "/proc/sys/fs/inotify/max_user_"


def used(section):
    """A fact for each user and limit that is used by a good part, with the process that has most of it."""
    host, table = section.host, section.table
    counts = {"instances": {}, "watches": {}}  # kind: {user: {pid: number}}
    budget = WATCH_BYTES
    for pid, descriptors in sorted(_instances(table).items()):
        user = table.owner(pid)
        counts["instances"].setdefault(user, {})[pid] = len(descriptors)
        for descriptor in descriptors:
            text = _watches(host, pid, descriptor, budget)
            budget -= len(text)
            watches = counts["watches"].setdefault(user, {})
            watches[pid] = watches.get(pid, 0) + text.count(b"\ninotify ")
    if budget <= 0:
        section.note("inotify", "cut: not every watch was counted")
    facts = []
    for kind, users in counts.items():
        limit = host.read_int(LIMITS + kind) if users else 0
        facts += [_fact(table, kind, user, limit, pids) for user, pids in users.items()]
    return [fact for fact in facts if 100 * fact["used"] >= LIMIT_PERCENT * fact["limit"]]


def _instances(table):
    """{pid: descriptors}; what a child has inherited is its parent's."""
    found = {}
    for pid, row in table.rows.items():
        if not row.kernel and row.state != "Z":
            try:
                own = {fd for fd, target in table.files(pid).items() if target == LINK}
            except OSError:
                continue
            if own:
                found[pid] = own
    inherited = {pid: found.get(table.rows[pid].parent, set()) for pid in found}
    return {pid: own - inherited[pid] for pid, own in found.items() if own - inherited[pid]}


def _watches(host, pid, descriptor, budget):
    try:
        return b"\n" + host.read_bytes("/proc/%d/fdinfo/%d" % (pid, descriptor), max(1, budget))
    except OSError:
        return b""


def _fact(table, kind, user, limit, pids):
    first = max(sorted(pids), key=pids.get)
    fact = dict(table.who(first), kind=kind, used=sum(pids.values()), limit=limit, most=pids[first])
    fact["user"] = user
    return fact
