"""Addresses, next hops and neighbours of the live machine, from rtnetlink(7)."""

import _socket as socket
import _struct as struct

from fleet_agent import netlink

FAILED = 0x20 | 0x01  # NUD_FAILED, and NUD_INCOMPLETE: asked, no answer yet

_GET_ADDRESS, _GET_ROUTE, _GET_NEIGHBOUR = 22, 26, 30
_ADDRESS, _LOCAL = 1, 2  # IFA_*
_TO, _GATEWAY, _VIA = 1, 5, 18  # RTA_*
_NEIGHBOUR = 1  # NDA_DST
_NEIGHBOURS_MOST = 20000


def addresses():
    """{interface index: [address/prefix]}, IPv4 first."""
    found = {}
    for body in netlink.messages(netlink.ROUTE, _GET_ADDRESS, struct.pack("=B7x", socket.AF_UNSPEC)):
        family, prefix, _, _, index = struct.unpack_from("=BBBBI", body)
        values = netlink.attributes(body, 8)
        address = values.get(_LOCAL) or values.get(_ADDRESS)
        if address and family in (socket.AF_INET, socket.AF_INET6):
            cidr = "%s/%d" % (socket.inet_ntop(family, address), prefix)
            found.setdefault(index, []).append(cidr)
    return {index: sorted(cidrs, key=lambda cidr: ":" in cidr) for index, cidrs in found.items()}


def next_hop(family, address):
    """Who is to take a packet for an address: its gateway, or itself where it is on the link."""
    packed = socket.inet_pton(family, address)
    request = struct.pack("=BB10x", family, len(packed) * 8) + netlink.attribute(_TO, packed)
    for body in netlink.messages(netlink.ROUTE, _GET_ROUTE, request, dump=False):
        values = netlink.attributes(body, 12)
        gateway = values.get(_GATEWAY) or values.get(_VIA, b"")[2:] or packed
        return socket.inet_ntop(socket.AF_INET if len(gateway) == 4 else socket.AF_INET6, gateway)
    return None


def failed_neighbours():
    """Addresses on the link that do not answer ARP or ND; at most _NEIGHBOURS_MOST are looked at."""
    found = set()
    request = struct.pack("=B11x", socket.AF_UNSPEC)
    for body in netlink.messages(netlink.ROUTE, _GET_NEIGHBOUR, request, most=_NEIGHBOURS_MOST):
        family, _, state = struct.unpack_from("=B3xiH", body)
        address = netlink.attributes(body, 12).get(_NEIGHBOUR)
        if state & FAILED and address and family in (socket.AF_INET, socket.AF_INET6):
            found.add(socket.inet_ntop(family, address))
    return found
