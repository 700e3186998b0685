"""One SSH connection, from a socket to a login; the only place that knows how asyncssh works inside.

``asyncssh.connect`` builds its options anew for every host: it looks for configuration, certificates, agents
and default keys, and formats log text that nobody reads, which costs more than the key exchange. Here one set
of options is built per run and copied per host, and the rest of asyncssh is used as it is.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import cast

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.logging import SSHLogger

from fleet_collector.failures import Stage
from fleet_collector.transport import algorithms, login
from fleet_collector.transport.known_hosts import KnownHosts, Trust, fingerprint
from fleet_collector.transport.proxy import Proxy
from fleet_collector.transport.route import Algorithms, Route
from fleet_collector.transport.silence import SILENCE

_BANNER_CHARACTERS = 500
_BEGINNING_BYTES = 80
_WINDOW_BYTES = 2 * 1024 * 1024

Recorder = Callable[[Route, asyncssh.SSHKey], None]

login.install()


def options(wish: Algorithms) -> asyncssh.SSHClientConnectionOptions:
    """Build what all connections with these algorithms share. Public keys only: nothing is ever asked."""
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        host="",
        port=22,
        username="",
        client_keys=None,
        client_host_keysign=False,
        agent_path=None,
        known_hosts=None,
        x509_trusted_certs=None,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        kex_algs=algorithms.kex(wish.kex),
        encryption_algs=algorithms.ciphers(wish.ciphers),
        mac_algs=algorithms.macs(wish.macs),
        compression_algs=["none"],
        preferred_auth=["publickey"],
        utf8_decode_errors="replace",
        login_timeout=0,
        keepalive_interval=0,
        request_pty=False,
        window=_WINDOW_BYTES,
        encoding=None,
    )


class Handshake(asyncssh.SSHClient):
    """What is learnt while a connection is made: how far it came, what was offered, what the server says."""

    def __init__(self, route: Route, trust: Trust, record: Recorder) -> None:
        self.route = route
        self.trust = trust
        self.stage: Stage = "connect"
        self.banner = ""
        self.offered: asyncssh.SSHKey | None = None
        self._record = record

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Decide on a key that known_hosts does not have: new ones only, and only where that is wanted."""
        self.offered = key
        return not self.trust.known and not self.trust.authorities and self.route.host_keys == "accept-new"

    def begin_auth(self, username: str) -> None:  # noqa: ARG002
        """The server has proved that it holds its key: a new one is recorded now and not before."""
        self.stage = "login"
        if self.offered is not None:
            self._record(self.route, self.offered)

    def auth_banner_received(self, msg: str, lang: str) -> None:  # noqa: ARG002
        """Keep the beginning of what the server says at the login, such as that the account has expired."""
        self.banner += msg[: _BANNER_CHARACTERS - len(self.banner)]

    def auth_completed(self) -> None:
        """The login is done."""
        self.stage = "start"

    @property
    def offer(self) -> str:
        """Fingerprint of the key that was not accepted."""
        return fingerprint(self.offered) if self.offered is not None else "an unknown key"


class Connection(asyncssh.SSHClientConnection):
    """asyncssh's connection, silent, with its host keys already looked up."""

    _beginning = b""
    takes_keys = True
    proxy: Proxy | None = None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        shared: asyncssh.SSHClientConnectionOptions,
        host_key_algorithms: Sequence[bytes],
        trust: Trust,
    ) -> None:
        super().__init__(loop, shared, wait="auth")
        self._logger = SILENCE
        self._outgoing: list[bytes] = []
        self._trust = trust
        self._algorithms = host_key_algorithms
        self._auth_methods = [b"publickey"]  # spares the round trip of asking what there is

    @property
    def logger(self) -> SSHLogger:
        """Nobody listens."""
        return SILENCE

    def _connection_made(self) -> None:
        """Take the host keys from known_hosts, which was read long ago."""
        self._trusted_host_keys = set(self._trust.keys)
        self._trusted_ca_keys = set(self._trust.authority_keys)
        self._revoked_host_keys = set(self._trust.revoked_keys)
        self._server_host_key_algs = list(self._algorithms)

    def send_packet(self, pkttype: int, *args: bytes, handler: object = None) -> None:  # noqa: ARG002
        """Leave out the empty packet before each real one (it protects CBC ciphers), and all log text."""
        if pkttype != MSG_IGNORE:
            super().send_packet(pkttype, *args)

    def _send(self, data: bytes) -> None:
        """Send together what is said in one breath: a system call costs more than a packet."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(data)

    def _flush(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if data:
            super()._send(data)

    def _force_close(self, exc: Exception | None) -> None:
        """Say the last words before the line is cut."""
        self._flush()
        super()._force_close(exc)

    def try_next_auth(self, *, next_method: bool = False) -> None:
        """Remember whether keys were among what the server takes."""
        self.takes_keys = b"publickey" in self._auth_methods
        super().try_next_auth(next_method=next_method)

    def log_sent_packet(self, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def log_received_packet(self, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def _recv_version(self) -> bool:
        """Remember how the server began, in case it never comes to a version line."""
        self._beginning = self._beginning or self._inpbuf[:_BEGINNING_BYTES]
        return super()._recv_version()

    @property
    def first_line(self) -> str:
        """The beginning of what came, made readable."""
        return self._beginning.decode("utf-8", "replace").partition("\n")[0].strip()

    def leave(self) -> None:
        """Say goodbye if the other side can still hear it, and let go at once either way."""
        if not self.is_closed():
            self.close()
        if self.proxy is not None:
            self.proxy.end()

    @property
    def greeted(self) -> bool:
        """The server's version line has come."""
        return bool(self._server_version)


class Opening:
    """A connection on its way: ``factory`` for the event loop, ``done`` when logged in."""

    def __init__(
        self,
        route: Route,
        shared: asyncssh.SSHClientConnectionOptions,
        keys: Sequence[asyncssh.SSHKeyPair],
        known: KnownHosts,
        record: Recorder,
    ) -> None:
        loop = asyncio.get_running_loop()
        trust = known.trust(route.known_as, route.port)
        self.handshake = Handshake(route, trust, record)
        self.done: asyncio.Future[None] = loop.create_future()
        self.offered_keys = len(keys)
        self.lacking = ""  # why there is none
        own = copy.copy(shared)
        own.host, own.port, own.username = route.host, route.port, route.user
        own.client_keys = keys
        own.waiter = self.done
        own.protocol_factory = lambda: self.handshake
        order = algorithms.host_key_order(
            (entry.text.partition(" ")[0] for entry in trust.known),
            route.algorithms.host_keys,
            authorities=bool(trust.authorities),
        )
        self.connection = Connection(loop, own, order, trust)

    def factory(self) -> Connection:
        """Return the protocol for ``create_connection``."""
        return self.connection

    def channel(self) -> asyncssh.SSHTCPSession[bytes]:
        """Return the same as the protocol of a bastion's channel."""
        return cast(asyncssh.SSHTCPSession[bytes], self.connection)

    @property
    def stage(self) -> Stage:
        """How far it came."""
        stage = self.handshake.stage
        return "host key" if stage == "connect" and self.connection.greeted else stage
