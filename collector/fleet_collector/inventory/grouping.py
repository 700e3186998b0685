"""Groups of groups: which groups a host is in, from the outermost to the innermost, and what they set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleet_collector.errors import InventoryError

IMPLIED = frozenset({"all", "ungrouped"})  # Ansible's own names; they group nothing here
_DEEPEST = 100


class Groups:
    """The groups of an inventory, each walked once."""

    def __init__(self, variables: Mapping[str, Mapping[str, str]], children: Mapping[str, list[str]]) -> None:
        self._variables = variables
        self._parents: dict[str, list[str]] = {}
        self._around: dict[str, dict[str, int]] = {}
        for parent, names in children.items():
            for name in names:
                if name not in variables:
                    raise InventoryError(f"[{parent}:children] names the group {name}, which has no heading")
                self._parents.setdefault(name, []).append(parent)
        for name in self._parents:
            self._walk(name, ())

    def around(self, direct: Iterable[str]) -> tuple[str, ...]:
        """Return these groups and all that contain them, outermost first, then by name (as Ansible does)."""
        depths: dict[str, int] = {}
        for group in direct:
            depths |= self._walk(group, ())
        return tuple(sorted(depths.keys() - IMPLIED, key=lambda name: (depths[name], name)))

    def variables(self, groups: Iterable[str]) -> dict[str, str]:
        """Return what these groups set; of two that set the same, the later one wins."""
        found = dict(self._variables.get("all", {}))
        for group in groups:
            found |= self._variables.get(group, {})
        return found

    def _walk(self, group: str, below: tuple[str, ...]) -> dict[str, int]:
        """Return the depth, counted from the outermost, of ``group`` and of every group around it."""
        if group in below:
            raise InventoryError("groups contain each other: " + " in ".join((*below, group)))
        if len(below) > _DEEPEST:
            raise InventoryError(f"groups are nested more than {_DEEPEST} deep at {group}")
        if group not in self._around:
            depths: dict[str, int] = {}
            for parent in self._parents.get(group, ()):
                depths |= self._walk(parent, (*below, group))
            self._around[group] = depths | {group: 1 + max(depths.values(), default=0)}
        return self._around[group]
