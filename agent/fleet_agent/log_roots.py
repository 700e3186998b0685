"""Where logs usually lie, and the large files there: names and status only, never content."""

import time

from fleet_agent import mounts as mount_table
from fleet_agent.directories import Walk
from fleet_agent.journald import PERSISTENT
from fleet_agent.wildcard import matches
from fleet_agent.written_files import BLOCK_BYTES, MEBIBYTE, File

ROOTS = ("/var/log", "/var/lib/docker/containers", "/opt/*/log*", "/srv/*/log*", "/home/*/log*")
LISTED = 1000  # names of one directory that a pattern looks at
ROOTS_LIMIT = 200
ENTRY_LIMIT = 100000
SECONDS = 0.6
KEPT = 300
LINKS = 8


class Found(object):
    """What a walk found: the roots that are there, files of at least 1 MiB, and the sum of all."""

    def __init__(self):
        self.roots = []
        self.files = []
        self.total_bytes = 0
        self.cut = None


def look(host, mounts, patterns, avoid, seconds=SECONDS):
    """The large files below the directories that match, one device each; ``avoid`` is not touched."""
    found = Found()
    found.roots = _roots(host, patterns, avoid)
    points = {host.path(mount.point) for mount in mounts}
    journal = host.path(PERSISTENT)
    walk = Walk(points | {journal}, time.monotonic() + seconds, ENTRY_LIMIT)
    tops = found.roots + _volumes_below(mounts, found.roots, avoid)
    for top in tops:
        for _, path, status in walk.files(host.path(top)):
            size = status.st_blocks * BLOCK_BYTES
            found.total_bytes += size
            if size >= MEBIBYTE:
                found.files.append(File(path[len(host.root) :], status, time.monotonic(), under_root=True))
    found.cut = walk.cut
    found.files.sort(key=lambda file: -file.size_bytes)
    del found.files[KEPT:]
    return found


def _roots(host, patterns, avoid):
    """The directories that are there, none below another."""
    found = set()
    for pattern in patterns:
        found.update(_expand(host, "", pattern.strip("/").split("/"), avoid))
    roots = []
    for path in sorted(found)[:ROOTS_LIMIT]:
        if not any(mount_table.is_below(path, root) for root in roots):
            roots.append(path)
    return roots


def _expand(host, base, parts, avoid):
    """Directories that match the rest of a pattern below ``base``."""
    if not parts:
        return [base] if base and host.is_directory(base) else []
    first, rest = parts[0], parts[1:]
    names = [first]
    if "*" in first or "?" in first:
        try:
            names = [name for name in host.list(base or "/")[:LISTED] if matches(name, first)]
        except OSError:
            return []
    found = []
    for name in names:
        path = _follow(host, base + "/" + name, avoid)
        if path:
            found += _expand(host, path, rest, avoid)
    return found


def _follow(host, path, avoid):
    """Where a path leads, its last part followed link by link; None where that may hang."""
    for _ in range(LINKS):
        if _is_avoided(path, avoid):
            return None
        try:
            target = host.link(path)
        except OSError:
            return path  # no link, or not there
        from posixpath import join, normpath  # and with it os, for the few roots that are links

        path = normpath(join(path.rpartition("/")[0], target))
    return None


def _is_avoided(path, avoid):
    return any(mount_table.is_below(path, point) for point in avoid)


def _volumes_below(mounts, roots, avoid):
    """Volumes of their own below a root, such as /var/log/postgresql on its own disk."""
    return [
        mount.point
        for mount in mount_table.volumes(mounts)
        if mount.point not in roots
        and not _is_avoided(mount.point, avoid)
        and any(mount_table.is_below(mount.point, root) for root in roots)
    ]
