from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_cli import settings
from fleet_collector.errors import SettingsError

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
    ],
)
def test_what_is_not_known_is_refused_with_its_place_and_the_nearest_name(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings.parse(text)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.toml is not there"):
        settings.load(tmp_path / "no.toml")


def test_the_file_is_named_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("nonsense = 1")
    with pytest.raises(SettingsError, match=r"fleet\.toml: unknown key 'nonsense'"):
        settings.load(path)


def test_what_is_shown_can_be_read_again() -> None:
    chosen = settings.parse(EXAMPLE)
    assert settings.parse(settings.as_toml(msgspec.to_builtins(chosen))) == chosen
