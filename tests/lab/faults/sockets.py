"""Faults of sockets: listeners of every kind, and clients that pile connections up."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from stage import hold, play  # type: ignore[import-not-found]  # a script: its directory is on its path

kept: list[socket.socket] = []


def _many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listener(address: str, port: str, backlog: int = 1024) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, int(port)))
    listener.listen(backlog)
    kept.append(listener)
    return listener


def _in_background(listener: socket.socket, treat: Callable[[socket.socket], None]) -> None:
    def serve() -> None:
        while True:
            treat(listener.accept()[0])

    threading.Thread(target=serve, daemon=True).start()


def listen(address: str, port: str) -> None:
    """A service that accepts and keeps what it accepted."""
    _many_files()
    _in_background(_listener(address, port), kept.append)
    hold()


def deaf(address: str, port: str, clients: str) -> None:
    """A listener that never accepts, and clients that want to be."""
    _listener(address, port, backlog=1)
    for _ in range(int(clients)):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, int(port)))
        kept.append(client)
    hold()


def silent_udp(address: str, port: str) -> None:
    """A datagram socket that takes everything and never answers."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, int(port)))
    kept.append(listener)
    hold()


def name_server(address: str, port: str) -> None:
    """A name server that answers every question: it knows no such name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, int(port)))

    def serve() -> None:
        while True:
            question, client = server.recvfrom(4096)
            server.sendto(question[:2] + b"\x81\x83" + question[4:], client)

    threading.Thread(target=serve, daemon=True).start()
    hold()


def closes_first(address: str, port: str) -> None:
    """A service that closes what it has accepted at once."""
    _in_background(_listener(address, port), socket.socket.close)
    hold()


def closes_last(address: str, port: str) -> None:
    """A service that closes when its client has, one after the other."""

    def serve(client: socket.socket) -> None:
        client.recv(1)
        client.close()

    _in_background(_listener(address, port), serve)
    hold()


def opens(address: str, port: str, count: str) -> None:
    """A client that opens connections and keeps them, whatever the other end does."""
    _many_files()
    with suppress(OSError):  # no local port left is what some ask for
        kept.extend(socket.create_connection((address, int(port)), timeout=5) for _ in range(int(count)))
    hold()


def asks(address: str, port: str, count: str) -> None:
    """A client that asks for connections and does not wait for an answer."""
    for _ in range(int(count)):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, int(port)))
        kept.append(client)
    hold()


def short(address: str, port: str, count: str) -> None:
    """A client of short connections that closes first, and has one open now."""
    for _ in range(int(count)):
        with socket.create_connection((address, int(port)), timeout=5) as client:
            client.shutdown(socket.SHUT_WR)
            client.recv(1)  # the other end has closed as well: what is left is TIME_WAIT, here
    kept.append(socket.create_connection((address, int(port)), timeout=5))
    hold()


def customers(address: str, port: str) -> None:
    """Clients of a web server: some thirty short requests a second, TIME_WAIT on this side."""

    def ask() -> None:
        while True:
            with suppress(OSError), socket.create_connection((address, int(port)), timeout=5) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
            time.sleep(0.03)

    threading.Thread(target=ask, daemon=True).start()
    hold()


if __name__ == "__main__":
    play(
        {
            fault.__name__: fault
            for fault in (
                listen,
                deaf,
                silent_udp,
                name_server,
                closes_first,
                closes_last,
                opens,
                asks,
                short,
                customers,
            )
        }
    )
