"""Everything that the SSH connections of one run share, and how one host is asked through it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncssh
from platformdirs import user_data_path

from fleet_collector import failures
from fleet_collector.inventory import Target
from fleet_collector.limits import Limits
from fleet_collector.transport import proxy, ssh_config
from fleet_collector.transport.bastions import Bastions
from fleet_collector.transport.connection import Connection, Opening, options
from fleet_collector.transport.explain import explain
from fleet_collector.transport.keys import AskPassphrase, Keyring
from fleet_collector.transport.known_hosts import KnownHosts, record
from fleet_collector.transport.loop import speak
from fleet_collector.transport.program import Program
from fleet_collector.transport.resolve import Address, Resolver, numeric
from fleet_collector.transport.route import Algorithms, Defaults, Identity, Route, route
from fleet_collector.transport.session import Answer, Session, run
from fleet_collector.transport.ssh_criteria import at_home

_END_SECONDS = 0.5  # for programs that were told to end
CONFIG_FILES = (Path("~/.ssh/config"), Path("/etc/ssh/ssh_config"))


def _defaults() -> Defaults:
    return Defaults(agent=os.environ.get("SSH_AUTH_SOCK"))


def _recorded_hosts() -> Path:
    return user_data_path("fleet") / "known_hosts"


@dataclass(frozen=True, kw_only=True)
class SshOptions:
    """What the operator chose; ``recorded_hosts`` is fleet's own known_hosts file, read and added to."""

    defaults: Defaults = field(default_factory=_defaults)
    config_files: tuple[Path, ...] = CONFIG_FILES
    recorded_hosts: Path = field(default_factory=_recorded_hosts)
    ask_passphrase: AskPassphrase | None = None


