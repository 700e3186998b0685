"""What ``scan`` and ``watch`` have in common: from words on the command line to a sweep under way."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import typer

from fleet_cli import ending
from fleet_cli.asking import for_targets, misnamed_groups, rules_of
from fleet_cli.render import terminal
from fleet_cli.settings import Settings
from fleet_collector import inventory, store
from fleet_collector.errors import StoreError, SweepRunning, UsageError
from fleet_collector.inventory import Target
from fleet_collector.inventory.target import check_user
from fleet_collector.record import Record
from fleet_collector.sweep import Plan, sweep
from fleet_collector.transport import Ssh, SshOptions
from fleet_collector.transport.route import Defaults
from fleet_collector.transport.ssh_criteria import at_home
from fleet_collector.wording import plain

WAIT_SECONDS = 2.0
SPOOLED = "wait in a spool file, the next command brings them in"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line says about whom to ask and how."""

    words: Sequence[str] = ()
    limit: str | None = None
    local: bool = False
    user: str | None = None
    port: int | None = None
    identity: Path | None = None
    jump: str | None = None
    ssh_config: Path | None = None
    host_keys: str | None = None
    concurrency: int | None = None
    processes: int | None = None
    timeout_seconds: float | None = None


@dataclass(kw_only=True)
class Swept:
    """How a sweep went; ``interrupted`` by a signal."""

    id: int
    started_at: float = field(default_factory=time.time)
    finished_at: float | None = None
    hosts: int = 0
    interrupted: bool = False
    trouble: str | None = None


def plan(asked: Asked, settings: Settings) -> Plan:
    """Read the hosts and put together how they are asked; raises UsageError before any host is touched."""
    limits = settings.limits
    if asked.concurrency is not None:
        limits = msgspec.structs.replace(limits, concurrency=asked.concurrency)
    if asked.timeout_seconds is not None:
        limits = msgspec.structs.replace(limits, total_seconds=asked.timeout_seconds)
    targets = _targets(asked)
    for notice in misnamed_groups(settings, targets):
        terminal.tell(plain(notice))
    return Plan(
        targets=targets,
        rules=for_targets(rules_of(settings)),
        ssh=_ssh(asked, settings),
        limits=limits,
        local=asked.local,
        processes=asked.processes,
    )


def _targets(asked: Asked) -> list[Target]:
    if asked.local and not asked.words:
        return [Target(name=socket.gethostname() or "localhost", source="--local")]
    targets = inventory.read(asked.words, sys.stdin.buffer, [asked.limit] if asked.limit else None)
    if asked.local and len(targets) > 1:
        raise UsageError(
            f"--local asks this machine alone, not {len(targets)} hosts; give it one name or none"
        )
    return targets


def _ssh(asked: Asked, settings: Settings) -> SshOptions:
    chosen = settings.ssh
    keys = asked.identity or (Path(chosen.identity_file) if chosen.identity_file else None)
    config = asked.ssh_config or (Path(chosen.config_file) if chosen.config_file else None)
    host_keys = asked.host_keys or chosen.host_keys
    for file, meant in ((keys, "private key"), (config, "ssh configuration")):
        if file and not at_home(file).exists():
            raise UsageError(f"the {meant} {file} is not there")
    user = asked.user or chosen.user
    options = SshOptions(
        defaults=Defaults(
            user=check_user(user) if user else None,
            port=asked.port or chosen.port,
            key_files=(at_home(keys),) if keys else (),
            host_keys="accept-new" if host_keys == "accept-new" else None,
            jump=asked.jump,
            agent=SshOptions().defaults.agent,
        ),
        ask_passphrase=_ask_passphrase if sys.stdin.isatty() else None,
    )
    return (
        options
        if config is None
        else SshOptions(
            defaults=options.defaults, config_files=(config,), ask_passphrase=options.ask_passphrase
        )
    )


def _ask_passphrase(path: Path) -> str | None:
    """Ask on the terminal; the event loop stands still meanwhile, so an interruption is heard here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asked = f"Passphrase of {path}"
        return typer.prompt(asked, hide_input=True, default="", show_default=False, err=True) or None
    finally:
        signal.signal(signal.SIGINT, before)


async def run(
    chosen: Plan,
    database: store.Database,
    words: str,
    take: Callable[[Record], None],
    stop: asyncio.Event,
    *,
    wait: bool = False,
    connections: Ssh | None = None,
) -> Swept:
    """Make one sweep and give every record to ``take`` as its host finishes.

    ``connections`` that the caller keeps serve more than one sweep. ``stop`` ends it early: what was finished
    is stored, and the sweep is marked interrupted. Raises SweepRunning while another sweep asks one of the
    hosts, unless ``wait``, and Ended when it is stopped while it waits.
    """
    names = [target.name for target in chosen.targets]
    swept = Swept(id=await _begin(database, words, names, stop, wait=wait))
    began = time.monotonic()
    try:
        pasts = store.pasts(database, names, store.now_ms())
        writer = store.Writer(database, swept.id)
        async for record in sweep(chosen, writer, swept.id, pasts, stop, connections):
            swept.hosts += 1
            take(record)
        if writer.spooled:
            swept.trouble = f"{writer.trouble}; {writer.spooled} results {SPOOLED}"
        swept.interrupted = stop.is_set()
    except BaseException:
        swept.interrupted = True
        raise
    finally:
        swept.finished_at = swept.started_at + time.monotonic() - began
        if swept.trouble is None:  # else the next command closes the sweep, once it has the rest
            await asyncio.to_thread(_finish, database, swept)
    return swept


def _finish(database: store.Database, swept: Swept) -> None:
    try:
        store.finish_sweep(database, swept.id, interrupted=swept.interrupted)
    except StoreError as fault:  # what was found is told all the same
        swept.trouble = str(fault)


async def _begin(
    database: store.Database, words: str, names: list[str], stop: asyncio.Event, *, wait: bool
) -> int:
    waiting = False
    while True:
        try:
            return await asyncio.to_thread(store.begin_sweep, database, asked=words, hosts=names)
        except SweepRunning as running:
            if not wait:
                advice = "wait for it (--wait) or leave these hosts out (--limit)"
                raise SweepRunning(f"{running}; {advice}") from running
            if not waiting and sys.stderr.isatty():
                terminal.tell(f"{running}; waiting for it")
            waiting = True
        if await ending.asked_within(WAIT_SECONDS, stop):
            raise ending.Ended
