"""`check` and `package` say the same of a catalogue, whatever fault it has."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, currently_in_test_context, event, given, settings
from hypothesis import strategies as st

from pipelines.catalogue.account import TableCount, account_for
from pipelines.catalogue.checks import prepare_checks
from pipelines.commands import check
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.steps.read import ingest_part, judge_catalogue
from schemas.catalogue import SMALL_TABLES
from schemas.errors import InputError, RunError
from tests.cases.values_common import AS_OF, DEAL, Row, agreement, asset, csv_bytes, release, said

TABLES = ("assets", *SMALL_TABLES)
CELLS = (
    *("", "NULL", "nan", "-", "0", "2.0", "-1", "1e15", "yes", "deny", "Deny", "WITHDRAWN", "us"),
    *("UK", "2026-13-01", "9999-12-31", "2026-03-01T00:00:00", "A-1\u200e", "a-1", "00001", "'x"),
    *("c-1:9999", "c-9:10000", "c-1", "R-9", '="c-1"', "１", "cafe\u0301", "\x00", "x" * 50, ";"),
)


def rows() -> dict[str, list[Row]]:
    """A catalogue without a fault."""
    return {
        "assets": [
            asset("A-1", people_count="1", release_ids="R-1", grant_train_gen="allow", title="t"),
            asset("A-2", "c-2", territories_out="FR", weight="2"),
            asset("A-3", "c-3", status="withdrawn"),
            asset("café", "c-1", exclusive_from="2020-01-01", exclusive_until="2020-02-01"),
        ],
        "contributors": [{"contributor_id": f"c-{n}"} for n in (1, 2, 3)],
        "consents": [
            *(said("allow", f"c-{n}", agreement_ref=f"M-{n}") for n in (1, 2, 3)),
            said("deny", "c-2"),
            said("deny", "c-1", asset_id="café"),
        ],
        "releases": [release(), release("R-2", revoked_at="2026-01-10", subject_ref="other")],
        "agreements": [
            agreement("M-1"),
            agreement("M-2", "c-2", revoked_at="2026-02-01", purposes="search"),
        ],
    }


@st.composite
def faulty(draw: st.DrawFn) -> dict[str, list[Row]]:
    """A catalogue with up to three faults: a cell, row or column changed, repeated or left out."""
    tables = rows()
    tables["assets"][0]["release_ids"] = "R-1;R-2"
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(TABLES))
        if not tables[name]:
            continue
        row = draw(st.sampled_from(tables[name]))
        column = draw(st.sampled_from(sorted(row)))
        kind = draw(st.sampled_from(["cell"] * 6 + ["drop row", "twin", "drop column"]))
        if kind == "cell":
            old = str(row[column])
            row[column] = draw(st.sampled_from([*CELLS, old.upper(), f"{old}.0", f" {old}\u2060"]))
        elif kind == "drop row":
            tables[name].remove(row)
        elif kind == "twin":
            tables[name].append(dict(row))
        else:
            for other in tables[name]:
                other.pop(column, None)
            tables[name] = [other for other in tables[name] if other]
    return tables


def write(folder: Path, tables: dict[str, list[Row]]) -> None:
    for name, found in tables.items():
        if found:
            (folder / f"{name}.csv").write_bytes(csv_bytes(found))
    (folder / "deal.toml").write_text(DEAL + '[limits]\ndead_letter_share = "1"\n')


def check_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    check.add_options(parser)
    deal = str(folder / "deal.toml")
    options = parser.parse_args(
        ["--catalogue", str(folder), "--deal", deal, "--files", "none", "--json"]
    )
    capsys.readouterr()
    try:
        check.run(options)
    except InputError as error:
        return {"stop": [error.what, error.which, error.remedy]}
    except RunError:  # nothing is left to deliver, which it says of its counts
        pass
    said_so = json.loads(capsys.readouterr().out)
    counts = [said_so[k] for k in ("assets", "unreadable", "diverted")]
    reading = said_so["reading"]
    return {"stop": None, "counts": counts, "read": [reading["rows"], reading["unstated"]]}


def package_says(folder: Path, out: Path) -> dict[str, Any]:
    """What `package` comes to before it screens; it runs these functions in its workers."""
    request = JobRequest(str(folder), folder / "deal.toml", AS_OF, str(out))
    try:
        prepared = prepare_job(request)
        job, store = prepared.job, prepared.store
        checks = prepare_checks(job.catalogue, job.deal, job.as_of_us)
        receipts = [
            receipt
            for part in job.catalogue.parts("assets")
            for receipt in ingest_part(store, job, part, checks)
        ]
    except InputError as error:
        return {"stop": [error.what, error.which, error.remedy]}
    judge_catalogue(store, job, checks, receipts)
    verdict = json.loads(store.read_bytes(f"{job.work}/verdict.json"))
    if verdict["stop"]:
        return {"stop": verdict["stop"]}
    read, diverted = verdict["counts"], sum(receipt.gate.diverted for receipt in receipts)
    failed = read["entered"] - read["passed"]
    assets = TableCount(
        read["passed"],
        failed,
        verdict["blank_rows"],
        empty=tuple(verdict["empty"].items()),
        named=tuple(verdict["named"].items()),
    )
    joined = {name: TableCount(**count) for name, count in verdict["joined_rows"].items()}
    rows = {"assets": assets, **checks.rows, **joined}
    controls = verdict["control_characters"]
    catalogue = job.catalogue
    reading = account_for(catalogue.files, catalogue.columns, rows, job.deal, controls).to_json()
    return {
        "stop": None,
        "counts": [read["entered"], failed - diverted, diverted],
        "read": [reading["rows"], reading["unstated"]],
    }


def agree(tables: dict[str, list[Row]], capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "catalogue", Path(name) / "out"
        folder.mkdir()
        write(folder, tables)
        checked = check_says(folder, capsys)
        assert checked == package_says(folder, out)
    if currently_in_test_context():
        event("stops" if checked["stop"] else "goes on")


def test_without_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = rows()
    tables["assets"][0]["release_ids"] = "R-1;R-2"
    write(tmp_path, tables)
    assert check_says(tmp_path, capsys)["counts"] == [4, 0, 0]
    agree(tables, capsys)


@pytest.mark.long
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(tables=faulty())
def test_twenty_faults(tables: dict[str, list[Row]], capsys: pytest.CaptureFixture[str]) -> None:
    agree(tables, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(tables=faulty())
def test_five_hundred_faults(
    part: int, tables: dict[str, list[Row]], capsys: pytest.CaptureFixture[str]
) -> None:
    agree(tables, capsys)
