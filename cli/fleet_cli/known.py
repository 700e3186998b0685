"""Hosts that were scanned before, as words on the command line name them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import typer

from fleet_cli.database import NOTHING_SCANNED
from fleet_collector import store
from fleet_collector.errors import UsageError
from fleet_collector.store import Database, ScanSummary
from fleet_collector.wording import nearest

_NEAR = 0.5  # names of hosts and metrics are short


def names(database: Database, words: Sequence[str] | None) -> list[str] | None:
    """The names that files, ranges and patterns stand for; None, all of them, without a word.

    Raises UsageError where a word names no host that was scanned, with the nearest names.
    """
    if not words:
        return None
    known = store.host_names(database)
    if not known:
        raise UsageError(NOTHING_SCANNED)
    found: dict[str, None] = {}
    for word in words:
        found.update(dict.fromkeys(_named(word, known)))
    return list(found)


def _named(word: str, known: list[str]) -> list[str]:
    if word in known:
        return [word]
    if "*" in word or "?" in word:
        matching = [name for name in known if fnmatchcase(name, word)]
    else:
        from fleet_collector import inventory

        meant = [target.name for target in inventory.read([word], sys.stdin.buffer)]
        scanned = set(known)
        matching = [name for name in meant if name in scanned]
        missing = len(meant) - len(matching)
        if matching and missing:
            typer.echo(f"fleet: {missing} of the {len(meant)} hosts of {word} were never scanned", err=True)
    if not matching:
        raise UsageError(f"{word!r} was never scanned{nearest(word, known, _NEAR)}")
    return matching


def last_scan(database: Database, host: str, before: float | None = None) -> tuple[ScanSummary, ScanSummary]:
    """A host's last scan with an answer, and its last scan; raises UsageError if there is none."""
    host = _one(names(database, [host]), host)
    at = None if before is None else round(before * 1000) + 1
    last = store.latest(database, [host], before=at)
    if not last:
        raise UsageError(f"{host} was not scanned before that time")
    answered = store.latest(database, [host], before=at, answered=True)
    return (answered or last)[0], last[0]


def _one(found: list[str] | None, word: str) -> str:
    if not found or len(found) > 1:
        raise UsageError(f"{word!r} names {len(found or ())} hosts; name one")
    return found[0]


def check(what: str, word: str, known: Iterable[str]) -> None:
    """Refuse a word that is not among the known ones, with the nearest names; raises UsageError."""
    every = list(known)
    if word not in every:
        raise UsageError(f"there is no {what} {word!r}{nearest(word, every, _NEAR)}")
