"""Groups of groups: which groups a host is in, from the outermost to the innermost, and what they set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from fleet_collector.errors import InventoryError
from fleet_collector.inventory.hostsfile import Heading
from fleet_collector.inventory.variables import PRIORITY
from fleet_collector.wording import nearest

IMPLIED = frozenset({"all", "ungrouped"})  # Ansible's own: every host, and those that no other group has
_DEEPEST = 100


class Groups:
    """The groups of an inventory, each walked once."""

    def __init__(
        self,
        names: Collection[str],
        variables: Mapping[str, Mapping[str, str]],
        children: Mapping[str, Sequence[Heading]],
    ) -> None:
        self._variables = variables
        self._parents: dict[str, dict[str, str]] = {}  # of each group, with the place that says so
        self._around: dict[str, dict[str, int]] = {}
        for parent, inner in children.items():
            for child in inner:
                if child.group not in names:
                    raise InventoryError(
                        f"{child.source}: the group {child.group} has no heading{nearest(child.group, names)}"
                    )
                if parent not in IMPLIED:
                    self._parents.setdefault(child.group, {})[parent] = child.source
        for name in self._parents:
            self._walk(name, ())

    def around(self, direct: Iterable[str]) -> tuple[str, ...]:
        """Return these groups and all that contain them, outermost first (then as Ansible sorts them)."""
        depths: dict[str, int] = {}
        for group in direct:
            depths |= self._walk(group, ())
        names = depths.keys() - IMPLIED
        return tuple(sorted(names, key=lambda name: (depths[name], self._priority(name), name)))

    def variables(self, groups: Sequence[str]) -> dict[str, str]:
        """Return what these groups set; of two that set the same, the later one wins."""
        found = dict(self._variables.get("all", {}))
        for group in groups or ("ungrouped",):
            found |= self._variables.get(group, {})
        return found

    def _priority(self, group: str) -> int:
        return int(self._variables.get(group, {}).get(PRIORITY, "1"))

    def _walk(self, group: str, below: tuple[str, ...]) -> dict[str, int]:
        """Return the depth, counted from the outermost, of ``group`` and of every group around it."""
        if len(below) > _DEEPEST:
            raise InventoryError(f"groups are nested more than {_DEEPEST} deep at {group}")
        if group not in self._around:
            depths: dict[str, int] = {}
            for parent, source in self._parents.get(group, {}).items():
                if parent in (*below, group):
                    circle = " in ".join((*below, group, parent))
                    raise InventoryError(f"{source}: groups contain each other: {circle}")
                depths |= self._walk(parent, (*below, group))
            self._around[group] = depths | {group: 1 + max(depths.values(), default=0)}
        return self._around[group]
