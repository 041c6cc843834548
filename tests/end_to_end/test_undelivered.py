"""A run that ends without a delivery says why: its counts, its reasons, and their deal keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.demo.deals import DemoDeal, deal_text
from pipelines.demo.scenes.xmp import RightsStatement, xmp_packet
from schemas.errors import RunError

from .command import folders, tables
from .small_library import COLUMNS, Row, SmallLibrary, in_process


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallLibrary:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    return SmallLibrary(tmp_path)


def packaged_both_ways(library: SmallLibrary, code: int, what: str) -> tuple[list[str], Any]:
    """Returns what the run printed as text, line by line, and as JSON."""
    first = library.package()
    for ended in (first, second := library.package("--json")):
        assert ended.code == code, ended.err
        assert ended.err.startswith(f"fairshard package: {what}"), ended.err
        assert len(ended.err.splitlines()) == 1 or code == 2, ended.err
    lines = first.out.splitlines()
    assert lines, "no summary was printed"
    assert max(map(len, lines)) <= COLUMNS
    report = second.json
    assert report["made"] is False and report["error"]["what"] == what
    assert report["error"]["which"] in first.err and report["error"]["remedy"] in first.err
    return lines, report


def funnel(report: Any) -> dict[str, tuple[int, int, int, int]]:
    """Returns each step's assets: in, refused, failed, out."""
    return {
        name: (step["entered"], step["refused"], step["dead_letters"], step["passed"])
        for name, step in report["steps"].items()
    }


def costs(report: Any) -> list[tuple[str, int, int, Row]]:
    return [
        (cost["reason"], cost["assets"], cost["alone"], cost["governed_by"])
        for cost in report["costliest"]
    ]


def shown_numbers(lines: list[str], start: str) -> list[int]:
    """Returns the numbers in the only line of the funnel that starts with a step's name."""
    (found,) = (line for line in lines if line.strip().startswith(start))
    return [int(word) for word in found.strip().removeprefix(start).split()]


def section(lines: list[str], title: str) -> list[str]:
    """Returns the lines of one section, stripped."""
    (at,) = (number for number, line in enumerate(lines) if line.strip() == title)
    return [line.strip() for line in lines[at + 1 :] if line.strip()]


def test_summary_when_everything_is_editorial(library: SmallLibrary) -> None:
    library.add(7, licence_class="editorial")
    lines, report = packaged_both_ways(library, 1, "Nothing is left to deliver")
    assert funnel(report) == {
        "read": (7, 0, 0, 7),
        "screen": (7, 7, 0, 0),
        "enrich": (0, 0, 0, 0),
        "select": (0, 0, 0, 0),
    }
    assert costs(report) == [("class.editorial", 7, 7, {"rights.editorial": "refuse"})]
    assert shown_numbers(lines, "Screen rights") == [7, 7, 0, 0]
    assert section(lines, "The rule that excluded most assets") == [
        "1.  class.editorial: 7 assets refused, 7 by this rule alone",
        "Editorial material, and the deal takes none.",
        'Deal key: rights.editorial = "refuse"  (or "accept")',
        'How to fix it: Use a deal with rights.editorial = "accept".',
    ]


def test_summary_when_nobody_consented(library: SmallLibrary) -> None:
    library.consents = []
    library.deal += '[rights]\ninference = "unless-denied"\n'
    library.add(5)
    lines, report = packaged_both_ways(library, 1, "Nothing is left to deliver")
    keys = {"purposes": ["train_gen"], "rights.inference": "unless-denied"}
    assert costs(report) == [("consent.missing", 5, 5, keys)]
    assert section(lines, "The rule that excluded most assets")[2:5] == [
        'Deal key: purposes = ["train_gen"]',
        'Deal key: rights.inference = "unless-denied"  (or "require",',
        '"pack-without")',
    ]


def test_summary_of_several_rules_up_to_selection(library: SmallLibrary) -> None:
    made = RightsStatement("ALLOWED", "trainedAlgorithmicMedia", "Nobody", "a picture", "attribute")
    library.add(6, status="withdrawn", licence_class="editorial")
    library.add(2, licence_class="editorial")
    library.add(1, status="withdrawn")
    library.add(1, status="legal_hold", sensitive=True)
    library.add(4, side=400)
    library.add(2, side=560, xmp=xmp_packet(made))
    library.deal += '[limits]\ndead_letter_share = "0.10"\n'
    library.add(1)  # its file does not exist
    lines, report = packaged_both_ways(library, 1, "Nothing is left to deliver")
    assert funnel(report) == {
        "read": (17, 0, 0, 17),
        "screen": (17, 10, 0, 7),
        "enrich": (7, 2, 1, 4),
        "select": (4, 4, 0, 0),
    }
    assert costs(report) == [
        ("class.editorial", 8, 2, {"rights.editorial": "refuse"}),
        ("asset.withdrawn", 7, 1, {}),
        ("select.too_small", 4, 4, {"select.min_short_side": 512}),
    ]
    by_reason: dict[str, int] = {}
    for step in report["steps"].values():
        by_reason |= step["refused_by_reason"] | step["dead_letters_by_reason"]
    assert by_reason == {
        "class.editorial": 8,
        "asset.withdrawn": 7,
        "select.too_small": 4,
        "file.ai_generated": 2,
        "conflict.source": 2,
        "asset.legal_hold": 1,
        "sensitive.refused": 1,
        "media.unavailable": 1,
    }
    for code, count in by_reason.items():
        assert any(line.split()[:2] == [str(count), code] for line in lines), code
    for step, numbers in (("Enrich assets", [7, 2, 1, 4]), ("Select samples", [4, 4, 0, 0])):
        assert shown_numbers(lines, step) == numbers
    said = section(lines, "The three rules that excluded most assets")
    assert "2.  asset.withdrawn: 7 assets refused, 1 by this rule alone" in said
    assert "No deal key: the catalogue decides (assets.status)" in said
    assert "Deal key: select.min_short_side = 512" in said
    # The agency keeps the same summary until a run of the version ends in a delivery.
    kept = json.loads((library.agency / "undelivered.json").read_bytes())
    assert {name: kept[name] for name in ("steps", "costliest")} == {
        name: report[name] for name in ("steps", "costliest")
    }
    assert kept["run_id"] == json.loads((library.agency / "run.json").read_bytes())["run_id"]
    assert len(tables(library.agency / "decisions")) == 17


