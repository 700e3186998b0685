"""The process table: read twice, shared by all checks, and the words that name a process.

``/proc/PID/stat`` never blocks. ``/proc/PID/cmdline`` can, when a stuck task of the process holds its
memory map, so commands are read only of processes that are reported (``who``).
"""

import posix as os
import time

from fleet_agent.redact import redact

KERNEL_THREAD = 0x00200000  # PF_KTHREAD, include/linux/sched.h
COMMAND_LIMIT = 400  # characters shown
COMMAND_READ = 4096  # bytes read
FILES_LIMIT = 65536  # descriptors looked at in one process
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Row(object):
    """One process as ``/proc/PID/stat`` has it (proc(5)): ticks is user and system time together.

    ``reaped_ticks`` is that of the children it has waited for, and of theirs.
    """

    __slots__ = (
        "kernel",
        "name",
        "nice",
        "parent",
        "pid",
        "reaped_ticks",
        "rss_bytes",
        "started_ticks",
        "state",
        "threads",
        "ticks",
    )

    def __init__(self, pid, name, fields):
        self.pid = pid
        self.name = name
        self.state = fields[0]
        self.parent = int(fields[1])
        self.kernel = bool(int(fields[6]) & KERNEL_THREAD)
        self.ticks = int(fields[11]) + int(fields[12])
        self.reaped_ticks = int(fields[13]) + int(fields[14])
        self.nice = int(fields[16])
        self.threads = int(fields[17])
        self.started_ticks = int(fields[19])
        self.rss_bytes = int(fields[21]) * PAGE_BYTES


class Table(object):
    """Every process of a host, twice: ``earlier`` from the first ``read``, ``rows`` from the last.

    ``rows`` is {pid: Row}; ``earlier`` is {pid: (started_ticks, ticks, state, reaped_ticks)}, empty until the
    second ``read``; ``seconds`` lies between the two. ``denied`` counts processes whose open files may not
    be read (known after ``sockets``). With ``commands`` off, ``who`` leaves the command lines out.
    """

    def __init__(self, host, commands=True):
        self.host = host
        self.commands = commands
        self.rows = {}
        self.earlier = {}
        self.seconds = 0.0
        self.denied = 0
        self.booted_at = None
        self._at = None
        self._who = {}
        self._files = {}
        self._sockets = None
        self._users = None

    def read(self):
        """Read the table anew; the rows so far become ``earlier``. Processes that vanish are left out."""
        now = time.monotonic()
        rows = self._read_rows()
        if self._at is not None:
            self.seconds = now - self._at
            self.earlier = {
                pid: (row.started_ticks, row.ticks, row.state, row.reaped_ticks)
                for pid, row in self.rows.items()
            }
        self.rows = rows
        self._at = now
        if self.booted_at is None:
            try:
                self.booted_at = parse_boot_time(self.host.read("/proc/stat", 1 << 22))
            except (OSError, ValueError):
                pass  # then nobody's start is known

    def who(self, pid):
        """The Process fact: pid, name, command, user, unit and started_at, as far as known."""
        row = self.rows.get(pid)
        if row is None:
            return {"pid": pid, "name": "?"}
        key = (pid, row.started_ticks)
        if key not in self._who:
            fact = {
                "pid": pid,
                "name": row.name,
                "command": None if row.kernel else self._command(row),
                "user": self.owner(pid),
                "unit": None if row.kernel else self.unit(pid),
                "started_at": self.started_at(row),
            }
            self._who[key] = {name: value for name, value in fact.items() if value is not None}
        return dict(self._who[key])

    def started_at(self, row):
        """When a process began, seconds since the epoch; None where the time of the boot is not known."""
        if self.booted_at is None:
            return None
        return round(self.booted_at + row.started_ticks / TICKS_PER_SECOND, 2)

    def words(self, pid):
        """The argument list of a process, as far as its first COMMAND_READ bytes go."""
        text = self.host.read("/proc/%d/cmdline" % pid, COMMAND_READ)
        return [word for word in text.rstrip("\0").split("\0") if word]

    def files(self, pid):
        """What a process has open: {descriptor: link target}. Raises PermissionError, ProcessLookupError."""
        if pid not in self._files:
            self._files[pid] = self._read_files("/proc/%d/fd" % pid)
        return self._files[pid]

    @property
    def hides_others(self):
        """Whether /proc is mounted with hidepid: then not even the first process is there."""
        return bool(self.rows) and 1 not in self.rows

    def sockets(self):
        """Who holds which socket: {inode: [pid, ...]} over all processes whose files may be read."""
        if self._sockets is None:
            self._sockets = {}
            for pid, row in sorted(self.rows.items()):
                if not row.kernel and row.state != "Z":
                    self._collect_sockets(pid)
            self.denied += self.hides_others
        return self._sockets

    def user(self, uid):
        """The name of a uid by /etc/passwd, else its number: a dead LDAP server must not matter here."""
        if self._users is None:
            try:
                self._users = parse_passwd(self.host.read("/etc/passwd"))
            except OSError:
                self._users = {}
        return self._users.get(uid, str(uid))

    def owner(self, pid):
        """The user a process runs as (its effective uid owns /proc/PID), or None."""
        try:
            return self.user(self.host.stat("/proc/%d" % pid).st_uid)
        except OSError:
            return None

    def unit(self, pid):
        """The systemd unit or the container a process runs in, or None."""
        try:
            return parse_unit(self.host.read("/proc/%d/cgroup" % pid, 65536))
        except OSError:
            return None

    def stuck(self, row):
        """Whether a task was in uninterruptible sleep in both samples and did nothing between them.

        One that starts programs by vfork(2) all the time waits for each in state D, and works.
        """
        now = (row.started_ticks, row.ticks, "D", row.reaped_ticks)
        return row.state == "D" and self.earlier.get(row.pid) == now

    def _read_rows(self):
        rows = {}
        try:
            names = self.host.list("/proc")
        except OSError:
            return rows
        for name in names:
            if name.isdigit():
                try:
                    row = parse_stat(self.host.read("/proc/" + name + "/stat", 4096))
                except (OSError, ValueError, IndexError):
                    continue
                rows[row.pid] = row
        return rows

    def _command(self, row):
        if not self.commands or row.state == "Z" or self.stuck(row):
            return None
        try:
            return redact(self.words(row.pid), COMMAND_LIMIT) or None
        except OSError:
            return None

    def _read_files(self, directory):
        host = self.host
        files = {}
        for descriptor in host.list(directory)[:FILES_LIMIT]:
            try:
                files[int(descriptor)] = host.link(directory + "/" + descriptor)
            except (FileNotFoundError, ProcessLookupError, ValueError):
                continue
        return files

    def _collect_sockets(self, pid):
        try:
            files = self.files(pid)
        except PermissionError:
            self.denied += 1
            return
        except OSError:
            return
        for target in files.values():
            if target.startswith("socket:["):
                holders = self._sockets.setdefault(int(target[8:-1]), [])
                if not holders or holders[-1] != pid:
                    holders.append(pid)


