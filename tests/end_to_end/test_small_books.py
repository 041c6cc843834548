"""Revenue and payouts of a small output: what is refused, and what is said of what is recorded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

REVENUE = {
    "--delivery": "small/v0001",
    "--name": "licences",
    "--amount": "100.00",
    "--currency": "USD",
    "--agency-share": "0.40",
    "--source": "licences",
    "--period": "2026-H2",
    "--date": "2026-12-01",
}
RATE = """
[[rates]]
currency = "USD"
into = "EUR"
rate = "0.9"
date = 2026-06-01
source = "x"
"""
WITHHOLDING = """
[[withholding]]
source_country = "any"
rate = "0"
source = "x"
"""


def library(folder: Path) -> SmallLibrary:
    """A library of two contributors, of whom one is paid in euros."""
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add_contributor("c-2", currency="EUR")
    made.add(1, side=600)
    made.add(1, side=600, contributors=[{"contributor_id": "c-2", "share_bp": 10_000}])
    return made


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = library(tmp_path_factory.mktemp("small") / "library")
    assert made.package().code == 0
    return made.folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    shutil.copytree(published, tmp_path / "library")
    return tmp_path / "library"


def pay(folder: Path, *more: object, **changes: str) -> CommandResult:
    options = REVENUE | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    words = [word for pair in options.items() for word in pair]
    return in_process("pay", "--out", folder / "out", *words, *more)


def payout(folder: Path, *more: object, date: str = "2026-12-15", terms: str = "") -> CommandResult:
    (folder / "payout.toml").write_text(terms + RATE)
    words = ["payout", "--out", folder / "out", "--terms", folder / "payout.toml"]
    return in_process(*words, "--catalogue", folder / "catalogue", "--date", date, *more)


def records(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "out/agency/books/records").iterdir())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("asset_id\n", "0 rows"),
        (
            "asset_id\nelsewhere\n",
            "1 row; the first: row 2, not in the delivery: asset_id 'elsewhere'",
        ),
        (
            "asset_id,quantity\na-0,0\n",
            "1 row; the first: row 2, without a quantity: asset_id 'a-0'",
        ),
        (
            "asset_id\na-\x070\n",
            "1 row; the first: row 2, an id has a control character: asset_id 'a-\\x070'",
        ),
    ],
)
def test_use_of_no_delivered_asset_is_refused(folder: Path, rows: str, message: str) -> None:
    before = records(folder)
    (folder / "use.csv").write_text(rows)
    done = pay(folder, "--use", folder / "use.csv")
    assert (done.code, records(folder)) == (2, before)
    assert "leads to a use of a delivered asset" in done.err
    assert message in done.err


@pytest.mark.parametrize("delivery", ["../small/v0001", "small/../small/v0001", "a\0b/v0001"])
def test_use_of_a_delivery_outside_the_output_is_refused(folder: Path, delivery: str) -> None:
    before = records(folder)
    (folder / "use.csv").write_text("asset_id\na-0\n")
    done = pay(folder, "--use", folder / "use.csv", delivery=delivery)
    assert (done.code, records(folder)) == (2, before)
    assert "not in the agency's books" in done.err
    assert "there are: small/v0001" in done.err


def test_an_amount_beyond_the_integers_of_json_is_refused(folder: Path) -> None:
    """The largest one is shared exactly, and its statements hold what every reader can read."""
    before = records(folder)
    for amount in ("90071992547409.92", "92233720368547758.07"):
        refused = pay(folder, amount=amount)
        assert (refused.code, records(folder)) == (2, before)
        assert "at most 90071992547409.91" in refused.err
    done = pay(folder, "--json", amount="90071992547409.91")
    assert done.code == 0, done.err
    pool = done.json["pool"]
    assert pool["gross_minor"] == 2**53 - 1
    shared = sum(row["credit_minor"] for row in done.json["credits"])
    assert shared + pool["agency_minor"] == 2**53 - 1
    again = pay(folder, "--json", amount="90071992547409.91")
    assert {**done.json, "is_new": False} == again.json
    assert pay(folder, amount="90071992547409.90").code == 2
    assert "90071992547409.91 USD" in pay(folder, amount="90071992547409.91").out


def test_a_sum_beyond_the_integers_of_json_is_on_no_statement(folder: Path) -> None:
    words = ["statement", "--out", folder / "out", "--all", "--to", folder / "statements"]
    for number in range(4):
        assert pay(folder, name=f"p{number}", amount="90071992547409.91").code == 0
    refused = in_process(*words)
    assert refused.code == 2 and "An amount is too large for a statement" in refused.err
    assert in_process(*words, "--period", "2026-Q3").code == 0


def test_revenue_of_a_replaced_delivery_says_so(tmp_path: Path) -> None:
    made = library(tmp_path / "library")
    assert made.package().code == 0
    made.consents = [{**made.consents[0]}, {**made.consents[1], "value": "deny"}]
    assert made.package(as_of="2026-07-02").code == 0
    done = pay(made.folder)
    assert done.code == 0, done.err
    assert "small/v0001 was replaced by small/v0002" in done.out
    assert pay(made.folder, "--json").json["replaced_by"] == "small/v0002"
    newest = pay(made.folder, name="newest", delivery="small/v0002")
    assert newest.code == 0
    assert "replaced" not in newest.out


def test_money_that_a_deal_holds_is_paid_when_it_no_longer_does(tmp_path: Path) -> None:
    made = library(tmp_path / "library")
    made.deal += 'other_currencies = "hold"\n'
    assert made.package().code == 0
    first = payout(made.folder, "--json")
    assert [row["contributor_id"] for row in first.json["payments"]] == ["c-1"]
    [left] = first.json["unpaid"]
    assert (left["contributor_id"], left["amount_minor"], left["reason"]) == ("c-2", 300, "held")
    assert "paid in EUR, credited in USD" in left["detail"]
    table = made.agency / "pool" / "holds.parquet"
    sound = table.read_bytes()
    table.write_bytes(sound[:-9])
    damaged = payout(made.folder, date="2026-12-16")
    assert damaged.code == 1
    assert "The holds of a delivery are damaged" in damaged.err
    table.write_bytes(sound)
    made.deal = made.deal.replace('"hold"', '"convert"')
    assert made.package(as_of="2026-07-02").code == 0
    later = payout(made.folder, "--json", date="2026-12-16")
    [paid] = later.json["payments"]
    assert (paid["contributor_id"], paid["currency"], paid["net_minor"]) == ("c-2", "EUR", 270)


@pytest.mark.parametrize("name", ["a\nb", "a\0b", " ", "a\udcff"])
def test_a_payout_has_a_name_of_one_line(folder: Path, name: str) -> None:
    before = records(folder)
    done = payout(folder, "--name", name)
    assert (done.code, records(folder)) == (2, before)
    assert "Not one line of text: --name" in done.err


@pytest.mark.parametrize("date", ["2026-13-01", "0001-01-01T00:00:00+05:00"])
def test_a_day_that_is_none_is_refused_by_its_option(folder: Path, date: str) -> None:
    done = payout(folder, date=date)
    assert done.code == 2
    assert f"--date '{date}'" in done.err


@pytest.mark.parametrize("public", ["small/v0001/delivery", "agency/log"])
@pytest.mark.parametrize("below", ["", "new/folder"])
def test_nothing_private_is_written_where_others_read(
    folder: Path, public: str, below: str
) -> None:
    place = folder / "out" / public
    before = records(folder), sorted(place.rglob("*"))
    to, out = place / below, ["--out", folder / "out"]
    for done in (
        payout(folder, "--to", to),
        in_process("journal", *out, "--to", to / "ledger.journal"),
        in_process("prove", *out, "--contributor", "c-1", "--to", to / "c-1.json"),
        in_process("statement", *out, "--contributor", "c-1", "--to", to),
    ):
        assert done.code == 2, done.out
        assert "cannot be added to" in done.err
    assert (records(folder), sorted(place.rglob("*"))) == before


@pytest.mark.parametrize(
    ("terms", "row", "message"),
    [
        ('[[holds]]\ncontributor = "C-2"\nreason = "sanctions"\n', {}, "'C-2' ('holds')"),
        (
            WITHHOLDING + 'countries = ["DE"]\n',
            {"contributor_id": "c-3", "country": "Germany"},
            "'c-3' ('Germany')",
        ),
        ("", {"contributor_id": "c-3", "currency": "XXX"}, "'c-3' ('XXX')"),
        ("", {"contributor_id": "c-2", "currency": "USD"}, "'c-2' ('2 rows')"),
        (
            RATE.replace("EUR", "USD"),
            {},
            "must be another currency",
        ),
        (
            WITHHOLDING.replace("any", "us"),
            {},
            "withholding.0.source_country = 'us': must be an ISO 3166-1 alpha-2 code in capitals",
        ),
    ],
)
def test_terms_and_payees_that_would_miss_each_other_are_refused(
    folder: Path, terms: str, row: dict[str, str], message: str
) -> None:
    before = records(folder)
    with (folder / "catalogue" / "contributors.jsonl").open("a") as table:
        table.write(json.dumps(row) + "\n" if row else "")
    done = payout(folder, terms=terms)
    assert (done.code, records(folder)) == (2, before)
    assert message in done.err


def test_a_currency_in_small_letters_is_read_as_package_reads_it(tmp_path: Path) -> None:
    made = library(tmp_path / "library")
    made.contributors = [{"contributor_id": "c-1", "currency": "usd"}, made.contributors[1]]
    assert made.package().code == 0
    done = payout(made.folder, "--json")
    assert done.code == 0, done.err
    paid = [(row["contributor_id"], row["currency"]) for row in done.json["payments"]]
    assert paid == [("c-1", "USD"), ("c-2", "EUR")]


def test_an_empty_name_of_a_new_pool_is_refused(folder: Path) -> None:
    before = sorted((folder / "out" / "small").iterdir())
    words = ["package", "--catalogue", folder / "catalogue", "--deal", folder / "deal.toml"]
    done = in_process(*words, "--out", folder / "out", "--as-of", "2026-07-02", "--new-pool", "")
    assert done.code == 2
    assert "--new-pool is empty" in done.err
    assert sorted((folder / "out" / "small").iterdir()) == before


def test_a_bucket_is_not_taken_for_a_local_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = records(folder)
    monkeypatch.chdir(tmp_path)
    out = ["--out", folder / "out"]
    for done in (
        payout(folder, "--to", "s3://bucket/run"),
        in_process("journal", *out, "--to", "s3://bucket/ledger.journal"),
        in_process("prove", *out, "--asset", "a-0", "--to", "s3://bucket/a.json"),
    ):
        assert (done.code, done.out) == (2, "")
        assert "local file or folder: --to s3:/bucket" in done.err
    assert records(folder) == before
    assert not (tmp_path / "s3:").exists()


@pytest.mark.parametrize("command", [("prove", "--asset", "a-0"), ("journal",)])
def test_nothing_is_written_over_a_key(folder: Path, command: tuple[str, ...]) -> None:
    key = folder / "out/agency/signing.key"
    data = key.read_bytes()
    name, *words = command
    done = in_process(name, "--out", folder / "out", *words, "--to", key)
    assert (done.code, key.read_bytes()) == (2, data)
    assert "cannot be written over a signing key" in done.err


def test_blanks_around_a_name_make_no_other_payment(folder: Path) -> None:
    assert pay(folder).code == 0
    before = records(folder)
    assert pay(folder, name=" licences ").code == 0
    assert records(folder) == before


def contributors(folder: Path, text: str) -> None:
    """Replaces the catalogue's table contributors."""
    (folder / "catalogue" / "contributors.jsonl").write_text(text)


