from __future__ import annotations

import errno
import struct

import pytest

from fleet_agent import netlink

NOTHING, SOCK_DIAG_BY_FAMILY, GET_LINK = 1, 20, 18


def message(kind: int, body: bytes, flags: int = 2) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body + bytes(-len(body) % 4)


def test_messages_of_one_length_stay_one_block() -> None:
    batch = message(20, b"abcd") * 3
    assert netlink.split(batch) == {20: batch}


def test_messages_of_several_lengths_are_sorted_by_length() -> None:
    short, long = message(20, b"abcd"), message(20, b"abcdefgh")
    assert netlink.split(short + long + short) == {20: short + short, 24: long}


def test_padding_counts() -> None:
    batch = message(20, b"abcde") * 2
    assert netlink.split(batch) == {24: batch}


def test_the_end_of_a_listing_may_come_with_the_last_messages() -> None:
    entry = message(20, b"abcd")
    assert netlink.split(entry + message(3, struct.pack("=i", 0))) == {20: entry, 0: b""}


def test_the_end_in_messages_of_the_same_length_is_not_taken_for_an_entry() -> None:
    entry = message(20, b"abcd")
    assert netlink.split(message(3, struct.pack("=i", 0))) == {0: b""}
    assert netlink.split(entry + entry + message(3, struct.pack("=i", 0))) == {20: entry + entry, 0: b""}


def test_errors_are_raised_with_their_number() -> None:
    with pytest.raises(PermissionError):
        netlink.split(message(2, struct.pack("=i", -errno.EPERM) + bytes(16)))
    with pytest.raises(FileNotFoundError):
        netlink.split(message(3, struct.pack("=i", -errno.ENOENT)))


@pytest.mark.parametrize("batch", [b"", b"\0" * 15])
def test_an_empty_batch_has_no_messages(batch: bytes) -> None:
    assert netlink.split(batch) == {}


@pytest.mark.parametrize("length", [0, 15, 4096])
def test_lengths_that_cannot_be_are_refused(length: int) -> None:
    with pytest.raises(OSError, match="Bad message"):
        netlink.split(struct.pack("=IHHII", length, 20, 2, 1, 0) + b"abcd")


def test_attributes() -> None:
    body = b"head" + netlink.attribute(1, b"abcde") + netlink.attribute(0x8002, b"xy")
    assert netlink.attributes(body, 4) == {1: b"abcde", 2: b"xy"}
    assert netlink.attributes(body + struct.pack("=HH", 3, 1), 4) == {1: b"abcde", 2: b"xy"}


def test_the_kernel_lists_its_links() -> None:
    bodies = netlink.messages(netlink.ROUTE, GET_LINK, struct.pack("=B15x", 0))
    names = {netlink.attributes(body, 16)[3].rstrip(b"\0") for body in bodies}
    assert b"lo" in names


def test_the_kernel_says_no() -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which errno depends on the kernel
        netlink.messages(netlink.SOCK_DIAG, SOCK_DIAG_BY_FAMILY, b"\xff" * 56)
