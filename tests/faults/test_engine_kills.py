"""Thirty kills of workers, pools and schedulers, over Dask and Prism, end in the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.prism import needs_prism
from tests.faults.engine_kills import kill_runs

KILLS = 15
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["dask", pytest.param("prism", marks=needs_prism)])
def test_kills_in_mid_run_end_in_the_same_bytes(engine: str, tmp_path: Path) -> None:
    tally = kill_runs(engine, KILLS, 1, tmp_path)
    print(tally)
    assert tally.kills == KILLS
