from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fleet_agent import initd, systemd
from fleet_agent.checks import services
from fleet_agent.host import Host
from fleet_agent.table import Table, parse_stat
from fleet_collector.snapshot.services import Services, Unit
from tests.lab import own_mounts

if TYPE_CHECKING:
    from .conftest import MakeSection

# Each as the systemd of that version prints it, shortened to what differs.
FAILED = """\
Type=simple
Restart=no
MainPID=0
Result=exit-code
NRestarts=0
ExecStart={ path=/bin/bad ; argv[]=/bin/bad --port 80 --token=hunter2 ; ignore_errors=no ; pid=9 }
ExecMainStartTimestampMonotonic=2747255209
ExecMainCode=1
ExecMainStatus=3
MemoryCurrent=[not set]
TasksCurrent=[not set]
Id=bad.service
Names=bad.service
TriggeredBy=
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=enabled
StateChangeTimestampMonotonic=2747289468
ActiveEnterTimestampMonotonic=2747255262
InactiveEnterTimestampMonotonic=2747289468
NeedDaemonReload=no
"""
LOOPING = """\
Type=simple
Restart=always
MainPID=179
Result=success
NRestarts=21
ExecMainStartTimestampMonotonic=2972872306
ExecMainCode=0
ExecMainStatus=0
MemoryCurrent=4194304
TasksCurrent=2
Id=loop.service
Names=loop.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
StateChangeTimestampMonotonic=2972872954
NeedDaemonReload=yes
"""
RUNNING = """\
Type=notify
MainPID=64
NRestarts=0
ExecMainStartTimestampMonotonic=2747258640
MemoryCurrent=18446744073709551615
Id=mariadb.service
Names=mariadb.service mysql.service mysqld.service
ActiveState=active
SubState=running
UnitFileState=enabled
"""
OLD_219 = """\
Type=forking
Restart=on-failure
MainPID=0
Result=signal
ExecMainStartTimestampMonotonic=5000000
ExecMainCode=2
ExecMainStatus=9
MemoryCurrent=18446744073709551615
TasksCurrent=18446744073709551615
Id=httpd.service
Names=httpd.service
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=disabled
InactiveEnterTimestampMonotonic=9000000
ActiveEnterTimestampMonotonic=7000000
NeedDaemonReload=no
"""


def state(name: str, **properties: str) -> str:
    values = {"Id": name, "Names": name, "ActiveState": "inactive", "SubState": "dead", "Type": "simple"}
    return "".join(f"{key}={value}\n" for key, value in {**values, **properties}.items())


STOPPED = state("stopped.service", UnitFileState="enabled", ExecMainStartTimestampMonotonic="5")
QUIET = [
    state("well.service", UnitFileState="enabled", ExecMainStartTimestampMonotonic="5", Type="oneshot"),
    state("masked.service", UnitFileState="masked", LoadState="masked"),
    state(
        "on-demand.service",
        UnitFileState="enabled",
        ExecMainStartTimestampMonotonic="5",
        TriggeredBy="x.socket",
    ),
    state("never.service", UnitFileState="enabled", ExecMainStartTimestampMonotonic="0"),
    state("done.service", ActiveState="active", SubState="exited", Type="oneshot"),
]
MOUNT = state("data.mount", ActiveState="failed", SubState="failed", Type="")
LISTED = """\
bad.service       loaded    failed   failed  Bad
data.mount        loaded    failed   failed  /data
● httpd.service   loaded    failed   failed  The Apache HTTP Server
loop.service      loaded    activating auto-restart Loop
mariadb.service   loaded    active   running MariaDB 10.11 database server
quiet.service     loaded    active   running Nothing to say
display-manager.service not-found inactive dead display-manager.service
system.slice      loaded    active   active  System Slice
"""
EVERYTHING = "\n".join([MOUNT, FAILED, LOOPING, RUNNING, OLD_219, STOPPED, *QUIET])


def checked(data: dict[str, Any]) -> Services:
    return msgspec.convert(data, Services, strict=True)


def units_of(facts: Services) -> dict[str, Unit]:
    return {unit.name: unit for unit in facts.units or []}


def test_a_failed_unit_in_full() -> None:
    [block] = systemd.parse_show(FAILED)
    assert systemd.full(block, 1000.0) == {
        "name": "bad.service",
        "active": "failed",
        "sub": "failed",
        "load": "loaded",
        "enabled": "enabled",
        "type": "simple",
        "result": "exit-code",
        "exit_code": "exited",
        "exit_status": 3,
        "restarts": 0,
        "restart_policy": "no",
        "since": 3747.29,
        "started_at": 3747.26,
        "needs_reload": False,
        "command": "/bin/bad --port 80 --token=***",
    }


def test_what_a_unit_cannot_do_without() -> None:
    text = "Id=shop.service\nRequires=db.service system.slice sysinit.target\nBindsTo=srv-data.mount"
    assert systemd.full(systemd.parse_show(text)[0], 0.0)["needs"] == ["db.service", "srv-data.mount"]


