from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from fleet_agent import logrotate
from fleet_agent.host import Host
from fleet_agent.wildcard import matches

CONF = """\
# see "man logrotate" for details
weekly
su root adm
rotate 4
create
include {root}/etc/logrotate.d
# system-specific logs
/var/log/wtmp {
    missingok
    monthly
    create 0664 root utmp
}
"""
RSYSLOG = """\
/var/log/syslog
/var/log/mail.log "/var/log/with space.log"
{
\trotate 4
\tdaily
\tsharedscripts
\tpostrotate
\t\t# a brace } and a word: monthly
\t\t/usr/lib/rsyslog/rsyslog-rotate
\tendscript
}
"""
APP = """\
/opt/app/logs/*.log /opt/app/logs/[a-c]?.out { size=100M
    copytruncate
}
"""


def rules_of(text: str) -> list[Any]:
    return [value for kind, value in logrotate.parse(text, "/etc/logrotate.d/x", {}) if kind == "rule"]


def problems_of(text: str) -> list[str]:
    return [value for kind, value in logrotate.parse(text, "/etc/logrotate.d/x", {}) if kind == "problem"]


def test_a_block_over_several_lines_with_a_script() -> None:
    [rule] = rules_of(RSYSLOG)
    assert rule.patterns == ["/var/log/syslog", "/var/log/mail.log", "/var/log/with space.log"]
    assert (rule.period, rule.options["postrotate"]) == ("daily", True)


def test_size_takes_the_place_of_a_period() -> None:
    [rule] = rules_of("daily\n" + APP)
    assert (rule.period, rule.options["copytruncate"]) == ("size", True)


def test_defaults_reach_later_blocks_and_files_but_not_out_of_a_block() -> None:
    options: dict[str, Any] = {}
    found = list(logrotate.parse("weekly\n/a {\n daily\n}\n/b {\n}\n", "x", options))
    assert [value.period for _, value in found] == ["daily", "weekly"]
    assert options == {"period": "weekly"}
    [(_, rule)] = logrotate.parse("/c {\n}\n", "y", options)
    assert rule.period == "weekly"


def test_without_any_period_the_size_decides() -> None:
    assert rules_of("/a {\n}\n")[0].period == "size"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/a {\n postrotate\n  kill 1\n}\n", "postrotate without endscript"),
        ("/a {\n daily\n", "a block is not closed"),
        ("}\n", "not understood"),
        ("/a {\n =5\n}\n", "not understood"),
        ("/var/log/a.log {\n rotate seven\n}", "x:2: not a number: rotate seven"),
        ("/var/log/a.log {\n size=10Q\n}", "x:2: not a number: size=10Q"),
    ],
)
def test_what_logrotate_stumbles_over(text: str, words: str) -> None:
    [problem] = problems_of(text)
    assert words in problem


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("/opt/app/logs/web.log", True),
        ("/opt/app/logs/a1.out", True),
        ("/opt/app/logs/d1.out", False),
        ("/opt/app/logs/deep/web.log", False),
        ("/opt/app/logs/web.log.1", False),
    ],
)
def test_patterns_match_within_one_directory(path: str, covered: bool) -> None:
    assert rules_of(APP)[0].covers(path) is covered


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("access.log", "*.log", True),
        ("access.log.1", "*.log", False),
        ("abcabc", "*abc", True),
        ("ab", "a*b*", True),
        ("", "*", True),
        ("", "?", False),
        ("x", "[!x]", False),
        ("]", "[]]", True),
        ("[", "[", True),
        ("b", "[a-c]", True),
        ("*", "\\*", False),
        ("a" * 200, "*a" * 100 + "b", False),
    ],
)
def test_wildcards(name: str, pattern: str, expected: bool) -> None:
    assert matches(name, pattern) is expected


def tree(tmp_path: Path, files: dict[str, str]) -> Host:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Host(str(tmp_path))


def test_includes_are_read_without_what_package_managers_leave_behind(tmp_path: Path) -> None:
    host = tree(
        tmp_path,
        {
            "etc/logrotate.conf": CONF.replace("{root}", ""),
            "etc/logrotate.d/rsyslog": RSYSLOG,
            "etc/logrotate.d/app": APP,
            "etc/logrotate.d/app.dpkg-old": APP,
            "etc/logrotate.d/app.rpmsave": APP,
            "etc/logrotate.d/broken": "/x {\n",
        },
    )
    rules = logrotate.Rules(host)
    rules.read()
    assert [rule.file.rsplit("/", 1)[-1] for rule in rules.rules] == ["app", "rsyslog", "logrotate.conf"]
    assert [rule.options["su"] for rule in rules.rules] == ["root adm"] * 3
    assert [rule.period for rule in rules.rules] == ["size", "daily", "monthly"]
    assert rules.problems == ["/etc/logrotate.d/broken: a block is not closed"]


def test_a_file_that_others_may_write_is_ignored_by_logrotate(tmp_path: Path) -> None:
    host = tree(tmp_path, {"etc/logrotate.conf": "include /etc/logrotate.d", "etc/logrotate.d/app": APP})
    (tmp_path / "etc/logrotate.d/app").chmod(0o666)
    rules = logrotate.Rules(host)
    rules.read()
    assert rules.problems == ["/etc/logrotate.d/app: ignored by logrotate: writable by group or others"]


def test_an_include_that_includes_itself_ends(tmp_path: Path) -> None:
    host = tree(tmp_path, {"etc/logrotate.conf": "include /etc/logrotate.conf\n/a {\n}\n"})
    rules = logrotate.Rules(host)
    rules.read()
    assert 0 < len(rules.rules) < 10


def test_the_state_of_both_versions() -> None:
    text = (
        "logrotate state -- version 2\n"
        '"/var/log/syslog" 2026-11-22-6:25:3\n'
        '"/var/log/a \\"b\\".log" 2026-1-2\n'
        "/var/log/old 2026-11-1\n"
        "nonsense\n"
    )
    moment = time.mktime((2026, 11, 22, 6, 25, 3, 0, 0, -1))
    state = logrotate.parse_state(text)
    assert state["/var/log/syslog"] == moment
    assert set(state) == {"/var/log/syslog", '/var/log/a "b".log', "/var/log/old"}


@pytest.mark.parametrize(
    ("path", "original"),
    [
        ("/var/log/x.log.1", "/var/log/x.log"),
        ("/var/log/x.log-20261122", "/var/log/x.log"),
        ("/var/log/x.log.12.gz", "/var/log/x.log"),
        ("/var/log/x.log-20261122.bz2", "/var/log/x.log"),
        ("/var/log/x.log", "/var/log/x.log"),
        ("/var/log/app.2026-11-22.log", "/var/log/app.2026-11-22.log"),
        ("/var/log/port-12345678", "/var/log/port-12345678"),
        ("/var/log/.1", "/var/log/.1"),
    ],
)
def test_the_name_before_rotation(path: str, original: str) -> None:
    assert logrotate.original_name(path) == original


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["run/systemd/system/x", "etc/systemd/system/timers.target.wants/logrotate.timer"], "timer"),
        (["etc/cron.daily/logrotate"], "cron"),
        (["run/systemd/system/x", "etc/cron.daily/logrotate"], None),
        (["etc/periodic/daily/logrotate"], "cron"),
        (["etc/systemd/system/timers.target.wants/logrotate.timer"], None),
    ],
)
def test_what_starts_logrotate(tmp_path: Path, files: list[str], expected: str | None) -> None:
    host = tree(tmp_path, dict.fromkeys(files, "if [ -d /run/systemd/system ]; then exit 0; fi\n"))
    assert logrotate.scheduled(host) == expected
