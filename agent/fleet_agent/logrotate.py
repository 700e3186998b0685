"""What logrotate does with a file: its configuration and state, read as logrotate.conf(5) describes them."""

import time

from fleet_agent.wildcard import matches

CONFIG = "/etc/logrotate.conf"
STATES = (  # Debian, Red Hat 8 and later, Red Hat 7, SUSE
    "/var/lib/logrotate/status",
    "/var/lib/logrotate/logrotate.status",
    "/var/lib/logrotate.status",
    "/var/lib/misc/logrotate.status",
)
PROGRAMS = ("/usr/sbin/logrotate", "/usr/bin/logrotate", "/sbin/logrotate")
PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
COUNTED = ("rotate", "size", "minsize", "maxsize", "maxage", "minage")  # a wrong number: the block is skipped
SCRIPTS = ("prerotate", "postrotate", "firstaction", "lastaction", "preremove")
TABOO = (
    ".bak",
    ".disabled",
    ".rpmnew",
    ".rpmsave",
    ".rpmorig",
    ".swp",
    ".cfsaved",
    ",v",
    "~",
    ".rhn-cfg-tmp",
)
TABOO_PREFIXES = (".dpkg-", ".ucf-")
FILES_LIMIT = 500
RULES_LIMIT = 5000
FILE_LIMIT = 1 << 18
INCLUDE_DEPTH = 4
CRON_FILES = ("/etc/cron.daily/logrotate", "/etc/cron.hourly/logrotate", "/etc/cron.d/logrotate")
CRON_FILES_ALPINE = ("/etc/periodic/daily/logrotate", "/etc/periodic/hourly/logrotate")
TIMERS = ("/etc/systemd/system/timers.target.wants/", "/usr/lib/systemd/system/timers.target.wants/")


class Rule(object):
    """One block: the file it stands in, the patterns before the brace, and its options with the defaults."""

    __slots__ = ("file", "options", "patterns")

    def __init__(self, file, patterns, options):
        self.file = file
        self.patterns = patterns
        self.options = options

    def covers(self, path):
        """Whether a pattern matches; as in glob(7), ``*`` does not reach over a slash."""
        parts = path.split("/")
        for pattern in self.patterns:
            pieces = pattern.split("/")
            if len(pieces) == len(parts) and all(map(matches, parts, pieces)):
                return True
        return False

    @property
    def period(self):
        """hourly, daily, weekly, monthly, yearly, or size: the last one given; size by default."""
        return self.options.get("period", "size")


class Rules(object):
    """All rules of a host, and what keeps logrotate from following them."""

    def __init__(self, host):
        self.host = host
        self.rules = []
        self.problems = []
        self.unreadable = []  # files that this user may not read
        self._options = {}
        self._files = 0

    def read(self, path=CONFIG, depth=0):
        """Read a configuration file and what it includes; raises OSError where it cannot be read."""
        self._files += 1
        if self._files > FILES_LIMIT or depth > INCLUDE_DEPTH:
            return
        text = self.host.read(path, FILE_LIMIT)
        for kind, value in parse(text, path, self._options):
            if kind == "include":
                self._include(value, depth)
            elif kind == "problem":
                self.problems.append(value)
            elif len(self.rules) < RULES_LIMIT:
                self.rules.append(value)

    def covering(self, path):
        """The rules that match a path; logrotate follows the first."""
        return [rule for rule in self.rules if rule.covers(path)]

    def _include(self, path, depth):
        try:
            names = [path + "/" + name for name in self.host.list(path) if not is_taboo(name)]
        except NotADirectoryError:
            names = [path]
        except OSError as fault:
            self._failed(path, fault)
            return
        for name in names:
            try:
                self._check_mode(name)
                if not self.host.is_directory(name):
                    self.read(name, depth + 1)
            except OSError as fault:
                self._failed(name, fault)

    def _failed(self, path, fault):
        if isinstance(fault, PermissionError):
            self.unreadable.append(path)
        else:
            self.problems.append("%s: cannot be read: %s" % (path, fault.strerror))

    def _check_mode(self, path):
        status = self.host.stat(path)
        if status.st_mode & 0o022:
            self.problems.append("%s: ignored by logrotate: writable by group or others" % path)
        elif status.st_uid != 0 and self.host.live:
            self.problems.append("%s: ignored by logrotate: not owned by root" % path)


def is_taboo(name):
    """Whether logrotate leaves out a file of this name in an included directory (tabooext)."""
    return name.startswith(".") or name.endswith(TABOO) or any(prefix in name for prefix in TABOO_PREFIXES)


def parse(text, file, options):
    """("rule", Rule), ("include", path) and ("problem", text) of one file, in order.

    ``options`` are those that hold outside of blocks; they are updated, since they last over all files.
    """
    parser = _Parser(file, options)
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if parser.script:
            parser.script = None if line == "endscript" else parser.script
        elif line and line[0] != "#":
            parser.take(line, number)
        yield from parser.taken()
    parser.end()
    yield from parser.taken()