class Ssh:
    """The shared state of one run: configuration, keys, known hosts, bastions. Use as ``async with``.

    With ``keep`` a host's connection stays open for the next question; one that has dropped is made anew.
    Made inside the event loop; raises SettingsError when the ssh configuration cannot be understood.
    """

    def __init__(self, chosen: SshOptions, limits: Limits, *, keep: bool = False) -> None:
        self.limits = limits
        self._keep = keep
        self._kept: dict[Target, Connection] = {}
        self.keyring = Keyring(chosen.ask_passphrase)
        self._chosen = chosen
        self._config = ssh_config.read([at_home(path) for path in chosen.config_files])
        self._routes: dict[Target, Route] = {}
        self._known: dict[tuple[Path, ...], KnownHosts] = {}
        self._shared: dict[Algorithms, asyncssh.SSHClientConnectionOptions] = {}
        self._resolver = Resolver()
        self._addresses: dict[str, asyncio.Semaphore] = {}
        self._bastions = Bastions(self._open, limits)
        self._proxies: list[proxy.Proxy] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._kept.values():
            connection.leave()
        self._bastions.close()
        self.keyring.close()
        for program in self._proxies:
            program.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.gather(*(program.process.wait() for program in self._proxies))

    async def prepare(self, targets: Iterable[Target]) -> None:
        """Work out all routes and read all keys of a sweep: faults and passphrases come first."""
        self._bastions.begin()
        identities: dict[Identity, None] = {}
        for target in targets:
            way: Route | None = self.route(target)
            while way is not None:
                identities[way.identity] = None
                way = way.jump
        for identity in identities:
            await self.keyring.offered(identity)

    def route(self, target: Target) -> Route:
        """Return the way to a target."""
        known = self._routes.get(target)
        if known is None:
            known = self._routes[target] = route(target, self._config, self._chosen.defaults)
        return known

    async def ask(self, target: Target, program: Program, answer: Answer) -> None:
        """Run a program on a host and fill ``answer``.

        Raises HostError. The caller sets the total deadline; whatever is open then is dropped at once.
        """
        connection = self._kept.pop(target, None)
        if connection is None or connection.is_closed():
            connection = await self._open(self.route(target))
        whole = False
        try:
            await self._run(connection, Session(program, answer, self.limits.output_bytes))
            whole = not connection.is_closed()
        finally:
            if self._keep and whole:
                self._kept[target] = connection
            else:
                connection.leave()

    @asynccontextmanager
    async def place(self, target: Target) -> AsyncIterator[None]:
        """Wait for a place at the bastion, if any, and at the address, and keep it for the block."""
        way = self.route(target)
        own = self._addresses.setdefault(way.host, asyncio.Semaphore(self.limits.per_address))
        if way.jump is None:
            async with own:
                yield
        else:
            async with own, self._bastions.place(way.jump):
                yield

    async def _run(self, connection: Connection, session: Session) -> None:
        answer = session.answer
        try:
            async with asyncio.timeout(self.limits.run_seconds):
                await run(connection, session)
        except TimeoutError:
            stage: failures.Stage = "run" if answer.started else "start"
            raise failures.too_slow(stage, self.limits.run_seconds, answer.complaint) from None
        except asyncssh.ChannelOpenError as error:
            if "connection closed" in error.reason:  # asyncssh's own word
                raise failures.broken_off() from error
            raise failures.not_started(error.reason) from error
        except (OSError, asyncssh.ConnectionLost) as error:
            raise failures.broken_off() from error
        except asyncssh.DisconnectError as error:
            raise failures.not_started(str(error)) from error
        if answer.overflowed:
            raise failures.too_large(self.limits.output_bytes)

    async def _open(self, way: Route) -> Connection:
        """Return a logged-in connection to the end of a route."""
        keys = await self.keyring.offered(way.identity)
        opening = Opening(way, self._options(way.algorithms), keys, self._known_hosts(way), self._record)
        opening.lacking = "" if keys else self.keyring.lacking(way.identity)
        try:
            await self._connect(way, opening)
            await self._log_in(opening)
        except BaseException as error:
            told = explain(error, opening) if isinstance(error, Exception) else None
            opening.connection.abort()
            if opening.connection.proxy is not None:
                opening.connection.proxy.end()
            if told is None:
                raise
            raise failures.suspecting(way.unheard, told) from error
        return opening.connection

    async def _connect(self, way: Route, opening: Opening) -> None:
        """Give the connection something to speak through: a channel, a program or a socket."""
        if way.jump is not None:
            bastion = await self._bastions.link(way.jump)
            try:
                async with asyncio.timeout(self.limits.connect_seconds):
                    await bastion.create_connection(opening.channel, way.host, way.port)
            except TimeoutError:
                raise failures.too_slow("connect", self.limits.connect_seconds) from None
        else:
            sock = await self._proxied(way, opening) if way.proxy_command else await self._socket(way)
            await speak(sock, opening.factory)

    async def _log_in(self, opening: Opening) -> None:
        seconds = self.limits.login_seconds
        try:
            async with asyncio.timeout(seconds):
                await opening.done
        except TimeoutError:
            if opening.stage == "connect":
                raise failures.not_greeted(seconds, opening.connection.first_line) from None
            raise failures.too_slow(opening.stage, seconds, opening.handshake.banner) from None

    async def _proxied(self, way: Route, opening: Opening) -> socket.socket:
        self._proxies = [program for program in self._proxies if program.process.returncode is None]
        program = await proxy.start(way.proxy_command or "")
        self._proxies.append(program)
        opening.connection.proxy = program
        return program.sock

    async def _socket(self, way: Route) -> socket.socket:
        """Connect to the first address that answers."""
        seconds = self.limits.connect_seconds
        literal = numeric(way.host, way.port)
        addresses = [literal] if literal else await self._resolved(way)
        deadline = time.monotonic() + seconds
        for left in range(len(addresses), 0, -1):
            share = max(0.0, deadline - time.monotonic()) / left
            try:
                async with asyncio.timeout(share):
                    return await _connected(addresses[-left], way.bind_address)
            except TimeoutError:
                trouble = failures.too_slow("connect", seconds, f"{way.host} port {way.port}")
            except OSError as error:
                trouble = failures.not_connected(way.host, way.port, error)
        raise trouble

    async def _resolved(self, way: Route) -> list[Address]:
        seconds = self.limits.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._resolver.addresses(way.host, way.port, way.family)
        except TimeoutError:
            raise failures.too_slow("resolve", seconds) from None
        except OSError as error:
            raise failures.unresolved(way.host, error.strerror or str(error)) from error

    def _options(self, wish: Algorithms) -> asyncssh.SSHClientConnectionOptions:
        shared = self._shared.get(wish)
        if shared is None:
            shared = self._shared[wish] = options(wish)
        return shared

    def _known_hosts(self, way: Route) -> KnownHosts:
        """Return the lines of a route's files and of fleet's own, read at the first use."""
        known = self._known.get(way.known_hosts)
        if known is None:
            known = self._known[way.known_hosts] = KnownHosts()
            for path in (*way.known_hosts, self._chosen.recorded_hosts):
                known.read(path)
        return known

    def _record(self, way: Route, key: asyncssh.SSHKey) -> None:
        """Keep a new host key: in fleet's own file, and for the rest of this run."""
        path = self._chosen.recorded_hosts
        line = record(path, way.known_as, way.port, key)
        for known in self._known.values():
            known.add(line, str(path))


async def _connected(address: Address, bind_address: str | None) -> socket.socket:
    """Return a socket connected to an address; raises OSError."""
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if bind_address:
            sock.bind((bind_address, 0))
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock
