"""Against OpenSSH itself."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fleet_collector.bundle import Request
from fleet_collector.failures import Failure
from fleet_collector.inventory import Target
from fleet_collector.scan import Outcome, program, sweep
from fleet_collector.transport import Limits, SshOptions
from fleet_collector.transport.route import Defaults
from tests.sshd import AVAILABLE, WHY_NOT, Sshd, new_key, sshd

pytestmark = [pytest.mark.full, pytest.mark.skipif(not AVAILABLE, reason=WHY_NOT)]

REQUEST = Request(nonce="abc123", interval_seconds=0.1)
LIMITS = Limits(connect_seconds=10, login_seconds=20, run_seconds=30, total_seconds=60, retry_seconds=0.1)


# bash started by sshd reads ~/.bashrc unless it is nested; whatever stands there is not part of these tests
QUICK = {"SetEnv": "SHLVL=5"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd"), QUICK) as running:
        yield running


def authorise(host: Sshd, key: Path) -> None:
    """Let another key log in."""
    with (host.directory / "authorized_keys").open("a") as authorized:
        authorized.write(key.with_suffix(".pub").read_text())


def options(host: Sshd, directory: Path, *names: str, key: Path | None = None) -> SshOptions:
    known = directory / "known_hosts"
    known.write_text(host.known_hosts(*names))
    return SshOptions(
        defaults=Defaults(key_files=(key or host.key,), known_hosts=(known,), user=host.user),
        config_files=(),
        recorded_hosts=directory / "own",
    )


async def scan(targets: list[Target], ssh: SshOptions, limits: Limits = LIMITS) -> list[Outcome]:
    return [one async for one in sweep(targets, lambda _: program(REQUEST), ssh=ssh, limits=limits)]


async def test_twenty_addresses_are_well_and_each_fault_is_its_own(host: Sshd, tmp_path: Path) -> None:
    well = [f"127.0.7.{last}" for last in range(1, 21)]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        targets = [
            *(Target(name, port=host.port) for name in well),
            Target("unknown-key", address="127.0.7.99", port=host.port),
            Target("closed", address="127.0.0.1", port=closed.getsockname()[1]),
            Target("no-such-host.invalid"),
            Target("refused", address="127.0.7.1", port=host.port, user="no-such-user"),
        ]
        outcomes = await scan(targets, options(host, tmp_path, *well))
    found = {one.target.name: one for one in outcomes}
    assert Counter(found[name].failure for name in well) == {None: 20}
    for name in well:
        snapshot = found[name].snapshot
        assert snapshot is not None
        assert snapshot.agent.finished
        assert found[name].clock_offset_seconds == pytest.approx(0, abs=0.05)
    failures = {name: one.failure.kind for name, one in found.items() if one.failure}
    assert failures == {
        "unknown-key": "host_key",
        "closed": "refused",
        "no-such-host.invalid": "dns",
        "refused": "auth",
    }


async def test_the_wrong_key_is_tried_once(host: Sshd, tmp_path: Path) -> None:
    (outcome,) = await scan(
        [Target("127.0.7.30", port=host.port)],
        options(host, tmp_path, "127.0.7.30", key=new_key(tmp_path / "other")),
    )
    assert outcome.failure is not None
    assert outcome.failure.kind == "auth"
    assert outcome.attempts == 1


@pytest.mark.parametrize(
    "wanted", [{"PubkeyAuthentication": "no"}, {"AuthenticationMethods": "publickey,password"}]
)
async def test_a_host_that_wants_a_password_is_told_as_such(tmp_path: Path, wanted: dict[str, str]) -> None:
    with sshd(tmp_path / "host", {**QUICK, "PasswordAuthentication": "yes", **wanted}) as strict:
        target = Target("127.0.7.34", port=strict.port)
        (outcome,) = await scan([target], options(strict, tmp_path, target.name))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.stage) == ("auth", "login")
    assert "password" in outcome.failure.message
    assert outcome.attempts == 1


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_keys_of_other_types_log_in(host: Sshd, tmp_path: Path, kind: str) -> None:
    key = new_key(tmp_path / "other", kind)
    authorise(host, key)
    (outcome,) = await scan(
        [Target("127.0.7.31", port=host.port)], options(host, tmp_path, "127.0.7.31", key=key)
    )
    assert outcome.failure is None


async def test_keys_that_ssh_keygen_encrypted_are_asked_for_once(host: Sshd, tmp_path: Path) -> None:
    key = new_key(tmp_path / "locked", passphrase="s3cret")
    authorise(host, key)
    asked: list[Path] = []

    def ask(path: Path) -> str:
        asked.append(path)
        return "s3cret"

    names = ["127.0.7.32", "127.0.7.33"]
    ssh = replace(options(host, tmp_path, *names, key=key), ask_passphrase=ask)
    outcomes = await scan([Target(name, port=host.port) for name in names], ssh)
    assert [one.failure for one in outcomes] == [None, None]
    assert asked == [key]


async def test_a_host_certificate_counts_for_the_names_it_was_made_for(tmp_path: Path) -> None:
    authority = new_key(tmp_path / "ca")
    directory = tmp_path / "host"
    directory.mkdir()
    public = new_key(directory / "host_ed25519").with_suffix(".pub")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "web", "-h", "-n", "127.0.7.40", str(public)]
    await (await asyncio.create_subprocess_exec(*sign)).wait()
    settings = {**QUICK, "HostCertificate": str(directory / "host_ed25519-cert.pub")}
    with sshd(directory, settings) as signed:
        ssh = options(signed, tmp_path)
        trusted = authority.with_suffix(".pub").read_text()
        (tmp_path / "known_hosts").write_text(f"@cert-authority [127.0.7.*]:* {trusted}")
        right, wrong = Target("127.0.7.40", port=signed.port), Target("127.0.7.41", port=signed.port)
        failures = {one.target.name: one.failure for one in await scan([right, wrong], ssh)}
    assert failures["127.0.7.40"] is None
    refused = failures["127.0.7.41"]
    assert refused is not None
    assert refused.kind == "host_key"


async def told(directory: Path, prefix: str) -> Failure:
    """Scan one host of its own whose authorized_keys begins with ``prefix``, and return how it failed."""
    with sshd(directory / "host", QUICK, prefix) as running:
        target = Target("127.0.7.50", port=running.port)
        (outcome,) = await scan([target], options(running, directory, "127.0.7.50"))
    assert outcome.failure is not None
    return outcome.failure


async def test_a_forced_command_is_told_with_its_own_words(tmp_path: Path) -> None:
    failure = await told(tmp_path, 'command="echo only a menu"')
    assert (failure.kind, failure.stage) == ("agent", "start")
    assert "only a menu" in failure.message


async def test_a_login_shell_that_refuses_is_told_as_such(tmp_path: Path) -> None:
    failure = await told(tmp_path, 'command="/usr/sbin/nologin"')
    assert (failure.kind, failure.stage) == ("agent", "start")
    assert "not available" in failure.message
    assert "nologin" in failure.hint


@pytest.mark.parametrize("eats", ["read line", "exec sh", "cat >/dev/null"])
async def test_an_rc_file_that_takes_the_program_for_itself_is_told_as_such(
    tmp_path: Path, eats: str
) -> None:
    failure = await told(tmp_path, f'command="{eats}; sh -c \\"$SSH_ORIGINAL_COMMAND\\""')
    assert (failure.kind, failure.stage) == ("agent", "start")
    assert "reads standard input or starts another shell" in failure.hint


async def test_a_host_that_cannot_fork_is_told_as_such(tmp_path: Path) -> None:
    failure = await told(
        tmp_path, "command=\"echo 'sh: Cannot fork: Resource temporarily unavailable' >&2; exit 2\""
    )
    assert (failure.kind, failure.stage) == ("agent", "start")
    assert "process" in failure.hint


async def test_a_host_without_python_is_told_as_such(tmp_path: Path) -> None:
    hide = tmp_path / "hide"
    hide.write_text(
        "#!/bin/sh\n"
        "for each in /usr/bin/python3* /usr/local/bin/python3*; do\n"
        '  if [ -e "$each" ]; then mount --bind /dev/null "$each"; fi\n'
        "done\n"
        'PATH=/usr/bin:/bin exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    hide.chmod(0o755)
    failure = await told(tmp_path, f'command="unshare --mount {hide}"')
    assert (failure.kind, failure.stage) == ("no_python", "start"), failure
    assert "python3 cannot be run" in failure.message


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # of short DH keys
@pytest.mark.parametrize(
    "algorithms",
    [
        {"KexAlgorithms": "diffie-hellman-group14-sha256", "Ciphers": "aes256-ctr", "MACs": "hmac-sha2-256"},
        {"KexAlgorithms": "diffie-hellman-group14-sha1", "Ciphers": "aes128-ctr", "MACs": "hmac-sha1"},
        {"KexAlgorithms": "ecdh-sha2-nistp521", "Ciphers": "chacha20-poly1305@openssh.com"},
    ],
)
async def test_servers_that_know_old_algorithms_only(tmp_path: Path, algorithms: dict[str, str]) -> None:
    with sshd(tmp_path / "old", {**QUICK, **algorithms}) as old:
        (outcome,) = await scan([Target("127.0.7.60", port=old.port)], options(old, tmp_path, "127.0.7.60"))
    assert outcome.failure is None


@pytest.mark.parametrize(
    ("kind", "config"), [("ecdsa", ""), ("rsa", ""), ("rsa", "HostKeyAlgorithms +ssh-rsa\n")]
)
async def test_the_known_key_is_asked_for_where_the_host_has_several(
    tmp_path: Path, kind: str, config: str
) -> None:
    directory = tmp_path / "two"
    directory.mkdir()
    other = new_key(directory / "host_other", kind)
    with sshd(directory, {**QUICK, "PidFile": f"none\nHostKey {other}"}) as two:
        (tmp_path / "config").write_text(config)
        ssh = replace(options(two, tmp_path), config_files=(tmp_path / "config",))
        public = other.with_suffix(".pub").read_text()
        (tmp_path / "known_hosts").write_text(f"[127.0.7.61]:{two.port} {public}")
        (outcome,) = await scan([Target("127.0.7.61", port=two.port)], ssh)
    assert outcome.failure is None


async def test_max_startups_is_lived_through(tmp_path: Path) -> None:
    with sshd(tmp_path / "few", {**QUICK, "MaxStartups": "2:50:6"}) as few:
        names = [f"127.0.8.{last}" for last in range(1, 25)]
        targets = [Target(name, port=few.port) for name in names]
        patient = msgspec.structs.replace(LIMITS, retries=6)  # chance decides who is turned away
        outcomes = await scan(targets, options(few, tmp_path, *names), patient)
    turned_away = [one for one in outcomes if one.failure]
    assert {one.failure.kind for one in turned_away if one.failure} <= {"protocol"}
    assert all(one.attempts == patient.retries + 1 for one in turned_away)
    assert any(one.attempts > 1 and one.failure is None for one in outcomes)


async def test_one_real_bastion_connection_for_many_hosts(host: Sshd, tmp_path: Path) -> None:
    names = [f"127.0.9.{last}" for last in range(1, 9)]
    known = options(host, tmp_path, "127.0.0.1", *names)
    config = tmp_path / "config"
    config.write_text(
        f"Host 127.0.9.*\n  ProxyJump gate\nHost gate\n  HostName 127.0.0.1\n  Port {host.port}\n"
    )
    before = host.log().count("Accepted publickey")
    ssh = SshOptions(defaults=known.defaults, config_files=(config,), recorded_hosts=tmp_path / "own")
    outcomes = await scan([Target(name, port=host.port) for name in names], ssh)
    assert [one.failure for one in outcomes] == [None] * 8
    assert host.log().count("Accepted publickey") - before == 9


async def shell_of(directory: Path, forced: str) -> Outcome:
    """Scan one host where ``forced`` stands between sshd and the command, as a login shell does."""
    with sshd(directory / "host", QUICK, f'command="{forced}"') as running:
        target = Target("127.0.7.70", port=running.port)
        (outcome,) = await scan([target], options(running, directory, "127.0.7.70"))
    return outcome


@pytest.mark.parametrize("shell", ["sh", "bash", "rbash", "csh", "fish"])
async def test_any_login_shell_will_do(tmp_path: Path, shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    outcome = await shell_of(tmp_path, f'exec {path} -c \\"$SSH_ORIGINAL_COMMAND\\"')
    assert outcome.failure is None
    assert outcome.status == "ok"


async def test_a_login_shell_that_does_nothing_is_told(tmp_path: Path) -> None:
    outcome = await shell_of(tmp_path, "/bin/false")
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.stage) == ("agent", "start")


async def test_noise_before_between_and_after_on_both_streams_does_no_harm(tmp_path: Path) -> None:
    noisy = tmp_path / "noisy"
    noisy.write_text(
        "#!/bin/sh\n"
        "noise() { printf '\\033[2Jmotd {\\n\\377 fleet-frame x {}'; printf 'oops\\n' >&2; }\n"
        "noise\n"
        "(for each in 1 2 3 4 5; do noise; sleep 0.05; done) &\n"
        'sh -c "$SSH_ORIGINAL_COMMAND"\n'
        "noise\n"
    )
    noisy.chmod(0o755)
    outcome = await shell_of(tmp_path, str(noisy))
    assert outcome.failure is None
    assert outcome.status == "ok"
