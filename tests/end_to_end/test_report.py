"""`fairshard report`: what its pages say is what the run did, also if it delivered nothing."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from .command import Demo, tables
from .small_library import COLUMNS, SmallLibrary, in_process


def embedded(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="data-{name}">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def test_the_demos_pages_say_what_its_run_did(demo: Demo, tmp_path: Path) -> None:
    key = demo.key["deals"]["demo-main"]
    ended = in_process(
        "report", demo.out / "demo-main", "--to", tmp_path, "--thumbnails", 3, "--quiet", "--json"
    )
    assert ended.code == 0 and ended.json["sound"] and ended.json["state"] == "delivered"
    page = (tmp_path / "agency" / "report.html").read_text(encoding="utf-8")
    samples, excluded = embedded(page, "samples"), embedded(page, "excluded")
    delivered = tables(demo.agency("demo-main") / "ledger").to_pylist()
    assert sorted(samples["id"]) == sorted({row["asset_id"] for row in delivered})
    captions = {row["key"]: row["caption"] for row in tables_of_samples(demo)}
    assert dict(zip(samples["key"], samples["caption"], strict=True)) == captions
    assert len(embedded(page, "thumbnails")) == 3
    failed = {
        row["asset_id"] for row in tables(demo.agency("demo-main") / "dead_letters").to_pylist()
    }
    assert set(key["dead_letters"]) <= failed <= set(excluded["id"])
    with (tmp_path / "agency" / "decisions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == demo.key["rows"] == len(excluded["id"]) + samples["samples"]
    assert (tmp_path / "agency" / "catalogue-checks.html").exists()
    buyers = (tmp_path / "buyer" / "report.html").read_text(encoding="utf-8")
    shown = buyers.replace(json.dumps(embedded(buyers, "thumbnails")), "")
    private = {row["asset_id"] for row in delivered} | {row["contributor_id"] for row in delivered}
    assert not [one for one in private if len(one) > 4 and f'"{one}"' in shown]
    assert "data-excluded" not in buyers


def tables_of_samples(demo: Demo) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(demo.delivery("demo-main") / "samples.parquet")
    return [dict(row) for row in table.to_pylist()]


def test_a_run_that_delivers_nothing_has_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    library = SmallLibrary(tmp_path)
    library.add(7, licence_class="editorial")
    assert library.package().code == 1
    ended = in_process("report", library.out / "small", "--to", tmp_path / "pages", "--json")
    assert ended.code == 0 and ended.json["state"] == "undelivered"
    assert not (tmp_path / "pages" / "buyer").exists()
    page = (tmp_path / "pages" / "agency" / "report.html").read_text(encoding="utf-8")
    assert "The run ended without a delivery. Nothing is left to deliver" in page
    assert "<dd>7</dd></div>" in page and "class.editorial" in page
    assert embedded(page, "excluded")["assets"] == 7


def test_an_unreadable_catalogue_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    library = SmallLibrary(tmp_path)
    library.add(3, media_type="hologram")
    assert library.package().code
    in_process("report", library.out / "small", "--to", tmp_path / "pages")
    page = (tmp_path / "pages" / "agency" / "report.html").read_text(encoding="utf-8")
    assert "The run ended without a delivery." in page
    assert "verdict bad" in page and "100.0 %" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "There is no run"),
        (("x", "--to", "s3://bucket/x"), "Pages are written to a local folder"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = in_process("report", *words)
    assert ended.code == 2 and said in ended.err
