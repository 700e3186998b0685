"""A nightly sweep without a person: a systemd timer (systemd.timer(5)) or a line of crontab(5)."""

from __future__ import annotations

import getpass
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fleet_collector.errors import FleetError, UsageError

UNIT = "fleet-scan"
MARK = "# fleet: nightly scan"
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def clock(text: str) -> tuple[int, int]:
    """Hour and minute of ``02:10``; raises UsageError."""
    found = _TIME.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is no time of day: write 02:10")
    return int(found[1]), int(found[2])


def crontab_line(command: Sequence[str], at: str) -> str:
    """One line of a crontab; ``--quiet`` makes cron mail only on trouble."""
    hour, minute = clock(at)
    # In a crontab an unescaped % ends the command.
    return f"{minute} {hour} * * * {shlex.join(command)} {MARK}".replace("%", r"\%")


def systemd_units(command: Sequence[str], at: str) -> dict[str, str]:
    """The texts of service and timer, by file name; a missed night is made up for (Persistent)."""
    hour, minute = clock(at)
    words = " ".join(_systemd_word(word) for word in command)
    return {
        f"{UNIT}.service": (
            "[Unit]\nDescription=Scan the fleet\nAfter=network-online.target\nWants=network-online.target\n\n"
            f"[Service]\nType=oneshot\nExecStart={words}\n"
            "# 1 to 3 are findings, not faults of the sweep.\nSuccessExitStatus=1 2 3\n"
        ),
        f"{UNIT}.timer": (
            "[Unit]\nDescription=Scan the fleet every night\n\n"
            f"[Timer]\nOnCalendar=*-*-* {hour:02}:{minute:02}:00\n"
            "RandomizedDelaySec=60\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
        ),
    }


def _systemd_word(word: str) -> str:
    """A word of ExecStart: quoted, with % and $ doubled (systemd.service(5), "COMMAND LINES")."""
    escaped = word.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[\s'\"\\;]", word) or not word else escaped


def install_crontab(line: str) -> None:
    """Put the line into the user's crontab in place of an earlier one of fleet's; raises FleetError."""
    others = [other for other in _crontab().splitlines() if not other.endswith(MARK)]
    _run(["crontab", "-"], text="\n".join([*others, line, ""]))


def _crontab() -> str:
    """The user's crontab; what cannot be read is not taken for an empty one, and so not overwritten."""
    try:
        return _run(["crontab", "-l"])
    except FleetError as fault:
        if any(words in str(fault).lower() for words in ("no crontab", "no such file")):
            return ""
        raise


def install_systemd(units: dict[str, str], directory: Path, *, user: bool) -> None:
    """Write service and timer and start the timer; raises FleetError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in units.items():
            (directory / name).write_text(text, "utf-8")
    except OSError as fault:
        raise FleetError(f"{directory} cannot be written: {fault.strerror}") from fault
    scope = ["--user"] if user else []
    try:
        _run(["systemctl", *scope, "daemon-reload"])
        _run(["systemctl", *scope, "enable", "--now", f"{UNIT}.timer"])
    except FleetError as fault:
        names = " and ".join(str(directory / name) for name in units)
        raise FleetError(f"{names} are written, but the timer does not run: {fault}") from fault


def lingers() -> bool:
    """Tell whether the user's own timers run while nobody is logged in; yes where nobody can say."""
    try:
        said = _run(["loginctl", "show-user", getpass.getuser(), "--property=Linger", "--value"])
    except FleetError:
        return True
    return said.strip() != "no"


def _run(command: Sequence[str], text: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=True)
    except FileNotFoundError as fault:
        raise FleetError(f"{command[0]} is not installed here") from fault
    except subprocess.CalledProcessError as fault:
        raise FleetError(f"`{shlex.join(command)}` failed: {fault.stderr.strip()}") from fault
    except subprocess.TimeoutExpired as fault:
        raise FleetError(f"`{shlex.join(command)}` did not end") from fault
    return done.stdout
