"""Control groups of version 1, version 2, and both side by side (hybrid): limits and how full they are."""

import posix as os

MOUNT = "/sys/fs/cgroup"
GROUPS_LIMIT = 1000
NO_LIMIT = 1 << 60  # version 1 writes its largest page count where there is no limit


def controller(host, name):
    """(version, directory) where a controller is mounted, or None; ``name`` is "memory", "cpu" or "pids"."""
    if host.exists(MOUNT + "/cgroup.controllers"):
        return 2, MOUNT
    for directory in (MOUNT + "/" + name, MOUNT + "/cpu,cpuacct" if name == "cpu" else MOUNT + "/" + name):
        if host.exists(directory + "/cgroup.procs"):
            return 1, directory
    return None


def own_path(host, version, name):
    """The agent's own group below the controller's mount, as in ``/system.slice/sshd.service``."""
    return parse_own(host.read("/proc/self/cgroup", 65536), version, name)


def parse_own(text, version, name):
    """The path of the line for a controller in ``/proc/self/cgroup``; "/" where there is none."""
    for line in text.split("\n"):
        parts = line.split(":", 2)
        if len(parts) == 3 and (parts[1] == "" if version == 2 else name in parts[1].split(",")):
            return parts[2]
    return "/"


def upwards(path):
    """A group's path and those above it, the root as the empty text last."""
    parts = path.strip("/").split("/") if path.strip("/") else []
    return ["".join("/" + part for part in parts[:count]) for count in range(len(parts), -1, -1)]


def walk(host, top):
    """Paths of all groups below a mount, parents first, at most GROUPS_LIMIT.

    A directory's link count tells how many groups it holds (fs/kernfs/inode.c), so that leaves, which are
    most, need not be listed.
    """
    found = [""]
    for path in found:
        try:
            if host.live and host.stat(top + path).st_nlink <= 2:
                continue
            with os.scandir(host.path(top + path)) as entries:
                children = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        found += [path + "/" + name for name in sorted(children)][: GROUPS_LIMIT - len(found)]
    return found


def limit_of(host, path):
    """The number in a limit file; None for ``max``, for no limit, and where the file is not there."""
    try:
        text = host.read(path, 64).strip()
    except OSError:
        return None
    value = int(text) if text.isdigit() else NO_LIMIT
    return value if value < NO_LIMIT else None


def parse_counters(text):
    """{name: value} of lines such as ``nr_throttled 12``, as in cpu.stat, memory.stat and memory.events."""
    pairs = (line.split(" ") for line in text.split("\n"))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
