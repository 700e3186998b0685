"""Against OpenSSH: twenty addresses, every fault beside them, and two sweeps at once into PostgreSQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fleet_collector import store
from tests import postgres
from tests.program import Program, Said, ended
from tests.sshd import AVAILABLE, WHY_NOT

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not AVAILABLE, reason=WHY_NOT),
    pytest.mark.xdist_group("end_to_end"),
]

TWENTY = [f"127.0.7.{last}" for last in range(1, 21)]
SICK = {
    "no-such-host.invalid": "dns",
    "closed": "refused",
    "changed": "host_key",
    "stranger": "auth",
    "bare": "no_python",
}


def by_host(said: Said) -> dict[str, Any]:
    """The hosts of a scan's JSON; each stands there once."""
    hosts = {host["host"]: host for host in said.json["hosts"]}
    assert len(hosts) == len(said.json["hosts"])
    return hosts


def check_well(host: dict[str, Any]) -> None:
    """Nothing of the host went unanswered."""
    assert host["error"] is None
    assert host["status"] == "ok"
    sections = {
        step: part for step, part in host["snapshot"].items() if isinstance(part, dict) and "ms" in part
    }
    assert len(sections) == 11
    assert not {part["status"] for part in sections.values()} & {"error", "timeout"}


def test_twenty_addresses_twice_are_two_points_of_history(fleet: Program) -> None:
    (fleet.home / "hosts.txt").write_text("[web]\n127.0.7.[1-10]\n[db]\n127.0.7.[11-20]\n")
    for _ in range(2):
        said = fleet("scan", "hosts.txt", "--format", "json", "--full", "--exit-zero")
        assert (said.code, said.err) == (0, "")
        hosts = by_host(said)
        assert set(hosts) == set(TWENTY)
        for host in hosts.values():
            check_well(host)
    history = fleet("history", "127.0.7.[1-20]", "--metric", "processes", "--format", "json").json["series"]
    assert {series["host"]: len(series["points"]) for series in history} == dict.fromkeys(TWENTY, 2)
    assert all(point["value"] > 0 for series in history for point in series["points"])


def test_each_fault_is_its_own_kind_and_harms_no_other(fleet: Program) -> None:
    said = fleet("scan", *SICK, *TWENTY[:3], "--format", "json", "--full")
    assert said.code in {1, 2, 3}
    hosts = by_host(said)
    assert {name: hosts[name]["error"]["kind"] for name in SICK} == SICK
    for name in TWENTY[:3]:
        check_well(hosts[name])
    why = fleet("why", "--exit-zero").out
    assert all(name in why for name in SICK)


def test_full_and_read_only_file_systems_do_not_matter(fleet: Program) -> None:
    said = fleet("scan", "full", "read-only", "--format", "json", "--full", "--exit-zero")
    hosts = by_host(said)
    for host in hosts.values():
        check_well(host)
    volumes = {
        name: {volume["mount"]: volume for volume in host["snapshot"]["disk"]["data"]["volumes"]}
        for name, host in hosts.items()
    }
    assert volumes["full"]["/tmp"]["used_percent"] == 100
    assert volumes["read-only"]["/"]["read_only"] is True


def test_this_machine_is_asked_without_ssh(fleet: Program) -> None:
    said = fleet("scan", "--local", "--format", "json", "--full", "--exit-zero")
    (host,) = by_host(said).values()
    check_well(host)
    named = fleet("scan", "--local", "myself", "--format", "ndjson", "--exit-zero")
    assert [host["host"] for host in named.ndjson] == ["myself"]


def test_a_group_and_a_limit_choose_hosts(fleet: Program) -> None:
    (fleet.home / "hosts.txt").write_text("[web]\n127.0.7.[1-2]\n[db]\n127.0.7.[3-4]\n")
    said = fleet("scan", "hosts.txt", "--limit", "db,!127.0.7.4", "--format", "ndjson", "--exit-zero")
    assert [host["host"] for host in said.ndjson] == ["127.0.7.3"]


@pytest.fixture
def in_postgres(fleet: Program, request: pytest.FixtureRequest) -> Any:
    """The program with an empty database of PostgreSQL's in FLEET_DB."""
    if not postgres.AVAILABLE:
        pytest.skip(postgres.WHY_NOT)
    with request.getfixturevalue("postgres_server").database() as url:
        yield replace(fleet, variables={"FLEET_DB": url})


def scans(fleet: Program) -> dict[str, int]:
    """How many scans of each host are stored."""
    with store.connect(fleet.variables["FLEET_DB"]) as opened:
        return {name: len(store.scans(opened, name)) for name in store.host_names(opened)}


def points(fleet: Program, metric: str) -> Counter[str]:
    """How many points of a metric each host has."""
    said = fleet("history", "127.0.7.*", "--metric", metric, "--format", "ndjson")
    return Counter(point["host"] for point in said.ndjson)


def test_two_sweeps_at_once_of_different_hosts_lose_and_double_nothing(in_postgres: Program) -> None:
    first = in_postgres.start("scan", *TWENTY[:5], "--format", "json", "--full", "--exit-zero")
    second = in_postgres.start("scan", *TWENTY[5:10], "--format", "json", "--full", "--exit-zero")
    hosts = by_host(ended(first)) | by_host(ended(second))
    for host in hosts.values():
        check_well(host)
    once = dict.fromkeys(TWENTY[:10], 1)
    assert scans(in_postgres) == once
    assert points(in_postgres, "load1") == once


def test_two_sweeps_at_once_of_the_same_hosts_take_turns(in_postgres: Program) -> None:
    asked = ["scan", *TWENTY[:3], "--wait", "--format", "json", "--full", "--exit-zero"]
    running = [in_postgres.start(*asked) for _ in range(2)]
    for process in running:
        said = ended(process)
        assert (said.code, said.err) == (0, "")
        for host in by_host(said).values():
            check_well(host)
    assert scans(in_postgres) == dict.fromkeys(TWENTY[:3], 2)
    assert points(in_postgres, "threads") == dict.fromkeys(TWENTY[:3], 2)


def test_a_second_sweep_of_the_same_hosts_says_that_one_is_running(in_postgres: Program) -> None:
    with store.connect(in_postgres.variables["FLEET_DB"]) as opened:
        number = store.begin_sweep(opened, asked="web", hosts=TWENTY[:2])
        refused = in_postgres("scan", TWENTY[1])
        assert (refused.code, refused.out) == (70, "")
        assert f"is still asking {TWENTY[1]}" in refused.err
        assert "--wait" in refused.err
        assert in_postgres("scan", TWENTY[5], "--exit-zero").code == 0
        waiting = in_postgres.start("scan", TWENTY[1], "--wait", "--exit-zero")
        store.finish_sweep(opened, number)
    assert ended(waiting).code == 0
    assert scans(in_postgres) == {TWENTY[1]: 1, TWENTY[5]: 1}
