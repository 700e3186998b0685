"""Chains on one host, and faults that only happen at once."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.causes.diagnosis import Cause, Judged
from fleet_collector.causes.why import why
from fleet_collector.findings.expected import Expected
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past
from fleet_collector.findings.thresholds import GIB
from fleet_collector.snapshot.connections import ByProcess, ByRemote, Connections, LocalPorts
from fleet_collector.snapshot.cpu import CpuProcess
from fleet_collector.snapshot.disk import DeletedFile, Disk, Volume
from fleet_collector.snapshot.fact import Pressure, Process
from fleet_collector.snapshot.identity import KernelMessage
from fleet_collector.snapshot.logs import LogFile, Logs
from fleet_collector.snapshot.memory import MemoryGroup, OomKill
from fleet_collector.snapshot.network import Interface, Lookup, Resolver
from fleet_collector.snapshot.ports import Listener
from fleet_collector.snapshot.processes import BlockedTask, FdProcess, ProcessGroup, WantedProcess
from fleet_collector.snapshot.reach import Probe, Reach
from fleet_collector.snapshot.services import Services, Unit
from tests.collector import hosts
from tests.collector.hosts import NOW, but, subject


def judged(
    host: str = "web1", past: Past | None = None, expected: Expected | None = None, **facts: Any
) -> Judged:
    one = subject(host=host, past=past, expected=expected, **facts)
    return Judged(host=host, taken_at=NOW, snapshot=one.snapshot, findings=judge(one), past=one.past)


def causes(**facts: Any) -> list[Cause]:
    return why([judged(**facts)]).causes


def tree(found: list[Cause]) -> list[tuple[str, set[str]]]:
    """Each cause's rule with the rules that it explains."""
    return [(cause.rule, {effect.rule for effect in cause.explains}) for cause in found]


def test_a_storm_of_short_processes_is_why_the_machine_is_busy() -> None:
    storm = but(
        hosts.CPU,
        percent=but(hosts.PERCENT, busy=98.0, idle=2.0),
        load1=9.0,
        load5=9.0,
        forks_per_second=800.0,
        unexplained_percent=70.0,
    )
    assert tree(causes(cpu=storm)) == [("cpu.short_lived", {"cpu.busy", "cpu.load"})]


def test_a_dead_time_service_is_why_the_clock_is_not_kept() -> None:
    identity = but(hosts.IDENTITY, clock_synchronised=False)
    found = judged(past=hosts.nights(1), identity=identity, services=failed("chrony.service"))
    assert tree(why([found]).causes) == [("services.failed", {"identity.unsynchronised"})]


def test_what_others_do_on_the_same_kernel_comes_last() -> None:
    full = but(hosts.PERCENT, busy=100.0, idle=0.0)
    shared = but(hosts.CPU, percent=full, load1=30.0, load5=30.0, hidden_tasks=400)
    assert [rule for rule, _ in tree(causes(cpu=shared, services=failed()))] == [
        "services.failed",
        "cpu.busy",
    ]


JAVA = Process(pid=812, name="java", unit="shop.service")
FULL = but(hosts.ROOT, used_percent=100.0, available_bytes=0)
GROWING = LogFile(
    path="/srv/shop/shop.log",
    size_bytes=40 * GIB,
    mount="/",
    growth_bytes_per_second=5e6,
    modified_at=NOW,
    writer=JAVA,
)


def failed(name: str = "php-fpm.service", **changes: Any) -> Services:
    usual: dict[str, Any] = {"active": "failed", "sub": "failed", "result": "exit-code", "since": NOW - 60}
    return but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), Unit(name=name, **(usual | changes))])


NO_SPACE = ["php-fpm[4]: write /run/x: No space left on device"]
KILLED = {"result": "signal", "exit_code": "killed", "exit_status": 9}
SPINNING = CpuProcess(pid=7, name="spin", core_percent=260.0, machine_percent=65.0, started_at=NOW - 20)
IN_USE = ["nginx: bind() to 0.0.0.0:8080 failed (98: Address already in use)"]
HTTP = Listener(protocol="tcp", address="0.0.0.0", port=8080, pid=5, name="python3", unit="rogue.service")
SHOWN = Volume(mount="/srv/data", type="ext4", read_only=True)
HUNG = Volume(mount="/mnt/nas", type="nfs4", hung=True, server="nas1", remote=True)


