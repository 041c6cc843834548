from __future__ import annotations

import itertools
import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from pipelines.catalogue.data_docs import render_page
from pipelines.catalogue.gate import check_table, gate_batch
from pipelines.catalogue.outcome import (
    MAX_EXAMPLES,
    GateSummary,
    RuleExample,
    RuleOutcome,
    merge_summaries,
    sort_outcomes,
    stop_error,
)
from pipelines.catalogue.suite import RuleSuite, check_divert, load_suite, parse_suite
from schemas.catalogue import ASSETS_SCHEMA, TABLES
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import Row, asset

SUITE = load_suite()
NONE: frozenset[str] = frozenset()


def _table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=ASSETS_SCHEMA)


def _split(*shares: int) -> list[dict[str, Any]]:
    return [{"contributor_id": f"c-{i}", "share_bp": bp} for i, bp in enumerate(shares)]


# For every rule: a value of its column that fails only this rule, and the value as shown.
FAILING: dict[str, tuple[Row, str]] = {
    "media_type_known": ({"media_type": "audio"}, "audio"),
    "licence_model_known": ({"licence_model": "rf"}, "rf"),
    "licence_class_known": ({"licence_class": "news"}, "news"),
    "status_known": ({"status": "Live"}, "Live"),
    "contributors_given": ({"contributors": []}, "0"),
    "splits_sum": ({"contributors": _split(5000, 4000)}, "9000"),
    "splits_positive": ({"contributors": _split(10_100, -100)}, "-100"),
    "territory_codes": ({"territories_in": ["NO"], "territories_out": ["SE", "UK", "XX"]}, "UK"),
    "people_count_not_negative": ({"people_count": -1}, "-1"),
    "weight_positive": ({"weight": 0}, "0"),
    "weight_fits": ({"weight": 10**9 + 1}, "1000000001"),
    "exclusive_window": (
        {"exclusive_from": date(2026, 2, 2), "exclusive_until": date(2026, 2, 1)},
        "0",
    ),
    "sha256_hex": ({"sha256": "ab" * 31}, "ab" * 31),
    "bytes_positive": ({"bytes": 0}, "0"),
    "width_positive": ({"width": 0}, "0"),
    "height_positive": ({"height": -5}, "-5"),
    "duration_ms_positive": ({"duration_ms": 0}, "0"),
}
# Rules whose faults the reader already refuses, or that need two rows to fail.
ELSEWHERE = {"asset_id_given", "media_uri_given", "asset_id_unique"}


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in SUITE.rules} == set(FAILING) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(FAILING))
def test_rule_acts_as_its_metadata_says(name: str) -> None:
    changes, shown = FAILING[name]
    result = gate_batch(_table([asset(1), asset(2, **changes), asset(3)]), SUITE, NONE)
    failed = [outcome for outcome in result.summary.rules if outcome.failed]
    assert [(o.rule, o.failed, o.examples) for o in failed] == [
        (name, 1, (RuleExample("a-2", shown),))
    ]
    rule = next(rule for rule in SUITE.rules if rule.name == name)
    ids = result.table["asset_id"].to_pylist()
    error = stop_error(result.summary, SUITE)
    if rule.on_failure == "divert":
        assert ids == ["a-1", "a-3"]
        [dead] = result.failed_rows
        assert (dead.asset_id, dead.reason) == ("a-2", "row.invalid")
        assert dead.detail.startswith(f"{name}: {rule.column} = '{shown}'")
    else:
        assert (ids, result.failed_rows) == (["a-1", "a-2", "a-3"], ())
    assert (error is not None) == (rule.on_failure == "stop")
    if error is not None:
        assert error.exit_code == 2
        assert name in str(error) and "a-2" in str(error) and rule.remedy in str(error)
    allowed = gate_batch(_table([asset(2, **changes)]), SUITE, frozenset({name}))
    assert stop_error(allowed.summary, SUITE) is None


def test_stop_message_names_the_values_seen() -> None:
    result = gate_batch(_table([asset(17, contributors=_split(9000))]), SUITE, NONE)
    assert "asset a-17: shares sum to 9000, must be 10000" in str(stop_error(result.summary, SUITE))


def test_repeated_ids_are_left_to_screening() -> None:
    result = gate_batch(_table([asset(1), asset(1), asset(2)]), SUITE, NONE)
    assert result.table.num_rows == 3
    [outcome] = [outcome for outcome in result.summary.rules if outcome.failed]
    assert (outcome.rule, outcome.on_failure, outcome.failed) == ("asset_id_unique", "report", 2)


