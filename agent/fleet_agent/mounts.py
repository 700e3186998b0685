"""Mounted file systems: which they are, which may hang, how full they are, without waiting for any."""

import errno
import posix as os
import select
import time

PSEUDO = frozenset(
    """autofs bdev bpf binder binfmt_misc cgroup cgroup2 configfs cpuset debugfs devpts devtmpfs efivarfs
    fuse.gvfsd-fuse fuse.lxcfs fuse.portal fuse.snapfuse fusectl hugetlbfs mqueue nfsd none nsfs overlay proc
    pstore ramfs resctrl rootfs rpc_pipefs securityfs selinuxfs sysfs tracefs""".split()  # noqa: SIM905 - shorter
)
NETWORK = frozenset(
    """9p afs beegfs ceph cifs coda davfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs pvfs2 smb3
    smbfs vboxsf virtiofs""".split()  # noqa: SIM905 - shorter
)
HIDDEN_TMPFS = ("/sys/", "/proc/", "/run/credentials", "/var/lib/kubelet/", "/run/user/", "/dev/")
CONTAINER_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")  # files an engine mounts from outside
SIGKILL = 9
ASK_LIMIT = 64  # children at a time
ANSWER_LIMIT = 1 << 16

# {mount point: gave no answer}; a second child at a hung mount would stick as well
_silent = {}  # type: dict[str, bool]


class Mount(object):
    """One line of ``/proc/PID/mountinfo`` (proc(5)); ``device`` is "major:minor"."""

    __slots__ = ("device", "options", "point", "root", "source", "super_options", "type")

    def __init__(self, fields):
        split = fields.index("-")
        self.device = fields[2]
        self.root = unescape(fields[3])
        self.point = unescape(fields[4])
        self.options = fields[5].split(",")
        self.type = fields[split + 1]
        self.source = unescape(fields[split + 2])
        self.super_options = fields[split + 3].split(",") if len(fields) > split + 3 else []

    @property
    def network(self):
        """Whether its blocks lie on another machine, as far as type and source tell."""
        if self.type.startswith("fuse"):
            return ":" in self.source or self.source.startswith("//") or "glusterfs" in self.type
        return self.type in NETWORK

    @property
    def suspect(self):
        """Whether a call may wait for something outside this kernel: a server, or a FUSE daemon."""
        return self.type in NETWORK or (self.type.startswith("fuse") and self.type != "fusectl")

    @property
    def server(self):
        """The machine that serves it: ``nfs1`` of ``nfs1:/export``, ``files`` of ``//files/share``."""
        if not self.network:
            return None
        source = self.source.split("@", 1)[-1] if self.type.startswith("fuse") else self.source
        if source.startswith("//"):
            return source[2:].split("/", 1)[0] or None
        if source.startswith("["):
            return source[1:].split("]", 1)[0]
        return source.split(":", 1)[0] if ":" in source else None

    @property
    def read_only(self):
        """Whether writes fail now; an ext4 error remount may be ``emergency_ro`` beside ``rw``."""
        return "ro" in self.options or "ro" in self.super_options or self.emergency

    @property
    def emergency(self):
        """Whether the file system stopped writing because of an error."""
        return "emergency_ro" in self.super_options or "emergency_ro" in self.options


def read(host):
    """The mounts of the host, later ones over earlier ones at the same place."""
    # /proc/self is the agent's own view; below another root the first process has the host's.
    paths = ("/proc/self/mountinfo",) if host.live else ("/proc/1/mountinfo", "/proc/self/mountinfo")
    for path in paths[:-1]:
        if host.exists(path):
            return parse_mountinfo(host.read(path))
    return parse_mountinfo(host.read(paths[-1]))


def parse_mountinfo(text):
    """A list of Mount; a malformed line is left out."""
    mounts = {}
    for line in text.split("\n"):
        try:
            mount = Mount(line.split(" "))
        except (ValueError, IndexError):
            continue
        mounts[mount.point] = mount
    return list(mounts.values())


def unescape(text):
    r"""Undo the kernel's octal escapes: ``/mnt/a\040b`` is ``/mnt/a b``."""
    if "\\" not in text:
        return text
    first, *rest = text.split("\\")
    pieces = [first]
    for piece in rest:
        octal = piece[:3]
        digits = len(octal) == 3 and not octal.strip("01234567")
        pieces.append(chr(int(octal, 8)) + piece[3:] if digits else "\\" + piece)
    return "".join(pieces)


def volumes(mounts):
    """Each real file system once: not its bind mounts and subvolumes, no pseudo file systems."""
    best = {}
    for mount in mounts:
        if not is_real(mount):
            continue
        rank = (mount.root != "/", mount.read_only, len(mount.point))
        if mount.device not in best or rank < best[mount.device][0]:
            best[mount.device] = (rank, mount)
    return sorted((mount for _, mount in best.values()), key=lambda mount: mount.point)


