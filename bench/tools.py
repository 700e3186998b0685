"""The tools of the benchmark of sweeps: what each needs, and its command line."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet_collector.bundle import COMMAND, Request, payload
from tests.sshd import Sshd, new_key

_NONCE = "0123456789abcdef"
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
# Reads the request for its nonce, which every frame must carry, and answers as the agent did.
_RECORDED = """#!/bin/sh
nonce=$(LC_ALL=C grep -aoE "'nonce': '[0-9a-f]+'" | cut -c 11-26)
exec sed "s/{nonce}/$nonce/" {answer}
"""
_VERSIONS = "import importlib.metadata as m; print(m.version('{}'))"


@dataclass(frozen=True)
class Tool:
    """One row: a name, how many hosts it asks, and a command line, empty if it is not installed."""

    name: str
    hosts: int
    command: Sequence[str]


@dataclass(frozen=True)
class Lab:
    """Where the tools find hosts, keys and configuration; ``recorded`` logs in to the recorded answer."""

    directory: Path
    hosts: list[str]
    hostile: list[str]
    config: Path
    recorded: Path
    database: Path


def lab(directory: Path, server: Sshd, ports: Sequence[int], arguments: argparse.Namespace) -> Lab:
    """Write what the tools need; ``ports`` are those of hostile peers."""
    most = max(arguments.hosts, arguments.agent_hosts, arguments.ssh_hosts, arguments.ansible_hosts)
    hosts = [f"127.{1 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(most)]
    known_hosts = directory / "known_hosts"
    known_hosts.write_text(server.known_hosts(*hosts))
    hostile = [f"127.250.0.{n + 1}" for n in range(arguments.hostile_hosts)]
    ports_of = {host: ports[n % len(ports)] for n, host in enumerate(hostile)}
    config = _config(directory / "ssh_config", server, server.key, known_hosts, {})
    recorded = _config(
        directory / "ssh_config_recorded", server, _recorded(directory, server), known_hosts, ports_of
    )
    job = {"hosts": hosts[: arguments.hosts], "user": server.user, "port": server.port}
    job |= {"key": str(server.key), "at_once": arguments.at_once}
    (directory / "job.json").write_text(json.dumps(job))
    (directory / "parallel_ssh.py").write_text(_PARALLEL_SSH)
    return Lab(directory, hosts, hostile, config, recorded, directory / "fleet.db")


def _config(path: Path, server: Sshd, key: Path, known_hosts: Path, ports: Mapping[str, int]) -> Path:
    path.write_text(
        "".join(f"Host {host}\n  Port {port}\n" for host, port in ports.items())
        + f"Host *\n  Port {server.port}\n  User {server.user}\n  IdentityFile {key}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {known_hosts}\n"
        "  StrictHostKeyChecking yes\n  BatchMode yes\n"
    )
    return path


def _recorded(directory: Path, server: Sshd) -> Path:
    """Run the real agent once, and return a key whose logins get what it printed."""
    stdin = payload(Request(nonce=_NONCE, interval_seconds=0.2))
    said = subprocess.run(["/bin/sh", "-c", COMMAND], input=stdin, capture_output=True, check=True).stdout
    answer, script = directory / "answer", directory / "recorded.sh"
    answer.write_bytes(said)
    script.write_text(_RECORDED.format(nonce=_NONCE, answer=answer))
    script.chmod(0o755)
    key = new_key(directory / "id_recorded")
    with (server.directory / "authorized_keys").open("a") as authorized:
        authorized.write(f'command="{script}" {key.with_suffix(".pub").read_text()}')
    return key


def tools(place: Lab, arguments: argparse.Namespace) -> list[Tool]:
    """Return the tools, those that are not installed without a command."""
    beside = Path(arguments.peers_python).parent
    at_once = str(arguments.at_once)
    every, agents = _some(place, arguments.hosts), _some(place, arguments.agent_hosts)
    mixed = _mixed(place, arguments.hosts)
    some, few = _some(place, arguments.ssh_hosts), _some(place, arguments.ansible_hosts)
    pssh = [arguments.peers_python, str(place.directory / "parallel_ssh.py")]
    pssh += [str(place.directory / "job.json")]
    clush = shutil.which("clush", path=f"{beside}:{Path(sys.executable).parent}")  # ClusterShell is ours too
    ansible = shutil.which("ansible", path=str(beside))
    setup = ["all", "-i", few, "-m", "setup", "-f", "10", "--ssh-common-args", f"-F {place.config}"]
    options = ["--hostfile", some, "-f", at_once, "-o", f"-F {place.config}", "true"]
    ssh = f"xargs -a {some} -P {at_once} -I HOST ssh -F {place.config} -n HOST true && echo ok"
    return [
        Tool("fleet scan, recorded answer", arguments.hosts, _fleet(place, place.recorded, every, arguments)),
        Tool(
            f"fleet scan, {len(place.hostile)} hostile of them",
            arguments.hosts,
            _fleet(place, place.recorded, mixed, arguments),
        ),
        Tool("fleet scan, real agent", arguments.agent_hosts, _fleet(place, place.config, agents, arguments)),
        Tool(
            "parallel-ssh true",
            arguments.hosts,
            pssh if _version(arguments.peers_python, "parallel-ssh") else [],
        ),
        Tool("clush true", arguments.ssh_hosts, [clush, *options] if clush else []),
        Tool("ssh true (xargs)", arguments.ssh_hosts, ["/bin/sh", "-c", ssh]),
        Tool("ansible -m setup", arguments.ansible_hosts, [ansible, *setup] if ansible else []),
    ]


def _fleet(place: Lab, config: Path, listed: str, arguments: argparse.Namespace) -> list[str]:
    fleet = Path(sys.executable).with_name("fleet")
    command = [str(fleet), "scan", listed, "-F", str(config), "--db", str(place.database)]
    command += ["-c", str(arguments.at_once), "--quiet"]
    return command + (["--processes", str(arguments.processes)] if arguments.processes else [])


def _some(place: Lab, count: int) -> str:
    """Write a list of so many hosts and return its path."""
    path = place.directory / f"hosts-{count}"
    path.write_text("".join(f"{host}\n" for host in place.hosts[:count]))
    return str(path)


def _mixed(place: Lab, count: int) -> str:
    """Write a list of so many hosts, the hostile ones spread among them, and return its path."""
    hosts = place.hosts[: count - len(place.hostile)]
    for number, host in enumerate(place.hostile):
        hosts.insert(number * len(hosts) // len(place.hostile), host)
    path = place.directory / "hosts-mixed"
    path.write_text("".join(f"{host}\n" for host in hosts))
    return str(path)


def versions(place: Lab, peers_python: str) -> list[str]:
    """Return names and versions of what is compared."""
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr
    found = {name: _version(peers_python, name) for name in ("parallel-ssh", "ansible-core")}
    return [
        f"Python {platform.python_version()}",
        ssh.partition(",")[0],
        *(f"{name} {_version(sys.executable, name)}" for name in ("asyncssh", "ClusterShell")),
        *(f"{name} {version}" for name, version in found.items() if version),
        f"Linux {platform.release().partition('-')[0]}",
        f"agent's answer {(place.directory / 'answer').stat().st_size / 1024:.0f} KiB",
    ]


def _version(python: str, package: str) -> str:
    done = subprocess.run(
        [python, "-c", _VERSIONS.format(package)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
