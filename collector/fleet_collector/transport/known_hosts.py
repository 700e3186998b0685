"""known_hosts, read once per run and looked up per host; sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".

Lines are kept as text until a host needs them: importing every key of a long file costs more than the
connections. Plain names are found by dictionary; hashed names and patterns must be tried one by one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from re import Pattern
from re import compile as compile_pattern
from typing import Literal

import asyncssh

Marker = Literal["", "cert-authority", "revoked"]


@dataclass(frozen=True)
class Entry:
    """One line: a public key and where it stands."""

    marker: Marker
    text: str  # "ssh-ed25519 AAAA…"
    where: str  # "file:line"

    @cached_property
    def key(self) -> asyncssh.SSHKey | None:
        """The key, or None for a type that this machine does not know."""
        try:
            return asyncssh.import_public_key(self.text)
        except (asyncssh.KeyImportError, ValueError):
            return None


@dataclass(frozen=True)
class Trust:
    """What known_hosts says about one host."""

    known: tuple[Entry, ...] = ()
    authorities: tuple[Entry, ...] = ()
    revoked: tuple[Entry, ...] = ()

    @property
    def keys(self) -> list[asyncssh.SSHKey]:
        """Host keys that are trusted."""
        return _keys(self.known)

    @property
    def authority_keys(self) -> list[asyncssh.SSHKey]:
        """Keys whose certificates are trusted."""
        return _keys(self.authorities)

    @property
    def revoked_keys(self) -> list[asyncssh.SSHKey]:
        """Keys that must never be accepted."""
        return _keys(self.revoked)


def _keys(entries: Iterable[Entry]) -> list[asyncssh.SSHKey]:
    return [entry.key for entry in entries if entry.key is not None]


@dataclass
class KnownHosts:
    """All lines of some files, by name."""

    _plain: dict[str, list[Entry]] = field(default_factory=dict)
    _hashed: list[tuple[bytes, bytes, Entry]] = field(default_factory=list)
    _patterns: list[tuple[list[Pattern[str]], list[Pattern[str]], Entry]] = field(default_factory=list)

    def read(self, path: Path) -> None:
        """Take in a file; one that cannot be read is empty, a line that does not parse is skipped."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for number, line in enumerate(text.splitlines(), 1):
            self.add(line, f"{path}:{number}")

    def add(self, line: str, where: str) -> None:
        """Take in one line."""
        words = line.split()
        marker: Marker = ""
        if words and words[0] in ("@cert-authority", "@revoked"):
            marker = "revoked" if words.pop(0) == "@revoked" else "cert-authority"
        if len(words) < 3 or words[0].startswith(("#", "@")):
            return
        names, entry = words[0], Entry(marker, f"{words[1]} {words[2]}", where)
        if names.startswith("|"):
            self._add_hashed(names, entry)
        elif any(letter in names for letter in "*?!"):
            parts = names.lower().split(",")
            wanted = [_pattern(part) for part in parts if not part.startswith("!")]
            unwanted = [_pattern(part[1:]) for part in parts if part.startswith("!")]
            self._patterns.append((wanted, unwanted, entry))
        else:
            for name in names.lower().split(","):
                self._plain.setdefault(name, []).append(entry)

    def _add_hashed(self, names: str, entry: Entry) -> None:
        parts = names.split("|")
        if len(parts) != 4 or parts[1] != "1":
            return
        try:
            salt, digest = base64.b64decode(parts[2]), base64.b64decode(parts[3])
        except binascii.Error:
            return
        self._hashed.append((salt, digest, entry))

    def trust(self, name: str, port: int) -> Trust:
        """Return what is known of a host; on another port than 22 its bare name counts if nothing else."""
        if port == 22:
            return self._trust(name.lower())
        found, bare = self._trust(f"[{name.lower()}]:{port}"), self._trust(name.lower())
        trusted = found if found.known or found.authorities else bare
        return replace(trusted, revoked=found.revoked + bare.revoked)

    def _trust(self, name: str) -> Trust:
        entries = list(self._plain.get(name, ()))
        data = name.encode()
        entries += [
            entry for salt, digest, entry in self._hashed if hmac.digest(salt, data, "sha1") == digest
        ]
        for wanted, unwanted, entry in self._patterns:
            if any(one.match(name) for one in wanted) and not any(one.match(name) for one in unwanted):
                entries.append(entry)
        return Trust(
            known=tuple(entry for entry in entries if not entry.marker),
            authorities=tuple(entry for entry in entries if entry.marker == "cert-authority"),
            revoked=tuple(entry for entry in entries if entry.marker == "revoked"),
        )


def _pattern(text: str) -> Pattern[str]:
    """Compile ``*`` and ``?``; brackets are those of ``[host]:port``."""
    return compile_pattern(translate(text.replace("[", "[[]")))


def record(path: Path, name: str, port: int, key: asyncssh.SSHKey) -> str:
    """Append a host's key to fleet's own file and return the line; one write keeps lines whole."""
    label = name if port == 22 else f"[{name}]:{port}"
    line = f"{label.lower()} {public_text(key)}"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        length = os.fstat(descriptor).st_size
        unfinished = length > 0 and os.pread(descriptor, 1, length - 1) != b"\n"
        os.write(descriptor, b"\n" * unfinished + line.encode() + b"\n")
    finally:
        os.close(descriptor)
    return line


def public_text(key: asyncssh.SSHKey) -> str:
    """Type and base64 of a public key, without its comment."""
    return " ".join(key.export_public_key().decode().split()[:2])


def fingerprint(key: asyncssh.SSHKey) -> str:
    """``ssh-ed25519 SHA256:…`` as ssh-keygen -l prints it."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"
