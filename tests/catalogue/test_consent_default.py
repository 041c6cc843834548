"""Consent by default of a contract, with an opt-out list: a no beats it, whenever it was said."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pipelines.catalogue.account import account_for
from pipelines.catalogue.checks import judge_whole, prepare_checks
from pipelines.catalogue.consent_default import count_defaults
from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from pipelines.explain.consents import consent_lines
from pipelines.rights.rules.screen import build_rights_index, reasons_of, screen_batch
from pipelines.storage.columns import rows_of, values_of
from schemas.catalogue import SMALL_TABLES, AssetRow
from schemas.deal import Deal, load_deal
from schemas.errors import InputError
from schemas.rights import Purpose

DEAL = """
deal_id = "acme"
buyer = "Acme"
purposes = ["train_gen"]
territory = ["DE"]
starts = 2026-01-01
ends = 2028-12-31
profile = "image-text"
media = ["image"]
[price]
currency = "EUR"
pool = "100.00"
"""
DEFAULT = """
[mapping.consents.default]
given_at = 2024-05-01
agreement_ref = "K-1, clause 7"
basis = "terms"
"""
OPT_OUTS = """
[mapping.consents]
files = ["opt-outs.csv"]
[mapping.consents.constants]
value = "deny"
purpose = "all"
"""
AS_OF_US = round(datetime(2026, 6, 30, tzinfo=UTC).timestamp() * 1_000_000)


@pytest.fixture
def deal(tmp_path: Path) -> Deal:
    path = tmp_path / "deal.toml"
    path.write_text(DEAL)
    return load_deal(path)


def write(tmp_path: Path, mapping: str, opt_outs: str = "", agreements: str = "") -> Path:
    folder = tmp_path / "library"
    folder.mkdir(exist_ok=True)
    rows = [
        "asset_id,media_uri,media_type,contributors,licence_model,licence_class,status,"
        "people_count,property,digital_source_type,created_at",
        *(
            f"{name}-{n},{name}{n}.jpg,image,{name}:10000,RF,creative,active,0,no,"
            "digitalCapture,2024-01-01"
            for name, n in product(("anna", "karl"), (1, 2))
        ),
    ]
    (folder / "assets.csv").write_text("\n".join(rows) + "\n")
    (folder / "contributors.csv").write_text("contributor_id\nanna\nkarl\n")
    (folder / "mapping.toml").write_text(mapping)
    if opt_outs:
        (folder / "opt-outs.csv").write_text(opt_outs)
    if agreements:
        (folder / "agreements.csv").write_text(agreements)
    return folder


def refused(folder: Path, deal: Deal, as_of_us: int = AS_OF_US) -> dict[str, list[str]]:
    """The reasons of each asset."""
    catalogue = open_catalogue(str(folder))
    small = [read_table(catalogue, name) for name in SMALL_TABLES]
    index = build_rights_index(small[0], small[1], small[2], small[3], deal, as_of_us)
    [batch] = read_batches(catalogue.parts("assets")[0], catalogue.mapping)
    masks = screen_batch(batch.table, index, deal, np.zeros(len(batch.table), np.bool_))
    ids = values_of(batch.table.column("asset_id").combine_chunks(), str)
    return {name: reasons_of(int(mask)) for name, mask in zip(ids, masks, strict=True)}


def test_everybody_says_yes_by_contract(tmp_path: Path, deal: Deal) -> None:
    folder = write(tmp_path, DEFAULT)
    assert set(map(tuple, refused(folder, deal).values())) == {()}
    before = round(datetime(2024, 4, 29, tzinfo=UTC).timestamp() * 1_000_000)
    assert all("consent.missing" in codes for codes in refused(folder, deal, before).values())
    assert all(codes for codes in refused(write(tmp_path, ""), deal).values())


@pytest.mark.parametrize("day", ["2019-01-01", "2024-05-01", "2025-02-03"])
@pytest.mark.parametrize("asset", ["", "anna-1"])
def test_an_opt_out_beats_the_default_whenever_it_was_said(
    tmp_path: Path, deal: Deal, day: str, asset: str
) -> None:
    opt_outs = f"contributor_id,asset_id,given_at\nanna,{asset},{day}\n"
    found = refused(write(tmp_path, DEFAULT + OPT_OUTS, opt_outs), deal)
    out = {"anna-1"} if asset else {"anna-1", "anna-2"}
    assert {name for name, codes in found.items() if codes} == out
    assert all(codes[0].startswith("consent.") for name, codes in found.items() if name in out)


def test_anything_but_a_yes_beats_it_and_only_for_its_purpose(tmp_path: Path, deal: Deal) -> None:
    table = "contributor_id,purpose,value,given_at\n"
    table += "anna,train_gen,conditional,2020-01-01\nkarl,search,deny,2020-01-01\n"
    mapping = DEFAULT + '[mapping.consents]\nfiles = ["opt-outs.csv"]\n'
    found = refused(write(tmp_path, mapping, table), deal)
    assert {name for name, codes in found.items() if codes} == {"anna-1", "anna-2"}


def test_their_own_later_yes_counts(tmp_path: Path, deal: Deal) -> None:
    table = "contributor_id,purpose,value,given_at\n"
    table += "anna,all,deny,2025-01-01\nanna,all,allow,2026-01-01\n"
    mapping = DEFAULT + '[mapping.consents]\nfiles = ["opt-outs.csv"]\n'
    assert not any(refused(write(tmp_path, mapping, table), deal).values())


def test_a_deal_may_refuse_what_it_rests_on(tmp_path: Path, deal: Deal) -> None:
    strict = replace_basis(deal)
    found = refused(write(tmp_path, DEFAULT), strict)
    assert all(codes == ["consent.not_explicit"] for codes in found.values())
    explicit = DEFAULT.replace('"terms"', '"explicit"')
    assert not any(refused(write(tmp_path, explicit), strict).values())


def replace_basis(deal: Deal) -> Deal:
    rights = deal.rights.model_copy(update={"consent_basis": "explicit"})
    return deal.model_copy(update={"rights": rights})


def test_silence_by_default_counts_from_the_end_of_its_window(tmp_path: Path, deal: Deal) -> None:
    silence = DEFAULT.replace('"terms"', '"silence"') + "notice_at = 2026-06-10\nwindow_days = 30\n"
    folder = write(tmp_path, silence)
    assert all(codes for codes in refused(folder, deal).values())
    after = round(datetime(2026, 7, 12, tzinfo=UTC).timestamp() * 1_000_000)
    assert not any(refused(folder, deal, after).values())


def test_an_opt_out_of_nobody_stops_the_run(tmp_path: Path, deal: Deal) -> None:
    folder = write(tmp_path, DEFAULT + OPT_OUTS, "contributor_id,given_at\nana,2025-01-01\n")
    judged = judge_whole(prepare_checks(open_catalogue(str(folder)), deal, AS_OF_US))
    assert judged.error is not None and "ana" in str(judged.error) and "anna" in str(judged.error)


def test_both_are_on_record(tmp_path: Path, deal: Deal) -> None:
    opt_outs = "contributor_id,given_at\nanna,2019-01-01\n"
    agreements = "agreement_ref,contributor_id,purposes,signed_at\n"
    agreements += '"K-1, clause 7",karl,all,2024-05-01\n'
    folder = write(tmp_path, DEFAULT + OPT_OUTS, opt_outs, agreements)
    catalogue = open_catalogue(str(folder))
    small = [read_table(catalogue, name) for name in SMALL_TABLES]
    assert count_defaults(small[1]) == {"by_default": 2, "by_default_with_a_no": 1}
    checks = prepare_checks(catalogue, deal, AS_OF_US)
    named = dict(checks.rows["consents"].named)
    assert (checks.rows["consents"].rows, named["by_default"]) == (1, 2)
    reading = account_for(catalogue.files, catalogue.columns, checks.rows, deal, {})
    assert "2 contributors say yes by default, 1 of them a no" in dict(reading.lines())["consents"]
    index = build_rights_index(small[0], small[1], small[2], small[3], deal, AS_OF_US)
    [batch] = read_batches(catalogue.parts("assets")[0], catalogue.mapping)
    said = {}
    for row in rows_of(batch.table, AssetRow):
        lines = consent_lines(row, small[1], index, deal, AS_OF_US)
        [line] = [one for one in lines if one.purpose == Purpose.TRAIN_GEN]
        said[row["asset_id"]] = line
    default = "allow of 2024-05-01, by default under K-1, clause 7, basis terms"
    assert default in said["anna-1"].description
    assert said["anna-1"].value == "deny"
    assert said["karl-1"].description.startswith("allow since 2024-05-01, agreement K-1, clause 7")
    assert [event.by_default for event in said["anna-1"].events] == [True, False]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("given_at = 2024-05-01", "requires text here"),
        ('given_at = "2024-05-01"\nagreement_ref = "K"\nbasis = "terms"', "requires a day"),
        ('given_at = 2024-05-01\nagreement_ref = "K"\nbasis = "term"', "unknown basis"),
        ('given_at = 2024-05-01\nagreement_ref = "K"\nbasis = "silence"', "needs the notice"),
        ('given_at = 2024-05-01\nagreement_ref = "K"\nbasis = "terms"\nvalue = "deny"', "unknown"),
        ('given_at = 2024-05-01\nbasis = "terms"\nagreement_ref = ""', "requires text"),
        (
            'given_at = 2024-05-01\nagreement_ref = "K"\nbasis = "terms"\npurposes = []',
            "consent to nothing",
        ),
    ],
)
def test_an_unclear_default_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    folder = write(tmp_path, f"[mapping.consents.default]\n{line}\n")
    with pytest.raises(InputError, match=problem):
        open_catalogue(str(folder))


def test_other_tables_have_no_default(tmp_path: Path) -> None:
    folder = write(tmp_path, DEFAULT.replace("consents", "releases"))
    with pytest.raises(InputError, match="Only consents"):
        open_catalogue(str(folder))
