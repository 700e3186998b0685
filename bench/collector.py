"""What a sweep costs the collector, beside the nearest tools, in one run on one real sshd.

    python bench/collector.py [--hosts 1000] [--agent stub|real] [--peers-python PYTHON] [--processes N]

Every host is an address of 127.0.0.0/8. Each tool is a process of its own; its CPU is that of the process
and all its children (wait4), never the server's. With ``--agent stub`` hosts print a recorded snapshot, so
that agents do not take the CPU that the collector is to have; parallel-ssh, clush and ssh run ``true``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.sshd import AVAILABLE, WHY_NOT, Sshd, sshd  # noqa: E402

NONCE = "bench"
_SETTINGS = {"SetEnv": "SHLVL=5", "LogLevel": "ERROR", "MaxStartups": "4000:30:8000"}
_PARALLEL_SSH = """
import json, sys
from pssh.clients import ParallelSSHClient
job = json.load(open(sys.argv[1]))
login = {"user": job["user"], "port": job["port"], "pkey": job["key"]}
client = ParallelSSHClient(job["hosts"], pool_size=job["at_once"], **login)
output = client.run_command("true", stop_on_errors=False)
client.join(output)
print(sum(host.exit_code == 0 for host in output), "ok")
"""


@dataclass(frozen=True)
class Cost:
    """One tool's run: CPU of its processes, wall time, memory of its largest process."""

    tool: str
    hosts: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    said: str


