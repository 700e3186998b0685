"""Step 10: files that grow without rotation."""

from __future__ import annotations

from msgspec import field

from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Process, Text


class Rotation(Fact, frozen=True, kw_only=True):
    """What logrotate does with a file: the rule's file, its period, and when it last ran."""

    covered: bool
    rule: Text | None = None  # file of the rule
    period: Text | None = None  # hourly, daily, weekly, monthly, yearly, size
    last_at: Number | None = None
    copytruncate: bool | None = None
    postrotate: bool | None = None


class LogFile(Fact, frozen=True, kw_only=True):
    """A large file under a log root, or one that a process holds open for writing, wherever it lies."""

    path: Text
    size_bytes: Bytes  # allocated blocks: a sparse file is as small as its blocks
    length_bytes: Bytes | None = None
    mount: Text | None = None
    device: Text | None = None  # "major:minor", with ``inode`` the identity over time
    inode: Count | None = None
    modified_at: Number | None = None
    growth_bytes_per_second: Number | None = None
    under_root: bool | None = None  # below a log root
    deleted: bool = False
    writer: Process | None = None
    writers: Count | None = None
    rotation: Rotation | None = None
    rotated_name: bool = False  # x.log.1 and the like: the writer kept the old file


class Journal(Fact, frozen=True, kw_only=True):
    """journald's use and cap."""

    used_bytes: Bytes | None = None
    cap_bytes: Bytes | None = None
    cap_configured: bool | None = None
    persistent: bool | None = None


class Logrotate(Fact, frozen=True, kw_only=True):
    """logrotate itself: is it there, did it run, does its configuration read."""

    installed: bool | None = None
    last_run_at: Number | None = None
    scheduled: Text | None = None  # "timer", "cron", None: by nothing
    problems: list[Text] = field(default_factory=list)


class Logs(Fact, frozen=True, kw_only=True):
    """Files that grow without rotation."""

    files: list[LogFile] | None = None
    roots: list[Text] | None = None
    journal: Journal | None = None
    logrotate: Logrotate | None = None
    total_bytes: Bytes | None = None  # of all files below the roots
