from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_cli import settings
from fleet_cli.asking import misnamed_groups
from fleet_collector.errors import SettingsError
from fleet_collector.inventory import Target

EXAMPLE = """
database = "postgresql://fleet@db/fleet"

[limits]
concurrency = 7

[thresholds]
disk_used_percent = 80

[expect]
processes = ["sshd"]

[group.web.expect]
ports = ["443=nginx"]
processes = ["nginx", "sshd"]

[group.web.thresholds]
disk_used_percent = 70

[group.db.thresholds]
disk_used_percent = 60
"""


def test_a_host_has_what_all_hosts_and_its_groups_have() -> None:
    chosen = settings.parse(EXAMPLE)
    expected = chosen.expected(("all", "web"))
    assert expected.processes == ("sshd", "nginx")
    assert expected.ports == ("443=nginx",)
    assert chosen.expected(()).ports == ()


def test_the_later_group_wins_and_other_hosts_keep_the_common_threshold() -> None:
    chosen = settings.parse(EXAMPLE)
    assert chosen.thresholds_of(()).disk_used_percent == 80
    assert chosen.thresholds_of(("web",)).disk_used_percent == 70
    assert chosen.thresholds_of(("web", "db")).disk_used_percent == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[threshold]\nx = 1", "unknown key 'threshold'; did you mean 'thresholds'?"),
        ("[limits]\nconcurency = 1", r"unknown key 'concurency' in \[limits\]; did you mean 'concurrency'?"),
        (
            "[group.web.expect]\nport = []",
            r"unknown key 'port' in \[group.web.expect\]; did you mean 'ports'?",
        ),
        (
            "[group.web.thresholds]\ndisk_usedpercent = 4",
            r"unknown key 'disk_usedpercent' in \[group.web.thresholds\]; did you mean 'disk_used",
        ),
        ("[limits]\nconcurrency = 'many'", "Expected `int`, got `str` - at `limits.concurrency`"),
        ("[limits]\nconcurrency = 0", "Expected `int` >= 1 - at `limits.concurrency`"),
        ("[expect]\nports = ['x']", "port 'x' is not of the form 443, .* - at `expect.ports`"),
        ("[group.web.expect]\nreach = ['db1']", "'db1' is not of the form .* - at `group.web.expect.reach`"),
        ("[group.web.expect]\nreach = ['tcp://db1:99999']", "'tcp://db1:99999' is not of the form"),
        ("[limits", "not TOML"),
        ("[thresholds]\nmemory = 1", "known are: memory_available_bytes, memory_[a-z_, ]*second$"),
        ("[ssh]\nhost_keys = 'maybe'", "'maybe' - at `ssh.host_keys`; write 'strict' or 'accept-new'"),
        ("[ssh]\nport = 70000", "at `ssh.port`"),
        ("[agent]\ninterval_seconds = 600", "at `agent.interval_seconds`"),
        ("[agent]\nsection_seconds = -1", "at `agent.section_seconds`"),
    ],
)
def test_what_is_not_known_is_refused_with_its_place_and_the_nearest_name(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings.parse(text)


def test_every_host_is_in_the_group_all_and_else_in_ungrouped() -> None:
    chosen = settings.parse(
        "[group.all.expect]\nprocesses = ['sshd']\n[group.ungrouped.thresholds]\ndisk_used_percent = 50\n"
    )
    assert chosen.expected(("web",)).processes == ("sshd",)
    assert chosen.thresholds_of(("web",)) == chosen.thresholds
    assert chosen.thresholds_of(()).disk_used_percent == 50


def test_a_group_that_is_nearly_one_of_the_hosts_file_is_told() -> None:
    chosen = settings.parse("[group.wbe.expect]\n[group.db.expect]\n[group.elsewhere.expect]\n")
    targets = [Target("a", groups=("shop", "web")), Target("b", groups=("db",))]
    assert list(misnamed_groups(chosen, targets)) == [
        "fleet.toml has [group.wbe], and no host is in that group; did you mean web?"
    ]


def test_a_named_file_must_be_there_and_be_text(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.toml is not there"):
        settings.load(tmp_path / "no.toml")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        settings.load(tmp_path)
    (tmp_path / "latin").write_bytes(b"# B\xfcro")
    with pytest.raises(SettingsError, match="latin: not UTF-8 text"):
        settings.load(tmp_path / "latin")


def test_the_file_is_named_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("nonsense = 1")
    with pytest.raises(SettingsError, match=r"fleet\.toml: unknown key 'nonsense'"):
        settings.load(path)


def test_what_is_shown_can_be_read_again() -> None:
    chosen = settings.parse(EXAMPLE)
    assert settings.parse(settings.as_toml(msgspec.to_builtins(chosen))) == chosen
