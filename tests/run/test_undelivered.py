"""The summary of a run without a delivery: ranked reasons, sole reasons, at most 80 columns."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipelines.report.undelivered import show_undelivered
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import Decision, failed_asset, refused_asset, write_decisions
from pipelines.run.job import Job
from pipelines.run.undelivered import (
    Undelivered,
    UndeliveredError,
    leave_undelivered,
    look_back,
)
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.deal import Deal, parse_deal
from schemas.errors import InputError, RunError
from schemas.reason_info import Outcome, Stage
from schemas.territory import COUNTRIES

COLUMNS = 80
REFUSALS = [code for code, info in REASONS.items() if info.outcome is Outcome.REFUSED]
LONG = f"""\
deal_id = "{"a" * 64}"
buyer = "Everybody"
purposes = ["train_gen", "train_nongen", "inference", "data_mining", "index", "search"]
territory = {sorted(COUNTRIES)}
starts = 2026-01-01
ends = 2029-01-01
price = {{ pool = "1.00", currency = "USD" }}
sources.roots = ["/{"archive/" * 20}", "s3://[bold]/[/bold]"]
sources.hosts = ["h{".example" * 30}"]
select = {{ keywords_any = ["{"word " * 30}end"], max_assets = 1000000000 }}

[[agreements]]
ref = "No. [red]{"1" * 200}"
signed_at = 2025-01-01
purposes = ["train_gen"]
contributors = ["all"]
"""


def shown(undelivered: Undelivered, deal: Deal) -> list[str]:
    out = io.StringIO()
    show_undelivered(Console(file=out, width=COLUMNS), deal, undelivered)
    return out.getvalue().splitlines()


def counted(code: str, assets: int) -> dict[str, StepCounts]:
    """Returns the counts of a run in which all assets were excluded for one reason."""
    step = StepCounts(entered=assets)
    if REASONS[code].outcome is Outcome.REFUSED:
        step.add_refusals([code], assets)
    else:
        step.failed[code] = assets
    return {str(REASONS[code].stage): step}


@pytest.mark.parametrize("code", REASONS)
def test_summary_fits_and_names_the_deal_keys_of_any_reason(code: str) -> None:
    assets = 987_654_321
    undelivered = Undelivered(counted(code, assets), Counter({code: assets}))
    lines = shown(undelivered, parse_deal(LONG, "test"))
    assert max(map(len, lines)) <= COLUMNS
    text = " ".join(" ".join(lines).split())
    assert f"1. {code}: 987,654,321 assets" in text
    for key in REASONS[code].governed_by:
        assert f"Deal key: {key} = " in text
    assert ("No deal key: " in text) is (not REASONS[code].governed_by)
    assert REASONS[code].remedy in text


def test_deal_values_are_printed_literally() -> None:
    deal = parse_deal(LONG, "test")
    text = " ".join(shown(Undelivered(counted("media.not_allowed", 2)), deal))
    assert "s3://[bold]/[/bold]" in text
    text = " ".join(shown(Undelivered(counted("territory.not_covered", 2)), deal))
    assert '"AD", "AE", "AF", "AG", "AI", "AL", … 243 more]' in text


def test_summary_of_one_or_no_assets() -> None:
    deal = parse_deal(LONG, "test")
    lines = shown(Undelivered(counted("class.editorial", 1), Counter()), deal)
    assert any("class.editorial: 1 asset refused, 0 by this rule alone" in line for line in lines)
    lines = shown(Undelivered(counted("class.editorial", 1)), deal)
    assert any(line.strip() == "1.  class.editorial: 1 asset refused" for line in lines)
    lines = shown(Undelivered({"read": StepCounts(4, 4)}), deal)
    assert any("Read catalogue" in line for line in lines)
    assert not any("excluded most" in line for line in lines)


@given(st.lists(st.lists(st.sampled_from(REFUSALS), min_size=1, unique=True), max_size=40))
def test_reasons_are_ranked_by_refused_assets(refusals: list[list[str]]) -> None:
    step = StepCounts()
    for reasons in refusals:
        step.add_decision(refused_asset("a", reasons, ""))
    alone = Counter(str(reasons[0]) for reasons in refusals if len(reasons) == 1)
    costs = Undelivered({"screen": step}, alone).costliest()
    every = {code for reasons in refusals for code in reasons}
    assert len(costs) == min(3, len(every))
    for cost in costs:
        assert cost.assets == sum(cost.reason in reasons for reasons in refusals)
        assert cost.alone == sum(reasons == [cost.reason] for reasons in refusals)
    ranks = [(-cost.assets, -(cost.alone or 0), str(cost.reason)) for cost in costs]
    assert ranks == sorted(ranks)
    for code in every - {cost.reason for cost in costs}:
        assets = sum(code in reasons for reasons in refusals)
        assert (-assets, -alone[code], str(code)) > ranks[-1]


def decisions() -> list[Decision]:
    return [
        refused_asset("1", ["class.editorial"], ""),
        refused_asset("2", ["class.editorial", "asset.withdrawn"], ""),
        refused_asset("3", ["class.editorial"], ""),
        failed_asset("4", "media.empty", ""),
        Decision("5", Outcome.DELIVERED, Stage.WRITE, (), ""),
    ]


def test_sole_reasons_are_counted_over_all_parts(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    write_decisions(store, "agency", "a", decisions()[:2])
    write_decisions(store, "agency", "b", decisions()[2:])
    write_decisions(store, "agency", "c", decisions()[1:2])
    found = look_back(store, "agency/decisions", {})
    assert found.alone == {"class.editorial": 2, "media.empty": 1}
    assert look_back(store, "nowhere/decisions", {}).alone == {}


class Broken:
    """A store that fails on every read and write."""

    def list(self, prefix: str) -> None:
        raise RunError("The output cannot be read", prefix)

    def write_bytes(self, key: str, data: bytes) -> None:
        raise OSError(28, "No space left on device", key)


def test_failing_store_does_not_hide_the_error() -> None:
    store = cast(Store, Broken())
    steps = counted("class.editorial", 3)
    found = look_back(store, "agency/decisions", steps)
    assert found == Undelivered(steps, None)
    job = SimpleNamespace(run_id="r", agency="agency", deal=parse_deal(LONG, "test"))
    leave_undelivered(store, cast(Job, job), found)


@pytest.mark.parametrize("kind", [InputError, RunError])
def test_error_keeps_message_exit_code_and_counts(
    kind: type[InputError] | type[RunError],
) -> None:
    cause = kind("What", "which", "Remedy.")
    error = UndeliveredError(cause, Undelivered(counted("media.empty", 2)))
    again = pickle.loads(pickle.dumps(error))
    for one in (error, again):
        assert str(one) == str(cause) and one.exit_code == kind.exit_code
        assert one.undelivered == error.undelivered
