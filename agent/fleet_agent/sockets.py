"""The sockets of the machine in bulk, from sock_diag(7), or from /proc/net where that is not to be had.

A connection is a row (state, local port, remote, receive queue, inode): ports and addresses stay bytes in
network order until they are counted, ``remote`` is destination port, source and destination address in one.
"""

import _struct as struct
import sys
from _socket import AF_INET, AF_INET6, inet_ntop

from fleet_agent import netlink

# By number, include/net/tcp_states.h; the last is SYN_RECV as newer kernels keep it.
STATES = (
    "unknown",
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "syn_recv",
)
ESTABLISHED, TIME_WAIT, CLOSE, LISTEN = 1, 6, 7, 10
CONNECTIONS = 0xFFF & ~(1 << LISTEN | 1 << CLOSE | 1 << TIME_WAIT)
FLOOD = 2000  # TIME_WAIT
PROC_LIMIT = 4 << 20  # about 27,000 sockets

_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_PROTOCOLS = {"tcp": 6, "udp": 17}
_MAPPED = b"\0" * 10 + b"\xff\xff"
# struct nlmsghdr and struct inet_diag_msg (linux/inet_diag.h), 88 bytes; attributes follow.
_MESSAGE_BYTES = 88
_CONNECTION = "=17xB2x2s34s16xI8xI"
_LISTENER = "=17xB2x2s2x16s32xIIII"


class Listener(object):
    """A listening socket and its accept queue; ``protocol`` is tcp, tcp6, udp or udp6."""

    __slots__ = ("address", "backlog", "inode", "port", "protocol", "queue", "uid")

    def __init__(self, protocol, address, port, inode, uid, queue, backlog):
        self.protocol = protocol
        self.address = address
        self.port = port
        self.inode = inode
        self.uid = uid
        self.queue = queue
        self.backlog = backlog


def connections(host, time_wait=FLOOD):
    """TCP connections, batch by batch: (family, rows, cut) where cut says that some were left out.

    ``time_wait`` is about how many of them are in TIME_WAIT. Many are asked for by themselves: they have no
    attributes, so that all messages of a batch have one length. For a few that is not worth another walk
    through the kernel's table, whose size goes by the machine's memory.
    """
    waiting = 1 << TIME_WAIT
    for family in (AF_INET, AF_INET6):
        for states in (waiting, CONNECTIONS) if time_wait >= FLOOD else (waiting | CONNECTIONS,):
            for batch in _batches(host, "tcp", family, states, (_CONNECTION, _connection)):
                yield batch


def listeners(host, protocol):
    """Listening TCP sockets, or unconnected UDP sockets, with their accept queue: (rows, cut)."""
    found = []
    lost = False
    for family, name in ((AF_INET, protocol), (AF_INET6, protocol + "6")):
        states = 1 << LISTEN if protocol == "tcp" else 1 << CLOSE
        for _, rows, cut in _batches(host, protocol, family, states, (_LISTENER, _listener)):
            lost = lost or cut
            for _, port, address, queue, backlog, uid, inode in rows:
                number = int.from_bytes(port, "big")
                if number:
                    found.append(Listener(name, text(family, address), number, inode, uid, queue, backlog))
    return found, lost


def text(family, address):
    """An address of 16 bytes as people write it; IPv4 in IPv6 clothing becomes IPv4."""
    if family == AF_INET:
        return inet_ntop(AF_INET, address[:4])
    if address[:12] == _MAPPED:
        return inet_ntop(AF_INET, address[12:])
    return inet_ntop(AF_INET6, address)


def _batches(host, protocol, family, states, form):
    """(family, rows, cut) from the kernel; from /proc/net if the kernel does not answer at all.

    ``form`` is how to make a row: the layout of a message, and a function for the words of a line.
    """
    layout, parse = form
    answered = False
    if host.live:
        request = struct.pack("=BBBxI48x", family, _PROTOCOLS[protocol], 0, states)
        try:
            for size, block in netlink.blocks(netlink.SOCK_DIAG, _BY_FAMILY, request):
                answered = True
                unpack = struct.Struct("%s%dx" % (layout, size - _MESSAGE_BYTES))
                yield family, list(unpack.iter_unpack(block)), False
            return
        except netlink.ListingChangedError:
            yield family, [], True
            return
        except OSError:  # absent (an old kernel, a module that may not be loaded) or denied (seccomp)
            if answered:
                raise
    name = "/proc/net/" + protocol + ("6" if family == AF_INET6 else "")
    try:
        data = host.read_bytes(name, PROC_LIMIT)
    except FileNotFoundError:
        if family == AF_INET:
            raise
        return
    lines = data[: data.rfind(b"\n")].splitlines()[1:]  # without the last one, when cut short
    rows = (parse(line.split()) for line in lines)
    yield family, [row for row in rows if states >> row[0] & 1], len(data) >= PROC_LIMIT


def _connection(words):
    """A row from the words of a line of /proc/net/tcp."""
    _, local, remote, state, queues = words[:5]
    source, port = _endpoint(local)
    destination, remote_port = _endpoint(remote)
    return int(state, 16), port, remote_port + source + destination, int(queues[9:], 16), int(words[9])


def _listener(words):
    """The same for a listener; the file does not tell its backlog."""
    address, port = _endpoint(words[1])
    return int(words[3], 16), port, address, int(words[4][9:], 16), None, int(words[7]), int(words[9])


def _endpoint(word):
    """Address, filled up to 16 bytes, and port; the file prints addresses as 32-bit words of the machine."""
    address, port = bytes(word).decode("ascii").split(":")
    packed = bytes.fromhex(address)
    if sys.byteorder == "little":
        packed = b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
    return packed + bytes(16 - len(packed)), bytes.fromhex(port)
