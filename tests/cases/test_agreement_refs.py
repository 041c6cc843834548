"""Invented, expired, foreign and revoked agreements: the file's no stands, and they are named."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.absent import is_absent
from pipelines.catalogue.agreement_references import find_agreement_references
from pipelines.catalogue.checks import CatalogueChecks, Judgement
from pipelines.catalogue.gate import check_table
from pipelines.catalogue.identifiers import normalise_id
from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from pipelines.catalogue.references import watch_references
from pipelines.catalogue.suite import check_divert, load_suite
from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.rules.screen import build_rights_index
from schemas.catalogue import SMALL_TABLES
from schemas.errors import InputError
from tests.cases.copies_common import Decisions, Library, by
from tests.cases.values_common import AS_OF_US, Row, agreement, asset, deal, said, write_csv
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process
from tests.signals.file import xmp_builder as build

WHO = [{"contributor_id": "c-1"}, {"contributor_id": "c-2"}]
DEAL_AGREEMENT = """
[[agreements]]
ref = "A-1"
signed_at = 2020-01-01
purposes = ["train_gen", "inference"]
contributors = {who}
"""
_NO = build.packet(attributes='plus:DataMining="DMI-PROHIBITED"')


def judge(
    folder: Path, consents: Sequence[Row], agreements: Sequence[Row], more: str = ""
) -> Judgement:
    """Judges a catalogue's references: two contributors, and one asset of each."""
    tables: dict[str, Sequence[Row]] = {
        "assets": [asset("A-1"), asset("A-2", "c-2")],
        "contributors": WHO,
    }
    given_tables = {"consents": consents, "agreements": agreements}
    tables |= {name: rows for name, rows in given_tables.items() if rows}
    write_csv(folder, **tables)
    catalogue, terms = open_catalogue(str(folder)), deal(more)
    contributors, said_so, releases, listed = (read_table(catalogue, name) for name in SMALL_TABLES)
    named = find_agreement_references(contributors, said_so, listed, terms)
    watch = watch_references(contributors, said_so, releases, named)
    suite = load_suite()
    checks = CatalogueChecks(
        catalogue, suite, check_divert(suite, terms.gate.divert), contributors, watch
    )
    reached = [
        watch.reached_by(batch.table, batch.unread, batch.notes.odd_asset_ids)
        for part in catalogue.parts("assets")
        for batch in read_batches(part, catalogue.mapping)
    ]
    return checks.judge([], reached)


