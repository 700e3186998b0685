"""How much room journald's files take, and how much they may (journald.conf(5))."""

import posix as os
import time

from fleet_agent.directories import Walk

PERSISTENT = "/var/log/journal"
VOLATILE = "/run/log/journal"
CONFIG = "/etc/systemd/journald.conf"
DROP_INS = ("/usr/lib", "/run", "/etc")  # each with systemd/journald.conf.d; a later file of a name wins
BLOCK_BYTES = 512
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}
DEFAULT_SHARE = 10  # percent of the file system
DEFAULT_MOST = 4 << 30
WALK_SECONDS = 0.5


def journal(host, points):
    """The Journal fact, or None on a host without journald."""
    persistent = host.exists(PERSISTENT)
    if not (persistent or host.exists(VOLATILE) or host.exists(CONFIG)):
        return None
    options = parse_config(config_text(host))
    persistent = persistent and options.get("Storage") not in ("volatile", "none")
    fact = {"persistent": persistent, "used_bytes": used(host, points)}
    cap = parse_size(options.get("SystemMaxUse" if persistent else "RuntimeMaxUse", ""))
    fact["cap_configured"] = cap is not None
    if cap is None and host.live:
        cap = default_cap(PERSISTENT if persistent else VOLATILE)
    if cap is not None:
        fact["cap_bytes"] = cap
    return fact


def used(host, points):
    """Bytes in both journals, by allocated blocks."""
    walk = Walk(points, time.monotonic() + WALK_SECONDS)
    tops = [host.path(path) for path in (PERSISTENT, VOLATILE)]
    return sum(status.st_blocks for top in tops for _, _, status in walk.files(top)) * BLOCK_BYTES


def default_cap(path):
    """What journald allows itself where nothing is configured; None where the file system does not tell."""
    try:
        numbers = os.statvfs(path)
    except OSError:
        return None
    return min(DEFAULT_MOST, numbers.f_blocks * numbers.f_frsize * DEFAULT_SHARE // 100)


def config_text(host):
    """All configuration in the order in which it counts, the last word last."""
    files = {}
    for prefix in DROP_INS:
        directory = prefix + "/systemd/journald.conf.d"
        try:
            names = host.list(directory)
        except OSError:
            continue
        files.update((name, directory + "/" + name) for name in names if name.endswith(".conf"))
    texts = []
    for path in [CONFIG] + [files[name] for name in sorted(files)]:
        try:
            texts.append(host.read(path, 65536))
        except OSError:
            continue
    return "\n".join(texts)


def parse_config(text):
    """{option: value} of systemd's ini form; comments and section names are left out."""
    options = {}
    for line in text.split("\n"):
        name, found, value = line.strip().partition("=")
        if found and name[:1] not in "#;[":
            options[name.strip()] = value.strip()
    return options


def parse_size(text):
    """Bytes of ``500M`` and the like (base 1024), or None; an empty value is the default again."""
    text = text.strip().upper()
    if text.endswith("B"):
        text = text[:-1]
    unit = text[-1:] if text[-1:] in UNITS else ""
    number = text[: len(text) - len(unit)]
    try:
        return int(float(number) * UNITS[unit])
    except (ValueError, OverflowError):
        return None
