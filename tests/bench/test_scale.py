"""The scale benchmark: it delivers what it planted, and reports every step's time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.scale import bench_scale, show
from tests.bench.scale_library import planted_counts


def test_planted_counts_add_up() -> None:
    kinds = planted_counts(10_000)
    assert (kinds.withdrawn, kinds.missing, kinds.twins, kinds.alike) == (200, 10, 100, 200)
    assert kinds.delivered == 9_490


@pytest.mark.slow
def test_benchmark_of_a_small_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = bench_scale(1_100, tmp_path / "scale", workers=2)
    assert result.samples == planted_counts(1_100).delivered  # bench_scale checks this as well
    assert {"read", "screen", "enrich", "select", "write", "ledger", "publish"} <= {
        *result.watch.steps
    }
    assert all(
        taken.clock_s >= 0 < result.total().processor_s for taken in result.watch.steps.values()
    )
    assert len(result.watch.peak_of) >= 3  # the command and two workers
    assert max(result.watch.peak_of.values()) < result.watch.peak_bytes
    tars = sorted((tmp_path / "scale").glob("out/scale/v0001/delivery/shards/*.tar"))
    assert sum(tar.stat().st_size for tar in tars) > 96_000 * result.samples
    show([result, result])
    assert capsys.readouterr().out.count("1.000") == 8