def examples(judgement: Judgement, rule: str) -> list[Any]:
    """Returns the first ids of a rule that failed and did not stop the run."""
    return [e for item in judgement.reported if item["rule"] == rule for e in item["examples"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ref", "named"),
    [
        ("INVENTED", ["INVENTED of c-1"]),
        ("a-1", ["a-1 of c-1, perhaps A-1"]),
        ("A-01", ["A-01 of c-1, perhaps A-1"]),
        ("\u0410-1", ["\u0410-1 of c-1, perhaps A-1"]),
        ("A-2", ["A-2 of c-1, which is listed for others"]),
        ("A-1", []),
        ("\u00a0A-1\u200b", []),
        ("none", []),  # names no agreement
    ],
)
def test_an_agreement_that_is_not_listed_is_named(
    ref: str, named: list[str], tmp_path: Path
) -> None:
    listed = [agreement("A-1"), agreement("A-2", "c-2")]
    found = judge(tmp_path, [said(agreement_ref=ref)], listed)
    assert found.error is None
    assert examples(found, "agreements_exist") == named


def test_a_no_needs_no_agreement(tmp_path: Path) -> None:
    found = judge(tmp_path, [said("deny", agreement_ref="AGR-1")], [])
    assert found.error is None and found.reported == []


def test_the_deal_lists_an_agreement_for_its_contributors(tmp_path: Path) -> None:
    consents = [said(agreement_ref="A-1"), said(contributor="c-2", agreement_ref="A-1")]
    for who, named in (('["c-1"]', ["A-1 of c-2, which is listed for others"]), ('["all"]', [])):
        found = judge(tmp_path, consents, [], DEAL_AGREEMENT.format(who=who))
        assert examples(found, "agreements_exist") == named


REVOKED = agreement(revoked_at="2026-03-01T00:00:00Z")


@pytest.mark.parametrize(
    ("ref", "who", "stops"),
    [
        ("A-1", "c-1", False),
        ("a-1", "c-1", True),
        ("A-1", "c-2", True),
        ("A-1.0", "c-1", True),
        ("", "c-1", True),
    ],
)
def test_a_revocation_that_reaches_nothing_stops_the_run(
    ref: str, who: str, stops: bool, tmp_path: Path
) -> None:
    found = judge(tmp_path, [said(agreement_ref=ref, contributor=who)], [REVOKED])
    assert (found.error is not None) == stops
    if stops:
        assert "agreement_revocations_reach: 1. agreements.agreement_ref = 'A-1'" in str(
            found.error
        )
        assert "revoked for 'c-1'" in str(found.error)
        alike = bool(ref) and who == "c-1"
        assert (f"perhaps '{ref}'" in str(found.error)) == alike
    diverted = '[gate]\ndivert = ["agreement_revocations_reach"]\n'
    found = judge(tmp_path, [said(agreement_ref=ref, contributor=who)], [REVOKED], diverted)
    assert found.error is None
    assert examples(found, "agreement_revocations_reach") == (["A-1"] if stops else [])


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({}, False),
        ({"revoked_at": "2026-03-01T00:00:00Z"}, True),
        ({"revoked_at": "2029-07-01T23:00:00Z"}, True),
        ({"revoked_at": "2029-07-02T00:00:00Z"}, False),
        ({"valid_until": "2029-06-30"}, True),
        ({"valid_until": "2029-07-01"}, False),
        ({"revoked_at": "2026-03-01T00:00:00Z", "contributor_id": "c-2"}, None),
    ],
)
def test_the_deal_cannot_rely_on_what_the_table_ends(
    changes: Row, stops: bool | None, tmp_path: Path
) -> None:
    terms = DEAL_AGREEMENT.format(who='["c-1"]')
    consents = [said(), said(contributor="c-2", agreement_ref="A-1")]
    found = judge(tmp_path, consents, [agreement() | changes], terms)
    assert (found.error is not None) == bool(stops)
    if stops:
        assert "deal_agreements_hold: 1" in str(found.error)
        assert "The deal relies on agreements" in str(found.error)
    if stops is None:  # revoked for somebody whom the deal does not name, unless it names all
        found = judge(
            tmp_path, consents, [agreement() | changes], DEAL_AGREEMENT.format(who='["all"]')
        )
        assert "deal_agreements_hold" in str(found.error)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([agreement(), agreement()], "agreement_listed_once"),
        ([agreement(), agreement("A-1\u200b")], "agreement_listed_once"),
        ([agreement(purposes="train-everything")], "agreement_purposes_known"),
        ([agreement(purposes="")], "agreements"),
        ([agreement(signed_at="soon")], "signed_at"),
        ([agreement("none")], "agreement_ref"),
    ],
)
def test_a_table_that_cannot_be_taken_stops_the_run(
    rows: list[Row], words: str, tmp_path: Path
) -> None:
    write_csv(tmp_path, assets=[asset()], contributors=WHO, agreements=rows)
    with pytest.raises(InputError, match=words):
        check_table(read_table(open_catalogue(str(tmp_path)), "agreements"), "agreements")


def test_purposes_are_read_as_everywhere(tmp_path: Path) -> None:
    rows = [agreement(purposes="Train Gen;INFERENCE", valid_until="NULL")]
    write_csv(tmp_path, assets=[asset()], contributors=WHO, agreements=rows)
    table = read_table(open_catalogue(str(tmp_path)), "agreements")
    check_table(table, "agreements")
    [row] = table.to_pylist()
    assert (row["purposes"], row["valid_until"]) == (["train_gen", "inference"], None)


@pytest.fixture(scope="module")
def denied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Library, Decisions]:
    """Pictures whose files deny everything, by contributors whose consents name agreements."""
    library = Library(tmp_path_factory.mktemp("denied"))
    named = {"c-1": "AGR-1", "c-2": "M-2", "c-3": "M-3", "c-4": "M-2"}
    for number, (who, ref) in enumerate(named.items(), 1):
        picture = save_picture(render(draw_scene_spec(number), 300, 200), "jpeg_xmp", 1, "", _NO)
        library.add(f"A-{number}", picture, **by(who))
        yes = {"purpose": "all", "value": "allow", "given_at": "2024-02-01T00:00:00Z"}
        library.consents.append({"contributor_id": who, "agreement_ref": ref, **yes})
    signed = {"purposes": ["all"], "signed_at": "2024-01-01"}
    library.agreements += [
        {"agreement_ref": "M-2", "contributor_id": "c-2", **signed},
        {"agreement_ref": "M-3", "contributor_id": "c-3", "revoked_at": "2026-01-01", **signed},
    ]
    return library, library.package(library.folder / "out", dedupe="none")


