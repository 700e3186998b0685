"""Questions to the kernel over netlink: netlink(7), rtnetlink(7), sock_diag(7).

An answer comes as blocks, each a run of messages of one length, so that 100,000 sockets are taken apart by
struct.iter_unpack and byte slices rather than one message at a time.
"""

import _socket as socket
import _struct as struct
import errno
import posix as os

ROUTE, SOCK_DIAG, NETFILTER = 0, 4, 12  # protocols, linux/netlink.h
HEADER_BYTES = 16

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP, _DUMP_INTERRUPTED = 0x1, 0x301, 0x10
_BATCH_BYTES = 65536  # the kernel fills at most 32 KiB
_ANSWER_SECONDS = 2.0
_TRIES = 3


class ListingChangedError(Exception):
    """The table changed while the kernel listed it: entries may be missing or doubled."""


def blocks(protocol, kind, payload, dump=True):
    """Ask; yields (message bytes, block) where every message of the block, header included, has that length.

    Raises OSError with the kernel's errno, and ListingChangedError after the last block of such a listing.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.EOPNOTSUPP, "netlink is Linux's own")
    interrupted = False
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    try:
        channel.settimeout(_ANSWER_SECONDS)
        flags = _DUMP if dump else _REQUEST
        channel.sendto(_HEADER.pack(HEADER_BYTES + len(payload), kind, flags, 1, 0) + payload, (0, 0))
        more = True
        while more:
            batch, _, received, _ = channel.recvmsg(_BATCH_BYTES)
            if received & socket.MSG_TRUNC:
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            for size, block in sorted(split(batch).items()):
                if not size:
                    more = False
                    continue
                marks = set(block[6::size] + block[7::size])  # both bytes: either may be the low one
                interrupted |= any(mark & _DUMP_INTERRUPTED for mark in marks)
                yield size, block
            more = more and dump
    finally:
        channel.close()
    if interrupted:
        raise ListingChangedError


def split(batch):
    """The messages of one batch by length: {bytes: block}; key 0 stands for the end of the listing.

    Lengths include the padding to four bytes. Raises the error that a message carries.
    """
    size, kind = _HEADER.unpack_from(batch)[:2] if len(batch) >= HEADER_BYTES else (0, 0)
    size = size + 3 & ~3
    if kind > _DONE and size >= HEADER_BYTES and not len(batch) % size:
        count = len(batch) // size
        if all(batch[byte::size] == batch[byte : byte + 1] * count for byte in range(6)):  # length and type
            return {size: batch}
    found = {}
    start = 0
    while start + HEADER_BYTES <= len(batch):
        size, kind = _HEADER.unpack_from(batch, start)[:2]
        if size < HEADER_BYTES or start + size > len(batch):
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        message = batch[start : start + (size + 3 & ~3)]
        start += len(message)
        if kind in (_ERROR, _DONE):
            found[0] = b""
            raise_error(message)
        elif kind > _DONE:
            found.setdefault(len(message), []).append(message)
    return {size: b"".join(messages) for size, messages in found.items()}


def raise_error(message):
    """Raise what an error or end message carries, if it is not zero."""
    if len(message) >= HEADER_BYTES + 4:
        code = struct.unpack_from("=i", message, HEADER_BYTES)[0]
        if code < 0:
            raise OSError(-code, os.strerror(-code))


def messages(protocol, kind, payload, dump=True, most=20000):
    """The bodies, without header, of at most ``most`` messages; a listing that changes is asked for again."""
    for _ in range(_TRIES):
        found = []
        try:
            for size, block in blocks(protocol, kind, payload, dump):
                found += [block[at + HEADER_BYTES : at + size] for at in range(0, len(block), size)]
                if len(found) >= most:
                    break
            return found[:most]
        except ListingChangedError:
            continue
    raise OSError(errno.EAGAIN, "the table kept changing")


def attributes(body, start):
    """The attributes of a message behind its fixed part: {type: value}."""
    found = {}
    while start + 4 <= len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, start)
        if size < 4:
            break
        found[kind & 0x3FFF] = body[start + 4 : start + size]
        start += size + 3 & ~3
    return found


def attribute(kind, value):
    """One attribute, padded."""
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)
