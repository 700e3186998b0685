"""Run the checks: each timed, bounded and kept apart from the others.

The supervising parent touches nothing that can hang. It forks one worker, which takes the samples, lets the
interval pass and runs the steps in order, and it relays what the worker reports over a pipe. A worker that
overstays the deadline of a step may sleep uninterruptibly: it is killed, not waited for, and a new worker
runs the rest. The worker's standard streams are /dev/null, so that a stuck one cannot hold a session open.
"""

import gc
import posix as os
import select
import sys
import time

from fleet_agent import __version__
from fleet_agent.host import Host
from fleet_agent.jsontext import dumps
from fleet_agent.section import Section, reason
from fleet_agent.table import Table

STEPS = (  # cheap ones first
    *("identity", "cpu", "memory", "processes", "connections", "ports", "disk"),
    *("network", "services", "logs", "reach"),
)
MEANWHILE = ("identity",)  # while the interval passes: it costs next to nothing and needs no second sample
DEFAULTS = {
    "nonce": "-",
    "interval_seconds": 1.0,
    "section_seconds": 5.0,
    "total_seconds": 20.0,
    "processes": [],
    "services": [],
    "reach": [],
    "log_roots": ["/var/log"],
    "large_file_bytes": 104857600,
    "lookup": None,
    "root": "/",
    "portable": False,
}
NICE = 1  # beside ten busy processes a core nice 10 has no answer in 20 s, nice 1 has one in 4 s
SPARE_SECONDS = 5  # after total_seconds, SIGALRM ends whatever still runs
LINE_LIMIT = 1 << 24
SIGKILL = 9


def run(request, emit):
    """Run every step; ``emit(name, body)`` receives "start", each step and "end" with their JSON text."""
    gc.disable()  # the job is over before cycles could pile up
    begun = time.monotonic()
    request = dict(DEFAULTS, **request)
    _step_back(request["total_seconds"])
    emit("start", dumps(agent()))
    costs = []
    todo = list(STEPS)
    over = begun + request["total_seconds"]
    commands = True
    while todo and time.monotonic() < over:
        worker = Worker(request, todo, commands)
        fate = worker.follow(todo, emit, over)
        costs.append(worker.cost)
        if todo and fate:
            for step in [worker.step] if worker.step in todo else list(todo):
                todo.remove(step)
                emit(step, _lost(fate, worker.begun))
        commands = False  # a command line may be what was stuck
    for step in todo:
        emit(step, _lost("timeout: no time left for this step", time.monotonic()))
    emit("end", dumps(cost(begun, costs)))


class Worker(object):
    """A forked child at work on steps, and what is known of it: the step it is in, and until when it may."""

    def __init__(self, request, steps, commands):
        self.begun = time.monotonic()
        self.until = self.begun + request["total_seconds"]
        self.step = ""
        self.cost = (0.0, 0)  # milliseconds of CPU, most memory in bytes
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _become_worker(request, list(steps), commands, writer)
        os.close(writer)

    def follow(self, todo, emit, over):
        """Relay what comes until all is done (None), or say why it ended before; ``todo`` loses what came."""
        rest = b""
        while True:
            wait = min(self.until, over) - time.monotonic()
            if wait <= 0 or not select.select([self.reader], [], [], wait)[0]:
                self._end()
                return "timeout"
            data = os.read(self.reader, 65536)
            if not data and not todo:
                os.close(self.reader)
                os.waitpid(self.pid, 0)
                return None
            if not data or len(rest) > LINE_LIMIT:
                return self._end()
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            for line in lines:
                self._take(line.decode("utf-8"), todo, emit)

    def _take(self, line, todo, emit):
        word, step, body = line.split(" ", 2)
        if word == "begin":
            self.begun = time.monotonic()
            self.until = self.begun + float(body)
            self.step = step
        elif word == "done":
            todo.remove(step)
            emit(step, body)
        elif word == "cost":
            self.cost = (float(step), int(body))

    def _end(self):
        os.kill(self.pid, SIGKILL)
        os.close(self.reader)
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return "error: the worker ended with status %d" % status if pid else "error: the worker broke off"


def _step_back(total_seconds):
    """Yield to the host's own work, and leave for certain when the time is over."""
    import _signal

    _signal.alarm(int(total_seconds) + SPARE_SECONDS)
    try:
        os.nice(NICE)
    except OSError:
        pass


