"""Every number that is kept over time: its name, unit and meaning. ``fleet metrics`` prints this."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """A number of a host, or of each ``labelled`` thing on it (mount, path, process name, interface).

    ``worse`` says which way lies trouble; ``counter`` that it only grows until the next boot, so that the
    difference of two samples is the fact and not the growth.
    """

    name: str
    unit: str
    meaning: str
    labelled: str | None = None
    worse: Literal["high", "low"] | None = None
    counter: bool = False


_LIST = (
    Metric("cpu_percent", "percent", "all cores busy, without idle and iowait", worse="high"),
    Metric("cpu_iowait_percent", "percent", "all cores idle while a disk request waited", worse="high"),
    Metric("cpu_steal_percent", "percent", "time the hypervisor gave to others", worse="high"),
    Metric(
        "cpu_pressure_percent", "percent", "time in which a task waited for the CPU (PSI, 60 s)", worse="high"
    ),
    Metric("load1", "tasks", "running and blocked tasks, 1 minute mean", worse="high"),
    Metric("load5", "tasks", "running and blocked tasks, 5 minute mean", worse="high"),
    Metric("load15", "tasks", "running and blocked tasks, 15 minute mean", worse="high"),
    Metric("mem_available_bytes", "bytes", "memory that can be had without swapping", worse="low"),
    Metric("mem_total_bytes", "bytes", "memory of the machine"),
    Metric("mem_used_percent", "percent", "memory that is not available", worse="high"),
    Metric(
        "mem_pressure_percent", "percent", "time in which a task waited for memory (PSI, 60 s)", worse="high"
    ),
    Metric("swap_used_bytes", "bytes", "swap in use", worse="high"),
    Metric("swap_total_bytes", "bytes", "swap there is"),
    Metric("swap_used_percent", "percent", "share of the swap in use", worse="high"),
    Metric(
        "oom_kills", "kills", "processes killed for want of memory since boot", worse="high", counter=True
    ),
    Metric("processes", "processes", "processes there are", worse="high"),
    Metric("processes_max", "processes", "kernel.pid_max"),
    Metric("threads", "threads", "threads of all processes", worse="high"),
    Metric("threads_max", "threads", "the lower of kernel.threads-max and kernel.pid_max"),
    Metric("zombies", "processes", "dead children that nobody collects", worse="high"),
    Metric("processes_blocked", "processes", "tasks in state D", worse="high"),
    Metric("services_failed", "services", "failed services", worse="high"),
    Metric("open_files", "files", "open files of the whole system", worse="high"),
    Metric("open_files_max", "files", "fs.file-max"),
    Metric("established", "connections", "TCP connections in ESTABLISHED", worse="high"),
    Metric("time_wait", "connections", "TCP connections in TIME_WAIT", worse="high"),
    Metric("time_wait_max", "connections", "net.ipv4.tcp_max_tw_buckets"),
    Metric(
        "close_wait", "connections", "TCP connections in CLOSE_WAIT, not closed on this side", worse="high"
    ),
    Metric("syn_recv", "connections", "TCP connections in SYN_RECV", worse="high"),
    Metric("syn_sent", "connections", "TCP connections in SYN_SENT", worse="high"),
    Metric("connections", "connections", "TCP connections in every state but LISTEN", worse="high"),
    Metric("local_ports", "ports", "size of the local port range"),
    Metric(
        "local_ports_percent", "percent", "local ports used towards the busiest destination", worse="high"
    ),
    Metric("conntrack", "connections", "connections that the packet filter tracks", worse="high"),
    Metric("conntrack_max", "connections", "net.netfilter.nf_conntrack_max"),
    Metric("disk_used_bytes", "bytes", "space in use", "mount", "high"),
    Metric("disk_size_bytes", "bytes", "space in use and space ordinary users can still have", "mount"),
    Metric("disk_used_percent", "percent", "share of the space in use, as df", "mount", "high"),
    Metric("inodes_used_percent", "percent", "share of the inodes in use", "mount", "high"),
    Metric("disk_util_percent", "percent", "time in which the drive had a request", "drive", "high"),
    Metric("disk_wait_ms", "ms", "mean time of one request", "drive", "high"),
    Metric("log_bytes", "bytes", "allocated size of a large or growing log file", "path", "high"),
    Metric("logs_total_bytes", "bytes", "all files below the log roots", worse="high"),
    Metric("journal_bytes", "bytes", "journald's files", worse="high"),
    Metric(
        "process_rss_bytes", "bytes", "resident memory of all processes of a name", "process name", "high"
    ),
    Metric(
        "process_cpu_percent", "percent of a core", "CPU of all processes of a name", "process name", "high"
    ),
    Metric("process_threads", "threads", "threads of all processes of a name", "process name", "high"),
    Metric("process_fds", "files", "open files of that process of a name with most", "process name", "high"),
    Metric("process_fds_limit", "files", "soft limit on open files of that process", "process name"),
    Metric("net_rx_bytes", "bytes", "received since boot", "interface", counter=True),
    Metric("net_tx_bytes", "bytes", "sent since boot", "interface", counter=True),
    Metric("net_errors", "packets", "errors both ways since boot", "interface", "high", counter=True),
    Metric("net_dropped", "packets", "dropped both ways since boot", "interface", "high", counter=True),
    Metric("uptime_seconds", "seconds", "time since boot", counter=True),
    Metric("clock_offset_seconds", "seconds", "the host's clock minus the collector's"),
)

METRICS = {metric.name: metric for metric in _LIST}
