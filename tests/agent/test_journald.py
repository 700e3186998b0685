from __future__ import annotations

from pathlib import Path

import pytest

from fleet_agent import journald
from fleet_agent.host import Host


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500M", 500 << 20),
        ("2G", 2 << 30),
        ("1.5g", 3 << 29),
        ("4096", 4096),
        ("10MB", 10 << 20),
        ("", None),
        ("x", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert journald.parse_size(text) == size


def test_the_last_drop_in_wins_and_comments_do_not_count() -> None:
    text = "[Journal]\n#SystemMaxUse=1G\nSystemMaxUse=2G\n; x=1\n[Journal]\nSystemMaxUse = 300M\n"
    assert journald.parse_config(text) == {"SystemMaxUse": "300M"}


def test_use_by_blocks_and_a_configured_cap(tmp_path: Path) -> None:
    journal = tmp_path / "var/log/journal/0123"
    drop_in = tmp_path / "etc/systemd/journald.conf.d"
    for directory in (journal, drop_in):
        directory.mkdir(parents=True)
    (tmp_path / "etc/systemd/journald.conf").write_text("[Journal]\nSystemMaxUse=1G\n")
    (drop_in / "size.conf").write_text("[Journal]\nSystemMaxUse=64M\n")
    (journal / "system.journal").write_bytes(b"x" * 65536)
    with (journal / "sparse.journal").open("wb") as file:
        file.truncate(1 << 30)
    fact = journald.journal(Host(str(tmp_path)), set())
    assert fact == {"persistent": True, "used_bytes": 65536, "cap_bytes": 64 << 20, "cap_configured": True}


def test_a_volatile_journal_without_a_cap(tmp_path: Path) -> None:
    (tmp_path / "run/log/journal").mkdir(parents=True)
    fact = journald.journal(Host(str(tmp_path)), set())
    assert fact == {"persistent": False, "used_bytes": 0, "cap_configured": False}


def test_a_host_without_journald_has_no_such_fact(tmp_path: Path) -> None:
    assert journald.journal(Host(str(tmp_path)), set()) is None


def test_the_default_cap_is_a_tenth_of_the_volume_or_four_gigabytes(tmp_path: Path) -> None:
    cap = journald.default_cap(str(tmp_path))
    assert cap is not None
    assert 0 < cap <= 4 << 30
    assert journald.default_cap(str(tmp_path / "none")) is None
