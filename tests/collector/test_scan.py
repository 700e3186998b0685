from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import msgspec
import pytest

from fleet_collector.bundle import Request
from fleet_collector.errors import SettingsError
from fleet_collector.inventory import Target
from fleet_collector.scan import Outcome, program, run_local, sweep, through
from fleet_collector.transport import Limits, Program, Ssh, SshOptions, run
from fleet_collector.transport.known_hosts import KnownHosts
from tests.collector import peers
from tests.collector.answers import answer
from tests.collector.ssh_server import NONCE, Process, Server, server
from tests.collector.ssh_server import program as command

LIMITS = Limits(
    connect_seconds=5, login_seconds=5, run_seconds=20, total_seconds=30, retries=1, retry_seconds=0.05
)


async def well(process: Process) -> None:
    process.stdout.write(answer(NONCE))
    process.exit(0)


async def scan(targets: list[Target], ssh: SshOptions, what: Program | None = None) -> list[Outcome]:
    chosen = what or command("true")
    return [one async for one in sweep(targets, lambda _: chosen, ssh=ssh, limits=LIMITS)]


async def one(host: Server, ssh: SshOptions, target: Target | None = None) -> Outcome:
    (outcome,) = await scan([target or host.target()], ssh)
    return outcome


def kind(outcome: Outcome) -> str | None:
    return outcome.failure.kind if outcome.failure else None


async def test_the_real_agent_answers_through_ssh(tmp_path: Path) -> None:
    async with server(tmp_path) as host:
        (outcome,) = await scan(
            [host.target()], host.options(), program(Request(nonce="abc123", interval_seconds=0.1))
        )
    assert outcome.failure is None
    assert outcome.snapshot is not None
    assert outcome.snapshot.agent.finished
    assert outcome.snapshot.cpu is not None
    assert outcome.snapshot.cpu.status == "ok"
    assert outcome.clock_offset_seconds == pytest.approx(0, abs=0.05)
    assert outcome.started_at <= outcome.finished_at


async def test_the_program_arrives_whole_and_its_errors_stay_apart(tmp_path: Path) -> None:
    async with server(tmp_path) as host:
        what = command("wc -c >&2; exit 3", bytes(300_000))
        (outcome,) = await scan([host.target()], host.options(), what)
    assert outcome.failure is not None
    assert "exit status 3" in outcome.failure.message
    assert outcome.failure.message.endswith("300000.")


async def test_a_wrong_clock_is_measured(tmp_path: Path) -> None:
    async def in_1970(process: Process) -> None:
        process.stdout.write(answer(NONCE, started_at=100.0))
        process.exit(0)

    async with server(tmp_path, in_1970) as host:
        outcome = await one(host, host.options())
    assert outcome.clock_offset_seconds == pytest.approx(100 - time.time(), abs=60)


async def test_this_machine_needs_no_ssh() -> None:
    outcome = await run_local(Target("localhost"), Request(nonce="abc123", interval_seconds=0.1))
    assert outcome.failure is None
    assert outcome.snapshot is not None
    assert outcome.snapshot.memory is not None


async def test_this_machine_is_asked_without_ssh_among_others(tmp_path: Path) -> None:
    async with server(tmp_path) as host:
        here = Target("localhost", port=1, local=True)
        what = program(Request(nonce="abc123", interval_seconds=0.1))
        outcomes = await scan([here, host.target()], host.options(), what)
        assert host.connections == 1
    assert [outcome.failure for outcome in outcomes] == [None, None]


# ---- logins


async def test_a_refused_login_is_tried_once(tmp_path: Path) -> None:
    async with server(tmp_path, login=False) as host:
        outcome = await one(host, host.options())
        assert host.attempts == ["tester"]
    assert kind(outcome) == "auth"
    assert outcome.attempts == 1
    assert outcome.failure is not None
    assert "1 key" in outcome.failure.message