def test_a_looping_unit_is_one_although_it_runs_well() -> None:
    [block] = systemd.parse_show(LOOPING)
    assert systemd.is_looping(block)
    fact = systemd.full(block, 0.0)
    assert (fact["restarts"], fact["memory_bytes"], fact["tasks"], fact["needs_reload"]) == (
        21,
        4194304,
        2,
        True,
    )
    assert "exit_status" not in fact


def test_an_old_systemd_has_no_restarts_and_its_latest_change_counts() -> None:
    [block] = systemd.parse_show(OLD_219)
    fact = systemd.full(block, 100.0)
    assert (fact["exit_code"], fact["exit_status"], fact["since"]) == ("killed", 9, 109.0)
    assert not {"restarts", "memory_bytes", "tasks"} & set(fact)


@pytest.mark.parametrize("text", QUIET)
def test_what_rests_is_not_in_trouble(text: str) -> None:
    [block] = systemd.parse_show(text)
    tellers: list[Any] = [systemd.is_failed, systemd.is_looping, systemd.is_strayed]
    assert [tells(block) for tells in tellers] == [False] * 3


def test_an_enabled_service_that_ran_and_stopped_is_astray() -> None:
    assert systemd.is_strayed(systemd.parse_show(STOPPED)[0])


def programs(directory: Path, **texts: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        path = directory / name
        path.write_text(text)
        path.chmod(0o755)
    return directory


def answers(tmp_path: Path) -> Path:
    """A systemctl and a journalctl that print recorded text, and note how systemctl was called."""
    (tmp_path / "list").write_text(LISTED)
    (tmp_path / "units").write_text(EVERYTHING)
    script = f"""#!/bin/sh
echo "$*" >> {tmp_path}/calls
case "$*" in
*SystemState*) printf 'NJobs=2\\nSystemState=degraded\\n' ;;
list-units*) cat {tmp_path}/list ;;
*) cat {tmp_path}/units ;;
esac
"""
    line = "2026-11-22T17:32:40+0000 web1 sh[62]: $8 password=hunter22"
    journal = f"#!/bin/sh\necho '-- No entries --'\necho \"{line}\"\n"
    return programs(tmp_path / "bin", systemctl=script, journalctl=journal)


def test_units_by_systemd(section: MakeSection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(answers(tmp_path)), prepend=":")
    current = section()
    facts = checked(services.by_systemd(current, ["mysql"]))
    units = units_of(facts)
    assert (facts.state, facts.jobs, facts.failed, facts.running) == ("degraded", 2, 3, 2)
    assert list(units)[:3] == ["bad.service", "data.mount", "httpd.service"]
    assert set(units) == {
        "bad.service",
        "data.mount",
        "httpd.service",
        "loop.service",
        "stopped.service",
        "mariadb.service",
        "mysql.service",
        "quiet.service",
    }
    asked = (tmp_path / "calls").read_text().splitlines()[-1].split(" -- ")[1].split()
    in_question = ["bad.service", "data.mount", "httpd.service", "loop.service"]
    without_process = ["mariadb.service", "quiet.service"]  # as of a unit that was started a moment ago
    assert asked == ["mysql.service", *in_question, *without_process]
    assert units["bad.service"].log == ["2026-11-22T17:32:40+0000 web1 sh[62]: bad.service password=***"]
    assert units["mysql.service"].main_pid == 64
    assert units["stopped.service"].log is None
    assert current.notes == {}


def test_a_systemctl_that_hangs_leaves_what_control_groups_tell(
    section: MakeSection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = programs(tmp_path / "bin", systemctl="#!/bin/sh\nexec sleep 600\n")
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    current = section()
    begun = time.monotonic()
    facts = checked(services.by_systemd(current, ["nginx"]))
    assert current.notes["units"].startswith("timeout")
    assert units_of(facts)["nginx.service"].active == "unknown"
    assert facts.failed is None
    assert time.monotonic() - begun < 5  # the section's own time


def test_a_systemctl_without_a_bus_is_no_answer(
    section: MakeSection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = programs(
        tmp_path / "bin", systemctl="#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n"
    )
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    current = section()
    services.by_systemd(current, [])
    assert current.notes["units"].startswith("absent")


def test_a_running_unit_with_a_young_process_is_asked_about_and_an_enabled_one_that_rests(
    tmp_path: Path,
) -> None:
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "stopped.service").symlink_to("/lib/systemd/system/stopped.service")
    listed = systemd.parse_list(
        LISTED + "stopped.service loaded inactive dead x\nidle.service loaded inactive dead x\n"
    )
    names = systemd.questionable(Host(str(tmp_path)), listed, {"quiet.service"})
    assert names == [
        "bad.service",
        "data.mount",
        "httpd.service",
        "loop.service",
        "quiet.service",
        "stopped.service",
    ]


def test_units_from_control_groups(section: MakeSection, tmp_path: Path) -> None:
    root = tmp_path
    (root / "run/systemd/system").mkdir(parents=True)
    for pid, path in (
        (1, "/init.scope"),
        (50, "/system.slice/nginx.service"),
        (51, "/system.slice/nginx.service"),
    ):
        directory = root / f"proc/{pid}"
        directory.mkdir(parents=True)
        (directory / "stat").write_text(f"{pid} (x) S 1 " + "0 " * 60)
        (directory / "cgroup").write_text(f"0::{path}\n")
    (root / "proc/stat").write_text("cpu 0\nbtime 1\n")
    current = section(root=root, services=["nginx.service"])
    current.table.read()
    facts = checked(services.collect(current))
    assert (facts.manager, facts.running) == ("systemd", 1)
    assert units_of(facts)["nginx.service"].main_pid == 50


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("nginx", True),
        ("getty@tty1.service", True),
        ("../x", False),
        ("-x", False),
        ("", False),
        ("a b", False),
        (".x", False),
    ],
)
def test_names_of_services(name: str, good: bool) -> None:
    assert services.is_name(name) is good


