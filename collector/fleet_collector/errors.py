"""The one error tree; a docstring is the default message.

FleetError
├── UsageError            exit code 64
│   ├── InventoryError    a hosts file or a host expression
│   ├── SettingsError     fleet.toml, an option, an environment variable
│   └── NoDatabase        a database that is to be read and is not there
├── StoreError            the database: unreachable, locked, newer than this program
│   └── SweepRunning      another sweep is asking the same hosts
└── SnapshotError         bytes of a host that are not a snapshot
"""

from __future__ import annotations


class FleetError(Exception):
    """fleet could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class UsageError(FleetError):
    """The command was used wrongly."""


class InventoryError(UsageError):
    """The list of hosts cannot be read."""


class SettingsError(UsageError):
    """The settings cannot be used."""


class NoDatabase(UsageError):
    """There is no such database."""


class StoreError(FleetError):
    """The database cannot be used."""


class SweepRunning(StoreError):
    """Another sweep is asking the same hosts."""


class SnapshotError(FleetError):
    """The host's answer is not a snapshot."""