class _Parser(object):
    """Where one is in a file: ``block`` has the options of the open block, ``script`` the open script."""

    def __init__(self, file, options):
        self.file = file
        self.options = options
        self.found = []
        self.patterns = []
        self.block = None
        self.script = None

    def take(self, line, number):
        """One line that is neither empty, comment nor script."""
        if self.block is not None:
            self._inside(line, number)
        elif line[0] in "/\"'~*" or line[0] == "{":
            head, brace, inside = line.partition("{")
            self.patterns += words(head)
            if brace:
                self.block = dict(self.options)
                if inside.strip():
                    self._inside(inside.strip(), number)
        elif line.split()[0] == "include":
            self.found.append(("include", " ".join(words(line)[1:])))
        else:
            self._option(line, number, self.options)

    def taken(self):
        """What was found since the last call."""
        found, self.found = self.found, []
        return found

    def end(self):
        """Nothing more comes: what is still open is a fault."""
        if self.script:
            self.found.append(("problem", "%s: %s without endscript" % (self.file, self.script)))
        elif self.block is not None:
            self.found.append(("problem", "%s: a block is not closed" % self.file))

    def _inside(self, line, number):
        option, brace, _ = line.partition("}")
        if option.strip():
            self._option(option.strip(), number, self.block)
        if brace:
            self.found.append(("rule", Rule(self.file, self.patterns, self.block)))
            self.patterns, self.block = [], None

    def _option(self, line, number, options):
        if _is_miscounted(line):
            self.found.append(("problem", "%s:%d: not a number: %s" % (self.file, number, line[:80])))
        elif line[0].isalpha():
            self.script = _set(line, options)
        else:
            self.found.append(("problem", "%s:%d: not understood: %s" % (self.file, number, line[:80])))


def _is_miscounted(line):
    name, _, value = line.replace("=", " ", 1).partition(" ")
    return name in COUNTED and not (value.split() or [""])[0].lstrip("-").rstrip("kMG").isdigit()


def words(line):
    """The words of a line; quotes hold spaces together, a backslash keeps the next character."""
    found = []
    word = ""
    quote = None
    started = escaped = False
    for character in line:
        if escaped:
            word, escaped = word + character, False
        elif character == "\\":
            escaped = started = True
        elif quote:
            word, quote = (word, None) if character == quote else (word + character, quote)
        elif character in "\"'":
            quote, started = character, True
        elif character.isspace() or (character == "," and not word):
            if started:
                found.append(word)
            word, started = "", False
        else:
            word, started = word + character, True
    return [*found, word] if started else found


def _set(line, options):
    """Note one option; returns the name of a script that begins here, else None."""
    name, _, value = line.replace("=", " ", 1).partition(" ")
    value = value.strip()
    if name in PERIODS:
        options["period"] = name
    elif name == "size":
        options["period"] = "size"
    elif name in ("copytruncate", "copy", "nocopytruncate", "nocopy"):
        options["copytruncate"] = name == "copytruncate"
    elif name in ("su", "olddir"):
        options[name] = value
    elif name in SCRIPTS:
        options[name] = True
        return name
    return None


def read_state(host):
    """({path: last rotation, seconds since the epoch}, when logrotate last ran) from its state file."""
    for path in STATES:
        if host.exists(path):
            return parse_state(host.read(path)), host.stat(path).st_mtime
    raise FileNotFoundError(2, "logrotate has no state file")


def parse_state(text):
    """{path: seconds since the epoch} of a state file of version 1 or 2, whose dates are local time."""
    state = {}
    for line in text.split("\n")[1:]:
        name, _, date = line.rpartition(" ")
        try:
            numbers = [int(number) for number in date.replace(":", "-").split("-")]
            state[unquote(name)] = time.mktime((*numbers[:6], *[0] * (6 - len(numbers)), 0, 0, -1))
        except (ValueError, OverflowError, TypeError):
            continue
    return state


def unquote(name):
    """A path as the state file writes it, without its quotes and backslashes."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return name.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")


def is_installed(host):
    """Whether the program is there."""
    return any(host.exists(path) for path in PROGRAMS)


def scheduled(host):
    """What starts logrotate: "timer", "cron", or None."""
    systemd = host.exists("/run/systemd/system")
    if systemd:
        for directory in TIMERS:
            try:
                if "logrotate.timer" in host.list(directory):
                    return "timer"
            except OSError:
                continue
    for path in CRON_FILES + CRON_FILES_ALPINE:
        try:
            text = host.read(path, FILE_LIMIT)
        except OSError:
            continue
        if not (systemd and "/run/systemd/system" in text):  # Debian's script leaves the work to the timer
            return "cron"
    return None


def original_name(path):
    """The name before rotation: ``x.log`` of ``x.log.1``, ``x.log-20261122``, ``x.log.1.gz``."""
    stem = path[:-3] if path.endswith((".gz", ".xz")) else path
    stem = stem[:-4] if stem.endswith((".bz2", ".zst")) else stem
    head, _, tail = stem.rpartition(".")
    if head and tail.isdigit() and len(tail) <= 3 and not head.endswith("/"):
        return head
    head, _, tail = stem.rpartition("-")
    if head and tail.isdigit() and len(tail) in (8, 10) and tail.startswith(("19", "20")):
        return head
    return path