@pytest.mark.parametrize(
    ("paths", "manager"),
    [
        (["run/systemd/system"], "systemd"),
        (["run/openrc", "etc/init.d"], "openrc"),
        (["run/runit/runsvdir/current"], "runit"),
        (["etc/init.d"], "sysv"),
        ([], None),
    ],
)
def test_the_service_manager_by_what_is_there(tmp_path: Path, paths: list[str], manager: str | None) -> None:
    for path in paths:
        (tmp_path / path).mkdir(parents=True)
    assert services.service_manager(Host(str(tmp_path))) == manager


def later() -> float:
    return time.monotonic() + 10


def table_with(host: Host, *names: str) -> Table:
    table = Table(host)
    for pid, name in enumerate(names, 100):
        table.rows[pid] = parse_stat(f"{pid} ({name}) S 1 " + "0 " * 60)
    return table


def test_runit_services() -> None:
    text = (
        "run: /etc/service/nginx: (pid 812) 3600s; run: log: (pid 700) 3600s\n"
        "down: /etc/service/shop: 5s, normally up, want up; run: log: (pid 701) 9s\n"
        "down: /etc/service/batch: 5s\n"
        "fail: /etc/service/gone: unable to change to service directory: file does not exist\n"
        "noise\n"
    )
    assert initd.parse_sv(text) == [
        {"name": "nginx", "sub": "run", "main_pid": 812, "active": "active"},
        {"name": "shop", "sub": "down", "active": "failed"},
        {"name": "batch", "sub": "down", "active": "inactive"},
        {"name": "gone", "sub": "fail", "active": "unknown"},
    ]


def test_openrc_says_started_of_a_daemon_that_is_dead(tmp_path: Path) -> None:
    for name in ("started/nginx", "started/cron", "failed/shop"):
        path = tmp_path / "run/openrc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "run/nginx.pid").write_text("4242\n")
    (tmp_path / "run/cron.pid").write_text("100\n")
    host = Host(str(tmp_path))
    facts = {fact["name"]: fact for fact in initd.openrc(host, table_with(host, "cron"), ["absent"], later())}
    assert (facts["nginx"]["active"], facts["nginx"]["sub"]) == ("failed", "dead")
    assert (facts["cron"]["active"], facts["cron"]["main_pid"]) == ("active", 100)
    assert facts["shop"]["active"] == "failed"
    assert facts["absent"]["active"] == "inactive"


@pytest.mark.parametrize(
    ("status", "active", "sub"), [(0, "active", "running"), (1, "failed", "dead"), (3, "inactive", "dead")]
)
def test_a_sysv_script_is_believed(
    section: MakeSection, tmp_path: Path, status: int, active: str, sub: str
) -> None:
    if os.geteuid():
        pytest.skip("needs root: a script in /etc/init.d")

    def measure() -> dict[str, Any]:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/etc/init.d"], check=True)
        programs(Path("/etc/init.d"), shop=f'#!/bin/sh\n[ "$1" = status ] && exit {status}\nexit 99\n')
        data: dict[str, Any] = services.collect(section(services=["shop", "other", "../../bin/sh"]))
        return data

    facts = checked(own_mounts.inside(measure))
    units = units_of(facts)
    assert (units["shop"].active, units["shop"].sub) == (active, sub)
    assert units["other"].active == "inactive"
    assert len(units) == 2
    assert (facts.manager, facts.failed) == ("sysv", None)


def test_a_service_without_any_manager_is_found_by_its_process(section: MakeSection, tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    (tmp_path / "run/shop").mkdir(parents=True)
    (tmp_path / "run/shop/shop.pid").write_text("77\n")
    table = table_with(host, "nginx", "nginx")
    assert initd.by_process(host, table, "nginx") == {
        "name": "nginx",
        "active": "active",
        "sub": "running",
        "main_pid": 100,
    }
    assert initd.by_process(host, table, "shop")["active"] == "failed"
    assert initd.by_process(host, table, "none")["active"] == "inactive"


def test_this_machine_answers_whatever_manages_it(section: MakeSection) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        current = section(services=["fleet-test-none"])
        facts = checked(services.collect(current))
        assert process.pid in current.table.rows
        process.kill()
    assert facts.units is not None
    asked = [unit for unit in facts.units if unit.name.startswith("fleet-test-none")]
    assert [unit.active for unit in asked] == ["inactive"]
