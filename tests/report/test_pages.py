"""Pages about runs and deliveries, in a real browser and as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from pipelines.report.pages.agency import agency_page
from pipelines.report.pages.buyer import buyer_page
from pipelines.report.pages.excluded import CSV_COLUMNS, decisions_csv, read_exclusions
from pipelines.report.pages.money_sections import version_change
from pipelines.report.pages.parts import bar, histogram
from pipelines.report.pages.samples import SCORE_BINS, gallery_json, survey_samples
from pipelines.run.decisions import Decision, decisions_table
from pipelines.run.status import RunState
from pipelines.storage.local_store import LocalStore
from pipelines.storage.tables import write_table
from schemas import layout
from schemas.reason_info import Outcome, Stage
from tests.report import pages_made
from tests.report.pages_made import HOSTILE
from tests.statements.browser import Browser

WIDTHS = ((1280, 900), (768, 1000), (390, 844))
_LONGEST_S = 3.0


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path / "store"))


def agency(store: LocalStore, samples: int = 60) -> bytes:
    return agency_page(pages_made.run(store, samples, 30))


def buyer(store: LocalStore, samples: int = 60) -> bytes:
    return buyer_page(pages_made.delivery(store, samples, of_agency=False))


def test_samples_are_counted(store: LocalStore) -> None:
    write_table(store, layout.SAMPLES_TABLE, pages_made.samples_table(100))
    found = survey_samples(store)
    assert (found.samples, found.shown, found.duration_ms) == (100, 100, 25_000)
    assert found.counts["media"] == {"image": 90, "video": 10}
    assert found.counts["licence"] == {"RF": 67, "RM": 33}
    assert found.counts["until"] == {"no date of its own": 85, "2031": 15}
    assert (sum(found.scores), found.without_score) == (98, 2)
    # The scores are 0.000 to 0.099 in steps of 0.001, without those of samples 49 and 99.
    assert found.scores == [49, 49] + [0] * (SCORE_BINS - 2)


def test_the_gallery_lists_what_was_read(store: LocalStore) -> None:
    table = pages_made.samples_table(30)
    write_table(store, layout.SAMPLES_TABLE, table)
    packed = gallery_json(survey_samples(store))
    assert packed["samples"] == 30 and packed["caption"] == table["caption"].to_pylist()
    licence = packed["licence"]
    assert isinstance(licence, dict)
    assert [licence["values"][at] for at in licence["of"]] == table["licence_model"].to_pylist()
    assert "id" not in packed and "who" not in packed


DECISIONS = [
    Decision("a-1", Outcome.DELIVERED, Stage.WRITE, (), "", "s", "k"),
    Decision("=1+1", Outcome.REFUSED, Stage.SCREEN, ("consent.missing",), "@SUM(A1)"),
    Decision("a-3", Outcome.REFUSED, Stage.SCREEN, ("consent.missing", "class.editorial"), "-2"),
    Decision("a-4", Outcome.FAILED, Stage.ENRICH, ("media.empty",), "0 bytes"),
    Decision("a-5", Outcome.REFUSED, Stage.SELECT, ("duplicate.near",), "x", kept_asset_id="a-1"),
]


def test_decisions_for_spreadsheets(store: LocalStore) -> None:
    write_table(store, "d/part.parquet", decisions_table(DECISIONS))
    text = b"".join(decisions_csv(store, "d")).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["outcome"] for row in rows] == ["delivered", *["refused"] * 2, "failed", "refused"]
    assert rows[1]["asset_id"] == "'=1+1" and rows[1]["detail"] == "'@SUM(A1)"
    assert rows[2]["detail"] == "'-2" and rows[2]["reasons"] == "consent.missing; class.editorial"
    assert rows[3]["how_to_fix"] == "Replace the file." and rows[4]["kept_asset_id"] == "a-1"
    starts = {cell[:1] for row in rows for cell in row.values()}
    assert not starts & set("=+-@\t\r")


def test_exclusions_count_each_reason_and_those_alone(store: LocalStore) -> None:
    write_table(store, "d/part.parquet", decisions_table(DECISIONS))
    found = read_exclusions(store, "d")
    assert found.excluded == 4 and found.ids == ["=1+1", "a-3", "a-4", "a-5"]
    assert found.by_reason["consent.missing"] == 2 and found.alone["consent.missing"] == 1
    assert found.alone["class.editorial"] == 0
    assert found.kept == [("a-5", "a-1", "x")]


def test_a_catalogue_that_could_not_be_read_is_not_an_empty_one(store: LocalStore) -> None:
    facts = pages_made.run(store, 1, 0)
    status = replace(facts.status, state=RunState.FAILED, steps={})
    page = agency_page(replace(facts, status=status, delivery=None)).decode()
    assert "<dt>Assets in the catalogue</dt><dd>not known</dd>" in page
    assert "The run failed." in page and "100 %" not in page


def test_the_buyers_page_names_nobody(store: LocalStore) -> None:
    page = buyer(store).decode()
    assert not re.search(r"\b[acx]-\d", page)
    assert re.search(r"\bc-\d", agency(store).decode())


@pytest.mark.parametrize("make", [agency, buyer])
def test_nothing_on_a_page_is_taken_for_html(
    make: Callable[[LocalStore], bytes], store: LocalStore
) -> None:
    page = make(store).decode()
    assert page.count("<script") == page.count("</script>") == (4 if make is agency else 3)
    assert "<img" not in page and "Acme &lt;Models" in page
    assert " style=" not in page and "http://" not in page.replace("http://www.w3.org", "")


def test_the_same_facts_give_the_same_bytes(store: LocalStore) -> None:
    assert agency(store) == agency(store)


def test_a_bar_shows_what_is_there_and_nothing_else() -> None:
    drawn = bar(("passed", 1), ("failed", 0), most=1_000_000)
    assert 'width="2"' in drawn and drawn.count('width="0"') == 1
    assert "0.50 to 0.75: 7" in histogram("h", "Scores", [0, 0, 7, 0])


def test_what_changed_between_versions_is_said(store: LocalStore) -> None:
    first, second = pages_made.run(store, 3, 1).versions
    assert version_change(first) == ""
    assert version_change(second) == (
        "replaces v0001: 1 asset added, 2 removed; more to 1 contributor, less to 3, together "
        "-0.50 USD"
    )


@pytest.fixture
def axe() -> str:
    package = pytest.importorskip("axe_core_python", reason="needs axe-core-python")
    return files(package).joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [agency, buyer])
def test_pages_are_sound_in_a_browser(
    make: Callable[[LocalStore], bytes],
    store: LocalStore,
    tmp_path: Path,
    chromium: Browser,
    axe: str,
) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(make(store))
    for width, height in WIDTHS:
        chromium.size(width, height)
        chromium.open(page)
        assert chromium.value("document.documentElement.scrollWidth <= innerWidth"), width
        assert chromium.value("document.querySelectorAll('#cards .card').length") > 0
        chromium.value(f"{axe};0")
        found = chromium.wait_for(
            "axe.run().then((all) => all.violations.map((one) => one.id + one.nodes[0].html))"
        )
        assert found == [], width
    assert chromium.requests[0] == page.resolve().as_uri()
    assert all(one.startswith("data:image/jpeg") for one in chromium.requests[1:])
    assert chromium.errors == []
    assert chromium.pdf().startswith(b"%PDF")
    assert chromium.value("document.querySelectorAll('#printed-cards .card').length") == 24


def filtered(chromium: Browser, name: str, value: str, matches: str = "matches") -> str:
    """What the page says after a filter is set."""
    return str(
        chromium.wait_for(
            f"new Promise((done) => {{ const box = document.querySelector('{name}');"
            f"box.value = '{value}'; box.dispatchEvent(new Event('input', {{bubbles: true}}));"
            f"setTimeout(() => done(document.getElementById('{matches}').textContent), 300); }})"
        )
    )


def test_filters_find_what_the_columns_say(
    store: LocalStore, tmp_path: Path, chromium: Browser
) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(agency(store, 100))
    chromium.size(1280, 900)
    chromium.open(page)
    assert filtered(chromium, "#search", "number 77 ") == "1 of 100 samples"
    assert filtered(chromium, "#search", "a-1") == "11 of 100 samples"  # a-1 and a-10 to a-19
    assert filtered(chromium, "#search", "") == "100 of 100 samples"
    assert filtered(chromium, "#least", "0.09") == "9 of 100 samples"  # 90 to 98; 99 has none
    assert filtered(chromium, "#least", "") == "100 of 100 samples"
    assert filtered(chromium, "[data-filter=media]", "1") == "10 of 100 samples"
    first = "document.querySelector('#cards .card small').textContent"
    filtered(chromium, "#order", "down")
    assert chromium.value(first) == "score 0.089"
    code = "people.unknown_count"
    assert filtered(chromium, "#excluded-reason", code, "excluded-matches") == "15 of 30 assets"
    assert HOSTILE in chromium.value("document.querySelector('#excluded-rows .line').textContent")
    assert chromium.errors == []


@pytest.mark.slow
def test_a_hundred_thousand_samples_open_in_three_seconds(
    store: LocalStore, tmp_path: Path, chromium: Browser
) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(agency_page(pages_made.run(store, 100_000, 50_000)))
    chromium.size(1280, 900)
    chromium.open(page)
    ready_s = int(chromium.value("document.documentElement.dataset.ready")) / 1000
    assert ready_s < _LONGEST_S
    assert chromium.value("document.querySelectorAll('#cards .card').length") < 50
    assert chromium.value("document.getElementById('matches').textContent") == (
        "100,000 of 100,000 samples"
    )
    chromium.value("document.getElementById('cards').scrollTop = 1e9")
    last = "document.querySelector('#cards .card:last-child').textContent"
    end = chromium.wait_for(f"new Promise((done) => setTimeout(() => done({last}), 300))")
    assert "number 99999 " in end
    assert chromium.errors == []
