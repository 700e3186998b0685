"""The whole way without root: the program, real SSH to a server within the test, the real agent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.collector import peers, ssh_server
from tests.program import Program, Said, ended

WELL = [f"web{number}" for number in range(1, 6)]
SICK = {
    "no-such-host.invalid": ("dns", "resolve"),
    "closed": ("refused", "connect"),
    "other-key": ("host_key", "host key"),
    "stranger": ("auth", "login"),
    "snakeless": ("no_python", "start"),
}


async def _as_the_user_says(process: ssh_server.Process) -> None:
    """Run what is asked for; on the account ``snakeless`` every interpreter's name leads nowhere."""
    command = process.command or "true"
    if process.get_extra_info("username") == "snakeless":
        command = command.replace("python3", "no-python3").replace("platform-python", "no-python")
    await ssh_server.run(process, command)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is bound, so that nobody else takes it, and not listened on."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


@pytest.fixture
async def fleet(tmp_path: Path, closed_port: int) -> AsyncIterator[Program]:
    """The program, whose ssh_config leads every name to one server."""
    ssh = tmp_path / ".ssh"
    ssh.mkdir(mode=0o700)
    async with ssh_server.server(tmp_path, _as_the_user_says) as server:
        _write_config(ssh, server, closed_port)
        (tmp_path / "fleet.toml").write_text("[agent]\ninterval_seconds = 0.1\n")
        yield Program(tmp_path)


def _write_config(ssh: Path, server: ssh_server.Server, closed_port: int) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(ssh / "strange_key")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (ssh / "other_hosts").write_text(f"[127.0.0.1]:{server.port} {other}\n")
    (ssh / "known_hosts").write_text(server.known_line())
    (ssh / "config").write_text(
        f"Host closed\n  HostName 127.0.0.1\n  Port {closed_port}\n"
        f"Host other-key\n  HostName 127.0.0.1\n  UserKnownHostsFile {ssh / 'other_hosts'}\n"
        f"Host stranger\n  HostName 127.0.0.1\n  IdentityFile {ssh / 'strange_key'}\n  IdentitiesOnly yes\n"
        f"Host snakeless\n  HostName 127.0.0.1\n  User snakeless\n  IdentityFile {server.key_file}\n"
        f"Host web*\n  HostName 127.0.0.1\n  IdentityFile {server.key_file}\n"
        f"Host *\n  Port {server.port}\n  User tester\n"
    )


async def run(fleet: Program, *words: str) -> Said:
    """Run a command while the server, in this very process, answers it."""
    return await asyncio.to_thread(lambda: ended(fleet.start(*words)))


async def test_well_hosts_are_judged_and_each_fault_is_its_own(fleet: Program) -> None:
    (fleet.home / "hosts.txt").write_text("[web]\nweb[1-5]\n\n[sick]\n" + "\n".join(SICK))
    said = await run(fleet, "scan", "hosts.txt", "--format", "json", "--full", "--exit-zero")
    assert (said.code, said.err) == (0, "")
    hosts = {host["host"]: host for host in said.json["hosts"]}
    assert set(hosts) == {*WELL, *SICK}
    for name in WELL:
        assert (hosts[name]["status"], hosts[name]["error"]) == ("ok", None)
        sections = [part for part in hosts[name]["snapshot"].values() if isinstance(part, dict)]
        assert {part["status"] for part in sections if "status" in part} <= {"ok", "partial", "absent"}
    kinds = {name: (hosts[name]["error"]["kind"], hosts[name]["error"]["stage"]) for name in SICK}
    assert kinds == SICK
    assert all(hosts[name]["error"]["hint"] for name in SICK)
    assert (said.json["sweep"]["ok"], said.json["sweep"]["failed"]) == (len(WELL), len(SICK))


async def test_a_scan_is_history_the_moment_it_ends(fleet: Program) -> None:
    first = await run(fleet, "scan", "web1", "web2", "--format", "ndjson", "--exit-zero")
    assert sorted(host["host"] for host in first.ndjson) == ["web1", "web2"]
    await run(fleet, "scan", "web1", "web2", "--quiet")
    history = await run(fleet, "history", "web1", "--metric", "processes", "--format", "json")
    assert len(history.json["points"]) == 2
    shown = await run(fleet, "show", "web2")
    assert shown.code == 0
    assert "processes" in shown.out
    table = await run(fleet, "hosts", "--format", "csv")
    assert [line.split(",")[0] for line in table.out.splitlines()] == ["host", "web1", "web2"]


async def test_failed_hosts_leave_with_unknown_and_say_why(fleet: Program) -> None:
    said = await run(fleet, "scan", "closed", "snakeless")
    assert said.code == 3
    assert "closed" in said.out
    assert said.out.count("NO ANSWER") == 2
    assert "refused the connection" in said.out
    assert "no usable Python" in said.out
    shown = await run(fleet, "show", "closed")
    assert shown.code == 0
    assert "refused the connection" in shown.out


async def test_a_bad_line_is_refused_before_any_host_is_touched(fleet: Program) -> None:
    (fleet.home / "hosts.txt").write_text("web1\nweb2 no equals sign\n")
    said = await run(fleet, "scan", "hosts.txt")
    assert said.code == 64
    assert said.out == ""
    assert "hosts.txt:2" in said.err
    assert not fleet.database.exists()


async def test_an_unknown_host_key_is_recorded_where_that_is_allowed(fleet: Program) -> None:
    known = fleet.home / ".ssh" / "known_hosts"
    known.unlink()
    trusting = await run(
        fleet, "scan", "web1", "--host-keys", "accept-new", "--format", "json", "--exit-zero"
    )
    assert trusting.json["hosts"][0]["error"] is None
    again = await run(fleet, "scan", "web1", "--format", "json", "--exit-zero")
    assert again.json["hosts"][0]["error"] is None
    assert not known.exists()


async def test_interrupted_it_keeps_what_was_finished(fleet: Program, tmp_path: Path) -> None:
    async with peers.peer(peers.silent) as port:
        process = await asyncio.to_thread(fleet.start, "scan", "web1", f"127.0.0.1:{port}", "-o", "ndjson")
        assert process.stdout is not None
        first = await asyncio.to_thread(process.stdout.readline)
        assert '"web1"' in first
        process.terminate()
        said = await asyncio.to_thread(ended, process)
    assert said.code == 130
    assert "interrupted" in said.err
    hosts = await run(fleet, "hosts", "--format", "json")
    assert [host["host"] for host in hosts.json["hosts"]] == ["web1"]
