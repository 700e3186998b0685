from __future__ import annotations

import pytest

from fleet_cli import watching
from fleet_collector.limits import Limits


@pytest.mark.parametrize(("gone", "pause"), [(0.0, 10.0), (1.5, 8.5), (9.0, 1.0), (10.5, 9.5), (31.0, 9.0)])
def test_looks_keep_to_the_paces_counted_from_the_first(gone: float, pause: float) -> None:
    assert watching._pause(gone, 10.0) == pytest.approx(pause)


@pytest.mark.parametrize(("every", "total"), [(1.0, 10.0), (10.0, 20.0), (30.0, 60.0), (300.0, 75.0)])
def test_a_dead_host_takes_a_few_paces_at_the_most(every: float, total: float) -> None:
    assert watching._bounded(Limits(), every).total_seconds == total
