"""One host:port being tried over TCP or UDP, without waiting."""

import _socket as socket
import errno
import posix as os
import sys
import time

from fleet_agent import dns

UDP_RETRY_SECONDS = 1.0  # ICMP errors are limited to one a second and target (icmp_ratelimit)
TCP_RETRY_SECONDS = 0.2
_RECEIVE_ERRORS = {
    socket.AF_INET: (0, 11),
    socket.AF_INET6: (41, 25),
}  # IP_RECVERR, IPV6_RECVERR: soft ones too
_PAYLOADS = {
    dns.PORT: dns.question("localhost", 0x464C),
    123: b"\x23" + bytes(47),  # NTP version 4, client (RFC 5905)
    # SNMP version 2c, community "public", get sysUpTime.0 (RFC 3416)
    161: bytes.fromhex(
        "302902010104067075626c6963a01c020446464c45020100020100300e300c06082b060102010103000500"
    ),
}
_RESULTS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "refused",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EADDRNOTAVAIL: "local_ports_used_up",
    errno.EAGAIN: "local_ports_used_up",  # UDP's word for it
    errno.ETIMEDOUT: "filtered",
}
_TELLING = ("open", "refused", "denied", "local_ports_used_up", "filtered", "open_or_filtered", "unreachable")


def parse_target(target):
    """(protocol, host, port) of tcp://host:port, udp://host:port or host:port, IPv6 in brackets."""
    protocol, mark, rest = target.rpartition("://")
    host, _, port = rest.rpartition(":")
    protocol = protocol if mark else "tcp"
    if protocol not in ("tcp", "udp") or not host.strip("[]") or not 0 < int(port) < 65536:
        raise ValueError("not a target: " + target)
    return protocol, host.strip("[]"), int(port)


class Trial(object):
    """One target being tried: all its addresses at once, twice if time allows; the first to answer wins."""

    def __init__(self, target, seconds):
        protocol, self.host, self.port = parse_target(target)
        self.tcp = protocol == "tcp"
        self.seconds = seconds
        self.fact = {"target": target, "protocol": protocol, "host": self.host, "port": self.port}
        self.addresses = []
        self.sockets = {}  # descriptor: (socket, family, address)
        self.until = self.again = None  # deadline; when to try the second time

    @property
    def done(self):
        """Whether the outcome is known."""
        return "result" in self.fact and not self.sockets and self.again is None

    def unresolved(self, fault):
        """No address: ``fault`` is (error word, message)."""
        self.fact.update(result="dns", errno=fault[0], message=fault[1])

    def start(self, addresses):
        """Begin with the addresses of the host."""
        self.addresses = addresses
        self.begun = time.monotonic()
        self.until = self.begun + self.seconds
        self.again = self.begun + UDP_RETRY_SECONDS if not self.tcp else None
        self.retried = False
        for family, address in addresses:
            self._open(family, address)
        self._settle()

    def wake(self):
        """When this trial wants ``tick``."""
        return self.until if self.again is None else min(self.until, self.again)

    def tick(self, now):
        """What is due by time alone: the second try, or the end of patience."""
        if self.again is not None and now >= self.again:
            self.again = None
            self.retried = True
            self._retry()
        if now >= self.until:
            self.again = None
            for descriptor in list(self.sockets):
                self._fail(descriptor, errno.ETIMEDOUT)
        self._settle()

    def ready(self, descriptor):
        """An answer, or an error, has come for one of the sockets."""
        if descriptor not in self.sockets:
            return  # another address won meanwhile
        channel, _, _ = self.sockets[descriptor]
        fault = channel.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self.tcp else _receive(channel)
        if self.tcp and not fault and channel.getsockname() == channel.getpeername():
            fault = errno.ECONNREFUSED  # a connection to itself: nobody else listens there
        if fault == errno.EINTR:
            return
        if fault:
            self._fail(descriptor, fault)
        else:
            self._succeed(descriptor)
        self._settle()

    def _open(self, family, address):
        kind = socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM
        try:
            channel = socket.socket(family, kind)
        except OSError as refusal:
            self._record(refusal.errno, address)
            return
        self.sockets[channel.fileno()] = (channel, family, address)
        channel.setblocking(False)
        if not self.tcp and sys.platform.startswith("linux"):
            channel.setsockopt(_RECEIVE_ERRORS[family][0], _RECEIVE_ERRORS[family][1], 1)
        place = socket.getaddrinfo(address, self.port, family, kind, 0, socket.AI_NUMERICHOST)[0][4]
        fault = channel.connect_ex(place)
        if fault == errno.EADDRNOTAVAIL and not has_source(family, place):
            fault = errno.ENETUNREACH
        if fault in (0, errno.EINPROGRESS) and not self.tcp:
            fault = _send(channel, self.port)
        if fault not in (0, errno.EINPROGRESS):
            self._fail(channel.fileno(), fault)

    def _retry(self):
        if self.tcp:
            for family, address in self.addresses:
                self._open(family, address)
        for descriptor, (channel, _, _) in list(self.sockets.items()):
            fault = 0 if self.tcp else _send(channel, self.port)
            if fault:
                self._fail(descriptor, fault)

    def _succeed(self, descriptor):
        channel, _, address = self.sockets[descriptor]
        ms = round((time.monotonic() - self.begun) * 1000, 2)
        source = channel.getsockname()[0]
        self.again = None
        for other, _, _ in self.sockets.values():
            other.close()
        self.sockets = {}
        for stale in ("errno", "message"):
            self.fact.pop(stale, None)
        self.fact.update(result="open", address=address, source=source, ms=ms)

    def _fail(self, descriptor, fault):
        channel, _, address = self.sockets.pop(descriptor)
        try:
            source = channel.getsockname()[0]
        except OSError:
            source = None
        channel.close()
        self._record(fault, address, source)

    def _record(self, fault, address, source=None):
        """Keep the most telling failure: a refusal says more than silence."""
        result = _RESULTS.get(fault, "unreachable")
        message = os.strerror(fault)
        if fault == errno.ETIMEDOUT:
            message = "no answer within %g s" % self.seconds
            result = result if self.tcp else "open_or_filtered"
        if "result" not in self.fact or _TELLING.index(result) <= _TELLING.index(self.fact["result"]):
            word = errno.errorcode.get(fault, str(fault))
            self.fact.update(result=result, errno=word, message=message, address=address)
            if source and source not in ("0.0.0.0", "::"):
                self.fact["source"] = source

    def _settle(self):
        """Once all addresses have failed: try once more if there is time, else leave it at that."""
        if self.sockets or self.fact.get("result") == "open":
            return
        now = time.monotonic()
        if self.tcp and not self.retried and self.again is None and now + 1 < self.until:
            self.again = now + TCP_RETRY_SECONDS
            self.retried = True
        elif not self.tcp:
            self.again = None


def has_source(family, place):
    """Whether the machine has any address to reach a place from; UDP does not share TCP's local ports."""
    channel = socket.socket(family, socket.SOCK_DGRAM)
    try:
        return channel.connect_ex(place) == 0
    finally:
        channel.close()


def _send(channel, port):
    """Send the datagram that a server on that port understands; the errno, or 0."""
    try:
        channel.send(_PAYLOADS.get(port, b""))
    except OSError as fault:
        return fault.errno
    return 0


def _receive(channel):
    """Take the reply; the errno, or 0."""
    try:
        channel.recv(4096)
    except OSError as fault:
        return errno.EINTR if fault.errno == errno.EAGAIN else fault.errno
    return 0
