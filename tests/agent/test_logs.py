from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fleet_agent import log_roots, mounts
from fleet_agent.checks import logs
from fleet_agent.host import Host
from fleet_agent.written_files import File
from fleet_collector.snapshot.logs import LogFile, Logs
from tests.lab import own_mounts

if TYPE_CHECKING:
    from .conftest import MakeSection

MEBIBYTE = 1 << 20
STATE = 'logrotate state -- version 2\n"/var/log/app/a.log" 2026-11-22-6:25:0\n'
WRITER = """
import os, sys, time
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | (os.O_APPEND if sys.argv[2] == "append" else 0))
os.write(file, b"x" * (4 << 20))
print("open", flush=True)
while True:
    os.write(file, b"x" * 50000)
    time.sleep(0.01)
"""


def checked(data: dict[str, Any]) -> Logs:
    return msgspec.convert(data, Logs, strict=True)


def file_at(facts: Logs, path: Path) -> LogFile:
    [found] = [fact for fact in facts.files or [] if fact.path == str(path)]
    return found


@contextmanager
def writer(path: Path, mode: str = "append") -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), mode], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_growing_log_outside_every_root_is_found_with_its_writer(
    section: MakeSection, tmp_path: Path
) -> None:
    path = tmp_path / "deep/app.log"
    path.parent.mkdir()
    with writer(path) as process:
        found = file_at(checked(logs.collect(section())), path)
    assert found.writer is not None
    assert (found.writer.pid, found.writers) == (process.pid, 1)
    assert found.growth_bytes_per_second is not None
    assert found.growth_bytes_per_second > 0
    assert found.under_root is False
    assert found.rotation is not None
    assert found.rotation.covered is False
    status = path.stat()
    assert (found.inode, found.device) == (
        status.st_ino,
        f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}",
    )
    assert found.mount == mounts.place(mounts.read(Host()), str(path), found.device)


def test_a_deleted_log_that_grows_on_is_found(section: MakeSection, tmp_path: Path) -> None:
    path = tmp_path / "gone.log"
    with writer(path) as process:
        path.unlink()
        found = file_at(checked(logs.collect(section())), path)
    assert found.deleted
    assert found.writer is not None
    assert found.writer.pid == process.pid
    assert (found.growth_bytes_per_second or 0) > 0


def test_a_writer_that_kept_the_rotated_file(section: MakeSection, tmp_path: Path) -> None:
    path = tmp_path / "kept.log"
    with writer(path) as process:
        rotated = path.rename(tmp_path / "kept.log.1")
        path.touch()
        found = file_at(checked(logs.collect(section())), rotated)
    assert found.rotated_name
    assert found.writer is not None
    assert found.writer.pid == process.pid


def test_a_database_is_listed_from_the_limit_on_and_judged_by_no_rule(
    section: MakeSection, tmp_path: Path
) -> None:
    path = tmp_path / "table.db"
    with writer(path, "random"):
        small = checked(logs.collect(section(large_file_bytes=1 << 40)))
        large = checked(logs.collect(section(large_file_bytes=MEBIBYTE)))
    assert str(path) not in [fact.path for fact in small.files or []]
    assert file_at(large, path).rotation is None


def test_a_sparse_file_is_as_small_as_its_blocks(section: MakeSection, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    sparse, dense = tmp_path / "logs/sparse.log", tmp_path / "logs/dense.log"
    with sparse.open("wb") as file:
        file.write(b"x" * 2 * MEBIBYTE)
        file.truncate(20 << 30)
    dense.write_bytes(b"x" * 3 * MEBIBYTE)
    facts = checked(logs.collect(section(log_roots=[str(tmp_path / "logs")])))
    found = file_at(facts, sparse)
    assert found.length_bytes == 20 << 30
    assert found.size_bytes < 3 * MEBIBYTE
    assert found.under_root
    assert str(tmp_path / "logs") in (facts.roots or [])
    assert (facts.total_bytes or 0) >= found.size_bytes + file_at(facts, dense).size_bytes


def test_growth_is_told_by_the_first_sample_and_a_sparse_tail_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * 1000)
    file = File(str(path), path.stat(), 10.0)
    with path.open("ab") as stream:
        stream.write(b"x" * 5000)
    file.now, file.now_at = path.stat(), 12.0
    assert file.growth() == 2500.0
    os.truncate(path, 20 << 30)
    file.now = path.stat()
    assert file.growth() == pytest.approx((file.now.st_blocks - file.status.st_blocks) * 512 / 2)
    path.unlink()
    path.with_name("other").write_bytes(b"")
    path.write_bytes(b"x")
    file.now = path.with_name("other").stat()
    assert file.growth() is None or file.now.st_ino == file.status.st_ino