def main() -> None:
    arguments = _arguments()
    if not AVAILABLE:
        sys.exit(f"this benchmark {WHY_NOT}")
    if arguments.job:
        _fleet(json.loads(Path(arguments.job).read_text()))
        return
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as name:
        directory = Path(name)
        with sshd(directory / "sshd", _SETTINGS) as server:
            job = _job(directory, server, arguments)
            print(f"{arguments.hosts} hosts, {os.cpu_count()} cores, Python {platform.python_version()}\n")
            _table([_measure(*tool) for tool in _tools(directory, job, arguments)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--ssh-hosts", type=int, default=100, help="for clush and ssh, a process a host")
    parser.add_argument(
        "--ansible-hosts", type=int, default=20, help="ansible -m setup is slow: on fewer hosts"
    )
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--agent", choices=["stub", "real"], default="stub")
    parser.add_argument("--only-fleet", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--peers-python", default=sys.executable, help="of an environment with the peers in it"
    )
    parser.add_argument("--job", help=argparse.SUPPRESS)
    return parser.parse_args()


def _job(directory: Path, server: Sshd, arguments: argparse.Namespace) -> dict[str, object]:
    """Write what the tools need and return it."""
    hosts = [f"127.{1 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(arguments.hosts)]
    known_hosts, config = directory / "known_hosts", directory / "ssh_config"
    known_hosts.write_text(server.known_hosts(*hosts))
    config.write_text(
        f"Host *\n  Port {server.port}\n  User {server.user}\n  IdentityFile {server.key}\n"
        "  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {known_hosts}\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
    )
    (directory / "hosts").write_text("".join(f"{host}\n" for host in hosts))
    (directory / "answer").write_bytes(_recorded())
    (directory / "parallel_ssh.py").write_text(_PARALLEL_SSH)
    job = {
        "hosts": hosts,
        "user": server.user,
        "port": server.port,
        "key": str(server.key),
        "config": str(config),
        "own": str(directory / "own"),
        "answer": str(directory / "answer"),
        "at_once": arguments.at_once,
        "agent": arguments.agent,
        "processes": arguments.processes,
    }
    (directory / "job.json").write_text(json.dumps(job))
    return job


def _recorded() -> bytes:
    """Run the real agent once and return what it printed."""
    from fleet_collector.bundle import COMMAND, Request, payload

    stdin = payload(Request(nonce=NONCE, interval_seconds=0.2))
    return subprocess.run(["/bin/sh", "-c", COMMAND], input=stdin, capture_output=True, check=True).stdout


def _tools(
    directory: Path, job: dict[str, object], arguments: argparse.Namespace
) -> list[tuple[str, int, Sequence[str]]]:
    """Return name, number of hosts and command of each tool that is here."""
    hosts, config = arguments.hosts, str(job["config"])
    me = [sys.executable, str(Path(__file__).resolve()), "--job", str(directory / "job.json")]
    tools: list[tuple[str, int, Sequence[str]]] = [(f"fleet ({arguments.agent} agent)", hosts, me)]
    if arguments.only_fleet:
        return tools
    beside = Path(arguments.peers_python).parent
    pssh = [arguments.peers_python, str(directory / "parallel_ssh.py"), str(directory / "job.json")]
    tools.append(("parallel-ssh true", hosts, pssh if _has(arguments.peers_python, "pssh") else []))
    at_once = str(arguments.at_once)
    some, listed = _some(directory, "some", min(arguments.ssh_hosts, hosts))
    clush = shutil.which("clush", path=f"{beside}:{os.environ['PATH']}")
    options = ["--hostfile", listed, "-f", at_once, "-o", f"-F {config}", "true"]
    tools.append(("clush true", some, [clush, *options] if clush else []))
    ssh = f"xargs -a {listed} -P {at_once} -I HOST ssh -F {config} -n HOST true"
    tools.append(("ssh true (xargs)", some, ["/bin/sh", "-c", ssh]))
    few, listed = _some(directory, "few", min(arguments.ansible_hosts, hosts))
    ansible = shutil.which("ansible", path=str(beside))
    setup = ["all", "-i", listed, "-m", "setup", "-f", "10", "--ssh-common-args", f"-F {config}"]
    tools.append(("ansible -m setup", few, [ansible, *setup] if ansible else []))
    return tools


def _some(directory: Path, name: str, count: int) -> tuple[int, str]:
    """Write a shorter list of hosts and return its length and path."""
    path = directory / name
    path.write_text("".join((directory / "hosts").read_text().splitlines(keepends=True)[:count]))
    return count, str(path)


def _has(python: str, module: str) -> bool:
    return (
        subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    )


def _measure(tool: str, hosts: int, command: Sequence[str]) -> Cost | str:
    """Run a tool to its end and return its cost, or its name when it is not installed."""
    if not command:
        return f"{tool}: not installed here (--peers-python)"
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        last = (output.read().decode("utf-8", "replace").strip().splitlines() or [""])[-1]
    wall = time.monotonic() - began
    said = last if len(last) <= 60 else f"exit status {process.returncode}"
    return Cost(tool, hosts, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024, said)


def _table(costs: Sequence[Cost | str]) -> None:
    print(f"{'tool':24}{'hosts':>7}{'CPU ms/host':>13}{'hosts/s':>9}{'peak MiB':>10}  result")
    for cost in costs:
        if isinstance(cost, str):
            print(cost)
            continue
        each = cost.cpu_seconds / cost.hosts * 1000
        speed = cost.hosts / cost.wall_seconds
        peak = cost.peak_bytes / 2**20
        print(f"{cost.tool:24}{cost.hosts:>7}{each:>13.2f}{speed:>9.1f}{peak:>10.0f}  {cost.said}")


def _fleet(job: dict[str, object]) -> None:
    """Sweep all hosts in this process and print how they ended."""
    from fleet_collector.bundle import Request
    from fleet_collector.inventory import Target
    from fleet_collector.scan import program, sweep
    from fleet_collector.transport import Limits, Program, SshOptions, run
    from fleet_collector.transport.route import Defaults
    from fleet_collector.workers import sweep_processes

    what = program(Request(nonce=NONCE, interval_seconds=1.0))
    if job["agent"] == "stub":
        what = Program(f"cat > /dev/null; cat {job['answer']}", what.stdin, NONCE)
    ssh = SshOptions(
        defaults=Defaults(), config_files=(Path(str(job["config"])),), recorded_hosts=Path(str(job["own"]))
    )
    limits = Limits(concurrency=int(str(job["at_once"])))
    processes = int(str(job["processes"]))
    targets = [Target(host) for host in list(job["hosts"])]  # type: ignore[call-overload]

    async def all_hosts() -> Counter[str]:
        ends: Counter[str] = Counter()
        if processes > 1:
            hosts = sweep_processes(targets, lambda _: what, processes=processes, ssh=ssh, limits=limits)
        else:
            hosts = sweep(targets, lambda _: what, ssh=ssh, limits=limits)
        async with aclosing(hosts) as outcomes:
            async for outcome in outcomes:
                ends[outcome.failure.kind if outcome.failure else "ok"] += 1
        return ends

    ends = run(all_hosts())
    print(", ".join(f"{count} {end}" for end, count in sorted(ends.items())))


if __name__ == "__main__":
    main()
