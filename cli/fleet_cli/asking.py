"""From settings to what is asked of each host and what it is judged by."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from fleet_cli.settings import Settings
from fleet_collector.bundle import Request
from fleet_collector.inventory import Target
from fleet_collector.rules import Rules

_LOG_ROOTS = Request(nonce="").log_roots


def rules_of(settings: Settings) -> Callable[[tuple[str, ...]], Rules]:
    """What holds for the hosts of some groups; hosts of the same groups share one value."""
    nonce = secrets.token_hex(8)

    @lru_cache(maxsize=4096)
    def rules(groups: tuple[str, ...]) -> Rules:
        return Rules(
            request=_request(settings, groups, nonce),
            thresholds=settings.thresholds_of(groups),
            expected=settings.expected(groups),
        )

    return rules


def for_targets(rules: Callable[[tuple[str, ...]], Rules]) -> Callable[[Target], Rules]:
    """The same, asked by target."""
    return lambda target: rules(target.groups)


def misnamed_groups(settings: Settings, targets: Iterable[Target]) -> Iterator[str]:
    """Say which groups of fleet.toml no host is in, where a group without settings has nearly that name."""
    there = {group for target in targets for group in target.groups}
    for name in settings.group.keys() - there:
        near = difflib.get_close_matches(name, there - settings.group.keys(), n=1)
        if near:
            yield f"fleet.toml has [group.{name}], and no host is in that group; did you mean {near[0]}?"


def _request(settings: Settings, groups: tuple[str, ...], nonce: str) -> Request:
    expected, agent = settings.expected(groups), settings.agent
    return Request(
        nonce=nonce,
        interval_seconds=agent.interval_seconds,
        section_seconds=agent.section_seconds,
        processes=expected.processes,
        services=expected.services,
        reach=expected.reach,
        log_roots=(*_LOG_ROOTS, *expected.log_roots),
        large_file_bytes=agent.large_file_bytes,
        lookup=agent.lookup,
    )
