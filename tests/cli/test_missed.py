from __future__ import annotations

from fleet_collector import store
from fleet_collector.store import now_ms
from tests.collector.store.records import DAY, well
from tests.program import Program, Said


def nights(program: Program, *days_ago: int, host: str = "web1") -> None:
    """Sweeps that ended well so many days ago."""
    with store.connect(str(program.database)) as opened:
        for days in days_ago:
            at = now_ms() - days * DAY
            number = store.begin_sweep(opened, asked="hosts.txt", hosts=[host], started_at=at)
            store.save(opened, [well(host, number, at)])
            store.finish_sweep(opened, number, finished_at=at + 1000)


def tonight(program: Program) -> Said:
    return program("scan", "--local", "--quiet", "--exit-zero")


def test_the_next_sweep_says_that_nights_were_missed(program: Program) -> None:
    nights(program, 7, 6, 5, 4, 3)
    assert "a sweep is overdue" in program("hosts").err
    assert "a sweep is overdue" in tonight(program).err


def test_a_host_not_seen_for_days_is_told_until_it_is_forgotten(program: Program) -> None:
    nights(program, 4, host="gone[")
    nights(program, 2, 1, host="here")
    nights(program, 40, host="long-gone")
    said = tonight(program).err
    assert "not seen for 3 days or more: gone[ " in said
    assert "here" not in said
    assert "long-gone" not in said


def test_after_regular_nights_a_quiet_sweep_says_nothing_on_standard_error(program: Program) -> None:
    nights(program, 4, 3, 2, 1)
    assert tonight(program).err == ""