def _become_worker(request, steps, commands, writer):
    """In the child: work, then leave without a trace."""
    status = 70
    try:
        _step_back(request["total_seconds"])
        null = os.open("/dev/null", os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        work(request, steps, commands, lambda *words: write(writer, " ".join(words) + "\n"))
        status = 0
    except BaseException:
        status = 70
    finally:
        os._exit(status)


def work(request, steps, commands, tell):
    """Take both samples and run ``steps``; ``tell(word, step, body)`` reports the progress."""
    host = Host(request["root"])
    table = Table(host, commands)
    limit = str(request["section_seconds"])
    checks = {
        step: _load(step, request) for step in steps
    }  # compiled before the interval, not measured by it
    table.read()
    firsts = {}
    for step in steps:
        tell("begin", step, limit)
        firsts[step] = _sample(checks[step], host)
    sampled = time.monotonic()
    early = [step for step in steps if step in MEANWHILE]
    for step in early:
        tell("begin", step, limit)
        tell("done", step, _collect(checks[step], Section(host, request, table)))
    tell("begin", "-", str(request["interval_seconds"] + request["section_seconds"]))
    time.sleep(max(0.0, sampled + request["interval_seconds"] - time.monotonic()))
    table.read()
    for step in [step for step in steps if step not in early]:
        tell("begin", step, limit)
        first, at = firsts[step]
        section = Section(host, request, table, first, time.monotonic() - at)
        tell("done", step, _collect(checks[step], section))
    tell("cost", "%.1f" % _cpu_ms(), str(_most_memory()))


def _load(step, request):
    """The check of a step, or what stopped its import: a fault in one file costs that step alone."""
    try:
        if request["portable"] or not sys.platform.startswith("linux"):
            from fleet_agent.portable import Check

            return Check(step)
        return __import__("fleet_agent.checks." + step, fromlist=["collect"])
    except Exception as fault:
        return _Broken(fault)


class _Broken(object):
    """Stands where a check would: its file cannot be imported."""

    def __init__(self, fault):
        self.fault = fault

    def collect(self, _section):
        raise self.fault


def _sample(check, host):
    """What a check's ``sample`` returned (None where it has none, or could not) and when."""
    at = time.monotonic()
    try:
        return (check.sample(host) if hasattr(check, "sample") else None), at
    except Exception:
        return None, at  # collect meets the same fault and says so


def _collect(check, section):
    """The JSON text of a section, whatever happens in it."""
    begun = time.monotonic()
    try:
        facts = check.collect(section)
        data = dumps({name: fact for name, fact in facts.items() if fact is not None})
        status = "partial" if any(map(_is_fault, section.notes.values())) else "ok"
    except Exception as fault:
        data = "null"
        section.note("section", reason(fault))
        status = section.notes["section"].split(":", 1)[0]
    return _body(status, begun, section.notes, data)


def _is_fault(note):
    return note.startswith(("denied", "timeout", "error"))


def _lost(fate, begun):
    """The JSON text of a section that never came."""
    return _body(fate.split(":", 1)[0], begun, {"section": fate}, "null")


def _body(status, begun, notes, data):
    ms = (time.monotonic() - begun) * 1000
    return '{"status":"%s","ms":%.1f,"notes":%s,"data":%s}' % (status, ms, dumps(notes), data)


def agent():
    """Say who collects: the start frame."""
    return {
        "version": __version__,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "uid": os.getuid(),
        "started_at": round(time.time(), 3),
    }


def cost(begun, spent):
    """What the job cost, workers that were killed left out: the end frame."""
    return {
        "wall_ms": round((time.monotonic() - begun) * 1000, 1),
        "cpu_ms": round(time.process_time() * 1000 + sum(cpu for cpu, _ in spent), 1),
        "max_rss_bytes": max([_most_memory()] + [memory for _, memory in spent]),
    }


def _cpu_ms():
    """CPU time of this process and of the programs it ran and waited for."""
    times = os.times()
    return (time.process_time() + times[2] + times[3]) * 1000


def _most_memory():
    """VmHWM of this process in bytes, 0 where there is no /proc."""
    try:
        text = Host().read("/proc/self/status", 4096)
    except OSError:
        return 0
    return int(text.split("VmHWM:", 1)[1].split(None, 1)[0]) * 1024 if "VmHWM:" in text else 0


def write(descriptor, text):
    """Write all of a text, however small the pieces the pipe takes."""
    data = text.encode("utf-8")
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
