"""Payees of the catalogue: on their statements, never in the delivery; their currency is obeyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.verify.statement import check_statement, read_statement
from tests.end_to_end.names import found_in
from tests.end_to_end.small_library import SmallLibrary

PAYEE = {
    "display_name": "Zoë Quillfeather",
    "country": "NO",
    "currency": "EUR",
    "payee_ref": "payee-778812",
}


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    """Two pictures: one by a contributor of whom nothing is said, one by a payee in euros."""
    made = SmallLibrary(tmp_path)
    made.add_contributor("contributor-4711", **PAYEE)
    made.add(1, 512)
    made.add(1, 512, contributors=[{"contributor_id": "contributor-4711", "share_bp": 10_000}])
    return made


def say(library: SmallLibrary, choice: str) -> None:
    library.deal = library.deal.rstrip() + f'\nother_currencies = "{choice}"\n'


def statement(library: SmallLibrary, name: str) -> Any:
    text = (library.agency / "statements" / f"{name}.json").read_text(encoding="utf-8")
    found = read_statement(text)
    check_statement(found)
    return found


def test_another_currency_stops_the_run_before_anything_is_written(library: SmallLibrary) -> None:
    say(library, "refuse")
    ended = library.package()
    assert ended.code == 2
    assert "1 contributor: 'contributor-4711' ('EUR')" in ended.err
    assert "price.other_currencies" in ended.err
    assert not library.out.exists()


def test_held_money_is_credited_and_marked(library: SmallLibrary) -> None:
    say(library, "hold")
    assert library.package().code == 0
    reason = "paid in EUR, credited in USD"
    held, other = statement(library, "contributor-4711"), statement(library, "c-1")
    assert (held["held"], held["total_minor"], held["payee_currency"]) == (reason, 300, "EUR")
    assert (other["held"], other["total_minor"]) == ("", 300)
    assert pq.read_table(library.agency / "pool/holds.parquet").to_pylist() == [
        {
            "contributor_id": "contributor-4711",
            "credit_minor": 300,
            "difference_minor": 300,
            "currency": "USD",
            "payee_currency": "EUR",
            "reason": reason,
        }
    ]


def test_a_payee_may_be_paid_in_the_deals_currency(library: SmallLibrary) -> None:
    ended = library.package()  # the default
    assert ended.code == 0
    assert "1 contributor has another currency (EUR 1)" in " ".join(ended.out.split())
    found = statement(library, "contributor-4711")
    assert found["held"] == ""
    assert {name: found[name] for name in ("display_name", "country", "payee_ref")} == {
        name: PAYEE[name] for name in ("display_name", "country", "payee_ref")
    }
    assert not (library.agency / "pool/holds.parquet").exists()
    csv = (library.agency / "statements/contributor-4711.csv").read_text(encoding="utf-8")
    assert PAYEE["display_name"] in csv and PAYEE["payee_ref"] in csv


def test_nothing_of_a_payee_is_in_the_delivery(library: SmallLibrary) -> None:
    say(library, "convert")
    assert library.package().code == 0
    names = {str(PAYEE["display_name"]), str(PAYEE["payee_ref"]), "contributor-4711"}
    assert found_in(library.agency.parent / "delivery", names) == {}
    assert found_in(library.agency, names).keys() == names


def test_a_hold_is_another_version_of_the_same_deal(library: SmallLibrary) -> None:
    plain = library.deal
    say(library, "convert")
    assert library.package().code == 0
    library.deal = plain
    say(library, "hold")
    ended = library.package("--json")
    assert ended.code == 0 and ended.json["replaces"]["version"] == "v0001", ended.err
    [row] = pq.read_table(library.out / "small/v0002/agency/pool/holds.parquet").to_pylist()
    assert (row["credit_minor"], row["difference_minor"]) == (300, 0)


def test_a_contributors_own_agency_share_is_used(library: SmallLibrary) -> None:
    """Gross 5.00 each: of one the agency gets 40 % by the deal, of the other what is agreed."""
    library.contributors[1] = {"contributor_id": "contributor-4711", "Agentur": "25 %"}
    mapping = library.folder / "catalogue" / "mapping.toml"
    mapping.write_text('[mapping.contributors.columns]\nagency_share = "Agentur"\n')
    first = library.package("--json")
    assert (first.json["agency_minor"], first.json["contributors_minor"]) == (325, 675), first.err
    assert statement(library, "c-1")["total_minor"] == 300
    assert statement(library, "contributor-4711")["total_minor"] == 375
    library.contributors[1]["Agentur"] = "0.50"
    second = library.package("--json")
    assert second.json["agency_minor"] == 450
    assert second.json["replaces"]["agency_difference_minor"] == 125
    path = library.out / "small/v0002/agency/pool/differences-00000.parquet"
    assert [row["difference_minor"] for row in pq.read_table(path).to_pylist()] == [0, -125]
    library.contributors[1]["Agentur"] = "50"
    refused = library.package()
    assert refused.code == 2 and "'contributor-4711' ('50')" in refused.err
