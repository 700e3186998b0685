"""Services without systemd: OpenRC, runit, SysV scripts, and the bare process table."""

import time

from fleet_agent.host import Absent, TooSlow

SECONDS = 2.0  # for one script; a status action may run anything
RUNIT_DIRECTORIES = ("/run/runit/runsvdir/current", "/var/service", "/etc/service", "/service")
PID_FILES = ("/run/%s.pid", "/run/%s/%s.pid", "/var/run/%s.pid", "/var/run/%s/%s.pid")
RUNIT_LIMIT = 200
# LSB, "Init Script Actions": 0 runs, 1 dead with a pid file, 2 dead with a lock file, 3 stopped, 4 unknown.
LSB = {0: ("active", "running"), 1: ("failed", "dead"), 2: ("failed", "dead"), 3: ("inactive", "dead")}
OPENRC = {
    0: ("active", "started"),
    3: ("inactive", "stopped"),
    32: ("failed", "crashed"),
    8: ("activating", "starting"),
}


def openrc(host, table, names, until):
    """Unit facts of what OpenRC has started or seen fail, and of the wanted ones.

    OpenRC believes its own mark: a daemon that it does not supervise may be long dead. So the process table
    has the last word where a pid file names the process.
    """
    facts = {}
    for state, active in (("started", "active"), ("failed", "failed")):
        for name in _names(host, "/run/openrc/" + state):
            facts[name] = {"name": name, "active": active, "sub": state}
    for name in names:
        facts[name] = (
            _ask(host, ["rc-service", name, "status"], OPENRC, until)
            or facts.get(name)
            or by_process(host, table, name)
        )
        facts[name]["name"] = name
    for name, fact in facts.items():
        pid = _pid_file(host, name)
        if fact["active"] == "active" and pid is not None:
            fact.update({"main_pid": pid} if pid in table.rows else {"active": "failed", "sub": "dead"})
    return list(facts.values())


def runit(host, table, names, until):
    """Unit facts of every runit service, and of the wanted ones."""
    found = []
    directory = next((path for path in RUNIT_DIRECTORIES if host.exists(path)), None)
    if directory:
        paths = [directory + "/" + name for name in _names(host, directory)[:RUNIT_LIMIT]]
        try:
            found = (
                parse_sv(host.run(["sv", "status", *paths], min(SECONDS, until - time.monotonic()))[1])
                if paths
                else []
            )
        except (Absent, TooSlow):
            found = []
    known = {fact["name"] for fact in found}
    return found + [by_process(host, table, name) for name in names if name not in known]


def parse_sv(text):
    """Unit facts of ``sv status`` (sv(8)): ``run: /etc/service/nginx: (pid 812) 3600s; run: log: ...``."""
    facts = []
    for line in text.split("\n"):
        state, _, rest = line.partition(": ")
        path, found, detail = rest.partition(": ")
        if not found or state not in ("run", "down", "finish", "fail", "warning"):
            continue
        fact = {"name": path.rsplit("/", 1)[-1], "sub": state}
        pid = detail.partition("(pid ")[2].partition(")")[0]
        if state == "run" and pid.isdigit():
            fact["main_pid"] = int(pid)
        detail = detail.split(";")[0]
        wanted_up = "normally up" in detail or "want up" in detail
        fact["active"] = {
            "run": "active",
            "down": "failed" if wanted_up else "inactive",
            "finish": "deactivating",
        }.get(state, "unknown")
        facts.append(fact)
    return facts


def sysv(host, table, names, until):
    """Unit facts of the wanted services: the script's own word, else that of the process table."""
    facts = []
    for name in names:
        script = "/etc/init.d/" + name
        fact = _ask(host, [host.path(script), "status"], LSB, until) if host.exists(script) else None
        fact = dict(fact, name=name) if fact else by_process(host, table, name)
        facts.append(fact)
    return facts


def by_process(host, table, name):
    """The Unit fact of a service that only its pid file or a process of its name betrays."""
    pid = _pid_file(host, name)
    if pid is not None and pid in table.rows:
        return {"name": name, "active": "active", "sub": "running", "main_pid": pid}
    alive = [row.pid for row in table.rows.values() if row.name == name[:15] and row.state != "Z"]
    if alive:
        return {"name": name, "active": "active", "sub": "running", "main_pid": min(alive)}
    return {"name": name, "active": "inactive" if pid is None else "failed", "sub": "dead"}


def _ask(host, command, meanings, until):
    """What the exit status of a status action says, or None."""
    try:
        status, _ = host.run(command, max(0.0, min(SECONDS, until - time.monotonic())))
    except TooSlow:
        return {"active": "unknown", "sub": "timeout"}
    except Absent:
        return None
    if status not in meanings:
        return None
    active, sub = meanings[status]
    return {"active": active, "sub": sub}


def _pid_file(host, name):
    """The pid that a service's pid file names, or None."""
    for form in PID_FILES:
        try:
            text = host.read(form.replace("%s", name), 32).strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None


def _names(host, directory):
    try:
        return [name for name in host.list(directory) if not name.startswith(".")]
    except OSError:
        return []
