from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_collector.errors import SettingsError
from fleet_collector.inventory import Target
from fleet_collector.transport.route import Defaults, Route, route
from fleet_collector.transport.ssh_config import read
from fleet_collector.transport.ssh_criteria import Subject, Values

PLAIN = Defaults(known_hosts=(Path("/k"),))


def lookup(tmp_path: Path, text: str, host: str = "web1", user: str | None = None) -> Values:
    file = tmp_path / "config"
    file.write_text(text)
    return read([file]).lookup(Subject(host, "me", user))


def way(tmp_path: Path, text: str, target: Target, defaults: Defaults = PLAIN) -> Route:
    file = tmp_path / "config"
    file.write_text(text)
    return route(target, read([file]), defaults)


@pytest.fixture
def ssh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder ~/.ssh, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh"
    folder.mkdir()
    return folder


def test_the_first_value_wins_and_identities_gather(tmp_path: Path) -> None:
    text = (
        "IdentityFile a\nHost web1\n  User one\n  IdentityFile b\n"
        "Host web*\n  User two\n  Port 23\n  IdentityFile c\nHost *\n  Port 24\n"
    )
    values = lookup(tmp_path, text)
    assert values["user"] == ["one"]
    assert values["port"] == ["23"]
    assert values["identityfile"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("line", "matches"),
    [
        ("Host web1", True),
        ("Host WEB1", False),
        ("Match host 10.0.0.7 originalhost WEB1", True),
        ("Match user ROOT", False),
        ("Match originalhost=web1", True),
        ("Host db1 web?", True),
        ("Host *", True),
        ("Host * !web1", False),
        ("Host !web1", False),
        ("Host web", False),
        ("Match all", True),
        ("Match host 10.*", True),
        ("Match originalhost web1", True),
        ("Match host web1", False),
        ("Match !host web1", True),
        ("Match user root localuser me", True),
        ("Match localuser you", False),
        ("Match exec true", True),
        ("Match exec false", False),
        ('Match exec "test %n = web1"', True),
        ("Match final", True),
        ("Match canonical", False),
        ("Match !final", True),
        ("Match localnetwork 10.0.0.0/8", False),
    ],
)
def test_blocks_apply_where_they_should(tmp_path: Path, line: str, matches: bool) -> None:
    text = f"Host web1\n  HostName 10.0.0.7\n{line}\n  Compression yes\n"
    assert ("compression" in lookup(tmp_path, text, user="root")) is matches


def test_an_include_stands_where_it_is_written_and_leaks_nothing(ssh_folder: Path, tmp_path: Path) -> None:
    (ssh_folder / "extra").write_text("User included\nHost other\n  Port 99\n")
    text = "Host web1\n  Include extra\n  ProxyJump gate\nHost other\n  Include extra\n"
    assert lookup(tmp_path, text) == {"user": ["included"], "proxyjump": ["gate"]}
    assert lookup(tmp_path, text, "other") == {"user": ["included"], "port": ["99"]}
    assert lookup(tmp_path, text, "third") == {}


def test_the_ways_to_write_a_value(tmp_path: Path) -> None:
    text = (
        'User=one\n  port = 23\nIdentityFile "a b"  # mine\nProxyCommand nc "%h" %p\n\n# comment\nnonsense\n'
    )
    values = lookup(tmp_path, text)
    assert values == {
        "user": ["one"],
        "port": ["23"],
        "identityfile": ["a b"],
        "proxycommand": ['nc "%h" %p'],
    }


def test_tokens_are_expanded(tmp_path: Path) -> None:
    text = (
        "HostName %h.example.com\nUser deploy\nPort 2200\nIdentityFile /keys/%r-%n-%h\n"
        "ProxyCommand nc %h %p %%\nHostKeyAlias key\n"
    )
    found = way(tmp_path, text, Target("web1"))
    assert found.host == "web1.example.com"
    assert found.identity.files == (Path("/keys/deploy-web1-web1.example.com"),)
    assert found.proxy_command == "nc web1.example.com 2200 %"
    assert found.known_as == "key"


def test_the_hosts_file_beats_the_configuration(tmp_path: Path) -> None:
    text = "Host *\n  User config\n  Port 1\n  IdentityFile /config\n"
    found = way(tmp_path, text, Target("web1", address="10.1.1.1", port=2, user="root", key_file="/mine"))
    assert (found.host, found.port, found.user) == ("10.1.1.1", 2, "root")
    assert found.identity.files == (Path("/mine"), Path("/config"))


def test_options_of_the_host_come_before_all_files(tmp_path: Path) -> None:
    text = "User config\nProxyJump gate\nIdentityFile /config\n"
    options = ("ProxyCommand=nc %h %p", "IdentityFile /own", "StrictHostKeyChecking=no")
    found = way(tmp_path, text, Target("web1", user="ops", ssh_options=options))
    assert (found.user, found.jump, found.proxy_command) == ("ops", None, "nc web1 22")
    assert found.identity.files == (Path("/own"), Path("/config"))
    assert found.host_keys == "accept-new"


