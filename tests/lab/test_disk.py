"""Step 9: volumes that are full, out of inodes, read-only or silent, and files that are gone but held."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_collector.findings.thresholds import Thresholds

from .machine import HERE, Machine, first_child
from .verdict import first

DATA = "/srv/data"


def volume(machine: Machine, *options: str) -> None:
    """A small volume of its own."""
    machine.run("mkdir", "-p", DATA)
    machine.run("mount", "-t", "tmpfs", "-o", ",".join(("size=64m", *options)), "data", DATA)


def test_a_deleted_file_that_is_held(here: Machine, tmp_path: Path) -> None:
    fault = here.start("files", "deleted", "holder", tmp_path / "export.csv", 20)
    # A megabyte or two of other programs' deleted files is how every machine is.
    cause = first(here.ask(thresholds=Thresholds(disk_deleted_percent=0.0)), here)
    assert cause.rule == "disk.deleted"
    assert cause.message.startswith(f"holder (pid {fault.pid}) keeps 20 MiB of deleted files open")
    assert cause.subject == str(tmp_path / "export.csv")


@pytest.mark.full
def test_a_full_volume(host: Machine) -> None:
    volume(host)
    host.run("mkdir", f"{DATA}/backup")
    host.run("fallocate", "-l", "63M", f"{DATA}/backup/monday.tar")
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject, cause.severity) == ("disk.space", DATA, "critical")
    assert f"largest there: {DATA}/backup/monday.tar" in cause.message


@pytest.mark.full
def test_a_full_volume_among_very_many(host: Machine) -> None:
    many = "for n in $(seq 400); do mkdir -p /mnt/$n && mount -t tmpfs -o size=1m image /mnt/$n; done"
    host.run("sh", "-c", many)
    volume(host)
    host.run("fallocate", "-l", "63M", f"{DATA}/monday.tar")
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject, cause.severity) == ("disk.space", DATA, "critical")


@pytest.mark.full
def test_no_inode_is_left(host: Machine) -> None:
    volume(host, "nr_inodes=400")
    host.start("files", "many", "sessions", DATA, 1000)
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject, cause.severity) == ("disk.inodes", DATA, "critical")
    assert "0 more files can be made" in cause.message


@pytest.mark.full
def test_a_deleted_file_fills_a_good_part_of_its_volume(host: Machine) -> None:
    volume(host)
    fault = host.start("files", "deleted", "holder", f"{DATA}/export.csv", 40)
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject) == ("disk.deleted", f"{DATA}/export.csv")
    assert cause.evidence["pid"] == fault.pid


@pytest.mark.full
def test_a_volume_that_the_kernel_made_read_only(host: Machine, tmp_path: Path) -> None:
    with loop_device(tmp_path / "data.img") as loop:
        name = loop.removeprefix("/dev/")
        host.run("mknod", loop, "b", "7", name.removeprefix("loop"))
        host.run("mkdir", "-p", DATA)
        host.run("mount", "-o", "errors=remount-ro", loop, DATA)
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("lab")
        cause = first(host.ask(), host)
        host.run("umount", DATA)
    assert (cause.rule, cause.subject, cause.severity) == ("disk.read_only", DATA, "critical")
    assert cause.message == f"{DATA} is read-only: the kernel made it so after an error"


@pytest.mark.full
def test_a_volume_that_was_mounted_read_only_by_mistake(host: Machine) -> None:
    volume(host, "ro")
    host.write("/etc/fstab", f"data {DATA} tmpfs defaults 0 0\n")
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject) == ("disk.read_only", DATA)
    assert cause.message == f"{DATA} is read-only: /etc/fstab wants it writable"


@pytest.mark.full
def test_a_file_system_that_hangs(host: Machine) -> None:
    if not Path("/dev/fuse").exists():
        pytest.skip("needs /dev/fuse")
    victims: list[subprocess.Popen[bytes]] = []
    try:
        with hung(host, DATA):
            victims += [touching(host, DATA) for _ in range(4)]
            host.wait_for("ps -C cp -o state=", "(?s)(D.*){3}")  # the first may wait in another state
            cause = first(host.ask(), host)
    finally:
        for victim in victims:
            victim.wait(20)
    assert (cause.rule, cause.subject) == ("disk.hung", DATA)
    assert "processes.blocked" in [effect.rule for effect in cause.explains]


@contextmanager
def loop_device(image: Path) -> Iterator[str]:
    """A loop device with an ext4."""
    image.write_bytes(b"")
    with image.open("r+b") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    loop = subprocess.check_output(["losetup", "--find", "--show", str(image)], text=True).strip()
    try:
        yield loop
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)


@contextmanager
def hung(machine: Machine, directory: str) -> Iterator[None]:
    """A file system inside that takes requests and does not answer."""
    machine.write("/opt/fuse.py", (HERE / "fuse.py").read_text())
    machine.run("mkdir", "-p", directory)
    daemon = subprocess.Popen(
        [*machine.enter, machine.python, "/opt/fuse.py", directory, "filer:/export"], stdout=subprocess.PIPE
    )
    assert daemon.stdout is not None
    try:
        assert daemon.stdout.readline() == b"ready\n"
        yield
    finally:
        os.kill(first_child(daemon), signal.SIGKILL)  # closes /dev/fuse: everybody who waits gets an error
        daemon.wait(20)
        daemon.stdout.close()
        machine.run("umount", "--lazy", directory)


def touching(machine: Machine, directory: str) -> subprocess.Popen[bytes]:
    """A process inside that wants a file of a directory."""
    command = [*machine.enter, "cp", f"{directory}/x", "/tmp"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