def test_invented_agreements_lift_nothing(denied: tuple[Library, Decisions]) -> None:
    reasons = {asset_id: reasons for asset_id, (_, reasons, _) in denied[1].items()}
    no = ("file.denied",)
    assert reasons == {"A-1": no, "A-2": (), "A-3": no, "A-4": no}


def test_all_commands_name_them(denied: tuple[Library, Decisions]) -> None:
    folder = denied[0].folder
    inputs = ["--catalogue", folder / "catalogue", "--deal", folder / "deal.toml"]
    wanted = {
        "rule": "agreements_exist",
        "failed": 2,
        "examples": ["AGR-1 of c-1", "M-2 of c-4, which is listed for others"],
    }
    assert in_process("check", *inputs, "--as-of", AS_OF, "--json").json["reported"] == [wanted]
    said = " ".join(in_process("check", *inputs, "--as-of", AS_OF).out.split())
    assert "which is listed for others); the run goes on (rule agreements_exist)" in said
    [reading] = folder.rglob("agency/reading.json")
    assert json.loads(reading.read_text())["reported_rules"] == [wanted]
    for asset_id, words in (
        ("A-1", "agreement AGR-1 lifts nothing: it is not listed for them"),
        ("A-2", "agreement M-2: ok"),
        ("A-3", "agreement M-3 lifts nothing: it is not in force"),
        ("A-4", "agreement M-2 lifts nothing: it is not listed for them"),
    ):
        explained = in_process("explain", asset_id, *inputs, "--as-of", AS_OF)
        assert explained.code == 0, explained.err
        text = " ".join(explained.out.split())
        assert words in text, text
        assert "lifts no denial in a file: 2 (AGR-1 of c-1, M-2 of c-4" in text
        assert text.startswith("CLEARED" if asset_id == "A-2" else "REFUSED")


REFS = st.text(st.sampled_from("AaB-1 0\u0410\u200b\u00e9./_"), min_size=1, max_size=5)


def lifted(folder: Path) -> set[str]:
    """Returns the agreements that lift what the files of a catalogue say."""
    catalogue, terms = open_catalogue(str(folder)), deal()
    contributors, consents, releases, agreements = (
        read_table(catalogue, name) for name in SMALL_TABLES
    )
    index = build_rights_index(contributors, consents, releases, agreements, terms, AS_OF_US)
    [part] = catalogue.parts("assets")
    [batch] = read_batches(part, catalogue.mapping)
    rows = add_cleared_rights(batch.table, index, terms).to_pylist()
    return {item["ref"] for row in rows for item in row["agreements"]}


def check_named(named: list[str], listed: list[str]) -> None:
    """Every agreement that is named is listed, as ids are compared; or it is reported."""
    known = {normalise_id(ref) for ref in listed if not is_absent(ref, "agreement_ref")}
    known -= {""}
    rows = [agreement(ref) for ref in sorted(known)]
    with tempfile.TemporaryDirectory() as name:
        found = judge(Path(name), [said(agreement_ref=ref) for ref in named], rows)
        lifting = lifted(Path(name))
    wanted = {
        normalise_id(ref)
        for ref in named
        if not is_absent(ref, "agreement_ref") and normalise_id(ref)
    }
    counts = {item["rule"]: item["failed"] for item in found.reported}
    assert counts.get("agreements_exist", 0) == len(wanted - known)
    assert lifting <= known & wanted
    assert bool(lifting) == bool(known & wanted)


@settings(max_examples=15, deadline=None)
@given(st.lists(REFS, min_size=1, max_size=4), st.lists(REFS, max_size=4))
def test_every_reference_is_accounted_for(named: list[str], listed: list[str]) -> None:
    check_named(named, listed)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(st.lists(REFS, min_size=1, max_size=4), st.lists(REFS, max_size=4))
def test_every_reference_is_accounted_for_at_length(named: list[str], listed: list[str]) -> None:
    check_named(named, listed)