def test_roots_follow_patterns_and_links_but_not_where_it_may_hang(
    tmp_path: Path,
) -> None:
    for name in (
        "var/log/app",
        "opt/shop/logs",
        "opt/shop/log",
        "opt/nolog",
        "home/ann/logs",
        "mnt/nfs/logs",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "opt/link").mkdir()
    (tmp_path / "opt/link/logs").symlink_to("/var/log/app")
    (tmp_path / "opt/far").symlink_to("/mnt/nfs")
    (tmp_path / "opt/circle").symlink_to("circle")
    host = Host(str(tmp_path))
    (tmp_path / "opt/shop/logs/big").write_bytes(b"x" * 2 * MEBIBYTE)
    (tmp_path / "mnt/nfs/logs/big").write_bytes(b"x" * 2 * MEBIBYTE)
    found = log_roots.look(host, [], log_roots.ROOTS, {"/mnt/nfs"})
    assert found.roots == ["/home/ann/logs", "/opt/shop/log", "/opt/shop/logs", "/var/log"]
    assert [file.path for file in found.files] == ["/opt/shop/logs/big"]


def test_the_largest_are_always_shown_the_others_from_the_limit_on(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 2 * MEBIBYTE)
    below = [File(f"/var/log/{number}", path.stat(), 0.0, under_root=True) for number in range(30)]
    assert len(logs.choose(below, 100 * MEBIBYTE)) == logs.ALWAYS
    assert len(logs.choose(below, MEBIBYTE)) == 30


def recorded(root: Path, files: dict[str, str | int]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * content if isinstance(content, int) else content.encode())
    return root


def test_a_recorded_tree_with_rules_state_and_containers(section: MakeSection, tmp_path: Path) -> None:
    container = "var/lib/docker/containers/" + "ab" * 32
    unbounded = "var/lib/docker/containers/" + "cd" * 32
    root = recorded(
        tmp_path,
        {
            "proc/1/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
            "usr/sbin/logrotate": "",
            "etc/logrotate.conf": "weekly\nsu root adm\ninclude /etc/logrotate.d\n",
            "etc/logrotate.d/app": "/var/log/app/*.log {\n daily\n postrotate\n x\n endscript\n}\n",
            "etc/logrotate.d/open": "/var/log/open/*.log {\n nosu\n}\n",
            "etc/cron.daily/logrotate": "#!/bin/sh\n",
            "var/lib/logrotate/status": STATE,
            "var/log/app/a.log": 2 * MEBIBYTE,
            "var/log/app/a.log.1": 3 * MEBIBYTE,
            "var/log/other.log": 4 * MEBIBYTE,
            "var/log/journal/x/system.journal": 5 * MEBIBYTE,
            f"{container}/{'ab' * 32}-json.log": 2 * MEBIBYTE,
            f"{container}/hostconfig.json": '{"LogConfig":{"Type":"json-file","Config":{"max-size":"10m"}}}',
            f"{unbounded}/{'cd' * 32}-json.log": 2 * MEBIBYTE,
            f"{unbounded}/hostconfig.json": '{"LogConfig":{"Type":"json-file","Config":{}}}',
        },
    )
    facts = checked(logs.collect(section(root=root)))
    found = {fact.path: fact for fact in facts.files or []}
    assert len(found) == 5
    covered = found["/var/log/app/a.log"].rotation
    assert covered is not None
    assert (covered.covered, covered.rule, covered.period) == (True, "/etc/logrotate.d/app", "daily")
    assert covered.postrotate
    assert covered.last_at is not None
    assert found["/var/log/app/a.log.1"].rotated_name
    assert found["/var/log/app/a.log.1"].rotation == covered
    uncovered = found["/var/log/other.log"].rotation
    assert uncovered is not None
    assert uncovered.covered is False
    rotations = {path: fact.rotation for path, fact in found.items() if path.endswith("-json.log")}
    assert sorted(rotation.covered for rotation in rotations.values() if rotation) == [False, True]
    assert facts.journal is not None
    assert facts.journal.used_bytes == 5 * MEBIBYTE
    assert facts.logrotate is not None
    assert (facts.logrotate.installed, facts.logrotate.scheduled) == (True, "cron")
    assert facts.logrotate.last_run_at is not None


def test_a_rule_whose_directory_others_may_write_is_skipped_by_logrotate(
    section: MakeSection, tmp_path: Path
) -> None:
    root = recorded(
        tmp_path,
        {
            "proc/1/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
            "etc/logrotate.conf": "/var/log/app/*.log {\n daily\n}\n/var/log/app/a.* {\n weekly\n}\n",
            "var/log/app/a.log": 2 * MEBIBYTE,
        },
    )
    (root / "var/log/app").chmod(0o777)
    facts = checked(logs.collect(section(root=root)))
    assert facts.logrotate is not None
    twice, insecure = facts.logrotate.problems
    assert twice.startswith("/var/log/app/a.log: in two rules")
    assert "/var/log/app is writable by group or others" in insecure


@pytest.mark.full
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")
def test_a_log_on_a_volume_of_its_own_below_a_root_is_found(section: MakeSection, tmp_path: Path) -> None:
    top = tmp_path / "logs"
    (top / "db").mkdir(parents=True)

    def measure() -> dict[str, Any]:
        with own_mounts.ext4(top / "db"):
            (top / "db/slow.log").write_bytes(b"x" * 2 * MEBIBYTE)
            os.sync()
            data: dict[str, Any] = logs.collect(section(log_roots=[str(top)]))
            return data

    found = file_at(checked(own_mounts.inside(measure)), top / "db/slow.log")
    assert found.mount == str(top / "db")
