"""Step 9 on the page: disks, inodes, swap."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_cli.render.steps.block import Block, joined, named, rows
from fleet_collector.findings.words import several
from fleet_collector.snapshot.disk import Disk, Volume
from fleet_collector.wording import duration, percent, plain, size


def block(disk: Disk) -> Block:
    """Volumes by fill, swap, slow drives, deleted files that still take room."""
    volumes = disk.volumes or []
    hung = [volume.mount for volume in volumes if volume.hung]
    swap = sum(area.size_bytes for area in disk.swaps or ())
    line = joined(
        several(len(volumes), "volume"),
        f"{len(hung)} not answering" if hung else None,
        f"swap {size(sum(area.used_bytes for area in disk.swaps or ()))} of {size(swap)}"
        if swap
        else "no swap",
        f"pressure {percent(disk.pressure.full_avg60)}"
        if disk.pressure and disk.pressure.full_avg60
        else None,
    )
    return Block(line, rows(_rows(disk), 10))


def _rows(disk: Disk) -> Iterator[tuple[str, ...]]:
    for volume in sorted(disk.volumes or (), key=lambda volume: -(volume.used_percent or 0)):
        yield plain(volume.mount, 50), *_room(volume)
    for drive in disk.drives or ():
        if (drive.util_percent or 0) >= 5:
            wait = f"{duration(drive.wait_ms / 1000)} a request" if drive.wait_ms is not None else ""
            yield plain(drive.name, 30), f"{percent(drive.util_percent or 0)} in use", wait
    for file in disk.deleted or ():
        yield plain(file.path, 60), f"deleted, still {size(file.size_bytes)}", f"held by {named(file)}"


def _room(volume: Volume) -> tuple[str, ...]:
    if volume.hung:
        return ("does not answer", plain(volume.server or volume.type or "", 50))
    if volume.used_percent is None or volume.available_bytes is None or volume.size_bytes is None:
        return ("not measured",)
    inodes = volume.inodes_used_percent
    return (
        f"{percent(volume.used_percent)} used",
        f"{size(volume.available_bytes)} of {size(volume.size_bytes)} left",
        joined(
            f"{percent(inodes)} of inodes" if inodes is not None and inodes >= 50 else None,
            "read-only" if volume.read_only else None,
        ),
    )
