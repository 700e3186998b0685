from __future__ import annotations

import errno
import json
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest

from fleet_agent import directories, drives, mounts
from fleet_agent.checks import disk
from fleet_agent.host import Host
from fleet_agent.open_files import OpenFiles
from fleet_collector.snapshot.disk import Disk, Volume
from tests.lab import fuse, own_mounts

if TYPE_CHECKING:
    from .conftest import MakeSection

MEBIBYTE = 1 << 20
DISKSTATS_FIRST = """\
   7       0 loop0 10 0 80 1 0 0 0 0 0 4 1 0 0 0 0
 259       0 nvme0n1 1000 5 80000 500 2000 10 160000 4000 0 3000 4500 0 0 0 0 9 9
 259       1 nvme0n1p1 900 5 70000 400 2000 10 160000 4000 0 2900 4400 0 0 0 0
 253       0 dm-0 100 0 800 90 0 0 0 0 0 50 90 0 0 0 0
   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""
DISKSTATS_SECOND = """\
   7       0 loop0 10 0 80 1 0 0 0 0 0 4 1 0 0 0 0
 259       0 nvme0n1 1010 5 80800 520 2030 10 164800 4380 7 3900 4900 0 0 0 0 9 9
 259       1 nvme0n1p1 910 5 70800 420 2030 10 164800 4380 7 3800 4800 0 0 0 0
 253       0 dm-0 100 0 800 90 0 0 0 0 0 50 90 0 0 0 0
   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""
MDSTAT = """\
Personalities : [raid1] [raid6] [raid5] [raid4]
md1 : active raid5 sdc1[3] sdb1[1](F) sda1[0]
      1953260544 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [U_U]
      [==>..................]  recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec
      bitmap: 3/8 pages [12KB], 65536KB chunk

md0 : active raid1 nvme0n1p2[0] nvme1n1p2[1]
      1046528 blocks super 1.2 [2/2] [UU]

md9 : inactive sdd1[0](S)
      1046528 blocks super 1.2

unused devices: <none>
"""
SWAPS = """\
Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/dm-1                               partition\t2097148\t\t524288\t\t-2
/swap\\040file                           file\t\t1048572\t\t0\t\t-3
"""
FSTAB = """\
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1234 / ext4 errors=remount-ro 0 1
/dev/sdb1\t/srv/my\\040data xfs defaults,ro 0 2
server:/x /mnt nfs
"""


def checked(data: dict[str, Any]) -> Disk:
    return msgspec.convert(data, Disk, strict=True)


def volume(facts: Disk, point: Path | str) -> Volume:
    [found] = [fact for fact in facts.volumes or [] if fact.mount == str(point)]
    return found


def test_rates_of_a_drive_over_one_second() -> None:
    first, second = drives.parse_diskstats(DISKSTATS_FIRST), drives.parse_diskstats(DISKSTATS_SECOND)
    assert drives.rates(first["nvme0n1"], second["nvme0n1"], 1.0) == {
        "reads_per_second": 10.0,
        "writes_per_second": 30.0,
        "read_bytes_per_second": 800 * 512.0,
        "write_bytes_per_second": 4800 * 512.0,
        "util_percent": 90.0,
        "wait_ms": 10.0,
        "in_flight": 7,
    }


def test_an_idle_drive_has_no_wait_and_a_reset_counter_no_rate() -> None:
    first, second = drives.parse_diskstats(DISKSTATS_FIRST), drives.parse_diskstats(DISKSTATS_SECOND)
    assert "wait_ms" not in drives.rates(first["dm-0"], second["dm-0"], 1.0)
    assert drives.rates(second["nvme0n1"], first["nvme0n1"], 1.0) == {"in_flight": 0}


