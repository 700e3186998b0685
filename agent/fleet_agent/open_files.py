"""Files that processes hold open, found without touching a mount that may hang."""

from fleet_agent import mounts as mount_table

_SUSPECT = ("fuse", *sorted(mount_table.NETWORK))
ELSEWHERE = ("/dev/", "/proc/", "/sys/", "/memfd:", "/SYSV", "/anon_hugepage", "/[", "/i915", "/drm mm")
DELETED = " (deleted)"
O_ACCMODE = 3
O_APPEND = 0o2000


class OpenFiles(object):
    """The files that the processes of a table hold open.

    ``denied`` counts processes that would not say, ``skipped`` files on mounts that do not answer or cannot
    be asked because another mount namespace has them.
    """

    def __init__(self, host, table, mounts, seconds=1.0):
        self.host = host
        self.table = table
        self.denied = 0
        self.skipped = 0
        if host.live:
            avoid = mount_table.silent(mounts, seconds)
        else:
            avoid = {mount.point for mount in mounts if mount.suspect}
        self._answering = {mount.device for mount in mounts if mount.point not in avoid}
        self._namespaces = {self._namespace("self"): sorted(avoid)}

    @property
    def denial(self):
        """A note on what could not be looked at, or None."""
        if self.denied:
            return "denied: the files of %d processes" % self.denied
        return "denied: hidepid hides the processes of others" if self.table.hides_others else None

    def held(self):
        """(pid, descriptor, link target) of every file on a disk that may be looked at safely."""
        self.denied = self.skipped = 0
        for pid, row in sorted(self.table.rows.items()):
            if row.kernel or row.state == "Z":
                continue
            try:
                files = self.table.files(pid)
            except PermissionError:
                self.denied += 1
                continue
            except OSError:
                continue
            files = [(fd, to) for fd, to in files.items() if to[:1] == "/" and not to.startswith(ELSEWHERE)]
            for descriptor, target in self._safe(pid, files):
                yield pid, descriptor, target

    def status(self, pid, descriptor, target):
        """The status of an open file; also of one without a name, where the machine itself is asked."""
        if self.host.live:
            return self.host.stat("/proc/%d/fd/%d" % (pid, descriptor))
        return self.host.stat(target)

    def flags(self, pid, descriptor):
        """The flags a file was opened with (fdinfo in proc(5))."""
        for line in self.host.read("/proc/%d/fdinfo/%d" % (pid, descriptor), 4096).split("\n"):
            if line.startswith("flags:"):
                return int(line[6:], 8)
        return 0

    def is_ours(self, path, status):
        """Whether a path names the same file in the agent's own tree, not only in a container's."""
        if any(mount_table.is_below(path, point) for point in self._avoid("self")):
            return False
        try:
            found = self.host.stat(path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino)

    def _safe(self, pid, files):
        if not files:
            return []
        avoid = self._avoid(pid)
        if not avoid:
            return files
        safe = [
            (descriptor, target)
            for descriptor, target in files
            if not any(mount_table.is_below(target, point) for point in avoid)
        ]
        self.skipped += len(files) - len(safe)
        return safe

    def _avoid(self, pid):
        """Where the process's own mount namespace has mounts that might hang."""
        namespace = self._namespace(pid)
        if namespace not in self._namespaces:
            self._namespaces[namespace] = self._suspects(pid)
        return self._namespaces[namespace]

    def _suspects(self, pid):
        try:
            text = self.host.read("/proc/%d/mountinfo" % pid)
        except OSError:
            return []
        lines = [line for line in text.split("\n") if line.partition(" - ")[2].startswith(_SUSPECT)]
        return [
            mount.point
            for mount in mount_table.parse_mountinfo("\n".join(lines))
            if mount.suspect and mount.device not in self._answering
        ]

    def _namespace(self, pid):
        try:
            return self.host.link("/proc/%s/ns/mnt" % pid)
        except OSError:
            return None