def test_summary_of_too_many_failed_assets_then_a_delivery(library: SmallLibrary) -> None:
    library.add(3)  # without files
    library.add(2, side=560)
    library.add(1, licence_class="editorial")
    lines, report = packaged_both_ways(library, 1, "Too many failed assets")
    # Selection did not run, so it is not shown as having passed no assets.
    assert funnel(report) == {
        "read": (6, 0, 0, 6),
        "screen": (6, 1, 0, 5),
        "enrich": (5, 0, 3, 2),
    }
    assert not any("Select samples" in line for line in lines)
    assert costs(report) == [
        ("media.unavailable", 3, 3, {}),
        ("class.editorial", 1, 1, {"rights.editorial": "refuse"}),
    ]
    assert section(lines, "The two rules that excluded most assets")[:4] == [
        "1.  media.unavailable: 3 assets that could not be read",
        "The media could not be fetched.",
        "No deal key: the asset's file decides (assets.media_uri)",
        "How to fix it: Put the file in place, or correct the URI.",
    ]
    assert (library.agency / "undelivered.json").is_file()
    for number in range(3):
        source = library.folder / "catalogue" / f"{3 + number % 2}.jpg"
        (library.folder / "catalogue" / f"{number}.jpg").write_bytes(source.read_bytes())
    ended = library.package("--json")
    assert ended.code == 0, ended.err
    assert ended.json["made"] is True and ended.json["samples"] == 2
    assert "undelivered.json" not in folders(library.agency)


def test_summary_when_the_catalogue_fails_a_check(library: SmallLibrary) -> None:
    library.add(4)
    library.add(2, territories_in=["UK"])
    library.add(1, weight=-1)
    what = "The table assets fails a catalogue check that stops the run"
    lines, report = packaged_both_ways(library, 2, what)
    assert funnel(report) == {"read": (7, 0, 1, 6)}
    assert costs(report) == [("row.invalid", 1, 1, {})]
    assert shown_numbers(lines, "Read catalogue") == [7, 0, 1, 6]
    assert "territory_codes: 2 of 7 rows" in report["error"]["which"]
    assert folders(library.out) == {"agency"}  # the version has no files
    assert folders(library.out / "agency") == {"signing.key"}


def test_demo_prints_the_same_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's deals tolerate many broken files; here they are changed not to."""

    def strict(deal: DemoDeal, max_assets: int) -> str:
        text = deal_text(deal, max_assets)
        assert 'dead_letter_share = "0.50"' in text
        return text.replace('dead_letter_share = "0.50"', 'dead_letter_share = "0.01"')

    monkeypatch.setattr("pipelines.demo.library.deal_text", strict)
    out = tmp_path / "demo"
    ended = in_process("demo", "--out", out, "--assets", 90, "--workers", 1, "--quiet", "--json")
    assert ended.code == 1
    assert ended.err.startswith("fairshard demo: Too many failed assets"), ended.err
    key = json.loads((out / "answer_key.json").read_bytes())["deals"]["demo-main"]["counts"]
    named = ("in", "refused", "dead_letters", "out")
    assert funnel(ended.json) == {
        step: tuple(key[step][name] for name in named) for step in ("read", "screen", "enrich")
    }
    for code, assets, alone, _ in costs(ended.json):
        assert assets == key["by_reason"][code] and alone <= assets


def test_summary_when_counts_do_not_reconcile(
    library: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No input makes the counts inconsistent, so the check itself is replaced by a failing one."""

    def failing(*given: object) -> None:
        raise RunError("The counts do not reconcile", "3 and 4", "Run again.")

    library.add(1, side=560)
    library.add(2, licence_class="editorial")
    monkeypatch.setattr("pipelines.steps.complete.reconcile", failing)
    lines, report = packaged_both_ways(library, 1, "The counts do not reconcile")
    assert funnel(report) == {
        "read": (3, 0, 0, 3),
        "screen": (3, 2, 0, 1),
        "enrich": (1, 0, 0, 1),
        "select": (1, 0, 0, 1),
    }
    (cost,) = report["costliest"]
    assert (cost["reason"], cost["assets"], cost["alone"]) == ("class.editorial", 2, None)
    assert shown_numbers(lines, "Select samples") == [1, 0, 0, 1]
    assert "1.  class.editorial: 2 assets refused" in section(
        lines, "The rule that excluded most assets"
    )
    assert "decisions" in folders(library.agency)
