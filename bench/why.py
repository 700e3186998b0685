"""What it costs to judge a fleet and to find the causes: `python bench/why.py [hosts]`.

Synthetic snapshots of a realistic size (30 units, 40 listeners, 10 top processes), every tenth host ill of
one of four faults, decoded from JSON, judged and joined; CPU seconds of this process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from fleet_collector.causes.diagnosis import Diagnosis, Judged
from fleet_collector.causes.why import why
from fleet_collector.findings.judge import judge
from fleet_collector.findings.subject import Subject
from fleet_collector.snapshot import Snapshot

NOW = 1_800_000_000.0
GIB = 1024**3
T = TypeVar("T")


def process(number: int, **more: Any) -> dict[str, Any]:
    return {
        "pid": 1000 + number,
        "name": f"worker{number % 12}",
        "command": f"/usr/lib/app/bin/worker --config /etc/app/worker{number}.toml --verbose",
        "user": "app",
        "unit": f"app{number % 12}.service",
        "started_at": NOW - 86400.0,
        **more,
    }


def section(data: dict[str, Any]) -> dict[str, Any]:
    return {"status": "ok", "ms": 1.5, "notes": {}, "data": data}


def document(number: int) -> dict[str, Any]:
    fault = number % 40 // 10 if number % 10 == 0 else None
    calm = {"some_avg10": 0.1, "some_avg60": 0.2, "some_avg300": 0.2, "full_avg60": 0.0}
    address = f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
    return {
        "schema": 1,
        "agent": {"version": "1", "python": "3.11.2", "started_at": NOW, "finished": True},
        "identity": section(
            {
                "hostname": f"web{number}",
                "boot_id": f"b{number}",
                "uptime_seconds": 9e6,
                "machine_id": f"m{number}",
                "kernel_messages": [],
            }
        ),
        "cpu": section(cpu(fault, calm)),
        "memory": section(
            {
                "total_bytes": 16 * GIB,
                "available_bytes": 8 * GIB,
                "pressure": calm,
                "oom_kills": 0,
                "meminfo": {f"Key{n}": n * 4096 for n in range(45)},
                "top": [process(n, rss_bytes=GIB // (n + 1)) for n in range(10)],
            }
        ),
        "processes": section(
            {
                "total": 300,
                "threads": 900,
                "pid_max": 4194304,
                "threads_max": 120000,
                "states": {"S": 290},
                "zombies": [],
                "blocked": [],
                "top_open_files": [process(n, open_files=100 + n, limit=1024) for n in range(10)],
                "top_threads": [process(n, threads=40) for n in range(10)],
                "groups": [
                    {
                        "name": f"worker{n}",
                        "count": 4,
                        "threads": 40,
                        "rss_bytes": GIB,
                        "started_at": NOW - 86400,
                    }
                    for n in range(30)
                ],
            }
        ),
        "services": section(services(fault)),
        "network": section(
            {
                "interfaces": [
                    {
                        "name": "eth0",
                        "up": True,
                        "carrier": True,
                        "kind": "physical",
                        "addresses": [f"{address}/16"],
                        "rx_bytes": 5,
                    }
                ],
                "routes": [],
                "default_routes": [{"destination": "default", "gateway": "10.0.0.1", "interface": "eth0"}],
                "resolver": {"servers": ["10.0.0.2"], "lookups": [{"server": "10.0.0.2", "ok": True}]},
            }
        ),
        "reach": section(
            {
                "probes": [
                    {
                        "target": "tcp://web0:5432",
                        "protocol": "tcp",
                        "host": "web0",
                        "port": 5432,
                        "address": "10.0.0.1",
                        "result": "refused" if fault == 2 else "open",
                        "ms": 1.0,
                    }
                ]
            }
        ),
        "ports": section(
            {
                "listeners": [
                    {
                        "protocol": "tcp",
                        "address": "0.0.0.0",
                        "port": 8000 + n,
                        "queue": 0,
                        "backlog": 128,
                        **process(n),
                    }
                    for n in range(40)
                ]
            }
        ),
        "connections": section(connections(fault)),
        "disk": section(disk(fault, calm)),
        "logs": section(
            {
                "files": [
                    {
                        "path": f"/var/log/app{n}.log",
                        "size_bytes": 200_000_000,
                        "mount": "/",
                        "device": "8:1",
                        "inode": n,
                        "under_root": True,
                        "writer": process(n),
                        "rotation": {"covered": True, "period": "daily", "last_at": NOW - 3600},
                    }
                    for n in range(10)
                ]
            }
        ),
    }


def cpu(fault: int | None, calm: dict[str, float]) -> dict[str, Any]:
    hog = [process(0, core_percent=300.0, machine_percent=75.0, cpu_seconds=80000.0)] if fault == 0 else []
    shares = dict.fromkeys(("user", "nice", "system", "iowait", "irq", "softirq", "steal"), 1.0)
    return {
        "cores": 4,
        "usable_cores": 4.0,
        "load1": 0.5,
        "load5": 0.6,
        "load15": 0.6,
        "blocked": 0,
        "pressure": calm,
        "percent": {**shares, "busy": 20.0, "idle": 79.0},
        "interval_seconds": 1.0,
        "top": hog + [process(n, core_percent=2.0, machine_percent=0.5) for n in range(1, 10)],
    }


def services(fault: int | None) -> dict[str, Any]:
    units = [
        {"name": f"app{n}.service", "active": "active", "sub": "running", "main_pid": 1000 + n, "restarts": 0}
        for n in range(30)
    ]
    if fault == 1:
        units.append(
            {
                "name": "shop.service",
                "active": "failed",
                "result": "exit-code",
                "since": NOW - 60,
                "log": ["shop: No space left on device"],
            }
        )
    return {"manager": "systemd", "units": units}


def connections(fault: int | None) -> dict[str, Any]:
    remotes = [
        {"address": f"10.0.1.{n}", "port": 5432, "count": 9, "states": {"established": 9}} for n in range(20)
    ]
    states = {"close_wait": 900} if fault == 3 else {"established": 5}
    return {
        "states": {"established": 200, "time_wait": 900},
        "by_remote": remotes,
        "by_process": [process(n, count=5, states=states, remotes=remotes[:3]) for n in range(10)],
        "by_local_port": [{"port": 8000 + n, "count": 9, "states": {"established": 9}} for n in range(20)],
        "local_ports": [{"address": "10.0.1.1", "port": 5432, "used": 9, "time_wait": 5, "percent": 0.1}],
    }


def disk(fault: int | None, calm: dict[str, float]) -> dict[str, Any]:
    volumes = [
        {
            "mount": mount,
            "device": "/dev/vda1",
            "type": "ext4",
            "size_bytes": 100 * GIB,
            "available_bytes": 0 if fault == 1 else 60 * GIB,
            "used_percent": 100.0 if fault == 1 else 40.0,
            "inodes_used_percent": 5.0,
            "read_only": False,
        }
        for mount in ("/", "/var", "/srv", "/boot")
    ]
    return {
        "volumes": volumes,
        "drives": [{"name": "vda", "util_percent": 5.0}],
        "deleted": [],
        "pressure": calm,
    }


def timed(words: str, work: Callable[[], T], hosts: int) -> tuple[float, T]:
    started = time.process_time()
    result = work()
    seconds = time.process_time() - started
    print(f"{words:<12}{seconds:>10.3f}{1000 * seconds / hosts:>14.3f}")
    return seconds, result


def main(hosts: int) -> None:
    raw = [msgspec.json.encode(document(number)) for number in range(hosts)]
    decoder = msgspec.json.Decoder(Snapshot)
    print(f"{hosts} hosts, {sum(map(len, raw)) / hosts / 1024:.1f} KiB each")
    print(f"{'':<12}{'CPU s':>10}{'ms per host':>14}")
    decode_seconds, snapshots = timed("decode", lambda: [decoder.decode(text) for text in raw], hosts)
    judge_seconds, judged = timed(
        "judge", lambda: [judged_of(n, one) for n, one in enumerate(snapshots)], hosts
    )
    join_seconds, diagnosis = timed("join", lambda: why(judged), hosts)
    print(f"{'total':<12}{decode_seconds + judge_seconds + join_seconds:>10.3f}")
    show(diagnosis)


def judged_of(number: int, snapshot: Snapshot) -> Judged:
    host = f"web{number}"
    findings = judge(Subject(host=host, taken_at=NOW, snapshot=snapshot))
    return Judged(host=host, taken_at=NOW, snapshot=snapshot, findings=findings)


def show(diagnosis: Diagnosis) -> None:
    for cause in diagnosis.causes[:5]:
        print(
            f"{cause.rank}. {cause.severity} {cause.rule}: {len(cause.hosts)} hosts,"
            f" explains {len(cause.explains)}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
