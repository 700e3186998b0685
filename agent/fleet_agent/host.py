"""The only door to the machine: read, list, run, all below one root directory.

Every read is bounded, every command has a deadline, and nothing here writes a file.
"""

import posix as os  # most of what os has, without what its import costs
import select
import time
from _stat import S_ISDIR

READ_LIMIT = 1 << 20
CHUNK_BYTES = 16384  # a file below /proc/sys costs the kernel as much memory as it is asked for
LIST_LIMIT = 200000
OUTPUT_LIMIT = 1 << 22
SIGKILL = 9  # the signal module costs five milliseconds to import


class Absent(Exception):
    """The machine does not have this; that is not a fault."""


class TooSlow(Exception):
    """No answer within the time it was given."""


class Host(object):
    """A machine: the running one (``/``), or a recorded tree or a container's mount under another root.

    Paths are absolute and below the root. OSError passes through: PermissionError is "denied",
    FileNotFoundError and NotADirectoryError are "absent", ProcessLookupError is a process that has gone.
    """

    def __init__(self, root="/"):
        self.root = root.rstrip("/")
        self.kernel_log = None  # kept by the module of that name, for all who ask
        self.live = not self.root  # sockets, statvfs and commands answer for the running machine only

    def path(self, path):
        """Where ``path`` of the machine lies in this file system."""
        return self.root + path

    def read_bytes(self, path, limit=READ_LIMIT):
        """At most ``limit`` bytes from the start of a file; a FIFO or a terminal does not block it."""
        descriptor = os.open(self.root + path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            chunks = [os.read(descriptor, min(limit, CHUNK_BYTES))]
            size = len(chunks[0])
            while chunks[-1] and size < limit:
                chunks.append(os.read(descriptor, min(limit - size, CHUNK_BYTES)))
                size += len(chunks[-1])
            return b"".join(chunks)
        finally:
            os.close(descriptor)

    def read(self, path, limit=READ_LIMIT):
        """The text of a file; bytes that are not UTF-8 become U+FFFD."""
        return self.read_bytes(path, limit).decode("utf-8", "replace")

    def read_int(self, path):
        """The one number a kernel file holds."""
        return int(self.read_bytes(path, 64))

    def list(self, path):
        """Sorted names in a directory, at most LIST_LIMIT."""
        return sorted(os.listdir(self.root + path))[:LIST_LIMIT]

    def link(self, path):
        """Where a symbolic link points, as written."""
        return os.readlink(self.root + path)

    def stat(self, path):
        """The status of what a path leads to."""
        return os.stat(self.root + path)

    def exists(self, path):
        """Whether a path is there."""
        try:
            os.stat(self.root + path)
        except (OSError, ValueError):
            return False
        return True

    def is_directory(self, path):
        """Whether a path leads to a directory."""
        try:
            return S_ISDIR(os.stat(self.root + path).st_mode)
        except (OSError, ValueError):
            return False

    def run(self, argv, timeout, limit=OUTPUT_LIMIT):
        """Run a program of the live machine: (exit status, stdout text).

        Raises Absent where it is not installed or the tree is a recorded one, TooSlow after ``timeout``
        seconds. A program that sleeps uninterruptibly is killed but not waited for.
        """
        if not self.live:
            raise Absent("commands answer for the running machine only")
        program = find_program(argv[0])
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            _become(program, argv, writer)
        os.close(writer)
        try:
            output = _read_until(reader, time.monotonic() + timeout, limit)
        except TooSlow:
            os.kill(child, SIGKILL)
            os.waitpid(child, os.WNOHANG)
            raise
        finally:
            os.close(reader)
        return _exit_status(child), output.decode("utf-8", "replace")


def find_program(name):
    """The path of a program, system directories included; raises Absent."""
    if "/" in name:
        candidates = [name]
    else:
        directories = os.environ.get(b"PATH", b"").decode("utf-8", "surrogateescape").split(":")
        directories += ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        candidates = [directory + "/" + name for directory in directories if directory]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    raise Absent(name + " is not installed")


def _become(program, argv, output):
    """In the child: turn into the program, its own session, stdin and stderr closed off."""
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(null, 2)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0"}
        os.execve(program, list(argv), environment)
    finally:
        os._exit(127)


def _read_until(reader, deadline, limit):
    chunks = []
    size = 0
    while size < limit:
        ready, _, _ = select.select([reader], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TooSlow("no answer in time")
        data = os.read(reader, min(65536, limit - size))
        if not data:
            break
        chunks.append(data)
        size += len(data)
    return b"".join(chunks)


def _exit_status(child):
    """The exit status of a child that has closed its output; it gets a second to end, then SIGKILL."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        time.sleep(0.005)
    os.kill(child, SIGKILL)
    return -SIGKILL
