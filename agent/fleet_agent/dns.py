"""The one question to a name server that this program asks, and what comes back (RFC 1035, section 4)."""

import _struct as struct

RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
PORT = 53


def question(name, number):
    """A recursive query for the address (A) of a name, with ``number`` as its id."""
    packet = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)
    for label in name.strip(".").split("."):
        packed = _encoded(label)[:63]
        packet += struct.pack("B", len(packed)) + packed if packed else b""
    return packet + b"\0" + struct.pack(">HH", 1, 1)


def _encoded(label):
    """A label's bytes; only a name that needs the idna codec loads it, as that takes milliseconds."""
    try:
        return label.encode("ascii")
    except UnicodeEncodeError:
        return label.encode("idna")


def rcode(packet, number):
    """The response code of the answer to question ``number``; None where it is not that answer."""
    if len(packet) < 12:
        return None
    answered, flags = struct.unpack_from(">HH", packet)
    if answered != number or not flags & 0x8000:
        return None
    code = flags & 15
    return RCODES[code] if code < len(RCODES) else "RCODE%d" % code
