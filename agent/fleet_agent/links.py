"""Network interfaces: state from Documentation/ABI/testing/sysfs-class-net, counters and addresses."""

import _socket as socket
import sys

from fleet_agent import routing

LINKS_MOST = 64
ADDRESSES_MOST = 32

_COUNTERS = (  # columns of /proc/net/dev that are kept
    (0, "rx_bytes"),
    (1, "rx_packets"),
    (2, "rx_errors"),
    (3, "rx_dropped"),
    (8, "tx_bytes"),
    (9, "tx_packets"),
    (10, "tx_errors"),
    (11, "tx_dropped"),
)
_UP, _LOOPBACK = 0x1, 0x8  # IFF_*
_MANY = (
    "veth",
    "cali",
    "lxc",
    "tap",
    "vnet",
    "cni",
    "docker",
    "br-",
    "dummy",
    "ifb",
)  # one a container or guest


def read_counters(host):
    """{interface: {counter: value}} since boot."""
    return parse_counters(host.read("/proc/net/dev"))


def parse_counters(text):
    """/proc/net/dev: two lines of headings, then ``name: 8 receive columns, 8 transmit columns``."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, columns = line.rpartition(":")
        values = columns.split()
        found[name.strip()] = {fact: int(values[at]) for at, fact in _COUNTERS}
    return found


def order(names):
    """Interfaces of the machine itself first, those of its containers and guests last."""
    return sorted(names, key=lambda name: (name.startswith(_MANY), name == "lo", name))


def describe(host, name, counters, before, seconds):
    """An Interface: what sysfs tells of it, its counters, and their rates since ``before``."""
    fact = {"name": name}
    fact.update(_state(host, "/sys/class/net/" + name + "/"))
    fact.update(counters)
    if before and seconds > 0:
        fact.update(rates(counters, before, seconds))
    return {key: value for key, value in fact.items() if value is not None}


def rates(counters, before, seconds):
    """Per second, by the counters at both ends of the interval."""
    grown = {key: max(0, counters[key] - before.get(key, counters[key])) for key in counters}
    return {
        "rx_bytes_per_second": round(grown["rx_bytes"] / seconds, 1),
        "tx_bytes_per_second": round(grown["tx_bytes"] / seconds, 1),
        "errors_per_second": round((grown["rx_errors"] + grown["tx_errors"]) / seconds, 3),
        "dropped_per_second": round((grown["rx_dropped"] + grown["tx_dropped"]) / seconds, 3),
    }


def _state(host, directory):
    flags = _value(host, directory + "flags", 16)
    if flags is None:
        return {}
    kind = _kind(host, directory, flags)
    fact = {
        "kind": kind,
        "up": bool(flags & _UP),
        "mtu": _value(host, directory + "mtu"),
        "carrier_changes": _value(host, directory + "carrier_changes"),
        "master": _master(host, directory),
    }
    carrier = _value(host, directory + "carrier")  # EINVAL while the interface is down
    if carrier is not None:
        fact["carrier"] = bool(carrier)
    if kind in ("physical", "bond"):
        speed = _value(host, directory + "speed")
        fact["speed_mbit"] = speed if speed and speed > 0 else None
        fact["duplex"] = _word(host, directory + "duplex")
    return fact


def _kind(host, directory, flags):
    if flags & _LOOPBACK:
        return "loopback"
    for line in (_word(host, directory + "uevent") or "").splitlines():
        if line in ("DEVTYPE=bond", "DEVTYPE=bridge", "DEVTYPE=vlan"):
            return line[8:]
    return "physical" if host.exists(directory + "device") else "virtual"


def _master(host, directory):
    try:
        return host.link(directory + "master").rpartition("/")[2]
    except OSError:
        return None


def _word(host, path):
    try:
        return host.read(path, 4096).strip()
    except OSError:
        return None


def _value(host, path, base=10):
    try:
        return int(_word(host, path) or "", base)
    except ValueError:
        return None


def read_addresses(host):
    """{interface: [address/prefix]}: of the live machine over netlink, else from the files."""
    if host.live:
        try:
            names = dict(socket.if_nameindex())
            return {names[index]: found for index, found in routing.addresses().items() if index in names}
        except OSError:  # denied (seccomp), or absent
            pass
    found = {}
    try:
        found = parse_if_inet6(host.read("/proc/net/if_inet6"))
    except OSError:  # no IPv6
        pass
    routes = parse_connected(host.read("/proc/net/route"))
    for name, cidr in parse_fib_trie(host.read("/proc/net/fib_trie"), routes):
        found.setdefault(name, []).insert(0, cidr)
    return found


def parse_if_inet6(text):
    """/proc/net/if_inet6: address, index, prefix length, scope, flags, all hexadecimal; interface."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0]))
        found.setdefault(words[5], []).append("%s/%d" % (address, int(words[2], 16)))
    return found


def parse_connected(text):
    """[(network, mask, prefix length, interface)] without a gateway from /proc/net/route, longest first."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if int(words[2], 16) == 0 and int(words[7], 16):
            mask = number(words[7])
            found.append((number(words[1]), mask, bin(mask).count("1"), words[0]))
    return sorted(found, key=lambda row: -row[2])


def number(word):
    """An address of /proc/net/route, which prints what lies in memory as a word of this machine."""
    return int.from_bytes(bytes.fromhex(word), sys.byteorder)


def parse_fib_trie(text, connected):
    """[(interface, address/prefix)] of the local IPv4 addresses; the interface is told by the routes."""
    found = []
    address = ""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "|--":
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            name, prefix = _interface(address, connected)
            cidr = "%s/%d" % (address, prefix)
            if name and (name, cidr) not in found:
                found.append((name, cidr))
    return found


def _interface(address, connected):
    value = int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
    for network, mask, prefix, name in connected:
        if value & mask == network:
            return name, prefix
    return ("lo", 8) if value >> 24 == 127 else (None, 0)
