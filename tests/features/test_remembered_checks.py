"""What the catalogue checks found is remembered, and is what they would find again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue import expectations
from pipelines.catalogue.data_docs import render_page
from pipelines.catalogue.docs_page import data_docs
from pipelines.catalogue.gate import gate_batch
from pipelines.catalogue.memory import NO_MEMORY, Found
from pipelines.catalogue.outcome import GateSummary, RuleExample, RuleOutcome
from pipelines.catalogue.suite import load_suite
from pipelines.features.remembered_checks import RememberedChecks, recall_checks
from pipelines.storage.open import open_store
from schemas.catalogue import ASSETS_SCHEMA
from tests.end_to_end.small_library import SmallLibrary

SUITE = load_suite("assets")
NONE = frozenset[str]()
ROOT = Path(__file__).parents[2]


def assets(*widths: int) -> pa.Table:
    share = [{"contributor_id": "c-1", "share_bp": 10_000}]
    rows = [
        {"asset_id": f"a-{at}", "media_uri": "a.jpg", "contributors": share, "width": width}
        for at, width in enumerate(widths)
    ]
    return pa.Table.from_pylist(rows, schema=ASSETS_SCHEMA)


def memory_of(folder: Path) -> RememberedChecks:
    return RememberedChecks(open_store(str(folder)))


def test_the_same_rows_are_evaluated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [assets(10, 0, -1), assets(10, 20), assets(0, 10, -1)]
    expected = [gate_batch(table, SUITE, NONE) for table in tables]
    memory = memory_of(tmp_path)
    assert [gate_batch(table, SUITE, NONE, memory) for table in tables] == expected
    memory.save()
    memory.save()  # nothing is new
    assert len(open_store(str(tmp_path)).list()) == 1
    monkeypatch.setattr(expectations, "evaluate", None)
    for again in (memory_of(tmp_path), recall_checks(str(tmp_path))):
        assert [gate_batch(table, SUITE, NONE, again) for table in tables] == expected
        with pytest.raises(TypeError):  # another width, row or rule is evaluated
            gate_batch(assets(10, 21), SUITE, NONE, again)


def _altered(found: Found, form: str) -> object:
    name = next(iter(found))
    return {
        "no object": [],
        "no pair": {**found, name: 3},
        "no numbers": {**found, name: (1, ["a"])},
        "no rule": {},
        "another rule": {**found, "another": (1, [])},
        "a row too many": {**found, name: (1, [7])},
        "a row before": {**found, name: (1, [-1])},
        "a row twice": {**found, name: (1, [0, 0])},
        "too many values": {**found, name: (9, [])},
    }[form]


@pytest.mark.parametrize(
    "form",
    [
        *("no object", "no pair", "no numbers", "no rule", "another rule"),
        *("a row too many", "a row before", "a row twice", "too many values"),
    ],
)
def test_what_cannot_have_been_found_is_found_again(tmp_path: Path, form: str) -> None:
    table = assets(10, 0)
    expected = gate_batch(table, SUITE, NONE)
    memory = memory_of(tmp_path)
    gate_batch(table, SUITE, NONE, memory)
    [key] = memory._known
    found = memory.recall(key)
    assert found is not None
    memory._known[key] = json.dumps(_altered(found, form))
    assert gate_batch(table, SUITE, NONE, memory) == expected


def test_what_only_reads_adds_nothing(tmp_path: Path) -> None:
    memory = recall_checks(str(tmp_path))
    gate_batch(assets(10), SUITE, NONE, memory)
    memory.save()
    assert open_store(str(tmp_path)).list() == []
    assert recall_checks("s3://") is NO_MEMORY  # the run says what is wrong with it


_INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1)).map(
    lambda at: at.replace(tzinfo=timezone(timedelta(hours=at.minute % 24 - 12)))
)


@given(instants=st.lists(_INSTANTS, min_size=1, max_size=1))
@settings(max_examples=3, deadline=None)
def test_a_remembered_page_is_the_page(
    tmp_path_factory: pytest.TempPathFactory, instants: list[datetime]
) -> None:
    folder = tmp_path_factory.mktemp("pages")
    for instant in [*instants, datetime(1904, 5, 6, 7, 8, 9, tzinfo=UTC)]:
        memory = memory_of(folder)
        summary = gate_batch(assets(10, 0), SUITE, NONE).summary
        page = data_docs(summary, SUITE, instant, ["No title."], memory)
        assert page == render_page(summary, SUITE, instant, ["No title."])
        memory.save()
    assert len(open_store(str(folder)).list()) == 1


@pytest.mark.parametrize("value", ["as of 1904-05-06 07:08 UTC", ">1904-05-06T07:08:09Z<"])
def test_a_row_with_the_kept_instant_stays_as_it_is(tmp_path: Path, value: str) -> None:
    [name, *_] = [rule.name for rule in SUITE.rules]
    found = RuleOutcome(name, "stop", 1, 1, (RuleExample("a", value),))
    summary = GateSummary(1, 0, (found,))
    instant = datetime(2026, 1, 2, tzinfo=UTC)
    for _ in range(2):
        memory = memory_of(tmp_path)
        page = data_docs(summary, SUITE, instant, [value], memory)
        assert page == render_page(summary, SUITE, instant, [value])
        memory.save()


_CODE = """
import sys
from pipelines.cli import main
code = main(sys.argv[1:])
assert code == 0, code
slow = "apache_beam.io.gcp.bigquery bson great_expectations open_clip openpyxl pandas pymongo"
slow += " boto3.session pyparsing scipy.stats._stats_py torch torchvision"
print([name for name in slow.split() if name in sys.modules])
"""


@pytest.mark.long
def test_a_second_deal_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """And finds the same: the data docs of both deals differ in nothing."""
    library = SmallLibrary(tmp_path)
    library.add(2, side=520)
    assert library.package().code == 0
    deal = tmp_path / "second.toml"
    deal.write_text(library.deal.replace('"small"', '"second"'), encoding="utf-8")
    words = ["package", "--catalogue", tmp_path / "catalogue", "--deal", deal]
    words += ["--out", library.out, "--as-of", "2026-11-27", "--workers", 1, "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    pages = [
        (library.out / name / "v0001/agency/expectations/index.html").read_text()
        for name in ("small", "second")
    ]
    undated = [re.sub(r"\d{4}-\d\d-\d\d[T ][\d:]+", "", page) for page in pages]
    assert undated[0] == undated[1] and "2026-11-27" in pages[1]