def test_the_home_of_nobody_leads_to_nothing(tmp_path: Path) -> None:
    text = "Include ~nobody-at-all/*\nIdentityFile ~nobody-at-all/key\n"
    found = way(tmp_path, text, Target("web1", key_file="~nobody-at-all/own"))
    assert found.identity.files == (Path("~nobody-at-all/own"), Path("~nobody-at-all/key"))


def test_jumps_are_nested_and_have_their_own_settings(tmp_path: Path) -> None:
    text = "Host gate1\n  User g1\n  HostName 10.0.0.1\nHost web1\n  ProxyJump gate1,bob@gate2:2222\n"
    last = way(tmp_path, text, Target("web1")).jump
    assert last is not None
    assert (last.host, last.port, last.user) == ("gate2", 2222, "bob")
    assert last.jump is not None
    assert (last.jump.host, last.jump.port, last.jump.user) == ("10.0.0.1", 22, "g1")
    assert last.jump.jump is None


def test_a_jump_for_all_hosts_does_not_lead_to_itself(tmp_path: Path) -> None:
    found = way(tmp_path, "", Target("web1"), Defaults(jump="gate"))
    assert found.jump is not None
    assert found.jump.host == "gate"
    assert found.jump.jump is None


@pytest.mark.parametrize(
    ("word", "expected"),
    [("yes", "strict"), ("ask", "strict"), ("accept-new", "accept-new"), ("no", "accept-new")],
)
def test_strict_host_key_checking(tmp_path: Path, word: str, expected: str) -> None:
    assert way(tmp_path, f"StrictHostKeyChecking {word}\n", Target("a")).host_keys == expected
    strict = Defaults(host_keys="strict")
    assert way(tmp_path, f"StrictHostKeyChecking {word}\n", Target("a"), strict).host_keys == "strict"


