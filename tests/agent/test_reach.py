from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fleet_agent import dns, resolve
from fleet_agent.checks import reach
from fleet_agent.host import Absent
from fleet_agent.trial import parse_target
from fleet_collector.snapshot.reach import Probe, Reach

if TYPE_CHECKING:
    from .conftest import Inside, MakeSection

CLONE_NEWNS = 0x00020000
QUICK = 1.0  # section_seconds: the limits shrink with it


def checked(data: dict[str, Any]) -> list[Probe]:
    found = msgspec.convert(data, Reach, strict=True).probes
    assert found is not None
    return found


def probe(section: MakeSection, *targets: str, seconds: float = QUICK) -> list[Probe]:
    return checked(reach.collect(section(reach=list(targets), section_seconds=seconds)))


def results(data: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(row.result, row.errno) for row in checked(data)]


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else gets meanwhile: bound, not listening."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        yield tcp.getsockname()[1]


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("tcp://db1:5432", ("tcp", "db1", 5432)),
        ("udp://ntp1.example:123", ("udp", "ntp1.example", 123)),
        ("db1:5432", ("tcp", "db1", 5432)),
        ("tcp://[fd00::1]:80", ("tcp", "fd00::1", 80)),
        ("[fe80::1%eth0]:80", ("tcp", "fe80::1%eth0", 80)),
    ],
)
def test_targets(target: str, parts: tuple[str, str, int]) -> None:
    assert parse_target(target) == parts


@pytest.mark.parametrize(
    "target", ["db1", "tcp://db1", "tcp://:80", "icmp://db1:1", "db1:0", "db1:65536", "db1:x"]
)
def test_what_is_no_target_is_said_and_harms_no_other(section: MakeSection, target: str, closed: int) -> None:
    work = section(reach=[target, f"127.0.0.1:{closed}"], section_seconds=QUICK)
    assert results(reach.collect(work)) == [("refused", "ECONNREFUSED")]
    assert work.notes[target].startswith("error: not a target")


def test_no_target_costs_nothing(section: MakeSection) -> None:
    assert reach.collect(section()) == {"probes": []}


def test_a_recorded_tree_reaches_nothing(section: MakeSection, tmp_path: Path) -> None:
    with pytest.raises(Absent):
        reach.collect(section(root=tmp_path, reach=["localhost:80"]))


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "[::1]")])
def test_open(section: MakeSection, family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host.strip("[]"), 0), family=family) as listener:
        (row,) = probe(section, f"tcp://{host}:{listener.getsockname()[1]}")
    assert (row.result, row.address, row.source) == ("open", host.strip("[]"), host.strip("[]"))
    assert row.ms is not None
    assert row.errno is None


def test_one_open_address_of_a_name_is_enough(section: MakeSection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # localhost is ::1 too, where nobody listens
        (row,) = probe(section, f"localhost:{listener.getsockname()[1]}")
    assert (row.result, row.address) == ("open", "127.0.0.1")


def test_refused(section: MakeSection, closed: int) -> None:
    tcp, udp = probe(section, f"tcp://127.0.0.1:{closed}", "udp://127.0.0.1:9")
    assert (tcp.result, tcp.errno, tcp.message) == ("refused", "ECONNREFUSED", "Connection refused")
    assert (udp.result, udp.errno) == ("refused", "ECONNREFUSED")


def test_a_service_that_comes_back_in_time_is_open(section: MakeSection) -> None:
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        starter = threading.Timer(0.05, late.listen)
        starter.start()
        (row,) = probe(section, f"127.0.0.1:{late.getsockname()[1]}", seconds=5.0)
        starter.join()
    assert row.result == "open"


def test_silence_over_udp_is_never_open(section: MakeSection) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        (row,) = probe(section, f"udp://127.0.0.1:{silent.getsockname()[1]}")
        assert silent.recv(100) == b""
    assert (row.result, row.errno) == ("open_or_filtered", "ETIMEDOUT")


def test_udp_is_asked_twice(section: MakeSection) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def answer_the_second() -> None:
            server.recvfrom(100)
            _, peer = server.recvfrom(100)
            server.sendto(b"here", peer)

        thread = threading.Thread(target=answer_the_second)
        thread.start()
        (row,) = probe(section, f"udp://127.0.0.1:{server.getsockname()[1]}", seconds=5.0)
        thread.join()
    assert row.result == "open"


def test_what_is_sent_to_well_known_ports(section: MakeSection, inside_namespace: Inside) -> None:
    def heard() -> Any:
        servers = []
        for port in (53, 123, 161):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("127.0.0.1", port))
            servers.append(server)
        targets = [f"udp://127.0.0.1:{port}" for port in (53, 123, 161)]
        reach.collect(section(reach=targets, section_seconds=0.2))
        return [server.recv(512).hex() for server in servers]

    query, ntp, snmp = (bytes.fromhex(text) for text in inside_namespace(heard))
    assert query[2:] == dns.question("localhost", 0)[2:]
    assert (len(ntp), ntp[0]) == (48, 0x23)
    assert (snmp[0], snmp[1], snmp[7:13]) == (0x30, len(snmp) - 2, b"public")


def test_a_name_that_does_not_exist(section: MakeSection) -> None:
    (row,) = probe(section, "tcp://no-such-host.invalid:80", seconds=5.0)
    assert row.result == "dns"
    assert row.errno is not None
    assert row.errno.startswith(("EAI_", "ETIMEDOUT"))
    assert row.address is None


