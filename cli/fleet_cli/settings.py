"""fleet.toml: what the operator set, typed, with every unknown key refused and the nearest one named.

database = "postgresql://fleet@db/fleet"

[ssh]
host_keys = "accept-new"

[limits]
concurrency = 200

[thresholds]
memory_available_bytes = 1_000_000_000

[expect]                      # of every host
processes = ["sshd"]

[group.web.expect]            # of the hosts of a group, added to the above
ports = ["443=nginx"]
reach = ["tcp://db1:5432"]

[group.web.thresholds]
disk_used_percent = 95
"""

from __future__ import annotations

import difflib
import re
import tomllib
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import platformdirs
from msgspec import Meta, Struct, field

from fleet_collector.errors import SettingsError
from fleet_collector.findings.expected import Expected, wanted_port
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.limits import Limits
from fleet_collector.retention import Retention

FILE = "fleet.toml"

T = TypeVar("T")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")
_CHOICE = re.compile(r"Invalid enum value .* - at `\$\.([\w.]+)`")
_TARGET = re.compile(r"(?:(?:tcp|udp)://)?[^/]+:([0-9]{1,5})")  # as the agent reads it


class Ssh(Struct, frozen=True, forbid_unknown_fields=True):
    """How hosts are reached, beyond what ssh_config says."""

    user: str | None = None
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    identity_file: str | None = None
    config_file: str | None = None
    host_keys: Literal["strict", "accept-new"] = "strict"


class AgentSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent is asked beyond the ten questions."""

    interval_seconds: Annotated[float, Meta(gt=0, le=10)] = 1.0
    section_seconds: Annotated[float, Meta(gt=0, le=20)] = 5.0
    large_file_bytes: Annotated[int, Meta(ge=1)] = 100 * 1024 * 1024
    lookup: str | None = None


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """What is special about the hosts of one group."""

    expect: Expected = Expected()
    thresholds: dict[str, Any] = field(default_factory=dict)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of fleet.toml."""

    database: str | None = None
    ssh: Ssh = Ssh()
    limits: Limits = Limits()
    agent: AgentSettings = AgentSettings()
    thresholds: Thresholds = Thresholds()
    expect: Expected = Expected()
    group: dict[str, Group] = field(default_factory=dict)
    retention: Retention = Retention()

    def expected(self, groups: Sequence[str]) -> Expected:
        """What is expected of a host in these groups: everything asked of all hosts and of each group."""
        asked = [
            self.expect,
            *(self.group[name].expect for name in _with_implied(groups) if name in self.group),
        ]
        merged = {
            name: tuple(dict.fromkeys(item for expect in asked for item in getattr(expect, name)))
            for name in Expected.__struct_fields__
        }
        return Expected(**merged)

    def thresholds_of(self, groups: Sequence[str]) -> Thresholds:
        """The thresholds of a host in these groups; of two groups the one named later wins."""
        own: dict[str, Any] = {}
        for name in _with_implied(groups):
            own |= self.group[name].thresholds if name in self.group else {}
        return msgspec.structs.replace(self.thresholds, **own) if own else self.thresholds


def _with_implied(groups: Sequence[str]) -> tuple[str, ...]:
    """Every host is in ``all``, and in ``ungrouped`` where it is in nothing else."""
    return ("all", *(groups or ("ungrouped",)))


def load(path: Path | None = None) -> Settings:
    """Settings of ``path``, else of ./fleet.toml, else of the user's config directory, else defaults.

    Raises SettingsError.
    """
    if path is not None and not path.exists():
        raise SettingsError(f"the settings file {path} is not there")
    chosen = path or found()
    if chosen is None:
        return Settings()
    try:
        return parse(chosen.read_text("utf-8"))
    except OSError as fault:
        raise SettingsError(f"{chosen}: cannot be read: {fault.strerror or fault}") from fault
    except UnicodeDecodeError as fault:
        raise SettingsError(f"{chosen}: not UTF-8 text, as TOML must be; save it as UTF-8") from fault
    except SettingsError as fault:
        raise SettingsError(f"{chosen}: {fault}") from fault


def places() -> list[Path]:
    """Where settings are looked for, in this order."""
    return [Path(FILE), platformdirs.user_config_path("fleet") / FILE]


def found() -> Path | None:
    """The first of these places where there is a file."""
    return next((place for place in places() if place.is_file()), None)


def parse(text: str) -> Settings:
    """Settings from TOML text; raises SettingsError that names the key and the nearest known one."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise SettingsError(f"not TOML: {fault}") from fault
    groups = _convert(document.pop("group", {}), dict[str, dict[str, Any]], "group")
    settings = _convert(document, Settings)
    _check(settings.expect, "expect")
    return msgspec.structs.replace(
        settings, group={name: _group(table, f"group.{name}") for name, table in groups.items()}
    )


def _group(table: dict[str, Any], place: str) -> Group:
    group = _convert(table, Group, place)
    _convert(group.thresholds, Thresholds, f"{place}.thresholds")
    _check(group.expect, f"{place}.expect")
    return group


def _check(expect: Expected, place: str) -> None:
    """What is wanted must be readable before any host is asked; SettingsError tells the place in the file."""
    for text in expect.ports:
        try:
            wanted_port(text)
        except SettingsError as fault:
            raise SettingsError(f"{fault} - at `{place}.ports`") from fault
    for text in expect.reach:
        port = _TARGET.fullmatch(text)
        if not port or not 0 < int(port[1]) < 65536:
            raise SettingsError(f"{text!r} is not of the form tcp://db1:5432 - at `{place}.reach`")


def _convert(value: object, kind: type[T], place: str = "") -> T:
    """The checked value; SettingsError tells the place in the file."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as fault:
        raise SettingsError(_explain(str(fault), kind, place)) from fault


def _explain(message: str, kind: type[object], place: str) -> str:
    unknown = _UNKNOWN.search(message)
    if not unknown:
        said = message.replace("`$.", f"`{place}.".replace("`.", "`"))
        choice = _CHOICE.fullmatch(message)
        return f"{said}; write {_choices(kind, choice[1].split('.'))}" if choice else said
    key, path = unknown[1], [part for part in (unknown[2] or "").split(".") if part]
    known = _at(kind, path).__struct_fields__
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    where = ".".join([*([place] if place else []), *path])
    family = [name for name in known if name.startswith(key.partition("_")[0])]
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(family or known)}"
    return f"unknown key {key!r}{f' in [{where}]' if where else ''}; {hint}"


def _at(kind: type[Any], path: Sequence[str]) -> type[Struct]:
    """The struct that a path of keys leads to."""
    for key in path:
        kind = typing.get_type_hints(kind)[key]
    return kind


def _choices(kind: type[object], path: Sequence[str]) -> str:
    words = typing.get_args(typing.get_type_hints(_at(kind, path[:-1]))[path[-1]])
    return " or ".join(repr(word) for word in words)


def as_toml(table: dict[str, Any], path: str = "") -> str:
    """A document of tables, numbers, texts, booleans and lists of texts as TOML; None is left out."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict) and value is not None}
    lines = [f"{key} = {_toml_value(value)}\n" for key, value in plain.items()]
    head = f"\n[{path}]\n" if path and lines else ""
    tables = [
        as_toml(value, f"{path}.{_toml_key(key)}" if path else _toml_key(key))
        for key, value in table.items()
        if isinstance(value, dict)
    ]
    return head + "".join(lines) + "".join(tables)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: object) -> str:
    # A JSON text, number, boolean or list of them is also TOML (toml.io, v1.0.0).
    return msgspec.json.encode(value).decode()