def test_valid_values_pass_every_rule() -> None:
    full = asset(
        1,
        contributors=_split(10_000),
        territories_in=["WORLD"],
        territories_out=[],
        people_count=0,
        weight=1,
        sha256="aB" * 32,
        bytes=2**62,
        width=1,
        height=1,
        duration_ms=1,
    )
    result = gate_batch(_table([full, asset(2)]), SUITE, NONE)
    assert [outcome for outcome in result.summary.rules if outcome.failed] == []


def test_empty_batch_passes() -> None:
    result = gate_batch(ASSETS_SCHEMA.empty_table(), SUITE, NONE)
    assert (result.table.num_rows, result.failed_rows, result.summary.rows) == (0, (), 0)


def test_expectation_that_cannot_be_evaluated_fails() -> None:
    document = json.loads(SUITE.source)
    entry = next(e for e in document["expectations"] if e["meta"]["rule"] == "sha256_hex")
    entry["kwargs"]["regex"] = "("
    broken = RuleSuite("assets", SUITE.rules, json.dumps(document))
    with pytest.raises(RuntimeError, match="sha256_hex"):
        gate_batch(_table([asset(1, sha256="x")]), broken, NONE)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_suites_load_and_pickle(table: str) -> None:
    suite = load_suite(table)
    assert pickle.loads(pickle.dumps(suite)) == suite == parse_suite(suite.source)


def test_unknown_rule_to_divert_is_refused() -> None:
    assert check_divert(SUITE, ["splits_sum"]) == {"splits_sum"}
    with pytest.raises(InputError, match="Did you mean splits_sum") as caught:
        check_divert(SUITE, ["split_sum"])
    assert "territory_codes" in str(caught.value)


def test_denial_of_a_misspelt_purpose_stops_the_run() -> None:
    row = {"contributor_id": "c-1", "value": "deny", "given_at": datetime(2026, 1, 1, tzinfo=UTC)}
    good = pa.Table.from_pylist([row | {"purpose": "train_gen"}], schema=TABLES["consents"])
    assert check_table(good, "consents").rows == 1
    bad = pa.Table.from_pylist([row | {"purpose": "train-gen"}], schema=TABLES["consents"])
    with pytest.raises(InputError, match="purpose is train-gen"):
        check_table(bad, "consents")


EXAMPLE = st.builds(RuleExample, st.text("ab", max_size=2), st.text("01", max_size=1))
SUMMARY = st.builds(
    lambda rows, failed, examples: GateSummary(
        rows,
        failed,
        (RuleOutcome("r", "divert", rows, failed, tuple(sorted(examples)[:MAX_EXAMPLES])),),
    ),
    st.integers(0, 9),
    st.integers(0, 9),
    st.lists(EXAMPLE, max_size=5),
)


@settings(max_examples=100, deadline=None)
@given(several=st.lists(SUMMARY, max_size=5), data=st.data())
def test_merged_summaries_do_not_depend_on_order_or_grouping(
    several: list[GateSummary], data: st.DataObject
) -> None:
    whole = merge_summaries(several)
    assert merge_summaries(data.draw(st.permutations(several))) == whole
    cut = data.draw(st.integers(0, len(several)))
    assert (
        merge_summaries([merge_summaries(several[:cut]), merge_summaries(several[cut:])]) == whole
    )
    assert whole.rows == sum(summary.rows for summary in several)
    examples = sorted(e for s in several for r in s.rules for e in r.examples)[:MAX_EXAMPLES]
    assert [e for r in whole.rules for e in r.examples] == examples


def test_merging_many_summaries_equals_merging_few() -> None:
    one = gate_batch(_table([asset(1, status="x")]), SUITE, NONE).summary
    total = merge_summaries(itertools.repeat(one, 500))
    assert total.rows == 500
    assert {o.rule: o.failed for o in total.rules if o.failed} == {"status_known": 500}


