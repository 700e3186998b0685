"""Trees of machines unlike this one, whole, with gaps, and spoilt: what is missing costs itself alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from fleet_collector import snapshot
from tests.agent.recorded import OLD, PRESENT, ask, lay, stat

STEPS = snapshot.STEPS
T = TypeVar("T")
SPOILT = (b"", b"\n", bytes(range(256)), b"a b c d e f g h i j k l m n\n" * 3, b"-1 " * 40, b"9" * 30 + b" ")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return lay(tmp_path, PRESENT)


def checked(sections: dict[str, dict[str, Any]]) -> snapshot.Snapshot:
    facts = {"schema": snapshot.SCHEMA, "agent": {"version": ""}, **sections}
    return msgspec.convert(facts, snapshot.Snapshot)


def data(section: snapshot.Section[T] | None) -> T:
    assert section is not None
    assert section.data is not None
    return section.data


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and every empty list of a section, by its path."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from numbers(each, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for place, each in enumerate(value):
            yield from numbers(each, f"{path}[{place}]")
    elif not isinstance(value, str):
        yield path, value


def test_a_whole_tree_gives_every_fact(machine: Path) -> None:
    sections = ask(machine)
    assert {step: section["status"] for step, section in sections.items()} == dict.fromkeys(STEPS, "ok")
    seen = checked(sections)
    assert data(seen.memory).available_bytes == 5_000_000 * 1024
    assert data(seen.connections).states == {"established": 1, "time_wait": 1}


def is_less(path: str) -> bool:
    """Sums over processes or files, and a rule that is not there, rightly go down with what is missing."""
    if path == ".interval_seconds":  # of no length, here
        return True
    return path.endswith((".total", ".threads", ".total_bytes", ".count", ".running", ".covered"))


@pytest.mark.parametrize("name", sorted(PRESENT))
def test_a_file_that_is_missing_is_absent_and_no_zero(machine: Path, name: str) -> None:
    whole = ask(machine)
    (machine / name).unlink()
    sections = ask(machine)
    checked(sections)
    for step in STEPS:
        assert sections[step]["status"] in ("ok", "absent", "partial"), sections[step]
        assert not [note for note in sections[step]["notes"].values() if note.startswith("error")]
        before = dict(numbers(whole[step]["data"]))
        for path, value in numbers(sections[step]["data"] or {}):
            if before.get(path) and not is_less(path):
                assert value not in (0, False, []), (step, path)


@pytest.mark.parametrize("name", sorted(PRESENT))
def test_a_file_that_is_spoilt_costs_its_own_facts(machine: Path, name: str) -> None:
    text = (machine / name).read_bytes()
    for content in (*SPOILT, text[: len(text) // 2], text + text):
        (machine / name).write_bytes(content)
        sections = ask(machine)
        assert set(sections) == set(STEPS)
        lost = [step for step in STEPS if sections[step]["data"] is None]
        assert len(lost) <= 2, (content[:20], lost)


def test_a_kernel_of_2013_is_understood(tmp_path: Path) -> None:
    seen = checked(ask(lay(tmp_path, OLD)))
    assert data(seen.memory).available_bytes == (1_000_000 + 100_000 + 3_000_000 - 50_000) * 1024
    assert data(seen.memory).swap_used_percent is None
    assert data(seen.memory).oom_kills is None
    assert data(seen.memory).direct_reclaims_per_second == 0.0
    assert seen.memory is not None
    assert seen.memory.notes["pressure"] == "absent"
    assert data(seen.cpu).usable_cores == 0.5
    assert data(seen.network).conntrack is None
    assert [(one.name, one.in_flight) for one in data(seen.disk).drives or []] == [("sda", 0)]


def test_without_the_time_of_the_boot_nobody_has_a_start(machine: Path) -> None:
    (machine / "proc/stat").unlink()
    seen = checked(ask(machine, processes=["init"], services=["init"]))
    assert seen.cpu is not None
    assert seen.cpu.status == "absent"
    assert (data(seen.identity).cores, data(seen.identity).booted_at) == (None, None)
    assert [(one.count, one.newest_started_at) for one in data(seen.processes).wanted or []] == [(1, None)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"tmux: server (1)", "tmux: server (1)"),
        (b") R 1 (", ") R 1 ("),
        (b"two\nlines", "two\nlines"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_any_process_name(machine: Path, name: bytes, shown: str) -> None:
    (machine / "proc/77").mkdir()
    (machine / "proc/77/stat").write_bytes(stat(77, name))
    seen = checked(ask(machine))
    assert shown in [one.name for one in data(seen.processes).top_threads or []]


def test_a_hundred_and_twenty_eight_cores_and_ten_thousand_processes(machine: Path) -> None:
    lines = "".join(f"cpu{core} 500 5 200 4500 20 0 3 14 0 0\n" for core in range(128))
    text = str(PRESENT["proc/stat"])
    (machine / "proc/stat").write_text(text[: text.index("cpu0")] + lines + text[text.index("intr") :])
    for pid in range(1000, 11_000):
        (machine / f"proc/{pid}").mkdir()
        (machine / f"proc/{pid}/stat").write_bytes(stat(pid, b"worker-%d" % (pid % 500)))
    seen = checked(ask(machine))
    assert data(seen.cpu).cores == 128
    assert data(seen.processes).total == 10_002


def watcher(machine: Path, pid: int, parent: int, descriptors: dict[int, int]) -> None:
    """A process with inotify descriptors, each with a number of watches."""
    for name in ("fd", "fdinfo"):
        (machine / f"proc/{pid}/{name}").mkdir(parents=True)
    (machine / f"proc/{pid}/stat").write_bytes(stat(pid, b"watcher", parent))
    for descriptor, watches in descriptors.items():
        (machine / f"proc/{pid}/fd/{descriptor}").symlink_to("anon_inode:inotify")
        lines = ["pos:\t0", *(f"inotify wd:{n} ino:2 sdev:3 mask:fc6" for n in range(watches))]
        (machine / f"proc/{pid}/fdinfo/{descriptor}").write_text("\n".join(lines) + "\n")


def test_who_uses_up_inotify(machine: Path) -> None:
    lay(machine, {f"proc/sys/fs/inotify/max_user_{kind}": "8\n" for kind in ("instances", "watches")})
    watcher(machine, 70, 1, {3: 5, 4: 1})
    watcher(machine, 71, 70, {3: 5, 4: 1, 9: 1})  # two of them are its parent's
    found = data(checked(ask(machine)).processes).inotify or []
    assert [(one.kind, one.pid, one.used, one.limit, one.most) for one in found] == [
        ("instances", 70, 3, 8, 2),
        ("watches", 70, 7, 8, 6),
    ]


def test_without_its_limits_nothing_is_said_of_inotify(machine: Path) -> None:
    watcher(machine, 70, 1, {3: 5})
    processes = checked(ask(machine)).processes
    assert data(processes).inotify is None
    assert processes is not None
    assert processes.notes["inotify"] == "absent"


def test_tasks_that_only_the_kernel_counts_hide_who_is_at_work(machine: Path) -> None:
    assert data(checked(ask(machine)).cpu).hidden_tasks == 296
    (machine / "proc/loadavg").write_text("1.50 1.25 1.00 2/9 4000\n")
    assert data(checked(ask(machine)).cpu).hidden_tasks is None


def test_a_stopped_process(machine: Path) -> None:
    (machine / "proc/70").mkdir()
    (machine / "proc/70/stat").write_bytes(stat(70, b"frozen").replace(b") S ", b") T "))
    assert [one.name for one in data(checked(ask(machine)).processes).stopped or []] == ["frozen"]


def test_sockets_of_hidden_processes_are_denied_and_not_nobodys(machine: Path) -> None:
    (machine / "proc/1/stat").unlink()  # as with hidepid
    ports = checked(ask(machine)).ports
    assert ports is not None
    assert ports.notes["owners"] == "denied: the processes of 1 sockets"
