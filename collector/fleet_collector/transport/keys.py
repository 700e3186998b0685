"""Private keys and the agent: each file is read, and each passphrase asked for, once per run."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from fleet_collector.transport.route import Identity

AskPassphrase = Callable[[Path], str | None]

_TRIES = 3  # per encrypted key, as ssh
_AGENT_SECONDS = 5.0
_LOCKED = "it needs its passphrase, and nobody gave it (ssh-add it to an agent, or run fleet in a terminal)"


@dataclass
class Keyring:
    """What can be offered to servers; ``skipped`` says of each file why it is not among it."""

    ask: AskPassphrase | None = None
    skipped: dict[Path, str] = field(default_factory=dict)
    _files: dict[tuple[Path, bool], list[asyncssh.SSHKeyPair]] = field(default_factory=dict)
    _agents: dict[str, asyncio.Task[list[asyncssh.SSHKeyPair]]] = field(default_factory=dict)
    _chains: dict[Identity, list[asyncssh.SSHKeyPair]] = field(default_factory=dict)
    _clients: list[asyncssh.SSHAgentClient] = field(default_factory=list)

    async def offered(self, identity: Identity) -> list[asyncssh.SSHKeyPair]:
        """Return key pairs in the order to try: named files, the agent's, default files.

        Copies, because asyncssh notes in a pair which signature algorithm its server wants.
        """
        chain = self._chains.get(identity)
        if chain is None:
            held = await self._held(identity.agent)
            chain = self._chains.setdefault(identity, self._chain(identity, held))
        return [copy.copy(pair) for pair in chain]

    def lacking(self, identity: Identity) -> str:
        """Say why there is no key to offer: of each file that is there, else where one was looked for."""
        there = [path for path in identity.files if path.exists()]
        reasons = [f"{path}: {self.skipped[path]}" for path in there if path in self.skipped]
        if not there:
            usual = f"key with a usual name in {identity.files[0].parent}"
            reasons = [f"there is no {' nor '.join(map(str, identity.files)) if identity.chosen else usual}"]
        if not identity.agent:
            reasons.append("no agent is running (SSH_AUTH_SOCK)")
        elif not identity.only:
            reasons.append(self.skipped.get(Path(identity.agent), "the agent has none (ssh-add)"))
        return "; ".join(reasons)

    def close(self) -> None:
        """Leave the agents."""
        for client in self._clients:
            client.close()

    def _chain(self, identity: Identity, held: Sequence[asyncssh.SSHKeyPair]) -> list[asyncssh.SSHKeyPair]:
        by_public = {pair.public_data: pair for pair in held}
        from_files: list[asyncssh.SSHKeyPair] = []
        for path in identity.files:
            twin = by_public.get(_public_half(path) or b"")
            from_files += [twin] if twin else self._load(path, ask=identity.chosen)
        rest = [] if identity.only else [pair for pair in held if pair not in from_files]
        chain = [*from_files, *rest] if identity.chosen else [*rest, *from_files]
        if not chain and not identity.chosen:
            chain = [pair for path in identity.files for pair in self._load(path, ask=True)]
        return _certified(chain, identity.certificates)

    def _load(self, path: Path, *, ask: bool) -> list[asyncssh.SSHKeyPair]:
        known = self._files.get((path, ask))
        if known is None:
            known = self._files[path, ask] = self._read(path, ask)
        return known

    def _read(self, path: Path, ask: bool) -> list[asyncssh.SSHKeyPair]:
        try:
            return list(asyncssh.load_keypairs(str(path)))
        except asyncssh.KeyEncryptionError:
            self.skipped[path] = "it is encrypted with an unknown cipher"
        except asyncssh.KeyImportError as error:
            if "passphrase" in str(error).lower():
                return self._decrypt(path) if ask else self._skip(path, _LOCKED)
            public = path.suffix == ".pub"
            return self._skip(path, "it is a public key; name the private one" if public else str(error))
        except (OSError, ValueError) as error:
            return self._skip(path, getattr(error, "strerror", None) or str(error))
        return []

    def _decrypt(self, path: Path) -> list[asyncssh.SSHKeyPair]:
        for _ in range(_TRIES):
            passphrase = self.ask(path) if self.ask else None
            if passphrase is None:
                break
            try:
                pairs = list(asyncssh.load_keypairs(str(path), passphrase=passphrase))
            except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
                continue
            self.skipped.pop(path, None)
            return pairs
        return self._skip(path, _LOCKED)

    def _skip(self, path: Path, why: str) -> list[asyncssh.SSHKeyPair]:
        self.skipped[path] = why
        return []

    async def _held(self, socket: str | None) -> list[asyncssh.SSHKeyPair]:
        """Return an agent's keys; one that does not answer has none."""
        if not socket:
            return []
        if socket not in self._agents:
            self._agents[socket] = asyncio.get_running_loop().create_task(self._ask_agent(socket))
        return await asyncio.shield(self._agents[socket])

    async def _ask_agent(self, socket: str) -> list[asyncssh.SSHKeyPair]:
        client = asyncssh.SSHAgentClient(socket)
        self._clients.append(client)
        try:
            async with asyncio.timeout(_AGENT_SECONDS):
                return list(await client.get_keys())
        except (OSError, ValueError, TimeoutError) as error:
            self.skipped[Path(socket)] = f"the agent does not answer ({error})"
            return []


def _public_half(path: Path) -> bytes | None:
    """The public key beside a private one, in the wire's form."""
    try:
        return asyncssh.read_public_key(str(path) + ".pub").public_data
    except (OSError, asyncssh.KeyImportError, ValueError):
        return None


def _certified(chain: list[asyncssh.SSHKeyPair], files: Sequence[Path]) -> list[asyncssh.SSHKeyPair]:
    """Put a pair with its certificate before the bare one, for each certificate that fits."""
    pairs: list[asyncssh.SSHKeyPair] = []
    for file in files:
        try:
            certificate = asyncssh.read_certificate(str(file))
        except (OSError, asyncssh.KeyImportError, ValueError):
            continue
        for pair in chain:
            if pair.key_public_data == certificate.key.public_data and not pair.has_cert:
                twin = copy.copy(pair)
                twin.set_certificate(certificate)
                pairs.append(twin)
    return pairs + chain
