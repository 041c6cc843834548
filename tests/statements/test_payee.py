"""A period statement names the payee as the newest delivery up to its end had them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from pipelines.ledger.statement_form import Payee
from pipelines.storage.open import open_store
from tests.accounts.outputs import publish
from tests.ledger.ledger_cases import asset
from tests.statements.browser import Browser
from tests.statements.cases import run, statement
from tests.statements.independent import faults

ID = "łukasz.ż"
JUNE = Payee("Łukasz Żółć", "PL", "PLN", "PL00 1")
AUGUST = Payee("=Łukasz <b>Żółć</b>\a", "DE", "EUR", "DE00 2")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """June's delivery, August's of another deal with other details, and one of somebody else."""
    folder = tmp_path_factory.mktemp("payees")
    store, shares = open_store(str(folder)), ((ID, 6_000), ("ada", 4_000))
    publish(store, [asset(1, shares)], payees={ID: JUNE})
    august = "2026-08-20T12:00:00+00:00"
    publish(store, [asset(2, shares)], "aaa", as_of=august, payees={ID: AUGUST})
    later = "2026-11-01T12:00:00+00:00"
    publish(store, [asset(3, (("ada", 10_000),))], "zeta", as_of=later)
    return folder


def named(payee: Payee, delivery: str) -> dict[str, str]:
    return {
        "delivery": delivery,
        "display_name": payee.display_name,
        "country": payee.country,
        "payee_currency": payee.currency,
        "payee_ref": payee.payee_ref,
    }


@pytest.mark.parametrize(
    ("period", "payee", "delivery"),
    [
        ("", AUGUST, "aaa/v0001"),
        ("2026", AUGUST, "aaa/v0001"),
        ("2026-Q3", AUGUST, "aaa/v0001"),
        ("2026-Q2", JUNE, "acme/v0001"),
    ],
)
def test_the_newest_delivery_up_to_the_end_names_the_payee(
    output: Path, tmp_path: Path, period: str, payee: Payee, delivery: str
) -> None:
    words = ("--period", period) if period else ()
    account = statement(output, tmp_path, "--contributor", ID, *words)
    assert account["payee"] == named(payee, delivery)
    assert faults(account) == []


def test_a_payee_of_whom_nothing_is_said_is_empty(output: Path, tmp_path: Path) -> None:
    account = statement(output, tmp_path, "--contributor", "ada")
    assert account["payee"] == named(Payee(), "zeta/v0001")
    page = next(tmp_path.glob("*.html")).read_text(encoding="utf-8")
    assert 'data-cell="payee-' not in page


def test_the_csv_has_the_payee_in_every_row_and_computes_nothing(
    output: Path, tmp_path: Path
) -> None:
    statement(output, tmp_path, "--contributor", ID)
    path = next(tmp_path.glob("*.csv"))
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert len(rows) == 2
    for row in rows:
        assert row["display_name"].startswith("'=Łukasz")
        assert (row["country"], row["payee_currency"], row["payee_ref"]) == ("DE", "EUR", "DE00 2")


def test_the_page_shows_the_payee_and_says_whose_word_it_is(
    output: Path, tmp_path: Path, chromium: Browser
) -> None:
    statement(output, tmp_path, "--contributor", ID)
    page = next(tmp_path.glob("*.html"))
    verdict, said = chromium.open(page)
    assert verdict == "sound"
    assert any("not proved: the name, the country" in line for line in said)
    text = chromium.value("document.body.innerText")
    assert "=Łukasz <b>Żółć</b>\\u0007" in text and "DE00 2" in text
    altered = tmp_path / "altered.html"
    whole = page.read_text(encoding="utf-8")
    altered.write_text(whole.replace('payee-account">DE00 2', 'payee-account">DE00 3'), "utf-8")
    verdict, said = chromium.open(altered)
    assert verdict == "wrong" and any("the payee" in line for line in said)


def test_a_version_whose_file_has_the_name_of_before_is_read(tmp_path: Path) -> None:
    """Names had `_` for every letter that is not plain, and were not transliterated."""
    publish(open_store(str(tmp_path)), [asset(1, ((ID, 10_000),))], payees={ID: JUNE})
    folder = tmp_path / "acme/v0001/agency/statements"
    (path,) = folder.glob("lukasz_z~*.json")
    path.rename(folder / path.name.replace("lukasz_z~", "_ukasz__~"))
    account: Any = statement(tmp_path, tmp_path / "to", "--contributor", ID)
    assert account["payee"]["display_name"] == JUNE.display_name


def test_a_version_that_lost_the_statement_is_named(tmp_path: Path) -> None:
    publish(open_store(str(tmp_path)), [asset(1, ((ID, 10_000),))], payees={ID: JUNE})
    for path in (tmp_path / "acme/v0001/agency/statements").iterdir():
        path.unlink()
    code, _, errors = run("--out", tmp_path, "--contributor", ID, "--to", tmp_path / "to")
    assert code == 1 and "no statement" in errors
