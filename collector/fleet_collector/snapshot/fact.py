"""What every section is made of."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

# Counters of a 64-bit kernel fit; anything larger is a lie or an attack and fails the check.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Bytes = Count
Port = Annotated[int, Meta(ge=0, le=65535)]
Text = Annotated[str, Meta(max_length=4096)]
Number = Annotated[float, Meta(ge=-1e18, le=1e18)]


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Root of all structs here: a default is left out of the JSON."""


class Process(Fact, frozen=True, kw_only=True):
    """Who it is: the words that name a culprit. ``unit`` is the systemd unit or container."""

    pid: Count
    name: Text
    command: Text | None = None
    user: Text | None = None
    unit: Text | None = None
    started_at: Number | None = None


class Pressure(Fact, frozen=True, kw_only=True):
    """Pressure stall information, percent of time (Documentation/accounting/psi.rst)."""

    some_avg10: Number | None = None
    some_avg60: Number | None = None
    some_avg300: Number | None = None
    full_avg10: Number | None = None
    full_avg60: Number | None = None
    full_avg300: Number | None = None
