from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from fleet_agent import mounts
from fleet_agent.host import Host

MOUNTINFO = r"""
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
24 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=4096k
25 24 0:24 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw
26 22 0:25 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=800M,mode=755
27 22 259:1 /srv/www /mnt/bind ro,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
28 22 7:0 / /snap/core/1 ro,nodev shared:9 - squashfs /dev/loop0 ro
29 22 0:44 /@ /data rw shared:7 - btrfs /dev/sdb1 rw,subvol=/@
30 22 0:44 /@home /data/home rw shared:8 - btrfs /dev/sdb1 rw,subvol=/@home
31 22 0:50 / /mnt/nfs rw shared:10 - nfs4 nfs1.example.com:/export rw,vers=4.2
32 22 0:51 / /mnt/share rw shared:11 - cifs //files/share rw
33 22 0:52 / /mnt/sshfs rw shared:13 - fuse.sshfs backup@vault:/home rw
34 22 0:53 / /mnt/six rw shared:14 - nfs [fd00::1]:/export rw
35 22 259:3 / /mnt/a\040b\134c rw shared:15 - xfs /dev/nvme0n1p3 rw
36 22 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=/l
37 22 259:4 / /broken rw shared:16 - ext4 /dev/nvme0n1p4 rw,emergency_ro
38 22 0:70 / /auto rw shared:17 - autofs systemd-1 rw
39 38 0:71 / /auto rw shared:18 - nfs nfs2:/auto rw
a line that is none
40 22 0:72 / /short
"""


def table() -> dict[str, mounts.Mount]:
    return {mount.point: mount for mount in mounts.parse_mountinfo(MOUNTINFO)}


def test_each_device_counts_once_and_pseudo_file_systems_do_not() -> None:
    points = [mount.point for mount in mounts.volumes(mounts.parse_mountinfo(MOUNTINFO))]
    assert points == [
        "/",
        "/auto",
        "/broken",
        "/data",
        "/dev/shm",
        "/mnt/a b\\c",
        "/mnt/nfs",
        "/mnt/share",
        "/mnt/six",
        "/mnt/sshfs",
        "/run",
        "/snap/core/1",
    ]


def test_a_bind_mount_does_not_hide_that_its_volume_is_writable() -> None:
    [root] = [mount for mount in mounts.volumes(mounts.parse_mountinfo(MOUNTINFO)) if mount.device == "259:1"]
    assert (root.point, root.read_only) == ("/", False)


def test_the_later_of_two_mounts_at_one_place_covers_the_earlier() -> None:
    assert table()["/auto"].type == "nfs"


@pytest.mark.parametrize(
    ("point", "server"),
    [
        ("/mnt/nfs", "nfs1.example.com"),
        ("/mnt/share", "files"),
        ("/mnt/sshfs", "vault"),
        ("/mnt/six", "fd00::1"),
        ("/", None),
        ("/data", None),
    ],
)
def test_the_server_of_a_network_mount(point: str, server: str | None) -> None:
    mount = table()[point]
    assert (mount.server, mount.network, mount.suspect) == (server, server is not None, server is not None)


def test_an_error_remount_is_read_only_although_it_says_rw() -> None:
    assert table()["/broken"].read_only
    assert table()["/broken"].emergency
    assert table()["/snap/core/1"].read_only
    assert not table()["/"].read_only


def test_the_volume_of_a_file_in_a_container_is_the_one_under_its_overlay() -> None:
    listed = mounts.parse_mountinfo(MOUNTINFO)
    assert mounts.place(listed, "/app/x.log", "0:60") == "/"
    assert mounts.place(listed, "/anywhere", "259:3") == "/mnt/a b\\c"
    assert mounts.place(listed, "/data/home/x", "0:99") == "/data"


@pytest.mark.parametrize(
    ("path", "directory", "below"),
    [("/a/b", "/a", True), ("/ab", "/a", False), ("/a", "/a", True), ("/x", "/", True)],
)
def test_below(path: str, directory: str, below: bool) -> None:
    assert mounts.is_below(path, directory) is below


@pytest.mark.parametrize("text", ["/plain", r"/a\040b", r"/odd\9", "\\"])
def test_unescape_leaves_what_is_no_octal(text: str) -> None:
    assert mounts.unescape(text) == text.replace(r"\040", " ")


def test_statvfs_of_every_volume_here_agrees_with_the_system_call() -> None:
    volumes = [mount for mount in mounts.volumes(mounts.read(Host())) if not mount.suspect]
    for mount in volumes:
        numbers = os.statvfs(mount.point)
        answer = mounts.ask([mount], 5)[mount.point]
        assert isinstance(answer, list)
        assert answer[2] == numbers.f_blocks
        assert answer[5] == numbers.f_files


def _stalling(path: str) -> os.statvfs_result:
    if path == "/data":
        time.sleep(60)
    return os.statvfs("/")


def test_a_mount_that_stalls_costs_only_its_own_answer() -> None:
    volumes = [mount for mount in mounts.volumes(mounts.parse_mountinfo(MOUNTINFO)) if not mount.suspect]
    answers = mounts.ask(volumes, 0.5, _stalling)
    assert answers["/data"] is None
    assert [point for point, answer in answers.items() if not isinstance(answer, list)] == ["/data"]
    assert "/data" in mounts.silent(volumes, 0.1)


def test_a_mount_that_fails_gives_its_errno(tmp_path: Path) -> None:
    text = f"22 1 259:9 / {tmp_path}/gone rw - ext4 /dev/sdz rw"
    [mount] = mounts.parse_mountinfo(text)
    assert mounts.ask([mount], 5) == {mount.point: errno.ENOENT}


def test_the_children_leave_no_descriptor_open() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    mounts.ask(mounts.volumes(mounts.read(Host())), 1)
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_recorded_tree_is_read_by_its_first_process(tmp_path: Path) -> None:
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/mountinfo").write_text(MOUNTINFO)
    assert {mount.point for mount in mounts.read(Host(str(tmp_path)))} == set(table())