def parse_stat(text):
    """A Row of ``/proc/PID/stat``; the name may hold spaces and parentheses."""
    end = text.rindex(")")
    start = text.index("(")
    return Row(int(text[:start]), text[start + 1 : end], text[end + 2 :].split())


def parse_boot_time(text):
    """``btime`` of ``/proc/stat``, seconds since the epoch."""
    at = text.index("\nbtime ") + 7
    return int(text[at : text.index("\n", at)])


def parse_passwd(text):
    """{uid: name}; the first of several names for a uid counts."""
    users = {}
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdigit():
            users.setdefault(int(fields[2]), fields[0])
    return users


def parse_unit(text):
    """The unit or container in ``/proc/PID/cgroup``, version 1, 2 or both side by side.

    ``/system.slice/nginx.service`` is ``nginx.service``; a container's 64 hexadecimal digits are cut to
    twelve, with the engine before them where the path names it: ``docker:0123456789ab``.
    """
    paths = {line.split(":", 2)[2] for line in text.split("\n") if line.count(":") > 1}
    for path in sorted(paths, key=len, reverse=True):
        found = _container(path) or _systemd_unit(path)
        if found:
            return found
    return None


def _systemd_unit(path):
    for part in reversed(path.split("/")):
        if part.endswith((".service", ".scope")) and part != "init.scope":
            return part
    return None


def _container(path):
    for part in reversed(path.split("/")):
        stem = part.rsplit(".slice:", 1)[-1].replace(":", "-")  # the cri plug-in writes slice:prefix:id
        if stem.endswith(".scope"):
            stem = stem[:-6]
        digits = stem[-64:]
        if len(digits) == 64 and not digits.strip("0123456789abcdef"):
            return _engine(stem[:-64].rstrip("-"), path) + digits[:12]
    return None


def _engine(prefix, path):
    if prefix:
        return prefix + ":"
    for name in ("docker", "kubepods", "libpod", "lxc"):
        if "/" + name in path:
            return name + ":"
    return ""