def stuck(count: int, channel: str, **changes: Any) -> list[BlockedTask]:
    return [
        BlockedTask(pid=50 + n, name="cp", both_samples=True, wait_channel=channel, **changes)
        for n in range(count)
    ]


def volumes(*more: Volume) -> Disk:
    return but(hosts.DISK, volumes=list(more))


def waiting(load: float) -> Any:
    return but(hosts.CPU, load1=load, load5=load, blocked=int(load))


def leak(states: dict[str, int], fds: int) -> dict[str, Any]:
    count = sum(states.values())
    remote = ByRemote(address="10.0.1.20", port=5432, count=count, states=states)
    holder = ByProcess(
        pid=812, name="java", unit="shop.service", count=count, states=states, remotes=[remote]
    )
    return {
        "connections": but(hosts.CONNECTIONS, by_process=[holder], by_remote=[remote], states=states),
        "processes": but(
            hosts.PROCESSES, top_open_files=[FdProcess(pid=812, name="java", open_files=fds, limit=4096)]
        ),
    }


def used_up(result: Any = "local_ports_used_up", port: int = 6379) -> dict[str, Any]:
    place = {"address": "10.0.1.30", "port": port}
    probe = Probe(target=f"tcp://cache1:{port}", protocol="tcp", host="cache1", result=result, **place)  # type: ignore[arg-type]
    return {
        "connections": but(
            hosts.CONNECTIONS,
            states={"time_wait": 27_000},
            by_remote=[ByRemote(address="10.0.1.30", port=6379, count=27_000, states={"time_wait": 27_000})],
            local_ports=[
                LocalPorts(address="10.0.1.30", port=6379, used=27_900, time_wait=27_000, percent=98.8)
            ],
        ),
        "reach": Reach(probes=[probe]),
    }


