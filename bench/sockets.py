"""What it costs to count sockets: ours, psutil, ss and the kernel's text file, on the same flood in one run.

    sudo .venv/bin/python bench/sockets.py [--time-wait 50000] [--established 10000]

Makes the sockets on loopback in a network namespace of its own, with several destinations, and prints CPU
milliseconds (user and system, of the program itself and of children) of the better of two passes.
"""

from __future__ import annotations

import argparse
import ctypes
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "agent"))

from fleet_agent.checks import connections, ports  # noqa: E402 - the agent is not a dependency of this program
from fleet_agent.host import Host  # noqa: E402
from fleet_agent.section import Section  # noqa: E402
from fleet_agent.table import Table  # noqa: E402

CLONE_NEWNET = 0x40000000
DESTINATIONS = 8
PASSES = 2


def flood(time_wait: int, established: int) -> list[socket.socket]:
    """Make the sockets; what is returned keeps the ESTABLISHED ones open."""
    kept = [
        socket.create_server((f"127.0.0.{number}", 8000), backlog=64) for number in range(1, DESTINATIONS + 1)
    ]
    places = [listener.getsockname() for listener in kept]
    for number in range(established // 2):  # both ends are ours
        client = socket.create_connection(places[number % DESTINATIONS])
        server, _ = kept[number % DESTINATIONS].accept()
        kept += [client, server]
    for number in range(time_wait):
        client = socket.create_connection(places[number % DESTINATIONS])
        server, _ = kept[number % DESTINATIONS].accept()
        client.close()
        server.close()
    return kept


def cpu_ms(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU milliseconds of the better pass, children included, and what the work returned."""
    costs = []
    for _ in range(PASSES):
        begun = spent()
        result = work()
        costs.append(spent() - begun)
    return min(costs) * 1000, result


def spent() -> float:
    """CPU seconds of this program and of its ended children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ours() -> str:
    """The whole steps ports and connections, the search for the sockets' owners included."""
    host = Host()
    table = Table(host)
    table.read()
    ports.collect(Section(host, {}, table))
    return told(connections.collect(Section(host, {}, table, connections.sample(host), 1.0))["states"])


def owners() -> str:
    """Of that: which process holds which socket."""
    table = Table(Host())
    table.read()
    return f"{len(table.sockets())} owned"


def with_psutil() -> str:
    """psutil.net_connections, counted by state."""
    return told(Counter(one.status.lower() for one in psutil.net_connections("tcp")))


def with_ss() -> str:
    """Run ss -tan, its text counted by state."""
    text = subprocess.run(["ss", "-tanH"], check=True, capture_output=True, text=True).stdout
    return told(Counter(line.split(None, 1)[0].lower().replace("-", "_") for line in text.splitlines()))


def with_text() -> str:
    """/proc/net/tcp, its lines counted by state."""
    counts: Counter[str] = Counter()
    with Path("/proc/net/tcp").open() as lines:
        next(lines)
        counts.update(line.split(None, 4)[3] for line in lines)
    return told({"established": counts["01"], "time_wait": counts["06"]})


def told(states: dict[str, int]) -> str:
    return ", ".join(
        f"{states.get(state, 0)} {state}"
        for state in ("established", "estab", "time_wait")
        if state in states
    )


def main() -> None:
    """Make the flood, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time-wait", type=int, default=50000)
    parser.add_argument("--established", type=int, default=10000)
    wanted = parser.parse_args()
    if ctypes.CDLL(None).unshare(CLONE_NEWNET):
        parser.exit(64, "needs root: makes a network namespace\n")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = min(wanted.established, hard - 200)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("0")  # loopback would take them back
    idle, _ = cpu_ms(ours)
    begun = time.monotonic()
    kept = flood(wanted.time_wait, most)
    print(
        f"flood made in {time.monotonic() - begun:.1f} s: {wanted.time_wait} TIME_WAIT, {most} ESTABLISHED\n"
    )
    print(f"{'CPU ms':>8}  what")
    print(f"{idle:8.0f}  fleet: ports and connections, before the flood")
    for name, work in (
        ("fleet: ports and connections, with owners", ours),
        ("  of that, owners alone", owners),
        ("psutil.net_connections, with owners", with_psutil),
        ("ss -tan, text counted, no owners", with_ss),
        ("/proc/net/tcp counted by state, no owners", with_text),
    ):
        cost, result = cpu_ms(work)
        print(f"{cost:8.0f}  {name} ({result})")
    for each in kept:
        each.close()


if __name__ == "__main__":
    main()
