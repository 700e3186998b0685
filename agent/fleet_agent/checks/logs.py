"""Step 10: large files under the log roots and files that processes write, their growth and rotation.

journald's own files are left out of ``files``: they have their own fact and are not logrotate's business.
"""

import posix as os
import time

from fleet_agent import log_roots
from fleet_agent import mounts as mount_table
from fleet_agent.journald import journal
from fleet_agent.rotation import DOCKER, Rotation
from fleet_agent.written_files import written

LARGE_BYTES = 100 << 20
ALWAYS = 20  # the largest below the roots, however small
WRITTEN = 40  # logs elsewhere
OTHERS = 20  # large files that are written, but not appended to: databases and the like
GROWTH_SECONDS = 0.5  # between two looks at a file that the first sample had not seen
JOURNALS = ("/var/log/journal/", "/run/log/journal/")


def sample(host):
    """The large files below the usual roots; what waits for another machine is not touched."""
    try:
        mounts = mount_table.read(host)
    except OSError:
        mounts = []
    avoid = {mount.point for mount in mounts if mount.suspect}
    return log_roots.look(host, mounts, log_roots.ROOTS, avoid)


def collect(section):
    """The Logs fact."""
    host = section.host
    mounts = section.fact("mounts", mount_table.read, host) or []
    found = section.first or sample(host)
    more = _requested(section, mounts, found)
    if found.cut or more.cut:
        section.note("roots", found.cut or more.cut)
    open_for_writing, handles = written(section, mounts)
    files = choose(
        _merged(found.files + more.files, open_for_writing),
        section.request.get("large_file_bytes", LARGE_BYTES),
    )
    _look_again(host, handles, files)
    rotation = Rotation(section)
    facts = [_fact(section, mounts, rotation, handles, file) for file in files]
    facts.sort(key=lambda fact: -fact["size_bytes"])
    points = {host.path(mount.point) for mount in mounts}
    data = {
        "files": facts,
        "roots": found.roots + more.roots,
        "total_bytes": found.total_bytes + more.total_bytes,
        "journal": section.fact("journal", journal, host, points),
        "logrotate": rotation.fact(),
    }
    return {name: value for name, value in data.items() if value is not None}


def _requested(section, mounts, found):
    """What lies below the roots that the request adds."""
    roots = [root for root in section.request.get("log_roots", []) if root.startswith("/")]
    roots = [root for root in roots if not any(mount_table.is_below(root, known) for known in found.roots)]
    avoid = {mount.point for mount in mounts if mount.suspect} if roots else set()
    if roots and section.host.live:
        avoid = mount_table.silent(mounts, GROWTH_SECONDS)
    return log_roots.look(section.host, mounts, roots, avoid)


def _merged(below_roots, open_for_writing):
    """One File for each device and inode: the earlier look, with the holders of the later."""
    files = dict(open_for_writing)
    for file in below_roots:
        held = files.get(file.key)
        if held:
            file.holders, file.append = held.holders, held.append
        files[file.key] = file
    return [file for file in files.values() if not file.path.startswith(JOURNALS)]


def choose(files, large_bytes):
    """Those worth a report: large ones and the largest below the roots, logs elsewhere, then the rest."""
    files = sorted(files, key=lambda file: -file.size_bytes)
    below = [file for file in files if file.under_root]
    logs = [file for file in files if not file.under_root and file.append]
    others = [
        file for file in files if not (file.under_root or file.append) and file.size_bytes >= large_bytes
    ]
    large = [file for file in below[ALWAYS:] if file.size_bytes >= large_bytes]
    return below[:ALWAYS] + large[:WRITTEN] + logs[:WRITTEN] + others[:OTHERS]


def _look_again(host, handles, files):
    """Take each file's second status, at least GROWTH_SECONDS after the first where anybody writes to it."""
    newest = max([file.at for file in files if file.holders] or [0.0])
    time.sleep(min(GROWTH_SECONDS, max(0.0, newest + GROWTH_SECONDS - time.monotonic())))
    for file in files:
        try:
            if file.holders:
                file.now = handles.status(file.holders[0][0], file.holders[0][1], file.path)
            else:
                file.now = host.stat(file.path)
            file.now_at = time.monotonic()
        except OSError:
            continue  # removed, or closed, since the first look


def _fact(section, mounts, rotation, handles, file):
    writers = sorted({pid for pid, _ in file.holders})
    growth = file.growth()
    device = "%d:%d" % (os.major(file.status.st_dev), os.minor(file.status.st_dev))
    ours = file.under_root or file.deleted or handles.is_ours(file.path, file.status)
    fact = {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "length_bytes": file.now.st_size,
        "mount": mount_table.place(mounts, file.path, device),
        "device": device,
        "inode": file.status.st_ino,
        "modified_at": round(file.now.st_mtime, 3),
        "growth_bytes_per_second": None if growth is None else round(growth, 1),
        "under_root": file.under_root,
        "deleted": file.deleted,
        "writers": len(writers) or None,
        "writer": _writer(section, writers[0], file.path) if writers else None,
    }
    if file.append or file.under_root:
        # the rules of the host do not reach into a container's own tree
        fact["rotation"] = rotation.of(file.path) if ours else {"covered": False}
        fact["rotated_name"] = rotation.is_rotated_name(file.path)
    return {name: value for name, value in fact.items() if value is not None}


def _writer(section, pid, path):
    """Who writes; a container's log is written by the engine, but the container makes it grow."""
    fact = section.table.who(pid)
    if path.startswith(DOCKER):
        fact["unit"] = "docker:" + path[len(DOCKER) : len(DOCKER) + 12]
    return fact
