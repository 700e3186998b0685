from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import psutil
import pytest

from fleet_agent import kernel_log
from fleet_agent.checks import identity
from fleet_agent.host import Host
from fleet_agent.section import Section
from fleet_agent.table import Table


def test_os_release() -> None:
    text = "# comment\nNAME=\"Debian GNU/Linux\"\nID=debian\nPRETTY_NAME='Debian 12'\nbroken\n"
    assert identity.parse_os_release(text) == {
        "NAME": "Debian GNU/Linux",
        "ID": "debian",
        "PRETTY_NAME": "Debian 12",
    }


@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [(0, 0x2001, True), (5, 0x40, False), (0, 0x40, False), (5, 0, False)],
)
def test_clock_state(state: int, status: int, synchronised: bool) -> None:
    facts = identity.parse_timex(state, [0, 0, 0, 250000, 0, status])
    assert facts == {"clock_synchronised": synchronised, "clock_error_seconds": 0.25}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Out of memory: Killed process 812 (java) total-vm:1kB", "oom_kill"),
        ("INFO: task mysqld:99 blocked for more than 120 seconds.", "hung_task"),
        ("watchdog: BUG: soft lockup - CPU#1 stuck for 22s!", "soft_lockup"),
        ("Buffer I/O error on dev sda1, logical block 5, async page read", "io_error"),
        ("blk_update_request: I/O error, dev sda, sector 5", "io_error"),
        ("EXT4-fs error (device sda1): ext4_lookup:1606: comm ls", "filesystem_error"),
        ("EXT4-fs (sda1): Remounting filesystem read-only", "read_only_remount"),
        ("XFS (sda1): Corruption detected. Unmount and run xfs_repair", "filesystem_error"),
        ("XFS (sda1): Mounting V5 Filesystem", None),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack_full"),
        ("neighbour: arp_cache: neighbor table overflow!", "neighbour_full"),
        ("TCP: out of memory -- consider tuning tcp_mem", "tcp_memory"),
        ("TCP: request_sock_TCP: Possible SYN flooding on port 80.", "syn_flood"),
        ("e1000e: eth0 NIC Link is Down", "link_down"),
        ("nfs: server nas1 not responding, still trying", "nfs_silent"),
        ("EDAC MC0: 1 CE memory read error on CPU_SrcID#0", "memory_error"),
        ("EDAC MC: Ver: 3.0.0", None),
        ("BUG: kernel NULL pointer dereference, address: 0", "kernel_bug"),
        ("shop[812]: segfault at 0 ip 0 sp 0 error 4", "segfault"),
        ("e1000e: eth0 NIC Link is Up 1000 Mbps", None),
    ],
)
def test_kinds_of_kernel_messages(text: str, kind: str | None) -> None:
    assert kernel_log.kind_of(text.encode()) == kind


@pytest.mark.parametrize(
    "log",
    [
        b"3,1,1000000,-;Buffer I/O error on dev old\n"
        b"30,2,90000000000,-;systemd[1]: Buffer I/O error in a unit's name\n"
        b"3,3,90000000000,-,caller=T9;Buffer I/O error on dev sdb\n SUBSYSTEM=block\n"
        b"rubbish with Buffer I/O error",
        b"ut <3>[    1.000000] Buffer I/O error on dev old\n"
        b"<30>[90000.000000] systemd[1]: Buffer I/O error in a unit's name\n"
        b"<3>[90000.000000][    T9] Buffer I/O error on dev sdb\n"
        b"<6>[90000.500000] all is well\n<3>[ soon] Buffer I/O error without a time\n",
    ],
    ids=["records", "lines"],
)
def test_only_the_kernels_own_recent_messages_count(log: bytes) -> None:
    found = kernel_log.recent(log, 90001.0, kernel_log.needles())
    assert found == [(90000.0, b"Buffer I/O error on dev sdb")]


@pytest.mark.skipif(not os.access("/dev/kmsg", os.R_OK), reason="the kernel's log is closed to this user")
def test_both_ways_to_the_kernels_log_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = kernel_log.read(Host()).splitlines()
    monkeypatch.setattr(kernel_log, "_read_at_once", bytes)
    records = kernel_log.read(Host()).splitlines()
    parsed = [kernel_log.parse(line) for line in lines]
    assert lines[-1].startswith(b"<")
    assert records[-1].partition(b",")[0].isdigit()
    assert next(one for one in parsed if one) in [kernel_log.parse(record) for record in records]


def test_a_recorded_log_is_read_up_to_its_newest_record(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    noise = "6,1,1000000,-;port1: entered blocking state\n" * 10000
    (tmp_path / "dev/kmsg").write_text(noise + "3,2,2000000,-;Buffer I/O error on dev sdb\n")
    found = kernel_log.recent(kernel_log.read(Host(str(tmp_path))), 100.0, kernel_log.needles())
    assert found == [(2.0, b"Buffer I/O error on dev sdb")]


def test_messages_are_counted_and_the_last_is_kept() -> None:
    messages = [(10.0, b"eth0: Link is Down"), (30.0, b"eth1: Link is Down"), (20.0, b"x segfault at 0 \xff")]
    assert kernel_log.summarise(messages, 1000) == [
        {"kind": "link_down", "count": 2, "last_at": 1030.0, "last": "eth1: Link is Down"},
        {"kind": "segfault", "count": 1, "last_at": 1020.0, "last": "x segfault at 0 \ufffd"},
    ]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"run/systemd/container": "lxc\n"}, "lxc"),
        ({".dockerenv": ""}, "docker"),
        ({"run/.containerenv": ""}, "podman"),
        ({"proc/1/environ": "TERM=linux\0container=lxc\0"}, "lxc"),
        ({}, None),
    ],
)
def test_containers_by_their_marks(tmp_path: Path, files: dict[str, str], found: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert identity.container(Host(str(tmp_path))) == found


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"sys/class/dmi/id/sys_vendor": "QEMU\n"}, "qemu"),
        ({"sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"}, "vmware"),
        ({"sys/class/dmi/id/sys_vendor": "Dell Inc.\n"}, None),
        ({"proc/cpuinfo": "flags : fpu hypervisor lahf_lm\n"}, "vm"),
        ({}, None),
    ],
)
def test_virtualization(tmp_path: Path, files: dict[str, str], found: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert identity.virtualization(Host(str(tmp_path))) == found


def test_the_machine_agrees_with_the_standard_library() -> None:
    host, table = Host(), Table(Host())
    table.read()
    facts = identity.collect(Section(host, {}, table))
    assert facts["hostname"] == platform.node()
    assert facts["kernel"] == platform.release()
    assert facts["arch"] == platform.machine()
    assert facts["cores"] == psutil.cpu_count()
    assert facts["memory_bytes"] == psutil.virtual_memory().total
    assert facts["booted_at"] == pytest.approx(psutil.boot_time(), abs=2)
    assert facts["clock_at"] == pytest.approx(time.time(), abs=60)