CHAINS: dict[str, tuple[dict[str, Any], list[tuple[str, set[str]]]]] = {
    "log -> full volume -> failed service": (
        {"disk": volumes(FULL), "logs": Logs(files=[GROWING]), "services": failed(log=NO_SPACE)},
        [("logs.growing", {"disk.space", "services.failed"})],
    ),
    "log on another volume than the full one": (
        {"disk": volumes(FULL), "logs": Logs(files=[but(GROWING, mount="/srv")])},
        [("disk.space", set()), ("logs.growing", set())],
    ),
    "full volume, and a service that failed of something else": (
        {"disk": volumes(FULL), "services": failed(log=["php-fpm[4]: bad configuration"])},
        [("disk.space", set()), ("services.failed", set())],
    ),
    "deleted file -> full volume": (
        {
            "disk": but(
                volumes(FULL),
                deleted=[DeletedFile(pid=9, name="nginx", path="/l", size_bytes=50 * GIB, mount="/")],
            )
        },
        [("disk.deleted", {"disk.space"})],
    ),
    "memory -> swapping -> load": (
        {
            "memory": but(
                hosts.MEMORY,
                available_bytes=90 * 1024**2,
                swap_in_bytes_per_second=9e6,
                swap_out_bytes_per_second=9e6,
                pressure=Pressure(full_avg60=30.0, some_avg60=50.0),
            ),
            "cpu": waiting(12.0),
        },
        [("memory.available", {"memory.swapping", "memory.pressure", "cpu.load"})],
    ),
    "memory short, load from a hog": (
        {
            "memory": but(hosts.MEMORY, available_bytes=90 * 1024**2),
            "cpu": but(
                hosts.CPU,
                load1=9.0,
                load5=9.0,
                top=[SPINNING],
                percent=but(hosts.PERCENT, busy=99.0, idle=1.0),
            ),
        },
        [("memory.available", set()), ("cpu.application", {"cpu.busy", "cpu.load"})],
    ),
    "dead NFS -> blocked tasks -> load with an idle CPU": (
        {
            "disk": volumes(hosts.ROOT, HUNG),
            "processes": but(hosts.PROCESSES, blocked=stuck(12, "rpc_wait_bit_killable")),
            "cpu": waiting(12.0),
        },
        [("disk.hung", {"processes.blocked", "cpu.load"})],
    ),
    "dead NFS, tasks blocked elsewhere": (
        {
            "disk": volumes(hosts.ROOT, HUNG),
            "processes": but(hosts.PROCESSES, blocked=stuck(12, "jbd2_log_wait_commit")),
        },
        [("disk.hung", set()), ("processes.blocked", set())],
    ),
    "a command that names the hung mount": (
        {
            "disk": volumes(hosts.ROOT, HUNG),
            "processes": but(hosts.PROCESSES, blocked=stuck(3, "lock_page", command="cp x /mnt/nas/y")),
        },
        [("disk.hung", {"processes.blocked"})],
    ),
    "tasks that wait for a name behind the hung mount": (
        {
            "disk": volumes(hosts.ROOT, HUNG),
            "processes": but(hosts.PROCESSES, blocked=stuck(3, "d_alloc_parallel")),
        },
        [("disk.hung", {"processes.blocked"})],
    ),
    "CLOSE_WAIT -> descriptors": (
        leak({"close_wait": 3900}, 4000),
        [("connections.close_wait", {"processes.open_files"})],
    ),
    "CLOSE_WAIT and descriptors of two processes": (
        leak({"close_wait": 3900}, 4000)
        | {
            "processes": but(
                hosts.PROCESSES, top_open_files=[FdProcess(pid=1, name="tar", open_files=4000, limit=4096)]
            )
        },
        [("processes.open_files", set()), ("connections.close_wait", set())],
    ),
    "short connections -> local ports used up": (
        used_up(),
        [("connections.local_ports", {"connections.time_wait", "reach.local_ports"})],
    ),
    "local ports used up towards somebody else": (
        used_up(port=11211),
        [("connections.local_ports", {"connections.time_wait"}), ("reach.local_ports", set())],
    ),
    "OOM kill -> service failed": (
        {
            "memory": but(hosts.MEMORY, oom=[OomKill(at=NOW - 62, pid=77, name="java", unit="shop.service")]),
            "services": failed("shop.service", **KILLED),
        },
        [("memory.oom", {"services.failed"})],
    ),
    "OOM kill of hours ago, at the moment the service died": (
        {
            "memory": but(hosts.MEMORY, oom=[OomKill(at=NOW - 9001, pid=77, name="java")]),
            "services": failed("shop.service", since=NOW - 9000, **KILLED),
        },
        [("memory.oom", {"services.failed"})],
    ),
    "OOM kill of another, long before": (
        {
            "memory": but(hosts.MEMORY, oom=[OomKill(at=NOW - 600, pid=77, name="tar")]),
            "services": failed("shop.service", **KILLED),
        },
        [("memory.oom", set()), ("services.failed", set())],
    ),
    "OOM kill from which the service had recovered": (
        {
            "memory": but(
                hosts.MEMORY, oom=[OomKill(at=NOW - 9000, pid=77, name="java", unit="shop.service")]
            ),
            "services": failed("shop.service", **KILLED),
        },
        [("services.failed", set())],
    ),
    "OOM kill within a unit's own limit, memory short besides": (
        {
            "memory": but(
                hosts.MEMORY,
                available_bytes=90 * 1024**2,
                oom=[OomKill(at=NOW - 62, pid=77, name="java", unit="shop.service")],
                groups=[
                    MemoryGroup(path="system.slice/shop.service", used_bytes=1, limit_bytes=1, oom_kills=1)
                ],
            )
        },
        [("memory.available", set()), ("memory.oom", set())],
    ),
    "OOM kill in a group that is gone, memory short besides": (
        {
            "memory": but(
                hosts.MEMORY,
                available_bytes=90 * 1024**2,
                oom=[OomKill(at=NOW - 62, pid=77, name="java", unit="shop.service", in_group=True)],
            )
        },
        [("memory.available", set()), ("memory.oom", set())],
    ),
    "wrong owner of a port -> service failed": (
        {
            "services": failed("nginx2.service", log=IN_USE),
            "ports": but(hosts.PORTS, listeners=[HTTP]),
        },
        [("ports.taken", {"services.failed"})],
    ),
    "address in use, with the port on the command line only": (
        {
            "services": failed(
                "shop.service",
                log=["python3: [Errno 98] Address already in use"],
                command="shop 0.0.0.0 8080",
            ),
            "ports": but(hosts.PORTS, listeners=[HTTP]),
        },
        [("ports.taken", {"services.failed"})],
    ),
    "a port in use, in Java's words": (
        {
            "services": failed(
                "shop.service", log=["java: Web server failed. Port 8080 was already in use."]
            ),
            "ports": but(hosts.PORTS, listeners=[HTTP]),
        },
        [("ports.taken", {"services.failed"})],
    ),
    "wrong owner of a wanted port -> failed service -> no process": (
        {
            "services": failed("shop.service", log=IN_USE),
            "processes": but(hosts.PROCESSES, wanted=[WantedProcess(name="shop", count=0)]),
            "ports": but(hosts.PORTS, listeners=[HTTP]),
            "expected": Expected(processes=("shop",), ports=("8080=shop",)),
        },
        [("ports.owner", {"services.failed", "processes.wanted"})],
    ),
    "a volume read-only by choice -> failed service": (
        {
            "disk": volumes(SHOWN),
            "services": failed(log=["mysqld: cannot open /srv/data/x: Read-only file system"]),
        },
        [("disk.read_only", {"services.failed"})],
    ),
    "a volume read-only by choice, and a service that may not write elsewhere": (
        {
            "disk": volumes(SHOWN),
            "services": failed(log=["mysqld: cannot open /var/x: Read-only file system"]),
        },
        [("services.failed", set())],
    ),
    "address in use of a port that nobody holds now": (
        {"services": failed("nginx2.service", log=IN_USE)},
        [("services.failed", set())],
    ),
    "dead link -> gateway -> resolver and target": (
        {
            "network": but(
                hosts.NETWORK,
                interfaces=[Interface(name="eth0", up=True, carrier=False, addresses=["10.0.1.11/24"])],
                resolver=Resolver(servers=["10.0.1.2"], lookups=[Lookup(server="10.0.1.2", ok=False)]),
            ),
            "reach": Reach(
                probes=[Probe(target="tcp://x:1", protocol="tcp", host="x", port=1, result="dns")]
            ),
        },
        [("network.link_down", {"network.resolver", "reach.unresolved"})],
    ),
    "no default route -> far target, near target stands apart": (
        {
            "network": but(hosts.NETWORK, default_routes=[]),
            "reach": Reach(
                probes=[
                    Probe(
                        target="tcp://far:1",
                        protocol="tcp",
                        host="far",
                        port=1,
                        result="unreachable",
                        address="192.0.2.1",
                    ),
                    Probe(
                        target="tcp://near:1",
                        protocol="tcp",
                        host="near",
                        port=1,
                        result="filtered",
                        address="10.0.1.99",
                    ),
                ]
            ),
        },
        [("network.no_default_route", {"reach.unreachable"}), ("reach.filtered", set())],
    ),
    "router that only the probe found dead": (
        {
            "reach": Reach(
                probes=[
                    Probe(
                        target=f"tcp://{address}:1",
                        protocol="tcp",
                        host=address,
                        port=1,
                        result="unreachable",
                        address=address,
                        gateway_failed=True,
                    )
                    for address in ("192.0.2.1", "10.0.1.99")
                ]
            ),
        },
        [("network.gateway", {"reach.unreachable"}), ("reach.unreachable", set())],
    ),
    "I/O error -> read-only volume": (
        {
            "identity": but(
                hosts.IDENTITY,
                kernel_messages=[
                    KernelMessage(kind="io_error", count=3, last_at=NOW, last="I/O error, dev vda1")
                ],
            ),
            "disk": volumes(but(hosts.ROOT, read_only=True)),
        },
        [("identity.kernel_message", {"disk.read_only"})],
    ),
    "fork bomb of the name that fills the CPU": (
        {
            "processes": but(
                hosts.PROCESSES,
                total=500,
                groups=[ProcessGroup(name="spin", count=300, rss_bytes=GIB, started_at=NOW - 30)],
            ),
            "cpu": but(hosts.CPU, top=[SPINNING]),
        },
        [("processes.one_name", {"cpu.application"})],
    ),
    "two faults that share nothing": (
        {"cpu": but(hosts.CPU, top=[SPINNING]), "logs": Logs(files=[GROWING])},
        [("logs.growing", set()), ("cpu.application", set())],
    ),
}