def recorded(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_logical_volume_counts_for_itself_and_for_the_drive_below(tmp_path: Path) -> None:
    devices = tmp_path / "sys/devices/pci0/block"
    for name in (
        "nvme0n1/nvme0n1p1",
        "nvme0n1/slaves",
        "dm-0/slaves/nvme0n1p1",
        "nvme0n1/queue",
        "sdb",
        "loop0",
    ):
        (devices / name).mkdir(parents=True)
    (devices / "nvme0n1/nvme0n1p1/partition").write_text("1\n")
    (devices / "nvme0n1/queue/rotational").write_text("0\n")
    for name in ("block", "class/block", "dev/block"):
        (tmp_path / "sys" / name).mkdir(parents=True)
    for name in ("nvme0n1", "dm-0", "sdb", "loop0"):
        (tmp_path / "sys/block" / name).symlink_to(f"../devices/pci0/block/{name}")
        (tmp_path / "sys/class/block" / name).symlink_to(f"../../devices/pci0/block/{name}")
    (tmp_path / "sys/class/block/nvme0n1p1").symlink_to("../../devices/pci0/block/nvme0n1/nvme0n1p1")
    (tmp_path / "sys/dev/block/253:0").symlink_to("../../devices/pci0/block/dm-0")
    listed = mounts.parse_mountinfo("22 1 253:0 / /data rw - xfs /dev/mapper/vg-data rw")
    first, second = drives.parse_diskstats(DISKSTATS_FIRST), drives.parse_diskstats(DISKSTATS_SECOND)
    facts = drives.drives(Host(str(tmp_path)), listed, first, second, 1.0)
    assert [(fact["name"], fact["mounts"]) for fact in facts] == [("nvme0n1", ["/data"]), ("dm-0", ["/data"])]
    assert facts[0]["rotational"] is False
    assert drives.device_name(Host(str(tmp_path)), listed[0]) == "dm-0"


def test_a_raid_that_lacks_a_disk_and_one_that_is_well() -> None:
    assert drives.parse_mdstat(MDSTAT) == [
        {"name": "md1", "state": "recovery", "devices": 3, "working": 2},
        {"name": "md0", "state": "active", "devices": 2, "working": 2},
        {"name": "md9", "state": "inactive"},
    ]


def test_swaps_and_fstab() -> None:
    assert disk.parse_swaps(SWAPS) == [
        {"device": "/dev/dm-1", "size_bytes": 2097148 * 1024, "used_bytes": 524288 * 1024},
        {"device": "/swap file", "size_bytes": 1048572 * 1024, "used_bytes": 0},
    ]
    assert disk.parse_fstab(FSTAB) == {"/": True, "/srv/my data": False}


def test_space_is_reckoned_as_df_does_and_without_inodes_where_there_are_none() -> None:
    fact = disk.space(
        {"bsize": 4096, "frsize": 0, "blocks": 1000, "bfree": 200, "bavail": 150, "files": 0, "ffree": 0}
    )
    assert fact == {
        "size_bytes": 4096000,
        "used_bytes": 3276800,
        "available_bytes": 614400,
        "free_bytes": 819200,
        "used_percent": 84.21,
    }


def test_this_machine_agrees_with_psutil_and_df(section: MakeSection) -> None:
    facts = checked(disk.collect(section(first=disk.sample(Host()))))
    root = volume(facts, "/")
    expected = psutil.disk_usage("/")
    assert root.size_bytes == expected.total
    assert root.used_percent == pytest.approx(expected.percent, abs=0.5)
    shown = subprocess.check_output(["df", "--output=pcent,ipcent", "/"], text=True).split()[-2:]
    assert root.used_percent == pytest.approx(float(shown[0].rstrip("%")), abs=1.1)
    assert root.inodes_used_percent == pytest.approx(float(shown[1].rstrip("%")), abs=1.1)
    assert {swap.device for swap in facts.swaps or []} == {
        line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]
    }


def test_a_deleted_file_is_charged_to_who_keeps_it(section: MakeSection, tmp_path: Path) -> None:
    path = tmp_path / "gone.log"
    with path.open("wb") as file:
        file.write(b"x" * 3 * MEBIBYTE)
        file.flush()
        os.fsync(file.fileno())
        path.unlink()
        facts = checked(disk.collect(section()))
    [found] = [fact for fact in facts.deleted or [] if fact.path == str(path)]
    assert (found.pid, found.size_bytes) == (os.getpid(), 3 * MEBIBYTE)
    assert found.name
    assert found.mount == mounts.place(mounts.read(Host()), str(tmp_path), "none")