async def test_keys_that_cannot_be_used_are_skipped(tmp_path: Path) -> None:
    garbled, missing = tmp_path / "garbled", tmp_path / "missing"
    garbled.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n-----END OPENSSH PRIVATE KEY-----\n")
    async with server(tmp_path, well) as host:
        ssh = host.options(key_files=(garbled, missing, host.key_file))
        assert (await one(host, ssh)).status == "ok"
        no_key = await one(host, host.options(key_files=(missing,)))
        public = host.key_file.with_suffix(".pub")
        public.write_bytes(asyncssh.read_private_key(str(host.key_file)).export_public_key())
        wrong_half = await one(host, host.options(key_files=(public,)))
    assert kind(no_key) == "auth"
    assert no_key.failure is not None
    assert f"there is no {missing}; no agent is running" in no_key.failure.message
    assert wrong_half.failure is not None
    assert "it is a public key; name the private one" in wrong_half.failure.message


async def test_the_passphrase_of_an_encrypted_key_is_asked_for_once(tmp_path: Path) -> None:
    asked: list[Path] = []

    def ask(path: Path) -> str | None:
        asked.append(path)
        return "wrong" if len(asked) == 1 else "s3cret"

    async with server(tmp_path, well) as host:
        locked = tmp_path / "locked"
        asyncssh.read_private_key(host.key_file).write_private_key(
            locked, passphrase="s3cret", rounds=1, ignore_few_rounds=True
        )
        names = [f"127.0.0.{last}" for last in range(1, 4)]
        ssh = replace(
            host.options(known=None, key_files=(locked,), host_keys="accept-new"), ask_passphrase=ask
        )
        outcomes = await scan(
            [Target(f"h{name}", address="127.0.0.1", port=host.port) for name in names], ssh
        )
        refused = await one(host, replace(ssh, ask_passphrase=lambda _: None))
    assert [one.status for one in outcomes] == ["ok"] * 3
    assert asked == [locked, locked]
    assert kind(refused) == "auth"
    assert f"{locked}: it needs its passphrase, and nobody gave it" in str(refused.failure)


