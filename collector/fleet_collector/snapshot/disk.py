"""Step 9: volumes, inodes, swap, drives."""

from __future__ import annotations

from msgspec import field

from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Pressure, Process, Text


class Volume(Fact, frozen=True, kw_only=True):
    """One mounted file system, each device once."""

    mount: Text
    device: Text | None = None
    type: Text | None = None
    size_bytes: Bytes | None = None
    used_bytes: Bytes | None = None
    available_bytes: Bytes | None = None  # to ordinary users (f_bavail)
    free_bytes: Bytes | None = None  # to root (f_bfree)
    used_percent: Number | None = None  # as df: used / (used + available)
    inodes: Count | None = None
    inodes_free: Count | None = None
    inodes_used_percent: Number | None = None
    read_only: bool | None = None
    fstab_read_write: bool | None = None  # /etc/fstab wants it writable
    emergency_read_only: bool | None = None
    errors: Count | None = None  # ext4 errors_count
    hung: bool = False  # statvfs did not answer in time
    remote: bool | None = None
    server: Text | None = None


class SwapDevice(Fact, frozen=True, kw_only=True):
    """A swap area (/proc/swaps)."""

    device: Text
    size_bytes: Bytes
    used_bytes: Bytes


class Drive(Fact, frozen=True, kw_only=True):
    """A block device over the interval (/proc/diskstats)."""

    name: Text
    reads_per_second: Number | None = None
    writes_per_second: Number | None = None
    read_bytes_per_second: Number | None = None
    write_bytes_per_second: Number | None = None
    wait_ms: Number | None = None  # mean time of one request
    util_percent: Number | None = None
    in_flight: Count | None = None
    rotational: bool | None = None
    mounts: list[Text] = field(default_factory=list)


class DeletedFile(Process, frozen=True, kw_only=True):
    """A file without a name that a process keeps, and so its space."""

    path: Text
    size_bytes: Bytes  # allocated blocks
    mount: Text | None = None


class DiskWriter(Process, frozen=True, kw_only=True):
    """A process that wrote to storage in the interval (/proc/PID/io, root)."""

    write_bytes_per_second: Number
    read_bytes_per_second: Number | None = None


class Raid(Fact, frozen=True, kw_only=True):
    """An md array (/proc/mdstat)."""

    name: Text
    state: Text
    devices: Count | None = None
    working: Count | None = None


class Directory(Fact, frozen=True, kw_only=True):
    """A large directory, or a file that fills one, of a volume short of room; of that device only."""

    path: Text
    mount: Text
    size_bytes: Bytes


class Disk(Fact, frozen=True, kw_only=True):
    """Space and inodes per volume, swap, latency."""

    volumes: list[Volume] | None = None
    swaps: list[SwapDevice] | None = None
    drives: list[Drive] | None = None
    deleted: list[DeletedFile] | None = None
    writers: list[DiskWriter] | None = None
    raids: list[Raid] | None = None
    pressure: Pressure | None = None
    large_directories: list[Directory] | None = None
    counters: dict[Text, dict[Text, list[Count]]] | None = None
