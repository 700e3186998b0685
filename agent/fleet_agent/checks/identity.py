"""Step 0: which machine, which boot, is its clock right."""

import posix as os
import time

from fleet_agent import kernel_log, libc
from fleet_agent.host import Absent

STA_UNSYNC = 0x40  # adjtimex(2)
TIMEX_BYTES = 512  # struct timex has 26 words
HYPERVISORS = (
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("microsoft corporation virtual", "hyperv"),
    ("amazon ec2", "amazon"),
    ("google", "google"),
    ("openstack", "openstack"),
    ("digitalocean", "digitalocean"),
    ("qemu", "qemu"),
    ("kvm", "kvm"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("bochs", "bochs"),
)


def collect(section):
    """The data of ``Identity`` in the snapshot."""
    host = section.host
    release = parse_os_release(section.fact("os", _os_release, host) or "")
    uptime = section.fact("uptime_seconds", lambda: float(host.read("/proc/uptime", 64).split()[0]))
    system = os.uname() if host.live else None
    facts = {
        "hostname": section.fact("hostname", _line, host, "/proc/sys/kernel/hostname"),
        "os": release.get("PRETTY_NAME"),
        "os_id": release.get("ID"),
        "kernel": section.fact("kernel", _line, host, "/proc/sys/kernel/osrelease"),
        "arch": system.machine if system else None,
        "virtualization": virtualization(host),
        "container": container(host),
        "machine_id": section.fact("machine_id", _line, host, "/etc/machine-id"),
        "boot_id": section.fact("boot_id", _line, host, "/proc/sys/kernel/random/boot_id"),
        "booted_at": section.table.booted_at,
        "uptime_seconds": uptime,
        "tainted": section.fact("tainted", host.read_int, "/proc/sys/kernel/tainted"),
        "init": section.fact("init", _line, host, "/proc/1/comm"),
        "kernel_messages": section.fact("kernel_messages", _messages, section, uptime),
        "cores": section.fact("cores", _cores, host),
        "memory_bytes": section.fact("memory_bytes", _memory, host),
    }
    if host.live:
        facts["clock_at"] = round(time.time(), 3)
        facts.update(section.fact("clock_synchronised", _clock) or {})
    return facts


def parse_os_release(text):
    """{name: value} of os-release(5), quotes taken off."""
    pairs = (line.partition("=") for line in text.split("\n") if not line.startswith("#"))
    return {name: value.strip().strip("\"'") for name, sign, value in pairs if sign}


def virtualization(host):
    """The hypervisor as DMI, the processor or Xen names it, or None for real hardware."""
    text = " ".join(
        _quiet(host, "/sys/class/dmi/id/" + name) for name in ("sys_vendor", "product_name")
    ).lower()
    for mark, name in HYPERVISORS:
        if mark in text:
            return name
    xen = _quiet(host, "/sys/hypervisor/type")
    if xen:
        return xen
    return "vm" if " hypervisor" in _quiet(host, "/proc/cpuinfo", 8192) else None


def container(host):
    """The container engine the agent runs under, by the marks each leaves, or None."""
    if host.exists("/.dockerenv"):
        return "docker"
    named = _quiet(host, "/run/systemd/container")
    if named:
        return named
    if host.exists("/run/.containerenv"):
        return "podman"
    if host.exists("/var/run/secrets/kubernetes.io"):
        return "kubernetes"
    return "lxc" if "container=lxc" in _quiet(host, "/proc/1/environ") else None


def _os_release(host):
    try:
        return host.read("/etc/os-release", 65536)
    except FileNotFoundError:
        return host.read("/usr/lib/os-release", 65536)


def _messages(section, uptime):
    if section.table.booted_at is None or uptime is None:
        raise Absent("when the machine booted is not known")
    log = kernel_log.read(section.host)
    messages = kernel_log.recent(log, uptime, kernel_log.needles())
    return kernel_log.summarise(messages, section.table.booted_at)


def _cores(host):
    return host.read("/proc/stat", 1 << 22).count("\ncpu") or None


def _memory(host):
    words = host.read("/proc/meminfo", 256).split()
    return int(words[words.index("MemTotal:") + 1]) * 1024


def _clock():
    """Whether the kernel's clock is disciplined, and its largest error, by adjtimex(2)."""
    timex = libc.buffer(TIMEX_BYTES)  # all zero asks and sets nothing
    state = libc.call("adjtimex", timex)
    words = memoryview(timex).cast("B").cast("l")
    return parse_timex(state, words)


def parse_timex(state, timex):
    """The clock's facts: ``state`` 5 is TIME_ERROR, words 3 and 5 are maxerror in microseconds and status."""
    synchronised = state != 5 and not timex[5] & 0xFFFFFFFF & STA_UNSYNC
    return {"clock_synchronised": synchronised, "clock_error_seconds": timex[3] / 1e6}


def _line(host, path):
    return host.read(path, 4096).strip()


def _quiet(host, path, limit=4096):
    """The text of a file, empty where it cannot be read."""
    try:
        return host.read(path, limit).strip("\0\n ")
    except OSError:
        return ""
