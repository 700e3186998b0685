"""Where the space of a full volume has gone: a bounded walk that stays on one device and follows no link."""

import posix as os
import time

BLOCK_BYTES = 512
ENTRY_LIMIT = 200000
SHARE = 0.05  # of what was found: a directory below it says nothing
MOST_OF = 0.9  # a directory that one child fills is left out in favour of the child
FILE_BYTES = 8 << 20  # from this size a file counts as a child


class Walk(object):
    """A walk over the regular files of a tree, level by level: mount points and links are left alone.

    ``points`` are the mount points not to enter; ``cut`` says why it ended early, if it did.
    """

    def __init__(self, points, deadline, limit=ENTRY_LIMIT):
        self.points = points
        self.deadline = deadline
        self.limit = limit
        self.entries = 0
        self.cut = None

    def files(self, top):
        """(directory, path, status) of every regular file below ``top``."""
        waiting = [top]
        while waiting:
            below = []
            for directory in waiting:
                if self._spent():
                    return
                for entry in self._list(directory, below):
                    try:
                        yield directory, entry.path, entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
            waiting = below

    def _list(self, directory, below):
        """The regular files of one directory; its directories go into ``below``."""
        try:
            with os.scandir(directory) as listing:
                for entry in listing:
                    self.entries += 1
                    if self.entries % 256 == 0 and self._spent():
                        return
                    if entry.path in self.points:
                        continue
                    if entry.is_file(follow_symlinks=False):
                        yield entry
                    elif entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
        except OSError:
            pass  # gone, or not ours to read

    def _spent(self):
        if self.entries > self.limit or time.monotonic() > self.deadline:
            self.cut = "cut after %d entries" % self.entries
        return self.cut is not None


def large(top, points, deadline, most):
    """The directories and files that hold most of a volume: ([(path, bytes)], why it was cut or None)."""
    sizes = {}
    linked = set()
    walk = Walk(points, deadline)
    for directory, path, status in walk.files(top):
        if status.st_nlink > 1:
            if status.st_ino in linked:
                continue
            linked.add(status.st_ino)
        size = status.st_blocks * BLOCK_BYTES
        place = path if size >= FILE_BYTES else directory
        sizes[place] = sizes.get(place, 0) + size
    return _ranked(top, sizes, most), walk.cut


def _parents(top, directory):
    """The directories above one, up to ``top``."""
    while len(directory) > len(top):
        directory = directory.rpartition("/")[0] or "/"
        yield directory


def _ranked(top, sizes, most):
    totals = dict(sizes)
    largest_child = {}
    for directory, size in sizes.items():
        for parent in _parents(top, directory):
            totals[parent] = totals.get(parent, 0) + size
    for directory, size in totals.items():
        parent = directory.rpartition("/")[0] or "/"
        largest_child[parent] = max(largest_child.get(parent, 0), size)
    floor = max(1, totals.get(top, 0) * SHARE)
    found = [
        (directory, size)
        for directory, size in totals.items()
        if directory != top and size >= floor and largest_child.get(directory, 0) < size * MOST_OF
    ]
    found.sort(key=lambda row: (-row[1], row[0]))
    return found[:most]