def test_deleted_files_that_take_no_room_are_left_out(section: MakeSection, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file, mmap.mmap(-1, 2 * MEBIBYTE) as memory:
        memory.write(b"x" * 2 * MEBIBYTE)
        file.truncate(20 << 30)
        path.unlink()
        facts = checked(disk.collect(section()))
    assert not [fact for fact in facts.deleted or [] if fact.pid == os.getpid()]


def test_a_process_that_writes_is_named_to_root(section: MakeSection, tmp_path: Path) -> None:
    mount = mounts.holding(mounts.read(Host()), str(tmp_path))
    if mount and mount.type == "tmpfs":
        pytest.skip("what is written to memory is not written to storage")
    first = disk.sample(Host())
    with (tmp_path / "written").open("wb") as file:
        file.write(b"x" * 8 * MEBIBYTE)
        file.flush()
        os.fsync(file.fileno())
    current = section(first=first)
    writers = checked(disk.collect(current)).writers
    if os.geteuid():
        assert (writers, current.notes["writers"]) == (None, "denied")
    else:
        assert os.getpid() in [writer.pid for writer in writers or []]


def test_a_volume_below_a_directory_of_others_is_denied(section: MakeSection) -> None:
    mount = mounts.holding(mounts.read(Host()), "/")
    current = section()
    assert "size_bytes" not in disk._volume(current, mount, errno.EACCES, {})
    assert "size_bytes" not in disk._volume(current, mount, errno.EIO, {})
    assert current.notes.pop("volumes /").startswith("error: OSError")
    disk._volume(current, mount, errno.EACCES, {})
    assert current.notes == {"volumes /": "denied"}


def test_a_recorded_tree_tells_mounts_but_not_how_full_they_are(section: MakeSection, tmp_path: Path) -> None:
    root = recorded(
        tmp_path,
        {
            "proc/1/mountinfo": "22 1 8:1 / / ro - ext4 /dev/sda1 ro,emergency_ro\n",
            "proc/diskstats": DISKSTATS_SECOND,
            "proc/mdstat": MDSTAT,
            "proc/swaps": SWAPS,
            "proc/pressure/io": "some avg10=1.50 avg60=0.25 avg300=0.00 total=9\n"
            "full avg10=1.00 avg60=0.20 avg300=0.00 total=8\n",
            "etc/fstab": FSTAB,
            "sys/dev/block/x": "",
        },
    )
    (root / "sys/dev/block/8:1").symlink_to("../../devices/block/sda/sda1")
    errors = root / "sys/fs/ext4/sda1"
    errors.mkdir(parents=True)
    (errors / "errors_count").write_text("7\n")
    current = section(root=root)
    facts = checked(disk.collect(current))
    [only] = facts.volumes or []
    assert (only.size_bytes, only.hung) == (None, False)
    assert (only.read_only, only.emergency_read_only, only.fstab_read_write) == (True, True, True)
    assert only.errors == 7
    assert current.notes["space"].startswith("absent")
    assert current.notes["deleted"].startswith("absent")
    assert facts.deleted is None
    assert facts.pressure is not None
    assert facts.pressure.full_avg60 == 0.2
    assert {raid.name for raid in facts.raids or []} == {"md0", "md1", "md9"}


def test_large_directories_name_the_deepest_that_holds_the_bulk(tmp_path: Path) -> None:
    for name, size in (("a/b/c/big", 4), ("a/small", 1), ("d/one", 2), ("d/e/two", 2)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size * MEBIBYTE)
    (tmp_path / "d/loop").symlink_to(tmp_path)
    os.link(tmp_path / "a/b/c/big", tmp_path / "a/b/c/again")
    rows, cut = directories.large(str(tmp_path), set(), time.monotonic() + 30, 10)
    names = [path[len(str(tmp_path)) :] for path, _ in rows]
    assert cut is None
    assert names == ["/a", "/a/b/c", "/d", "/d/e"]
    assert dict(rows)[str(tmp_path / "d")] >= 4 * MEBIBYTE
    assert dict(rows)[str(tmp_path / "a")] < 6 * MEBIBYTE


def test_a_large_file_is_named_where_it_is_the_bulk(tmp_path: Path) -> None:
    for name, size in (("backup/monday.tar", 20), ("backup/note", 1), ("top.img", 9)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * size * MEBIBYTE)
    rows, _ = directories.large(str(tmp_path), set(), time.monotonic() + 30, 10)
    assert [path[len(str(tmp_path)) :] for path, _ in rows] == ["/backup/monday.tar", "/top.img"]


def test_a_walk_ends_at_its_limits_and_at_mount_points(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"file{number}").touch()
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted/inside").touch()
    walk = directories.Walk({str(tmp_path / "mounted")}, time.monotonic() + 30)
    assert len(list(walk.files(str(tmp_path)))) == 600
    short = directories.Walk(set(), time.monotonic() + 30, 100)
    assert len(list(short.files(str(tmp_path)))) < 600
    assert short.cut is not None
    assert short.cut.startswith("cut after")


FULL = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")


@FULL
@pytest.mark.full
def test_a_hung_mount_costs_one_second_and_the_rest_is_measured(section: MakeSection, tmp_path: Path) -> None:
    point = tmp_path / "hung"
    point.mkdir()

    def measure() -> dict[str, Any]:
        with fuse.hung(point, "server:/export"):
            begun = time.monotonic()
            current = section(first=disk.sample(Host()))
            data = disk.collect(current)
            files = OpenFiles(current.host, current.table, mounts.read(current.host))
            ours = files.is_ours(str(point / "x"), tmp_path.stat())
            return {"data": data, "seconds": time.monotonic() - begun, "notes": current.notes, "ours": ours}

    result = own_mounts.inside(measure)
    facts = checked(result["data"])
    hung = volume(facts, point)
    assert (hung.hung, hung.size_bytes, hung.server) == (True, None, "server")
    assert volume(facts, "/").used_percent is not None
    assert result["notes"][f"volumes {point}"].startswith("timeout")
    assert result["seconds"] < 4  # nobody waits for the mount: it never answers
    assert result["ours"] is False


@FULL
@pytest.mark.full
def test_the_whole_agent_passes_by_a_hung_log_directory(tmp_path: Path) -> None:
    point = tmp_path / "logs"
    point.mkdir()

    def measure() -> Any:
        command = [sys.executable, "-m", "fleet_agent", "--interval", "0.1", "--log-root", str(point)]
        with fuse.hung(point, "server:/export"):
            return json.loads(subprocess.check_output(command, timeout=60))

    snapshot = own_mounts.inside(measure)
    hung = volume(checked(snapshot["disk"]["data"]), point)
    assert hung.hung
    assert {snapshot[step]["status"] for step in ("disk", "logs", "reach")} <= {"ok", "partial"}
    assert str(point) not in snapshot["logs"]["data"]["roots"]


HOLD = """
import os, sys
file = open(sys.argv[1], "ab")
print("held", flush=True)
sys.stdin.read()
"""


@FULL
@pytest.mark.full
def test_a_full_ext4_shows_what_root_has_left_and_where_it_went(section: MakeSection, tmp_path: Path) -> None:
    point = tmp_path / "small"
    point.mkdir()

    def measure() -> dict[str, Any]:
        with own_mounts.ext4(point):
            (point / "spool").mkdir()
            try:
                with (point / "spool/fill").open("wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * MEBIBYTE)
            except OSError:
                pass
            shown = subprocess.check_output(["df", "--output=pcent,used,avail", "-k", str(point)], text=True)
            return {"data": disk.collect(section()), "df": shown.split()[-3:]}

    result = own_mounts.inside(measure)
    facts = checked(result["data"])
    full = volume(facts, point)
    assert full.available_bytes == 0
    assert full.used_percent == 100.0
    assert full.used_bytes == int(result["df"][1]) * 1024
    assert [(row.path, row.mount) for row in facts.large_directories or []] == [
        (f"{point}/spool/fill", str(point))
    ]


@FULL
@pytest.mark.full
def test_inodes_used_up_while_there_is_room(section: MakeSection, tmp_path: Path) -> None:
    point = tmp_path / "inodes"
    point.mkdir()

    def measure() -> dict[str, Any]:
        with own_mounts.ext4(point, inodes=64):
            try:
                for number in range(100):
                    (point / str(number)).touch()
            except OSError:
                pass
            data: dict[str, Any] = disk.collect(section())
            return data

    fact = volume(checked(own_mounts.inside(measure)), point)
    assert (fact.inodes_free, fact.inodes_used_percent) == (0, 100.0)
    assert (fact.used_percent or 0) < 90


@FULL
@pytest.mark.full
def test_an_ext4_that_turned_read_only_by_an_error(section: MakeSection, tmp_path: Path) -> None:
    point = tmp_path / "broken"
    point.mkdir()

    def measure() -> dict[str, Any]:
        with own_mounts.ext4(point, options="errors=remount-ro") as name:
            Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("test")
            data: dict[str, Any] = disk.collect(section())
            return data

    fact = volume(checked(own_mounts.inside(measure)), point)
    assert fact.read_only
    assert fact.errors == 1
    assert fact.used_percent is not None


@FULL
@pytest.mark.full
def test_a_full_tmpfs_and_a_deleted_file_that_fills_it(section: MakeSection, tmp_path: Path) -> None:
    point = tmp_path / "memory"
    point.mkdir()

    def measure() -> dict[str, Any]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(point)], check=True)
        path = point / "log"
        command = [sys.executable, "-c", HOLD, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            path.write_bytes(b"x" * 4 * MEBIBYTE)
            path.unlink()
            return {"data": disk.collect(section()), "pid": holder.pid}

    result = own_mounts.inside(measure)
    facts = checked(result["data"])
    assert volume(facts, point).used_percent == 100.0
    [found] = [row for row in facts.deleted or [] if row.path == f"{point}/log"]
    assert (found.pid, found.mount, found.size_bytes) == (result["pid"], str(point), 4 * MEBIBYTE)
