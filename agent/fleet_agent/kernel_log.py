"""The kernel's own log: syslog(2) gives all of it at once, /dev/kmsg a record a read(2).

``<3>[   12.345678] text`` is a line of the first, ``3,101,12345678,-;text`` a record of the second
(Documentation/ABI/testing/dev-kmsg): priority, then microseconds since boot.
"""

import posix as os

from fleet_agent import libc

LOG_BYTES = 1 << 18  # the newest, about 4,000 lines
RECORDS_LIMIT = 20000
RECORDED_BYTES = RECORDS_LIMIT * 100  # of another tree, whose newest records stand last
RECORD_BYTES = 8192
READ_ALL = 3  # SYSLOG_ACTION_READ_ALL
DAY_SECONDS = 86400
KINDS = (  # kind, texts of which one betrays it
    ("oom_kill", (b"Killed process ",)),
    ("hung_task", (b" blocked for more than ",)),
    ("soft_lockup", (b"soft lockup", b"hard LOCKUP", b"self-detected stall")),
    ("kernel_bug", (b"BUG: ", b"kernel BUG at", b"NULL pointer dereference", b"general protection fault")),
    ("io_error", (b"Buffer I/O error", b"I/O error, dev ", b"critical medium error")),
    ("filesystem_error", (b"EXT4-fs error", b"XFS (", b"BTRFS error", b"BTRFS critical")),
    ("read_only_remount", (b"emounting filesystem read-only", b"forced readonly")),
    ("memory_error", (b"Hardware Error", b"EDAC MC", b"Memory failure:")),
    ("conntrack_full", (b"conntrack: table full",)),
    ("neighbour_full", (b"neighbour: ", b"eighbour table overflow")),
    ("tcp_memory", (b"TCP: out of memory", b"TCP: too many orphaned sockets")),
    ("syn_flood", (b"Possible SYN flooding",)),
    ("link_down", (b"Link is Down", b"link is not ready", b"NETDEV WATCHDOG")),
    ("nfs_silent", (b"not responding, still trying", b"not responding, timed out")),
    ("segfault", (b" segfault at ",)),
    ("throttled", (b"cpu clock throttled",)),
)
TELLING = {  # kinds whose texts also open harmless messages, and what a real one holds as well
    "filesystem_error": (b"rror", b"orrupt", b"hutdown", b"hutting down"),
    "neighbour_full": (b"overflow",),
    "memory_error": (b"rror",),
}
OOM = (b"oom-kill:", b"Killed process ")


def read(host):
    """The lines or records that the kernel still has, oldest first, as one text of bytes; read once."""
    if host.kernel_log is None:
        host.kernel_log = _read(host)
    return host.kernel_log


def _read(host):
    if not host.live:
        return host.read_bytes("/dev/kmsg", RECORDED_BYTES)
    try:
        text = _read_at_once()
    except OSError:
        text = b""
    if b">[" in text[:5]:  # where printk.time is off, only records tell the time
        return text
    return b"\n".join(_read_records(host.path("/dev/kmsg")))


def recent(text, uptime_seconds, needles):
    """[(seconds after boot, message)] of the last 24 hours that hold one of ``needles``, the kernel's own."""
    found = {}
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            start, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
            end = end if end >= 0 else len(text)
            found[start] = parse(text[start:end])
            at = text.find(needle, end)
    messages = [found[start] for start in sorted(found) if found[start]]
    return [(at, message) for at, message in messages if at >= uptime_seconds - DAY_SECONDS]


def parse(line):
    """(seconds after boot, message) of a line or a record; None of what did not come from the kernel."""
    if line.startswith(b"<"):
        priority, _, rest = line[1:].partition(b">[")
        at, _, message = rest.partition(b"] ")
        at, _, _ = at.partition(b"][")  # a kernel may name the caller: [    0.500000][    T1] text
    else:
        head, _, message = line.partition(b";")
        priority, _, at = (head.split(b",") + [b"", b""])[:3]
    try:
        seconds = float(at) if b"." in at else int(at) / 1e6
        return (seconds, message) if int(priority) < 8 else None
    except ValueError:
        return None


def needles():
    """Every text that betrays one of KINDS."""
    return [needle for _, texts in KINDS for needle in texts]


def _read_at_once():
    text = libc.buffer(LOG_BYTES)
    size = libc.call("klogctl", READ_ALL, text, LOG_BYTES)
    return text[:size]


def _read_records(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    records = []
    try:
        while len(records) < RECORDS_LIMIT:
            try:
                record = os.read(descriptor, RECORD_BYTES)
            except BrokenPipeError:  # overwritten meanwhile: the next read goes on with the oldest left
                continue
            except OSError:
                break
            if not record:
                break
            records.append(record.split(b"\n", 1)[0])
    finally:
        os.close(descriptor)
    return records


def summarise(messages, booted_at):
    """The KernelMessage facts: how often each of KINDS came, and the last of it."""
    facts = {}
    for at, text in messages:
        kind = kind_of(text)
        if kind:
            fact = facts.setdefault(kind, {"kind": kind, "count": 0})
            fact["count"] += 1
            fact["last_at"] = round(booted_at + at, 1)
            fact["last"] = text[:300].decode("utf-8", "replace")
    return sorted(facts.values(), key=lambda fact: -fact["last_at"])


def kind_of(text):
    """The kind of a message, or None for what is of no interest."""
    for kind, needles in KINDS:
        for needle in needles:
            if needle in text and (kind not in TELLING or any(word in text for word in TELLING[kind])):
                return kind
    return None


def oom_kills(messages, booted_at):
    """The OomKill facts of "Killed process" messages, each with the control group named just before it.

    ``oom-kill:constraint=CONSTRAINT_MEMCG,...,task_memcg=/system.slice/shop.service,task=java,pid=812,uid=0``
    ``Memory cgroup out of memory: Killed process 812 (java) total-vm:..., anon-rss:2048kB, file-rss:4kB``
    """
    facts = []
    group = None
    for at, text in messages:
        if text.startswith(b"oom-kill:"):
            group = _after(text, b"task_memcg=", b",")
        elif b"Killed process " in text:
            facts.append(_kill(text, round(booted_at + at, 1), group))
            group = None
    return facts


def _kill(text, at, group):
    kilobytes = [_after(text, name, b"kB") for name in (b"anon-rss:", b"file-rss:", b"shmem-rss:")]
    pid = _after(text, b"Killed process ", b" ").rstrip(",")
    fact = {"at": at, "name": text.partition(b"(")[2].partition(b")")[0].decode("utf-8", "replace")}
    if pid.isdigit():
        fact["pid"] = int(pid)
    for start, in_group in ((b"Memory cgroup out of memory", True), (b"Out of memory", False)):
        if text.startswith(start):  # before Linux 4.19 that stands in a line of its own
            fact["in_group"] = in_group
    if any(kilobytes):
        fact["rss_bytes"] = sum(int(number) for number in kilobytes if number.isdigit()) * 1024
    if group:
        fact["unit"] = group.rsplit("/", 1)[-1]
    return fact


def _after(text, start, end):
    """The text between two marks, empty where the first is not there."""
    return text.partition(start)[2].partition(end)[0].decode("utf-8", "replace")