@pytest.mark.parametrize("rows", ["", "\n\n"])
def test_a_payout_with_an_empty_table_of_contributors_is_refused(folder: Path, rows: str) -> None:
    before = records(folder)
    contributors(folder, rows)
    done = payout(folder)
    assert (done.code, records(folder)) == (2, before)
    assert "contributors" in done.err


def test_a_payout_pays_nobody_whom_a_truncated_table_lacks(folder: Path) -> None:
    table = (folder / "catalogue" / "contributors.jsonl").read_text()
    contributors(folder, table.splitlines(keepends=True)[0])
    done = payout(folder, "--json")
    assert [row["contributor_id"] for row in done.json["payments"]] == ["c-1"]
    [left] = done.json["unpaid"]
    assert (left["contributor_id"], left["reason"]) == ("c-2", "held")
    assert left["detail"].startswith("payee-unknown")


def test_a_payout_whose_table_is_cut_within_a_row_is_refused(folder: Path) -> None:
    before = records(folder)
    (folder / "catalogue" / "contributors.jsonl").unlink()
    text = "contributor_id,display_name,currency,payee_ref\nc-1,Ada,,r-1\nc-2,Bo"
    (folder / "catalogue" / "contributors.csv").write_text(text)
    done = payout(folder)
    assert (done.code, records(folder)) == (2, before)
    assert "contributors" in done.err


