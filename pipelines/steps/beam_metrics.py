"""Counts what steps do in Beam's own metrics, which engines show in their consoles.

The run's record does not depend on them: its figures come from receipts, which exist on engines
without metrics too, and which count each asset once even if a bundle is tried again.
"""

from __future__ import annotations

from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts

_NAMESPACE = "fairshard"
_SECONDS = ("decode_s", "inference_s", "model_load_s")


def count_in_beam(step: str, counts: StepCounts, cost: Cost) -> None:
    """Adds a piece of a step to Beam's metrics.

    Args:
        step: The step's name, with which those of the metrics begin.
        counts: What became of the piece's assets.
        cost: What the piece took.
    """
    found = {
        "entered": counts.entered,
        "passed": counts.passed,
        "refused": counts.refused_assets,
        "failed": counts.failed_assets,
        **{f"refused.{reason}": number for reason, number in counts.refused.items()},
        **{f"failed.{reason}": number for reason, number in counts.failed.items()},
    }
    for name, amount in cost.amounts.items():  # Beam's counters are whole numbers
        if name in _SECONDS:
            found[f"{name.removesuffix('_s')}_ms"] = round(1000 * amount)
        else:
            found[name] = round(amount)
    for name, number in found.items():
        if number:
            Metrics.counter(_NAMESPACE, f"{step}.{name}").inc(number)  # type: ignore[no-untyped-call]
    if cost.pieces:
        for name, number in (
            ("assets_a_piece", counts.entered),
            ("piece_ms", round(1000 * cost.busy_s)),
        ):
            spread = Metrics.distribution(_NAMESPACE, f"{step}.{name}")
            spread.update(number)  # type: ignore[no-untyped-call]


def beam_counters(result: PipelineResult) -> dict[str, int] | None:
    """Returns the counters of a graph that has run, by name; None if its engine has no metrics."""
    try:
        metrics = result.metrics()  # type: ignore[no-untyped-call]
        found = metrics.query(MetricsFilter().with_namespace(_NAMESPACE))
    except (AttributeError, NotImplementedError):
        return None
    sums: dict[str, int] = {}
    for counter in found["counters"]:
        name = counter.key.metric.name
        # Some engines know attempted values only.
        sums[name] = sums.get(name, 0) + (counter.committed or counter.attempted or 0)
    return dict(sorted(sums.items()))
