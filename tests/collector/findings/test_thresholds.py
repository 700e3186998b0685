from __future__ import annotations

import msgspec
import pytest

from fleet_collector.errors import SettingsError
from fleet_collector.findings.expected import WantedPort, wanted_port
from fleet_collector.findings.finding import found, level, worst
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.snapshot import STEPS


def test_every_threshold_names_its_step() -> None:
    assert {name.partition("_")[0] for name in Thresholds.__struct_fields__} <= {*STEPS, "trends"}


def test_thresholds_are_checked() -> None:
    assert msgspec.convert({"disk_used_percent": 70}, Thresholds).disk_used_percent == 70.0
    for wrong in (
        {"disk_used_percent": 101},
        {"processes_zombies": -1},
        {"disk_used": 5},
        {"cpu_load_per_core": "x"},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Thresholds)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("443", WantedPort("tcp", 443)),
        ("tcp/22", WantedPort("tcp", 22)),
        ("UDP/53", WantedPort("udp", 53)),
        ("443=nginx", WantedPort("tcp", 443, "nginx")),
        (" tcp/5432 = postgres ", WantedPort("tcp", 5432, "postgres")),
    ],
)
def test_wanted_ports(text: str, port: WantedPort) -> None:
    assert wanted_port(text) == port


@pytest.mark.parametrize("text", ["", "0", "65536", "http", "sctp/9", "tcp/", "-1", "tcp/443/1", "²"])
def test_ports_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match="is not of the form"):
        wanted_port(text)


def test_severities_are_ordered_as_exit_codes_are() -> None:
    assert worst([]) == "ok"
    assert worst(["ok", "unknown", "warning"]) == "warning"
    assert worst(["critical", "unknown"]) == "critical"
    assert [level(value, 5, 9) for value in (None, 4.9, 5, 9)] == ["ok", "ok", "warning", "critical"]


def test_evidence_leaves_out_what_was_not_measured() -> None:
    finding = found("disk.space", "warning", "/", "full", used=1, server=None)
    assert (finding.step, finding.evidence) == ("disk", {"used": 1})
