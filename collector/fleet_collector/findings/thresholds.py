"""What counts as too much: every number a rule compares with, its default and where that comes from.

Set in fleet.toml under ``[thresholds]`` for all hosts and ``[group.NAME.thresholds]`` for a group.
"ours" marks a number that nobody has published; where the published ones need ten minutes of samples, the
rules ask the kernel's own averages (load, pressure) or the host's past to agree before they speak.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Percent = Annotated[float, Meta(ge=0, le=100)]
Positive = Annotated[float, Meta(ge=0, le=1e18)]
Whole = Annotated[int, Meta(ge=0, le=2**53)]

MIB = 1024**2
GIB = 1024**3


class Thresholds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All thresholds: ``<step>_<what>_<unit>``, with ``_critical`` before the unit where there are two."""

    # identity
    # ours: what a login over SSH can tell for certain (Zabbix warns at 60)
    identity_clock_seconds: Positive = 5.0
    identity_clock_critical_seconds: Positive = 300.0  # Kerberos refuses beyond (RFC 4120, MIT clockskew)
    identity_event_minutes: Positive = 15.0  # ours, of kernel events at a first scan (Netdata 30)

    # cpu
    cpu_application_percent: Percent = 50.0  # the operator's rule, of the whole machine
    cpu_busy_percent: Percent = 90.0  # Zabbix, node-mixin
    cpu_load_per_core: Positive = 2.0  # node-mixin
    cpu_load_critical_per_core: Positive = 5.0  # Checkmk, catpaw
    cpu_iowait_percent: Percent = 20.0  # Netdata
    cpu_steal_percent: Percent = 10.0  # Netdata critical, awesome-prometheus-alerts; seen twice
    cpu_steal_once_percent: Percent = 25.0  # ours: one sample of a second
    cpu_throttled_percent: Percent = 25.0  # kubernetes-mixin CPUThrottlingHigh
    cpu_softirq_percent: Percent = 50.0  # ours: of one full core
    cpu_unexplained_percent: Percent = 30.0  # ours
    cpu_forks_per_second: Positive = 100.0  # ours

    # memory
    # unset: the operator's 500 MB, scaled as AKS does, at most 20 %
    memory_available_bytes: Whole | None = None
    # unset: 100 MB (kubelet) or 2 %, at most 5 % and 1 GiB
    memory_available_critical_bytes: Whole | None = None
    memory_pressure_percent: Percent = 5.0  # full avg60, Linuxfabrik
    memory_pressure_critical_percent: Percent = 10.0  # Linuxfabrik
    memory_swap_bytes_per_second: Positive = 1.0 * MIB  # ours: in and out at once

    # processes
    processes_percent: Percent = 80.0  # of pid_max and threads-max, Zabbix
    processes_critical_percent: Percent = 90.0  # Netdata
    processes_past_factor: Positive = 3.0  # ours: against the median of the host's own past
    processes_one_name: Whole = 1000  # ours: processes of one name
    processes_one_name_young: Whole = 200  # ours: all of them less than an hour old, a third of all processes
    processes_threads: Whole = 5000  # ours: threads of one process
    processes_threads_young: Whole = 800  # ours: of a process less than an hour old
    processes_zombies: Whole = 5  # NRPE check_procs, by parent
    processes_blocked: Whole = 3  # ours: in state D in both samples
    processes_open_files_percent: Percent = 80.0  # catpaw
    processes_open_files_critical_percent: Percent = 90.0  # catpaw, node-mixin

    # services
    services_restarts: Whole = 3  # node-mixin: more than 2 in 5 min
    services_restart_minutes: Positive = 5.0  # node-mixin

    # network
    network_errors_per_second: Positive = 2.0  # Zabbix
    network_dropped_per_second: Positive = 100.0  # ours
    network_table_percent: Percent = 75.0  # conntrack and neighbours: node-mixin, catpaw
    network_table_critical_percent: Percent = 90.0  # catpaw

    # reach
    reach_slow_ms: Positive = 1000.0  # the first SYN was lost (RFC 6298: retried after 1 s)

    # ports
    ports_backlog_percent: Percent = 90.0  # ours

    # connections
    connections_local_ports_percent: Percent = 70.0  # boxctl, here per destination
    connections_local_ports_critical_percent: Percent = 85.0  # boxctl
    connections_time_wait: Whole = 10_000  # boxctl; where the host's own past does not know better
    # ours: a sixth of the local ports, without a pause for a minute; where no past knows better
    connections_time_wait_one_endpoint: Whole = 5_000
    connections_established: Whole = 5_000  # ours; where the host's own past does not know better
    connections_one_peer: Whole = 2_000  # ours: from or to one address
    connections_past_factor: Positive = 3.0  # ours
    connections_close_wait: Whole = 100  # catpaw, boxctl, of one process
    connections_close_wait_critical: Whole = 1_000  # catpaw
    connections_syn_sent: Whole = 20  # ours, towards one destination
    connections_syn_recv: Whole = 200  # ours
    connections_syn_cookies_per_second: Positive = 1.0  # Netdata
    connections_overflows_per_second: Positive = 1.0  # Netdata
    connections_overflows_critical_per_second: Positive = 5.0  # Netdata
    connections_retransmits_percent: Percent = 5.0  # Tivoli 3, PCP 20; of a hundred segments or more
    connections_memory_percent: Percent = 80.0  # Netdata
    connections_memory_critical_percent: Percent = 90.0  # Netdata
    connections_undrained: Whole = 20  # ours, sockets of one process

    # disk
    disk_used_percent: Percent = 90.0  # Netdata, catpaw, Linuxfabrik, and
    disk_available_bytes: Whole = 10 * GIB  # less than this left (Zabbix's form)
    disk_used_critical_percent: Percent = 95.0  # Linuxfabrik, and
    disk_available_critical_bytes: Whole = 2 * GIB  # ours (Netdata and Zabbix 5 GB)
    disk_inodes_percent: Percent = 90.0  # Netdata
    disk_inodes_critical_percent: Percent = 97.0  # node-mixin
    disk_inodes_free: Whole = 500_000  # ours: percent alone cries wolf on large volumes
    disk_deleted_bytes: Whole = 1 * GIB  # ours, and 1 % of the volume
    disk_deleted_percent: Percent = 10.0  # ours, and 16 MiB
    disk_wait_ms: Positive = 100.0  # awesome-prometheus-alerts
    disk_pressure_percent: Percent = 15.0  # io full avg60, Linuxfabrik
    disk_swap_percent: Percent = 90.0  # Netdata
    disk_swap_critical_percent: Percent = 98.0  # Netdata

    # logs
    logs_large_bytes: Whole = 1 * GIB  # ours: "one file of several GB"
    logs_large_percent: Percent = 5.0  # ours, of the volume
    logs_growth_bytes_per_hour: Positive = 100.0 * 1000**2  # ours
    logs_full_days: Positive = 7.0  # ours: the volume is full by then
    logs_full_critical_days: Positive = 1.0  # Zabbix, node-mixin: a day

    # trends of any number with a real limit, by the early end of when it is met
    trends_warning_days: Positive = 14.0  # ours: two weeks to do something about it
    trends_critical_days: Positive = 3.0  # ours: no longer than a weekend