def test_a_mapping_without_a_catalogue_is_refused(folder: Path) -> None:
    before = records(folder)
    (folder / "payout.toml").write_text(RATE)
    words = ["payout", "--out", folder / "out", "--terms", folder / "payout.toml"]
    done = in_process(*words, "--mapping", folder / "mapping.toml", "--date", "2026-12-15")
    assert (done.code, records(folder)) == (2, before)
    assert "--mapping, --preset or --media-prefix was given without --catalogue" in done.err


THRESHOLD = '[[thresholds]]\ncurrency = "USD"\namount = "1.00"\n'


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ("", "thresholds was recorded with { currency = USD, amount = 100 }"),
        (THRESHOLD.replace("1.00", "1.01"), "thresholds was recorded with"),
        (
            THRESHOLD + '[[holds]]\ncontributor = "c-2"\nreason = "other"\n',
            "holds was recorded without { contributor = c-2, reason = other }",
        ),
        (THRESHOLD + WITHHOLDING, "withholding was recorded without"),
    ],
)
def test_other_terms_under_the_name_of_a_payout_are_refused(
    folder: Path, terms: str, message: str
) -> None:
    assert payout(folder, terms=THRESHOLD).code == 0
    before = records(folder)
    done = payout(folder, terms=terms)
    assert (done.code, records(folder)) == (2, before)
    assert "There is another payout with this name" in done.err
    assert message in done.err
    same = payout(folder, terms=THRESHOLD.replace('"1.00"', '"1"'))
    assert (same.code, records(folder)) == (0, before)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"contributor_id": "c-2"}, "currency of contributor 'c-2' was 'EUR', --catalogue has ''"),
        ({"contributor_id": "c-3"}, "'c-2' was in its catalogue"),
        ({"contributor_id": "c-2", "currency": "EUR", "payee_ref": "x"}, "payee_ref of"),
    ],
)
def test_another_catalogue_under_the_name_of_a_payout_is_refused(
    folder: Path, row: dict[str, str], message: str
) -> None:
    first = payout(folder, "--json")
    before = records(folder)
    known = (folder / "catalogue" / "contributors.jsonl").read_text()
    contributors(folder, known.splitlines(keepends=True)[0] + json.dumps(row) + "\n")
    done = payout(folder)
    assert (done.code, records(folder)) == (2, before)
    assert "There is another payout with this name" in done.err
    assert message in done.err
    words = ["payout", "--out", folder / "out", "--terms", folder / "payout.toml", "--json"]
    without = in_process(*words, "--date", "2026-12-15")
    assert without.json == {**first.json, "is_new": False}


def test_a_catalogue_under_the_name_of_a_payout_without_one_is_refused(folder: Path) -> None:
    (folder / "payout.toml").write_text(RATE)
    words = ["payout", "--out", folder / "out", "--terms", folder / "payout.toml"]
    assert in_process(*words, "--date", "2026-12-15").code == 0
    before = records(folder)
    done = payout(folder)
    assert (done.code, records(folder)) == (2, before)
    assert "it was recorded without --catalogue" in done.err


def test_a_payout_is_told_in_words(folder: Path) -> None:
    assert pay(folder).code == 0
    low = '[[thresholds]]\ncurrency = "EUR"\namount = "500.00"\n'
    said = payout(folder, terms=low).out.splitlines()
    assert said[0] == "Recorded: payout of 2026-12-15, record 3, 1 payment."
    assert said[-2:] == ["no payee_ref: c-1", "not paid: 1 contributor, below the threshold"]
    named = payout(folder, "--name", "again", terms=low)
    assert named.out.splitlines() == [
        "No balance can be paid; nothing was recorded.",
        "not paid: 1 contributor, below the threshold",
    ]
