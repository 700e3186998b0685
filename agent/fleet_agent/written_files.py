"""Files that processes hold open for writing, wherever they lie, found without configuration."""

import posix as os
import time
from _stat import S_ISREG

from fleet_agent.open_files import DELETED, O_ACCMODE, O_APPEND, OpenFiles

BLOCK_BYTES = 512
MEBIBYTE = 1 << 20
HOLDERS = 64  # looked at for each file
SECONDS = 1.0


class File(object):
    """A file under watch: its first status and when that was, and who holds it open for writing.

    ``holders`` is [(pid, descriptor), ...]; ``append`` tells a log from a database.
    """

    __slots__ = ("append", "at", "deleted", "holders", "now", "now_at", "path", "status", "under_root")

    def __init__(self, path, status, at, under_root=False):
        self.path = path
        self.status = self.now = status
        self.at = self.now_at = at
        self.holders = []
        self.append = False
        self.deleted = False
        self.under_root = under_root

    @property
    def size_bytes(self):
        """What it takes on the disk now; a sparse file is as small as its blocks."""
        return self.now.st_blocks * BLOCK_BYTES

    @property
    def key(self):
        """Device and inode, which outlive a rename."""
        return self.status.st_dev, self.status.st_ino

    def growth(self):
        """Bytes per second between the two looks, negative where it was cut; None where they tell nothing."""
        seconds = self.now_at - self.at
        if seconds <= 0 or (self.now.st_dev, self.now.st_ino) != self.key:
            return None
        # File systems allocate ahead, so the length is finer than the blocks, but a sparse file lies with it.
        length = self.now.st_size - self.status.st_size
        blocks = (self.now.st_blocks - self.status.st_blocks) * BLOCK_BYTES
        return (length if self.now.st_size <= self.size_bytes else blocks) / seconds


def written(section, mounts):
    """{(device, inode): File} of every file from 1 MiB that a process may write to, and the OpenFiles."""
    files = OpenFiles(section.host, section.table, mounts)
    deadline = time.monotonic() + SECONDS
    found = _held(files, deadline)
    for file in sorted(found.values(), key=lambda file: -file.size_bytes):
        if time.monotonic() > deadline:
            section.note("writers", "cut after %g s" % SECONDS)
            break
        _find_writers(files, file)
    if files.denial:
        section.note("writers", files.denial)
    if files.skipped:
        section.note("skipped", "%d open files lie on mounts that may hang" % files.skipped)
    return {key: file for key, file in found.items() if file.holders}, files


def _held(files, deadline):
    """Every large open regular file with all its holders, whatever they do with it."""
    found = {}
    for pid, descriptor, target in files.held():
        try:
            status = files.status(pid, descriptor, target)
        except OSError:
            continue
        if status.st_blocks * BLOCK_BYTES < MEBIBYTE or not S_ISREG(status.st_mode):
            continue
        now = time.monotonic()
        file = found.setdefault((status.st_dev, status.st_ino), File(target, status, now))
        if status.st_nlink == 0 and target.endswith(DELETED):
            file.path, file.deleted = target[: -len(DELETED)], True
        if len(file.holders) < HOLDERS:
            file.holders.append((pid, descriptor))
        if now > deadline:
            break
    return found


def _find_writers(files, file):
    """Keep only those holders that may write."""
    writers = []
    for pid, descriptor in file.holders:
        try:
            flags = files.flags(pid, descriptor)
        except (OSError, ValueError):
            continue
        if flags & O_ACCMODE != os.O_RDONLY:
            writers.append((pid, descriptor))
            file.append = file.append or bool(flags & O_APPEND)
    file.holders = writers