def test_names_are_looked_up_once(section: MakeSection, closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Counted(resolve.Lookup):
        def __init__(self, name: str) -> None:
            asked.append(name)
            super().__init__(name)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(resolve, "Lookup", Counted)
    rows = probe(section, *[f"localhost:{closed}"] * 4, f"127.0.0.1:{closed}")
    assert [row.result for row in rows] == ["refused"] * 5
    assert asked == ["localhost"]


def test_many_targets_are_cut_and_the_rest_is_done(section: MakeSection, closed: int) -> None:
    work = section(reach=[f"127.0.0.1:{closed}"] * (reach.TARGETS_MOST + 1), section_seconds=QUICK)
    assert results(reach.collect(work)) == [("refused", "ECONNREFUSED")] * reach.TARGETS_MOST
    assert work.notes["probes"].startswith("cut")


def test_no_route(section: MakeSection, inside_namespace: Inside) -> None:
    def lost() -> Any:
        return reach.collect(
            section(reach=["192.0.2.1:80", "udp://192.0.2.1:53", "[2001:db8::1]:80"], section_seconds=QUICK)
        )

    assert results(inside_namespace(lost)) == [("unreachable", "ENETUNREACH")] * 3


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), check=True)


@pytest.mark.full
def test_dropped_and_rejected(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    def walled() -> Any:
        run(
            "nft add table inet wall",
            "nft add chain inet wall input { type filter hook input priority 0 ; }",
            "nft add rule inet wall input tcp dport 81 drop",
            "nft add rule inet wall input udp dport 81 drop",
            "nft add rule inet wall input tcp dport 82 reject with icmp type admin-prohibited",
            "nft add rule inet wall input udp dport 82 reject with icmp type admin-prohibited",
            "nft add rule inet wall input tcp dport 83 reject with tcp reset",
            "nft add chain inet wall output { type filter hook output priority 0 ; }",
            "nft add rule inet wall output udp dport 84 drop",
        )
        targets = [f"{kind}://127.0.0.1:{port}" for port in (81, 82) for kind in ("tcp", "udp")]
        return reach.collect(
            section(reach=[*targets, "127.0.0.1:83", "udp://127.0.0.1:84"], section_seconds=QUICK)
        )

    data = as_root_inside_namespace(walled)
    assert results(data) == [
        ("filtered", "ETIMEDOUT"),
        ("open_or_filtered", "ETIMEDOUT"),
        ("unreachable", "EHOSTUNREACH"),
        ("unreachable", "EHOSTUNREACH"),
        ("refused", "ECONNREFUSED"),
        ("denied", "EPERM"),
    ]
    assert [row["gateway_failed"] for row in data["probes"][:4]] == [False] * 4


@pytest.mark.full
def test_a_next_hop_that_does_not_answer(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    def dead() -> Any:
        run(
            "ip link add near type veth peer name far",
            "ip addr add 192.0.2.1/24 dev near",
            "ip link set near up",
            "ip link set far up",
            "ip route add default via 192.0.2.254",
        )
        return reach.collect(section(reach=["198.51.100.7:80", "192.0.2.9:80"], section_seconds=QUICK))

    rows = checked(as_root_inside_namespace(dead))
    assert [(row.result, row.gateway_failed, row.source) for row in rows] == [
        ("unreachable", True, "192.0.2.1")
    ] * 2
    assert [row.message for row in rows] == [
        "the next hop 192.0.2.254 does not answer",
        "the next hop 192.0.2.9 does not answer",
    ]


@pytest.mark.full
def test_a_dead_resolver_costs_its_names_alone(
    section: MakeSection, as_root_inside_namespace: Inside, tmp_path: Path
) -> None:
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.1\n")

    def dead() -> Any:
        assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
        run("mount --make-rprivate /", f"mount --bind {configuration} /etc/resolv.conf")
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.1", 53))
        names = [f"tcp://name{number}.example:80" for number in range(5)]
        data = reach.collect(section(reach=[*names, "127.0.0.1:9"], section_seconds=QUICK))
        assert silent.recv(512)
        with pytest.raises(ChildProcessError):  # every lookup has been killed and reaped
            os.waitpid(-1, os.WNOHANG)
        return data

    assert results(as_root_inside_namespace(dead)) == [
        *[("dns", "ETIMEDOUT")] * 5,
        ("refused", "ECONNREFUSED"),
    ]


@pytest.mark.full
def test_local_ports_used_up(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    def used_up() -> Any:
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("50000 50003")
        with socket.create_server(("127.0.0.1", 8000)):
            held = [socket.create_connection(("127.0.0.1", 8000)) for _ in range(4)]
            data = reach.collect(section(reach=["127.0.0.1:8000", "127.0.0.1:8001"], section_seconds=QUICK))
            for each in held:
                each.close()
        return data

    assert results(as_root_inside_namespace(used_up)) == [
        ("local_ports_used_up", "EADDRNOTAVAIL"),
        ("refused", "ECONNREFUSED"),
    ]


@pytest.mark.full
def test_an_address_without_a_source_is_not_taken_for_used_up_ports(
    section: MakeSection, as_root_inside_namespace: Inside
) -> None:
    def without_ipv6() -> Any:
        Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6").write_text("1")
        return reach.collect(section(reach=["[::1]:80"], section_seconds=QUICK))

    assert results(as_root_inside_namespace(without_ipv6))[0][0] == "unreachable"