@pytest.mark.parametrize(("facts", "expected"), CHAINS.values(), ids=CHAINS.keys())
def test_chains(facts: dict[str, Any], expected: list[tuple[str, set[str]]]) -> None:
    assert tree(causes(**facts)) == expected


def test_a_cause_is_as_severe_as_what_it_explains() -> None:
    facts, _ = CHAINS["deleted file -> full volume"]
    (cause,) = causes(**facts)
    assert (cause.rank, cause.severity, cause.hosts, cause.hosts_folded) == (1, "critical", ["web1"], "web1")
    assert cause.explains[0].host == "web1"
    assert "nginx (pid 9)" in cause.message


def test_a_wanted_unit_whose_dependency_failed() -> None:
    shop = Unit(name="shop.service", active="inactive", sub="dead", load="loaded", needs=["db.service"])
    facts = failed("db.service", exit_code="exited", exit_status=1)
    services = but(facts, units=[*(facts.units or []), shop])
    found = causes(services=services, expected=Expected(services=("shop",)))
    assert tree(found) == [("services.failed", {"services.wanted"})]


def test_a_unit_that_is_active_and_deaf() -> None:
    shop = Unit(name="shop.service", active="active", sub="running", main_pid=812)
    listener = Listener(
        protocol="tcp", address="0.0.0.0", port=8080, pid=812, name="java", unit="shop.service"
    )
    services = but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), shop])
    past = hosts.nights(
        3, services=services, ports=but(hosts.PORTS, listeners=[*(hosts.PORTS.listeners or []), listener])
    )
    (cause,) = causes(services=services, past=past)
    assert (cause.rule, cause.message) == ("services.deaf", "shop is active, but does not listen on tcp/8080")
    assert [effect.rule for effect in cause.explains] == ["ports.learned_missing"]