@pytest.mark.parametrize(
    "text",
    [
        "Port x\n",
        "Port 0\n",
        'User "open\n',
        "Match host\n",
        "ProxyJump a b\nProxyJump 'a b'\n",
        "Hst web1\n",
        "HostNmae 10.0.0.1\n",
        "Host web1\n  IdentityFiles /k\n",
        "RevokedHostKeys /etc/ssh/revoked\n",
        "ProxyJump a,b,c,d,e,f,g,h,i\n",
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        way(tmp_path, text, Target("web1"))


@given(st.text(alphabet='HostMatcInlude PrtUs=*?!"%#\n\t\\12', max_size=200))
def test_any_text_is_a_configuration_or_a_settings_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("config") / "config"
    file.write_text(text)
    with suppress(SettingsError):
        read([file]).lookup(Subject("host", "me"))


def test_a_long_configuration_costs_little_per_host(tmp_path: Path) -> None:
    text = "".join(f"Host h{n}\n  Port {n % 60000 + 1}\n" for n in range(3000)) + "Host *\n  User all\n"
    file = tmp_path / "config"
    file.write_text(text)
    config = read([file])
    assert config.lookup(Subject("h2999", "me")) == {"port": ["3000"], "user": ["all"]}
    assert len(config._others) == 1  # all but the last are found by name


def test_files_that_include_each_other_are_refused(ssh_folder: Path) -> None:
    (ssh_folder / "config").write_text("Include ''\nInclude con*\n")
    with pytest.raises(SettingsError, match="nested more than 16"):
        read([ssh_folder / "config"])


@pytest.mark.parametrize(
    ("text", "command_line", "jump", "command"),
    [
        ("Host web1\n  ProxyJump gate\n  ProxyCommand nc\n", None, "gate", None),
        ("ProxyCommand nc\nProxyJump gate\n", None, None, "nc"),
        ("ProxyCommand none\nProxyJump gate\n", None, None, None),
        ("ProxyJump none\nProxyCommand nc\n", None, None, "nc"),
        ("Host web1\n  ProxyJump gate\n", "other", "other", None),
        ("Host web1\n  ProxyCommand nc\n", "other", "other", None),
    ],
)
def test_jump_and_command_exclude_each_other(
    tmp_path: Path, text: str, command_line: str | None, jump: str | None, command: str | None
) -> None:
    found = way(tmp_path, text, Target("web1"), Defaults(jump=command_line))
    assert (found.jump.host if found.jump else None, found.proxy_command) == (jump, command)


def test_what_is_asked_for_and_not_done_is_named(tmp_path: Path) -> None:
    text = "Host web1\n  CanonicalizeHostname yes\nMatch localnetwork 10.0.0.0/8\n  Port 9\n"
    assert way(tmp_path, text, Target("web1")).unheard == (
        "CanonicalizeHostname",
        "Match localnetwork",
    )
    assert way(tmp_path, "CanonicalizeHostname no\n", Target("web1")).unheard == ()


CONFIGURATIONS = [
    "Host web*\n  HostName %h.example.com\n  User deploy\n  Port 2222\n"
    "Host *\n  User other\n  IdentityFile /keys/%r@%h\n",
    "Host !web1 *\n  User not\nMatch host *.internal\n  Port 99\n"
    "Match originalhost web1\n  ProxyJump bob@gate:2200\n",
    "User=eq\nPort = 2022\nHost db web1\n  HostKeyAlias alias\n  StrictHostKeyChecking accept-new\n",
    "Match user root\n  Port 7\nMatch !user root\n  Port 8\nMatch exec true originalhost web?\n  User late\n",
    "Host web1\n  HostName 10.0.0.1\nMatch final host 10.0.0.1\n  Port 5\nHost web1\n  Port 6\n",
    "Host web1\n  IdentityFile /a\n  IdentityFile /b\nHost *\n  IdentityFile /c\n  ProxyCommand nc %h %p\n",
]


_HEADS = st.one_of(
    st.lists(
        st.sampled_from(["web1", "web*", "WEB1", "?eb1", "!web1", "!*.internal", "10.0.0.*", "*"]), min_size=1
    )
    .map(" ".join)
    .map("Host {}".format),
    st.lists(
        st.sampled_from(
            [
                "host 10.*,web1",
                "!host web1",
                "originalhost WEB1",
                "user root,bob",
                "!user *o*",
                "exec true",
                'exec "test %h = 10.0.0.1"',
                'exec "test %p = 22"',
                "final",
                "canonical",
                "!final",
            ]
        ),
        min_size=1,
        max_size=3,
        unique=True,
    )
    .map(" ".join)
    .map("Match {}".format),
)
_SETTINGS = st.sampled_from(
    """User bob
user=root
HostName "10.0.0.1"
HostName %h.internal
Port = 2222
port 99
IdentityFile /k/%r@%h
IDENTITYFILE /k/%n-%p
IdentityFile /k/%i%L
HostKeyAlias ali
ProxyJump bob@gate:2200
ProxyJump none
ProxyCommand nc %h
ProxyCommand none
StrictHostKeyChecking accept-new
StrictHostKeyChecking yes
IdentitiesOnly yes
Include ~/.ssh/*.conf""".splitlines()
)
_BLOCKS = st.tuples(_HEADS, st.lists(_SETTINGS, min_size=1, max_size=4)).map(
    lambda block: [block[0], *block[1]]
)
_TEXTS = st.lists(_BLOCKS, max_size=4).map(
    lambda blocks: "".join(f"{line}\n" for one in blocks for line in one)
)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's ssh as the oracle")
@settings(deadline=None, max_examples=60)
@given(text=_TEXTS, included=_TEXTS)
def test_ssh_itself_reads_the_same_out_of_any(
    tmp_path_factory: pytest.TempPathFactory, text: str, included: str
) -> None:
    folder = tmp_path_factory.mktemp("config")
    (folder / "one.conf").write_text(included.replace("Include", "#"))
    agree(folder, "Host gate\n  ProxyJump none\n" + text.replace("~/.ssh", str(folder)))


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's ssh as the oracle")
@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_ssh_itself_reads_the_same_out_of_it(tmp_path: Path, text: str) -> None:
    agree(tmp_path, text)


def agree(folder: Path, text: str) -> None:
    """Compare a route with what ``ssh -G`` tells of the same file."""
    file = folder / "config"
    file.write_text(text)
    command = ["ssh", "-G", "-F", str(file), "web1"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    theirs: dict[str, list[str]] = {}
    for line in told.splitlines():
        keyword, _, value = line.partition(" ")
        theirs.setdefault(keyword, []).append(value)
    ours = way(folder, text, Target("web1"), Defaults())
    assert ours.host == theirs["hostname"][0]
    assert str(ours.port) == theirs["port"][0]
    assert ours.user == theirs["user"][0]
    if ours.identity.chosen:
        assert len(ours.identity.files) == len(theirs["identityfile"])
    assert ours.identity.only == (theirs["identitiesonly"] == ["yes"])
    jump = f"{ours.jump.user}@{ours.jump.name}:{ours.jump.port}" if ours.jump else None
    assert jump == theirs.get("proxyjump", [None])[0]
    assert (ours.proxy_command is None) == ("proxycommand" not in theirs)
    assert ours.known_as == theirs.get("hostkeyalias", [ours.host])[0]
    assert (ours.host_keys == "strict") == (theirs["stricthostkeychecking"] in (["true"], ["ask"]))
