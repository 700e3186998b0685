"""Step 4: services and daemons."""

from __future__ import annotations

from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Text


class Unit(Fact, frozen=True, kw_only=True):
    """A service: systemd's words, mapped to them for other init systems.

    ``active``: active, reloading, inactive, failed, activating, deactivating, unknown.
    """

    name: Text
    active: Text
    sub: Text | None = None
    load: Text | None = None
    enabled: Text | None = None
    type: Text | None = None
    result: Text | None = None
    exit_code: Text | None = None  # exited, killed, dumped
    exit_status: int | None = None
    restarts: Count | None = None
    restart_policy: Text | None = None
    main_pid: Count | None = None
    since: Number | None = None  # last change of state
    started_at: Number | None = None
    memory_bytes: Bytes | None = None
    tasks: Count | None = None
    needs_reload: bool | None = None
    command: Text | None = None  # what it is started with
    needs: list[Text] | None = None  # units without which it does not start
    log: list[Text] | None = None  # last lines, failed and looping units only


class Services(Fact, frozen=True, kw_only=True):
    """Daemon state. ``units`` holds failed, looping and wanted ones in full, and every running one."""

    manager: Text | None = None  # systemd, openrc, sysv, runit
    state: Text | None = None  # systemctl is-system-running
    failed: Count | None = None
    running: Count | None = None
    units: list[Unit] | None = None
    jobs: Count | None = None
