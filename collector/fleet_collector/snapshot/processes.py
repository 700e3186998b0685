"""Step 3: processes and threads."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Process, Text


class Zombies(Fact, frozen=True, kw_only=True):
    """Dead children that one parent does not collect."""

    parent: Process
    count: Count
    names: list[Text] = field(default_factory=list)


class BlockedTask(Process, frozen=True, kw_only=True):
    """A task in state D; ``both_samples`` tells a stuck one from one that passes through."""

    wait_channel: Text | None = None
    both_samples: bool = False


class FdProcess(Process, frozen=True, kw_only=True):
    """A process with many open files."""

    open_files: Count
    limit: Count | None = None


class ThreadProcess(Process, frozen=True, kw_only=True):
    """A process with many threads."""

    threads: Count


class ProcessGroup(Fact, frozen=True, kw_only=True):
    """All processes of one name: ``count``, their sums, and the longest-running one."""

    name: Text
    count: Count
    threads: Count | None = None
    rss_bytes: Bytes | None = None
    cpu_percent: Number | None = None
    open_files: Count | None = None
    open_files_limit: Count | None = None  # the lowest soft limit among them
    started_at: Number | None = None  # of the oldest
    newest_started_at: Number | None = None
    user: Text | None = None
    unit: Text | None = None


class WantedProcess(Fact, frozen=True, kw_only=True):
    """A process the operator wants: how many are alive, and since when the newest runs."""

    name: Text
    count: Count
    pids: list[Count] = field(default_factory=list)
    newest_started_at: Number | None = None


class TaskLimit(Fact, frozen=True, kw_only=True):
    """A limit on tasks that a control group or a user's RLIMIT_NPROC sets, and how much of it is used."""

    scope: Text  # "cgroup system.slice/shop.service" or "user shop"
    used: Count
    limit: Count


class Inotify(Process, frozen=True, kw_only=True):
    """What one user has of a limit of inotify(7); the process is the one that has ``most`` of it."""

    kind: Literal["instances", "watches"]
    used: Count
    limit: Count
    most: Count


class Processes(Fact, frozen=True, kw_only=True):
    """Too many, or the wanted one dead."""

    total: Count | None = None
    threads: Count | None = None
    states: dict[Text, Count] | None = None  # R S D Z T I …
    by_user: dict[Text, Count] | None = None
    pid_max: Count | None = None
    threads_max: Count | None = None
    open_files: Count | None = None  # system wide
    open_files_max: Count | None = None
    zombies: list[Zombies] | None = None
    blocked: list[BlockedTask] | None = None
    stopped: list[Process] | None = None  # by SIGSTOP, or Ctrl-Z at a terminal
    top_open_files: list[FdProcess] | None = None
    top_threads: list[ThreadProcess] | None = None
    groups: list[ProcessGroup] | None = None  # by name, the largest ones
    wanted: list[WantedProcess] | None = None
    limits: list[TaskLimit] | None = None
    inotify: list[Inotify] | None = None  # limits that are used by a good part
