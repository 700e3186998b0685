"""The files of machines unlike this one, in the forms in which their kernels write them (proc(5))."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleet_agent import runner

LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            1024                 524288               files
"""
IO_PRESSURE = (
    "some avg10=0.43 avg60=0.66 avg300=0.62 total=11525857\nfull avg10=0.19 avg60=0.33 avg300=0.32 total=8\n"
)
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000002 00:00000000 00000000    33        0 5101 1 0 100 0
   1: 020200C0:0050 050200C0:A001 01 00000000:00000000 00:00000000 00000000    33        0 5102 1 0 100 0
   2: 020200C0:B001 090200C0:1538 06 00000000:00000000 03:00000010 00000000     0        0 0 3 0
"""
IN_KERNEL = "0 0 0 0 -1 2129984 0 0 0 0 0 12 0 0 20 0 1 0 2 0 0 18446744073709551615" + " 0" * 27


def stat(pid: int, name: bytes, parent: int = 1, ticks: int = 50) -> bytes:
    """The line of a process that sleeps."""
    rest = (
        f"S {parent} {pid} {pid} 0 -1 4194560 9 0 0 0 {ticks} 10 0 0 20 0 3 0 900 1000000 500 184" + " 0" * 27
    )
    return b"%d (%s) %s\n" % (pid, name, rest.encode())


PRESENT: dict[
    str, str | bytes
] = {  # Linux 6.1 with systemd left out, IPv4 and IPv6, control groups of version 2
    "proc/stat": "cpu  900 10 400 9000 50 0 6 29 0 0\n"
    "cpu0 500 5 200 4500 20 0 3 14 0 0\ncpu1 400 5 200 4500 30 0 3 15 0 0\n"
    "intr 14\nctxt 5000\nbtime 1790000000\nprocesses 4000\nprocs_running 2\nprocs_blocked 1\n",
    "proc/loadavg": "1.50 1.25 1.00 2/300 4000\n",
    "proc/uptime": "5000.00 9000.00\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemFree: 1000000 kB\nMemAvailable: 5000000 kB\nBuffers: 100 kB\n"
    "Cached: 3000000 kB\nSwapTotal: 2000000 kB\nSwapFree: 1500000 kB\nShmem: 5000 kB\n",
    "proc/vmstat": "pswpin 10\npswpout 20\npgmajfault 30\noom_kill 1\nallocstall_normal 4\n",
    "proc/pressure/cpu": IO_PRESSURE,
    "proc/pressure/memory": IO_PRESSURE,
    "proc/pressure/io": IO_PRESSURE,
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1 partition 2000000 500000 -2\n",
    "proc/diskstats": " 254 0 vda 100 1 800 50 200 2 1600 90 1 100 140 0 0 0 0 0 0\n",
    "proc/mdstat": "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0]\n"
    "      1048512 blocks [2/1] [U_]\n",
    "proc/sys/kernel/hostname": "recorded\n",
    "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
    "proc/sys/kernel/random/boot_id": "00000000-0000-4000-8000-000000000001\n",
    "proc/sys/kernel/tainted": "512\n",
    "proc/sys/kernel/pid_max": "4194304\n",
    "proc/sys/kernel/threads-max": "62000\n",
    "proc/sys/fs/file-nr": "3000 0 9223372036854775807\n",
    "proc/sys/net/ipv4/tcp_mem": "100 200 300\n",
    "proc/sys/net/ipv4/tcp_max_tw_buckets": "32768\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768 60999\n",
    "proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "120\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
    "proc/net/snmp": "Tcp: ActiveOpens PassiveOpens OutSegs RetransSegs\nTcp: 10 20 3000 4\n",
    "proc/net/netstat": "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 2 3\n",
    "proc/net/sockstat": "sockets: used 71\nTCP: inuse 3 orphan 1 tw 1 alloc 5 mem 13\n",
    "proc/net/softnet_stat": "00056d8c 00000007 00000000\n",
    "proc/net/dev": "Inter-| Receive | Transmit\n face |bytes | bytes\n"
    "  eth0: 691854036 20464 2 1 0 0 0 0 1260757 10839 3 4 0 0 0 0\n",
    "proc/net/route": "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    "eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0\n"
    "eth0 000200C0 00000000 0001 0 0 100 00FFFFFF 0 0 0\n",
    "proc/net/fib_trie": "Local:\n  +-- 0.0.0.0/0 3 0 5\n        |-- 192.0.2.2\n           /32 host LOCAL\n",
    "proc/net/if_inet6": "fd000000000000000000000000000002 04 40 00 82     eth0\n",
    "proc/net/ipv6_route": "0" * 32
    + " 00 "
    + "0" * 32
    + " 00 fd000000000000000000000000000001 00000400 00000003 "
    "00000000 00000003     eth0\n",
    "proc/net/arp": "IP address HW type Flags HW address Mask Device\n"
    "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0\n",
    "proc/net/stat/arp_cache": "entries allocs\n00000002 0000005f\n",
    "proc/net/tcp": TCP,
    "proc/net/tcp6": TCP.splitlines()[0] + "\n",
    "proc/net/udp": TCP.splitlines()[0] + "\n",
    "proc/1/stat": stat(1, b"init", parent=0),
    "proc/1/status": "Name: init\nRssAnon: 1000 kB\nVmSwap: 200 kB\n",
    "proc/1/limits": LIMITS,
    "proc/1/cmdline": "/sbin/init\0",
    "proc/1/cgroup": "0::/init.scope\n",
    "proc/1/comm": "init\n",
    "proc/1/oom_score_adj": "0\n",
    "proc/1/mountinfo": "25 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n",
    "proc/2/stat": b"2 (kthreadd) S " + IN_KERNEL.encode() + b"\n",
    "proc/self/cgroup": "0::/user.slice\n",
    "sys/class/net/eth0/flags": "0x1003\n",
    "sys/class/net/eth0/mtu": "1500\n",
    "sys/class/net/eth0/carrier": "1\n",
    "sys/class/net/eth0/carrier_changes": "2\n",
    "sys/block/vda/queue/rotational": "1\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
    "sys/fs/cgroup/cpu.stat": "nr_periods 0\nnr_throttled 0\n",
    "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "etc/machine-id": "00000000000040008000000000000001\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/resolv.conf": "nameserver 192.0.2.53\nsearch example.com\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
    "etc/logrotate.conf": "weekly\n/var/log/shop.log {\n daily\n}\n",
    "var/lib/logrotate/status": 'logrotate state -- version 2\n"/var/log/shop.log" 2026-11-20-6:25:1\n',
    "var/log/shop.log": "x" * (2 << 20),
    "dev/kmsg": "3,2,200000,-;EXT4-fs error (device vda): x\n",
}
SINCE_LINUX_3_10 = (
    "proc/pressure/",
    "proc/sys/net/netfilter/",
    "sys/fs/cgroup/",
    "proc/net/if_inet6",
    "proc/net/tcp6",
)
OLD = {name: text for name, text in PRESENT.items() if not name.startswith(SINCE_LINUX_3_10)} | {
    "proc/sys/kernel/osrelease": "3.10.0-1160.el7.x86_64\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemFree: 1000000 kB\nBuffers: 100000 kB\nCached: 3000000 kB\n"
    "SwapTotal: 0 kB\nSwapFree: 0 kB\nShmem: 50000 kB\n",
    "proc/vmstat": "pswpin 10\npswpout 20\npgmajfault 30\nallocstall 4\n",
    "proc/diskstats": "   8 0 sda 100 1 800 50 200 2 1600 90 -1 100 140\n",
    "proc/1/status": "Name: systemd\nVmRSS: 1000 kB\nVmSwap: 0 kB\n",
    "proc/1/cgroup": "10:memory:/\n4:cpuacct,cpu:/\n1:name=systemd:/\n",
    "proc/self/cgroup": "10:memory:/\n4:cpuacct,cpu:/user.slice\n1:name=systemd:/user.slice\n",
    "sys/block/sda/queue/rotational": "1\n",
    "sys/fs/cgroup/memory/cgroup.procs": "1\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/cpu,cpuacct/cgroup.procs": "1\n",
    "sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_period_us": "100000\n",
}


def lay(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write a machine's files below a directory."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def ask(root: Path, **request: Any) -> dict[str, dict[str, Any]]:
    """All sections that a worker tells of a tree."""
    found: dict[str, dict[str, Any]] = {}

    def tell(word: str, step: str, body: str) -> None:
        if word == "done":
            found[step] = json.loads(body)

    request = {**runner.DEFAULTS, "root": str(root), "interval_seconds": 0.0, **request}
    runner.work(request, list(runner.STEPS), True, tell)
    return found
