"""What holds for all tests: nothing of the user's is touched, and what was skipped is said aloud."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how loaded the machine is, and nothing of the code.
settings.register_profile("fleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fleet")

OWN_PLACES = ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
SETTINGS = ("FLEET_DB", "FLEET_CONFIG", "FLEET_DEBUG", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE")
LEFT_OUT = "fleet_full_tier_left_out"


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Databases, spools, settings and known hosts of the tests stay in a directory of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_PLACES:
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        for name in SETTINGS:
            patch.delenv(name, raising=False)
        yield


def pytest_configure() -> None:
    """What is started from here hears signals, whether or not the shell that runs the tests ignores them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root the full tier is skipped."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


_left_out: Counter[str] = Counter()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what ``-m 'not full'`` leaves out."""
    _left_out["full"] += sum(item.get_closest_marker("full") is not None for item in items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the count of a worker of xdist: each of them collects, and leaves out, the same tests."""
    output = getattr(node, "workeroutput", {})
    _left_out["full"] = max(_left_out["full"], output.get(LEFT_OUT, 0))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of xdist, send the count home."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[LEFT_OUT] = _left_out["full"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a reason: how many tests of the full tier did not run, and why."""
    reasons = Counter(
        _reason(report) for report in terminalreporter.stats.get("skipped", ()) if "full" in report.keywords
    )
    if _left_out["full"]:
        reasons["left out by -m or -k"] = _left_out["full"]
    if reasons:
        terminalreporter.section("the full tier did not run whole", yellow=True, bold=True)
        terminalreporter.line(f"{reasons.total()} tests of the full tier were SKIPPED:", yellow=True)
        for reason, count in reasons.most_common():
            terminalreporter.line(f"  {count:4}  {reason}", yellow=True)


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, as its author wrote it."""
    told = report.longrepr
    text = told[2] if isinstance(told, tuple) else str(told)
    return str(text).removeprefix("Skipped: ")