@pytest.mark.long
@settings(max_examples=6, deadline=None)
@given(picks=st.lists(st.sampled_from([None, *sorted(FAILING)]), min_size=1, max_size=12))
def test_summary_does_not_depend_on_batch_boundaries(picks: list[str | None]) -> None:
    rows = [asset(i, **(FAILING[name][0] if name else {})) for i, name in enumerate(picks)]
    whole = gate_batch(_table(rows), SUITE, NONE)
    assert whole.table.num_rows + len(whole.failed_rows) == len(rows)
    cut = len(rows) // 2
    halves = [gate_batch(_table(part), SUITE, NONE) for part in (rows[:cut], rows[cut:])]
    assert merge_summaries(half.summary for half in halves) == whole.summary
    assert (*halves[0].failed_rows, *halves[1].failed_rows) == whole.failed_rows
    diverted = {rule.name for rule in SUITE.rules if rule.on_failure == "divert"}
    assert len(whole.failed_rows) == sum(name in diverted for name in picks)


AS_OF = datetime(2026, 1, 31, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script><img src=x onerror=y> $a ${b}"


def test_data_docs_work_offline_and_are_reproducible() -> None:
    rows = [asset(1), asset(2, contributors=_split(9000)), asset(3, media_type=HOSTILE)]
    rows.append(asset(4, asset_id="<b>4</b>", status="</td>"))
    summary = gate_batch(_table(rows), SUITE, NONE).summary
    text = render_page(summary, SUITE, AS_OF)
    assert text == render_page(summary, SUITE, AS_OF)
    for rule in SUITE.rules:
        assert rule.name in text
    assert "a-2: shares sum to 9000, must be 10000" in text
    assert "values must belong to this set" in text  # text from Great Expectations
    for forbidden in ("http://", "https://", "<script", "<img", "<b>4", "src="):
        assert forbidden not in text.replace("img src=x onerror", "")


def test_data_docs_say_what_was_counted() -> None:
    summary = gate_batch(_table([asset(1), asset(2, status="sold")]), SUITE, NONE).summary
    references = RuleOutcome("consents_reach_contributors", "stop", 0, 0, ())
    summary = replace(summary, rules=sort_outcomes([*summary.rules, references]))
    text = render_page(summary, SUITE, AS_OF)
    found = re.findall(r"<tr><td><code>(\w+)</code>.*?class=\"count\">(.*?)<", text, re.DOTALL)
    counts = dict(found)
    assert counts["status_known"] == "1 of 2 failed"
    assert counts["asset_id_given"] == "0 of 2 failed"
    assert counts["weight_positive"] == "no value given"
    assert counts["consents_reach_contributors"] == "0 failed"  # what is sound is not counted


def test_data_docs_of_no_row_say_that_nothing_was_checked() -> None:
    """Not that all rules succeeded, as of a catalogue that could not be read."""
    page = render_page(GateSummary.empty(), SUITE, AS_OF, ["No title."])
    text = page[page.index("<body>") :]
    assert "No row was checked" in text and "No title." in text
    for said in ("100%", "Succeeded", "Success Percent", "<table", "<nav", "0 rows"):
        assert said not in text


@pytest.mark.long
def test_catalogue_checks_write_no_files_and_use_no_network(tmp_path: Path) -> None:
    """Runs in a separate process, without sockets and with an empty home folder."""
    home = tmp_path / "home"
    home.mkdir()
    code = """
import socket
def shut(*_args, **_options):
    raise SystemExit("a socket was opened")
socket.socket.connect = shut
socket.create_connection = shut
import pyarrow as pa
from pipelines.catalogue.gate import gate_batch
from pipelines.catalogue.suite import load_suite
from schemas.catalogue import ASSETS_SCHEMA
row = {"asset_id": "a", "media_uri": "m", "media_type": "image", "licence_model": "RF",
       "contributors": [{"contributor_id": "c", "share_bp": 1}], "licence_class": "creative",
       "status": "active"}
result = gate_batch(pa.Table.from_pylist([row], schema=ASSETS_SCHEMA), load_suite(), frozenset())
print(sum(outcome.failed for outcome in result.summary.rules))
"""
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        env={"HOME": str(home), "PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("table", ["assets", "consents", "releases"])
def test_a_value_that_may_be_mapped_is_told_its_own_key(table: str) -> None:
    suite = Path(schemas.__file__).parent / "expectations" / f"{table}.json"
    for rule in json.loads(suite.read_text())["expectations"]:
        remedy, column = rule["meta"]["remedy"], rule["kwargs"].get("column")
        if "mapping.toml" in remedy:
            assert f"[mapping.{table}.values.{column}]" in remedy
        else:
            assert "agency's value" not in remedy
