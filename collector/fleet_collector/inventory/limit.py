"""``--limit``: some of the hosts of an inventory, by name, pattern, range or group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.expression import names, split
from fleet_collector.inventory.target import Target, shown
from fleet_collector.wording import nearest


def narrow(targets: Sequence[Target], limits: Iterable[str]) -> list[Target]:
    """Return the targets that any term names and no ``!term`` excludes, in their order.

    A term is a host (``web1``), a range (``web[1-9]``), a pattern (``web*``) or a group (``db``, ``@db``);
    terms stand in several strings or behind commas. One that names nothing raises InventoryError.
    """
    terms = [term for text in limits for term in split(text)]
    wanted = [_matching(targets, term) for term in terms if not term.startswith("!")]
    excluded = [_matching(targets, term[1:]) for term in terms if term.startswith("!")]
    kept = set().union(*wanted) if wanted else {target.name for target in targets}
    kept.difference_update(*excluded)
    if not kept and targets:
        raise InventoryError("--limit leaves no host")
    return [target for target in targets if target.name in kept]


def _matching(targets: Sequence[Target], term: str) -> set[str]:
    group = term.removeprefix("@")
    found = {target.name for target in targets if _is_in(target, group)}
    if not found and not term.startswith("@"):
        found = _named(targets, term)
    if not found:
        raise InventoryError(f"--limit {shown(term)} names no host and no group{_near_to(targets, group)}")
    return found


def _is_in(target: Target, group: str) -> bool:
    return group in target.groups or group == "all" or (group == "ungrouped" and not target.groups)


def _named(targets: Sequence[Target], term: str) -> set[str]:
    known = {target.name for target in targets}
    if term in known:
        return {term}
    if "*" in term or "?" in term:
        return {name for name in known if fnmatchcase(name, term)}
    return known.intersection(names(term))


def _near_to(targets: Sequence[Target], term: str) -> str:
    known = {target.name for target in targets}.union(*(target.groups for target in targets))
    return nearest(term, known)