def test_a_unit_that_is_down_takes_its_port_along() -> None:
    facts = failed("nginx.service", log=["nginx[9]: bad directive"])
    units = [one for one in facts.units or [] if one.active == "failed"]
    services = but(facts, units=units)
    ports = but(hosts.PORTS, listeners=(hosts.PORTS.listeners or [])[1:])
    wanted = Expected(services=("nginx",), ports=("80=nginx",))
    assert tree(causes(services=services, ports=ports, expected=wanted)) == [
        ("services.failed", {"ports.wanted"})
    ]


def test_what_did_not_come_back_after_a_reboot() -> None:
    services = but(hosts.SERVICES, units=(hosts.SERVICES.units or [])[1:])
    ports = but(hosts.PORTS, listeners=(hosts.PORTS.listeners or [])[1:])
    young = but(hosts.IDENTITY, boot_id="boot-2", uptime_seconds=600.0)
    found = causes(identity=young, services=services, ports=ports, past=hosts.nights(3))
    assert tree(found) == [("identity.rebooted", {"services.learned_missing", "ports.learned_missing"})]


def test_findings_in_a_ring_are_one_cause() -> None:
    connections: Connections = but(hosts.CONNECTIONS, listen_overflows_per_second=9.0)
    queue = Listener(protocol="tcp", address="0.0.0.0", port=8080, pid=5, name="py", queue=200, backlog=128)
    found = causes(connections=connections, ports=but(hosts.PORTS, listeners=[queue]))
    assert tree(found) == [("ports.backlog", {"connections.listen_overflows"})]


def test_what_is_fine_and_what_was_not_measured() -> None:
    diagnosis = why([judged(), judged("web2", disk=None)])
    assert diagnosis.causes == []
    assert [(fine.steps, fine.hosts_folded) for fine in diagnosis.fine][1:] == [(["disk"], "web1")]
    missing = [(gap.step, gap.hosts) for gap in diagnosis.not_measured]
    assert sorted(missing) == [("disk", ["web2"]), ("reach", ["web1", "web2"])]  # no targets: nobody tried
    gaps = [step for gap in diagnosis.not_measured for step in [gap.step] if "web2" in gap.hosts]
    assert not any(set(fine.steps) & set(gaps) for fine in diagnosis.fine if "web2" in fine.hosts)