def is_real(mount):
    """Whether a mount has room that can run out."""
    if mount.point == "/":
        return mount.type != "rootfs"  # in a container the root is an overlay
    if mount.type == "tmpfs" and mount.point != "/dev/shm":
        return not mount.point.startswith(HIDDEN_TMPFS)
    return mount.type not in PSEUDO and mount.point not in CONTAINER_FILES


def holding(mounts, path):
    """The mount that a path lies on, by its name, or None."""
    found = None
    for mount in mounts:
        if is_below(path, mount.point) and (found is None or len(mount.point) > len(found.point)):
            found = mount
    return found


def place(mounts, path, device):
    """The mount point of the volume a file takes its space from, by its device, else by its name.

    The device of a file in a container is its overlay, which lies on the volume under its mount point.
    """
    real = volumes(mounts)
    for mount in real:
        if mount.device == device:
            return mount.point
    points = [mount.point for mount in mounts if mount.device == device]
    mount = holding(real, points[0] if points else path)
    return mount.point if mount else None


def is_below(path, directory):
    """Whether a path is a directory or lies somewhere in it."""
    return path == directory or path.startswith(directory if directory == "/" else directory + "/")


def ask(mounts, seconds, call=os.statvfs):
    """``statvfs`` of each mount: {point: the ten numbers, an errno, or None where no answer came in time}.

    A call on a hung mount sleeps uninterruptibly and outlives SIGKILL, so the asking is done by children that
    nobody waits for: one for all local mounts, one for each suspect one. Local mounts behind one that stalls
    are asked again, one child each, so that the whole takes at most twice ``seconds``.
    """
    points = [mount.point for mount in mounts if not mount.suspect]
    suspects = [[mount.point] for mount in mounts if mount.suspect][:ASK_LIMIT]
    answers = _ask(([points] if points else []) + suspects, seconds, call)
    stalled = [[point] for point in points if point not in answers][:ASK_LIMIT]
    answers.update(_ask(stalled, seconds, call))
    for point in points:
        if (
            answers.get(point) == errno.EAGAIN
        ):  # no process left to fork: a local mount may be asked from here
            answers[point] = _numbers(point, call)
    _silent.update((mount.point, mount.point not in answers) for mount in mounts)
    return {mount.point: answers.get(mount.point) for mount in mounts}


def silent(mounts, seconds):
    """The points of those mounts that do not answer; what ``ask`` knows already is not asked again."""
    ask([mount for mount in mounts if mount.suspect and mount.point not in _silent], seconds)
    return {mount.point for mount in mounts if _silent.get(mount.point)}


def _ask(groups, seconds, call):
    """Ask every group of paths in a child of its own; those without an answer are not in the result."""
    children = {}
    answers = {}
    for group in groups:
        try:
            reader, pid = _fork(group, call)
        except OSError as fault:
            answers.update((path, fault.errno) for path in group)
            continue
        children[reader] = (pid, group)
    texts = _collect(set(children), time.monotonic() + seconds)
    for reader, (pid, group) in children.items():
        os.close(reader)
        lines = texts[reader].decode("ascii", "replace").split("\n")[:-1]
        for place, line in enumerate(lines):
            answers[group[place]] = _parse_answer(line)
        if len(lines) < len(group):
            os.kill(pid, SIGKILL)
        os.waitpid(pid, os.WNOHANG if len(lines) < len(group) else 0)
    return answers


def _collect(readers, deadline):
    """What each pipe says until all have ended or the time is up."""
    texts = dict.fromkeys(readers, b"")
    while readers:
        ready = select.select(list(readers), [], [], max(0, deadline - time.monotonic()))[0]
        if not ready:
            break
        for reader in ready:
            data = os.read(reader, 65536)
            texts[reader] += data
            if not data or len(texts[reader]) > ANSWER_LIMIT:
                readers.discard(reader)
    return texts


def _fork(paths, call):
    """A child that prints a line for each path: the numbers of statvfs, or one errno."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if pid:
        os.close(writer)
        return reader, pid
    try:
        # Nothing of the parent's may stay open: a child that cannot die would keep the SSH session alive.
        os.dup2(writer, 3)
        os.closerange(4, 1024)
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        for path in paths:
            answer = _numbers(path, call)
            words = answer if isinstance(answer, list) else [answer]
            os.write(3, (" ".join(str(word) for word in words) + "\n").encode("ascii"))
    finally:
        os._exit(0)


def _parse_answer(line):
    numbers = [int(word) for word in line.split()]
    return numbers if len(numbers) > 1 else numbers[0]


def _numbers(path, call):
    """The numbers of one statvfs, or its errno."""
    try:
        return [int(number) for number in tuple(call(path))]
    except OSError as fault:
        return fault.errno