async def test_keys_of_an_agent_are_used(tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    agent = await asyncio.create_subprocess_exec(
        "ssh-agent", "-D", "-a", path, stdout=asyncio.subprocess.PIPE
    )
    assert agent.stdout is not None
    await agent.stdout.readline()  # it tells its socket when that is there
    try:
        async with server(tmp_path, well) as host:
            async with asyncssh.connect_agent(path) as client:
                await client.add_keys([host.key_file])
            ssh = host.options(key_files=())
            defaults = replace(ssh.defaults, agent=path, key_files=())
            outcome = await one(host, replace(ssh, defaults=defaults))
    finally:
        agent.terminate()
        await agent.wait()
    assert outcome.status == "ok", outcome.failure


# ---- host keys


async def test_an_unknown_host_key_is_refused(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        outcome = await one(host, host.options(known=""))
        assert host.attempts == []
    assert kind(outcome) == "host_key"
    assert outcome.attempts == 1
    assert outcome.failure is not None
    assert host.host_key.get_fingerprint() in outcome.failure.message


async def test_a_changed_host_key_is_refused_with_both_fingerprints(tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    async with server(tmp_path, well) as host:
        known = f"[127.0.0.1]:{host.port} {other.export_public_key().decode()}"
        outcomes = [await one(host, host.options(known=known, host_keys="accept-new")) for _ in range(2)]
    for outcome in outcomes:
        assert kind(outcome) == "host_key"
        assert outcome.failure is not None
        assert host.host_key.get_fingerprint() in outcome.failure.message
        assert other.get_fingerprint() in outcome.failure.message
        assert "known_hosts:1" in outcome.failure.message


async def test_accept_new_records_the_key_in_a_file_of_its_own(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        ssh = host.options(known="", host_keys="accept-new")
        assert (await one(host, ssh)).status == "ok"
        assert (await one(host, ssh)).status == "ok"
        strict = replace(ssh, defaults=replace(ssh.defaults, host_keys="strict"))
        assert (await one(host, strict)).status == "ok"
        assert ssh.recorded_hosts.read_text() == host.known_line()
        assert (tmp_path / "known_hosts").read_text() == ""


async def test_a_key_of_another_type_is_not_new(tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    async with server(tmp_path, well) as host:
        known = f"[127.0.0.1]:{host.port} {other.export_public_key().decode()}"
        outcome = await one(host, host.options(known=known, host_keys="accept-new"))
    assert kind(outcome) == "host_key"
    assert outcome.failure is not None
    assert "one of another type" in outcome.failure.message
    assert "ssh-keygen -f '" in outcome.failure.hint


async def test_a_revoked_key_is_refused(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        line = host.known_line()
        known = line + "@revoked * " + line.split(maxsplit=1)[1]
        outcome = await one(host, host.options(known=known))
    assert kind(outcome) == "host_key"
    assert outcome.failure is not None
    assert "revoked" in outcome.failure.message


async def test_a_hashed_name_is_found(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        ssh = host.options()
        tool = await asyncio.create_subprocess_exec(
            "ssh-keygen", "-q", "-H", "-f", str(tmp_path / "known_hosts"), stderr=asyncio.subprocess.DEVNULL
        )
        await tool.wait()
        assert (tmp_path / "known_hosts").read_text().startswith("|1|")
        assert (await one(host, ssh)).status == "ok"


# ---- ~/.ssh/config


async def test_ssh_config_is_honoured(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        known = tmp_path / "elsewhere"
        known.write_text(host.known_line("alias"))
        config = (
            "Host web*\n  HostName 127.0.0.1\n"
            f"  Port {host.port}\n  User carol\n  IdentityFile {host.key_file}\n"
            f"  UserKnownHostsFile {known}\n  HostKeyAlias alias\n"
        )
        ssh = host.options(config=config, key_files=())
        defaults = replace(ssh.defaults, user=None, known_hosts=(), key_files=())
        outcome = await one(host, replace(ssh, defaults=defaults), Target("web1"))
        assert host.logins == ["carol"]
    assert outcome.status == "ok", outcome.failure


async def test_one_connection_to_a_bastion_serves_all_hosts_behind_it(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.mkdir()
    outer.mkdir()
    async with server(inner, well) as host, server(outer, well) as bastion:
        names = [f"inside{number}" for number in range(6)]
        config = (
            f"Host gate\n  HostName 127.0.0.1\n  Port {bastion.port}\n  IdentityFile {bastion.key_file}\n"
            f"Host inside*\n  HostName 127.0.0.1\n  Port {host.port}\n  ProxyJump gate\n"
        )
        ssh = host.options(known=host.known_line() + bastion.known_line(), config=config)
        outcomes = await scan([Target(name) for name in names], ssh)
        assert bastion.connections == 1
        assert len(host.logins) == 6
    assert [one.status for one in outcomes] == ["ok"] * 6, outcomes[0].failure


async def test_bastions_behind_bastions(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("a", "b", "c")]
    for place in places:
        place.mkdir()
    async with (
        server(places[0], well) as first,
        server(places[1], well) as second,
        server(places[2], well) as host,
    ):
        config = (
            f"Host first\n  HostName 127.0.0.1\n  Port {first.port}\n  IdentityFile {first.key_file}\n"
            f"Host second\n  HostName 127.0.0.1\n  Port {second.port}\n  IdentityFile {second.key_file}\n"
            f"  ProxyJump first\n"
            f"Host inside\n  HostName 127.0.0.1\n  Port {host.port}\n  ProxyJump second\n"
        )
        ssh = host.options(known=first.known_line() + second.known_line() + host.known_line(), config=config)
        outcome = await one(host, ssh, Target("inside"))
        assert (first.connections, second.connections) == (1, 1)
    assert outcome.status == "ok", outcome.failure


async def test_a_bastion_that_refuses_is_asked_once_for_all(tmp_path: Path) -> None:
    async with server(tmp_path, well, login=False) as bastion:
        config = (
            f"Host gate\n  HostName 127.0.0.1\n  Port {bastion.port}\n"
            "Host inside*\n  HostName 127.0.0.1\n  ProxyJump gate\n"
        )
        outcomes = await scan([Target(f"inside{n}") for n in range(5)], bastion.options(config=config))
        assert bastion.connections == 1
    assert {kind(one) for one in outcomes} == {"auth"}
    assert all(one.failure and "bastion gate" in one.failure.message for one in outcomes)


async def test_what_a_bastion_cannot_reach_is_told_as_such(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with server(tmp_path, well) as bastion:
            config = (
                f"Host gate\n  HostName 127.0.0.1\n  Port {bastion.port}\n"
                f"Host inside\n  HostName 127.0.0.1\n  Port {closed.getsockname()[1]}\n  ProxyJump gate\n"
            )
            outcome = await one(bastion, bastion.options(config=config), Target("inside"))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.stage) == ("refused", "connect"), outcome.failure
    assert "gate" in outcome.failure.message


@pytest.mark.parametrize(
    ("command_line", "said"),
    [
        ("no-such-program %h", "no-such-program"),
        ("sh -c 'yes noise | head -c 200000 >&2; echo the gate is closed >&2; exit 255'", "greeted."),
        ("false", "greeted."),
    ],
)
async def test_a_proxy_command_that_ends_is_told_as_such(
    tmp_path: Path, command_line: str, said: str
) -> None:
    async with server(tmp_path, well) as host:
        ssh = host.options(config=f"ProxyCommand {command_line}\n")
        outcome = await one(host, ssh)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.stage) == ("unreachable", "connect")
    assert said in outcome.failure.message
    assert command_line.partition(" %h")[0] in outcome.failure.hint


async def test_proxy_command_leads_to_the_host(tmp_path: Path) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import socket, sys, threading, os\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while data := os.read(0, 65536): s.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := s.recv(65536): os.write(1, data)\n"
    )
    async with server(tmp_path, well) as host:
        config = f"Host far\n  HostName 127.0.0.1\n  ProxyCommand python3 {relay} %h %p\n"
        outcome = await one(host, host.options(config=config), Target("far", port=host.port))
    assert outcome.status == "ok", outcome.failure


async def test_a_configuration_that_cannot_be_read_stops_the_sweep_before_any_host(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host:
        config = "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n"
        with pytest.raises(SettingsError, match="circle"):
            await scan([host.target(), Target("a")], host.options(config=config))
        assert host.connections == 0


# ---- the fan-out


@asynccontextmanager
async def gate(host: Server) -> AsyncIterator[int]:
    """A port where the first one is turned away and the others are led to the host."""
    turned_away = False

    async def visit(reader: peers.Reader, writer: peers.Writer) -> None:
        nonlocal turned_away
        if not turned_away:
            turned_away = True
            await peers.turn_away(reader, writer)
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", host.port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    async def pump(source: peers.Reader, sink: peers.Writer) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
        finally:
            sink.close()

    async with peers.peer(visit) as port:
        yield port


async def test_a_reset_is_tried_again(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host, gate(host) as port:
        known = host.known_line().replace(str(host.port), str(port))
        outcome = await one(host, host.options(known=known), Target("127.0.0.1", port=port))
    assert outcome.status == "ok", outcome.failure
    assert outcome.attempts == 2


async def test_a_bastion_that_refused_is_asked_again_by_the_next_sweep(tmp_path: Path) -> None:
    limits = msgspec.structs.replace(LIMITS, retries=0)
    async with server(tmp_path, well) as host, gate(host) as port:
        config = (
            f"Host bastion\n  HostName 127.0.0.1\n  Port {port}\n  HostKeyAlias bastion\n"
            f"Host a b\n  HostName 127.0.0.1\n  Port {host.port}\n  ProxyJump bastion\n"
        )
        known = host.known_line() + host.known_line("bastion").replace(str(host.port), str(port))
        targets = [Target("a"), Target("b")]
        async with Ssh(host.options(config=config, known=known), limits, keep=True) as connections:
            looks = [
                [found.status async for found in through(connections, targets, lambda _: command("true"))]
                for _ in range(2)
            ]
    assert looks == [["failed", "failed"], ["ok", "ok"]]


async def test_stopping_cancels_what_is_not_finished_and_loses_nobody(tmp_path: Path) -> None:
    stop = asyncio.Event()
    limits = msgspec.structs.replace(LIMITS, concurrency=2)
    async with server(tmp_path, well) as host, peers.peer(peers.silent) as port:
        slow = [Target(f"slow{n}", address="127.0.0.1", port=port) for n in range(5)]
        outcomes = []
        async for outcome in sweep(
            [host.target(), *slow], lambda _: command("true"), ssh=host.options(), limits=limits, stop=stop
        ):
            outcomes.append(outcome)
            stop.set()
    assert [one.status for one in outcomes] == ["ok"] + ["failed"] * 5
    assert {kind(one) for one in outcomes[1:]} == {"cancelled"}
    assert {one.target.name for one in outcomes} == {"127.0.0.1", *(one.name for one in slow)}


async def test_leaving_early_leaves_nothing_behind(tmp_path: Path) -> None:
    async with server(tmp_path, well) as host, peers.peer(peers.silent) as port:
        targets = [host.target(), *(Target(f"slow{n}", address="127.0.0.1", port=port) for n in range(5))]
        async with aclosing(
            sweep(targets, lambda _: command("true"), ssh=host.options(), limits=LIMITS)
        ) as rest:
            async for outcome in rest:
                assert outcome.status == "ok"
                break
    assert len(asyncio.all_tasks()) == 1


def test_run_returns_what_its_coroutine_returns(tmp_path: Path) -> None:
    async def main() -> str | None:
        async with server(tmp_path, well) as host:
            return kind(await one(host, host.options(known="")))

    assert run(main()) == "host_key"


def test_known_hosts_patterns() -> None:
    known = KnownHosts()
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    known.add(f"*.example.com,!bad.example.com {key}", "f:1")
    known.add(f"@cert-authority *.corp,[*.corp]:2200 {key}", "f:2")
    known.add("web1 ssh-ed25519", "f:3")
    known.add("# comment line here", "f:4")
    known.add(f"@unknown web2 {key}", "f:5")
    known.add(f"[v6::1]:2222,10.0.0.1 {key}", "f:6")
    assert known.trust("A.example.com", 22).keys
    assert not known.trust("bad.example.com", 22).keys
    assert known.trust("db.corp", 2200).authority_keys
    assert not known.trust("web1", 22).known
    assert not known.trust("web2", 22).known
    assert known.trust("v6::1", 2222).keys
    assert known.trust("10.0.0.1", 2022).keys
    known.add(f"@revoked [web3]:2200 {key}", "f:7")
    known.add(f"web3 {key}", "f:8")
    assert known.trust("web3", 2200).revoked_keys == known.trust("web3", 2200).keys


async def test_kept_connections_are_used_again_and_made_anew_when_they_have_dropped(tmp_path: Path) -> None:
    async def looks(connections: Ssh, host: Server) -> list[str]:
        sweep = through(connections, [host.target()], lambda _: command("true"))
        return [one.status async for one in sweep]

    async def well(process: Process) -> None:
        process.stdout.write(answer(NONCE))
        process.exit(0)

    async with server(tmp_path, well) as host, Ssh(host.options(), LIMITS, keep=True) as connections:
        assert await looks(connections, host) == ["ok"]
        assert await looks(connections, host) == ["ok"]
        assert host.connections == 1
        for kept in connections._kept.values():
            kept.abort()
        assert await looks(connections, host) == ["ok"]
        assert host.connections == 2
