"""Statements: sums, checks by the contributor, spreadsheet safety and file names."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import re
import unicodedata
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.merkle import ProofError
from pipelines.ledger.statement import statement_csv, statement_head, statement_json
from pipelines.ledger.statement_form import (
    CSV_COLUMNS,
    HEAD_KEYS,
    Credit,
    Payee,
    Statement,
    StatementHead,
)
from pipelines.ledger.statement_names import statement_filename, statement_filenames
from pipelines.verify.statement import check_statement, read_statement
from schemas.errors import FairshardError
from schemas.ledger import Allocation, LedgerEntry
from schemas.money import format_amount, parse_amount
from tests.ledger.ledger_cases import (
    DEAL,
    SALT,
    asset,
    delivery,
    digest,
    make_entries,
    make_statements,
    terms,
)
from tests.ledger.reference import simple_csv, simple_json


def as_json(statement: Statement) -> str:
    return b"".join(statement_json(head(statement), statement["lines"])).decode()


def as_csv(statement: Statement) -> str:
    return b"".join(statement_csv(head(statement), statement["lines"])).decode()


def head(statement: Statement) -> StatementHead:
    fields = {name: value for name, value in statement.items() if name != "lines"}
    return cast(StatementHead, fields)


def make(rows: int = 30) -> tuple[list[LedgerEntry], list[Statement]]:
    case = delivery(random.Random(3), 7, rows), terms(123_457), SALT
    return make_entries(*case)[0], make_statements(*case)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["0.01", "1.00", "99999.99"]),
    st.sampled_from([1, 2, 50, 1000]),
    st.sampled_from([("USD", 0), ("JPY", -2), ("BHD", 1)]),
    st.sampled_from(list(Allocation)),
    st.sampled_from(["0", "0.40", "0.55555"]),
    st.integers(0, 2**32),
)
def test_statements_and_agency_sum_to_the_pool(
    pool: str, people: int, money: tuple[str, int], rule: Allocation, share: str, seed: int
) -> None:
    currency, shift = money
    pool_minor = parse_amount(pool, "USD") * 10 ** max(shift, 0) // 10 ** max(-shift, 0)
    rows = delivery(random.Random(seed), people, people)
    deal = terms(pool_minor, currency, rule, share)
    entries, agency = make_entries(rows, deal, SALT)
    made = make_statements(rows, deal, SALT)
    assert sum(statement["total_minor"] for statement in made) + agency == pool_minor
    assert sum(parse_amount(statement["total"], currency) for statement in made) + agency == (
        pool_minor
    )
    people_paid = [statement["contributor_id"] for statement in made]
    assert people_paid == sorted({person for row in rows for person, _ in row.contributors})
    assert sum(len(statement["lines"]) for statement in made) == len(entries)


@pytest.mark.long
@pytest.mark.parametrize("people", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_statements_sum_to_every_pool(people: int) -> None:
    rows = [asset(number, ((f"person-{number:05d}", 10_000),)) for number in range(people)]
    for pool in ("0.01", "1.00", "99999.99"):
        deal = terms(parse_amount(pool, "USD"))
        _, agency = make_entries(rows, deal, SALT)
        total = sum(made["total_minor"] for made in make_statements(rows, deal, SALT))
        assert format_amount(total + agency, "USD") == pool


def test_a_statement_has_only_one_contributors_lines() -> None:
    entries, made = make()
    for statement in made:
        own = [entry for entry in entries if entry.contributor_id == statement["contributor_id"]]
        assert [line["entry_index"] for line in statement["lines"]] == [
            entry.entry_index for entry in own
        ]
        text = as_json(statement)
        assert set(re.findall(r"person-\d+", text)) == {statement["contributor_id"]}


def test_a_statement_can_be_checked_on_its_own() -> None:
    entries, made = make()
    for statement in made:
        read = read_statement(as_json(statement))
        expected = [e for e in entries if e.contributor_id == statement["contributor_id"]]
        assert check_statement(read) == expected


ALTERATIONS: list[tuple[str, object]] = [
    ("lines.0.amount_minor", 1),
    ("lines.0.amount", "999.99"),
    ("lines.0.share_bp", 1),
    ("lines.0.weight", 9),
    ("lines.0.asset_id", "another"),
    ("lines.0.key", "000000999"),
    ("lines.0.shard", "another.tar"),
    ("lines.0.media_sha256", digest("another")),
    ("lines.0.decision_sha256", digest("another")),
    ("lines.0.terms_sha256", digest("another")),
    ("lines.0.leaf_hash", digest("another")),
    ("lines.0.opening.amount_salt", "00" * 32),
    ("lines.0.opening.asset_salt", "00"),
    ("lines.0.opening.contributor_salt", "not hex"),
    ("contributor_id", "person-99"),
    ("total_minor", 1),
    ("total", "0.00"),
    ("currency", "EUR"),
    ("delivery", "another"),
    ("lines", []),
    ("previous_minor", 1),
    ("previous", "0.01"),
    ("difference_minor", 1),
    ("difference", "0.00"),
    ("replaces", "another-deal/v0001"),
]


def _alter(statement: Statement, where: str, value: object) -> str:
    found = json.loads(as_json(statement))
    *steps, last = where.split(".")
    place = found
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    assert place[last] != value
    place[last] = value
    return json.dumps(found)


@pytest.mark.parametrize(("where", "value"), ALTERATIONS)
def test_an_altered_statement_is_refused(where: str, value: object) -> None:
    with pytest.raises(ProofError):
        check_statement(read_statement(_alter(make()[1][0], where, value)))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("version", "fairshard/statement/v3"),
        ("version", ["fairshard/statement/v2"]),
        ("previous_minor", "0"),
        ("replaces", None),
        ("total_minor", 1.0),
        ("total_minor", True),
        ("lines", {}),
        ("lines", [1]),
        ("lines.0.weight", "1"),
        ("lines.0.opening", None),
        ("lines.0.opening", {}),
        ("lines.0.key", "\ud800"),
        ("currency", "XXX"),
    ],
)
def test_a_malformed_statement_is_refused(where: str, value: object) -> None:
    with pytest.raises(FairshardError):
        check_statement(read_statement(_alter(make()[1][0], where, value)))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{", "NaN", "[" * 100_000])
def test_text_that_is_not_a_statement_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        read_statement(text)


def replacing(statement: Statement, previous_minor: int, replaces: str) -> Statement:
    """Returns a statement that replaces an earlier one."""
    changed = statement_head(
        statement["contributor_id"],
        statement["total_minor"],
        statement["currency"],
        statement["delivery"],
        statement["deal_id"],
        credit=Credit("price", replaces, previous_minor),
    )
    return Statement(**changed, lines=statement["lines"])


@pytest.mark.parametrize("previous", [0, 1, 123_456_789])
def test_a_replacing_statement_states_the_difference(previous: int) -> None:
    statement = replacing(make()[1][0], previous, f"{DEAL}/v0000")
    read = json.loads(as_json(statement))
    assert read["difference_minor"] == read["total_minor"] - previous
    assert parse_amount(read["previous"], "USD") == previous
    assert read["difference"].removeprefix("-") == format_amount(
        abs(read["difference_minor"]), "USD"
    )
    for name, value in (
        ("previous_minor", previous + 1),
        ("difference_minor", read["difference_minor"] + 1),
        ("difference", "0.00"),
        ("previous", "9.99"),
        ("replaces", "another/v0001"),
    ):
        with pytest.raises(ProofError, match=r"credit|difference"):
            check_statement(read_statement(_alter(statement, name, value)))
    if previous:
        with pytest.raises(ProofError, match="without the delivery"):
            check_statement(read_statement(_alter(statement, "replaces", "")))


def test_a_contributor_who_left_gets_a_statement_without_lines() -> None:
    made = make()[1][0]
    credit = Credit("price", f"{DEAL}/v0001", 700)
    head = statement_head("person-1", 0, "USD", f"{DEAL}/v0002", DEAL, Payee(), credit)
    left = Statement(**head, lines=[])
    assert check_statement(read_statement(as_json(left))) == []
    [row] = csv.DictReader(io.StringIO(as_csv(left), newline=""))
    assert (row["total"], row["previous"], row["difference"]) == ("0.00", "7.00", "-7.00")
    assert (row["asset_id"], row["amount_minor"]) == ("", "")
    assert as_csv(left) == simple_csv(cast(dict[str, Any], left))
    assert tuple(row) == tuple(csv.DictReader(io.StringIO(as_csv(made))).fieldnames or ())


def test_statements_of_version_1_can_still_be_checked() -> None:
    entries, made = make()
    for statement in made:
        found = json.loads(as_json(statement))
        old = {name: found[name] for name in (*HEAD_KEYS[:7], "lines")}
        old["version"] = "fairshard/statement/v1"
        expected = [e for e in entries if e.contributor_id == statement["contributor_id"]]
        assert check_statement(read_statement(json.dumps(old))) == expected
        with pytest.raises(ProofError):
            check_statement(read_statement(json.dumps({**old, "total_minor": -1})))
        with pytest.raises(ProofError, match="display_name"):
            read_statement(json.dumps({**old, "version": found["version"]}))


def test_a_payees_texts_are_no_formulas() -> None:
    payee = Payee("=1+1", "NO", "NOK", "@SUM(1)")
    made = make()[1][0]
    head = statement_head("person-1", 5, "USD", made["delivery"], DEAL, payee)
    row = next(csv.DictReader(io.StringIO(as_csv(Statement(**head, lines=made["lines"])))))
    shown = [row[name] for name in ("display_name", "country", "payee_currency", "payee_ref")]
    assert shown == ["'=1+1", "NO", "NOK", "'@SUM(1)"]


def test_json_keys_are_in_the_published_order() -> None:
    text = as_json(make()[1][0])
    found = json.loads(text)
    assert list(found) == [*HEAD_KEYS, "lines"]
    assert list(found["lines"][0])[:2] == ["asset_id", "entry_index"]
    assert text.endswith("}\n")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@pytest.mark.long
@given(TEXT, TEXT, TEXT, TEXT, TEXT, st.integers(0, 600))
def test_statements_equal_the_output_of_the_standard_library(
    person: str, deal: str, asset_id: str, key: str, shard: str, count: int
) -> None:
    """JSON and CSV equal those of `json` and `csv`, for any texts and any number of lines."""
    statement = copy.deepcopy(make(1)[1][0])
    statement["contributor_id"], statement["deal_id"] = person, deal
    line = statement["lines"][0] | {"asset_id": asset_id, "key": key, "shard": shard}
    statement["lines"] = [line] * count
    assert as_json(statement) == simple_json(cast(dict[str, Any], statement))
    assert as_csv(statement) == simple_csv(cast(dict[str, Any], statement))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    person = start + 'cmd|"/c calc"!A1, and\nmore'
    (statement,) = make_statements([asset(1, ((person, 10_000),))], terms(), SALT, start + DEAL)
    rows = list(csv.DictReader(io.StringIO(as_csv(statement), newline="")))
    assert rows[0]["contributor_id"] == "'" + person
    assert rows[0]["deal_id"] == "'" + start + DEAL
    assert rows[0]["amount_minor"] == "6000" and rows[0]["amount"] == "60.00"
    assert statement["contributor_id"] == person


def test_negative_amounts_stay_numbers_in_csv() -> None:
    statement = copy.deepcopy(make()[1][0])
    statement["lines"][0]["amount_minor"] = -5
    statement["lines"][0]["amount"] = "-0.05"
    row = next(csv.DictReader(io.StringIO(as_csv(statement))))
    assert (row["amount_minor"], row["amount"]) == ("-5", "-0.05")
    assert tuple(row) == CSV_COLUMNS


HARMLESS = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._~-]{0,119}")
RESERVED = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(10)}
IDS = st.one_of(
    st.text(max_size=20),
    st.text("aA._-/~%\\\0\n:", max_size=6),
    st.text(st.characters(categories=["Cs", "Lu", "Ll"]), max_size=4),
    st.sampled_from(
        ["..", ".", "", "/", "CON", "nul.txt", "a.", "x" * 300, "com1", "é", "e\u0301"]
    ),
)


@pytest.mark.parametrize("name", ["person-1", "A_b.c-9", "0", "x" * 64, "Ünder"[1:], "conrad"])
def test_a_plain_id_is_its_own_file_name(name: str) -> None:
    assert statement_filename(name) == name


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("Łukasz Żółć", "Lukasz_Zolc"),
        ("søren.ø", "soren_o"),
        ("Søren Kjærgård", "Soren_Kjaergard"),
        ("Đorđe Šarić", "Dorde_Saric"),
        ("Þóra Guðrún", "Thora_Gudrun"),
        ("Straße & Söhne", "Strasse___Sohne"),
        ("ŒUVRES d’Arc", "OEUVRES_d_Arc"),
        ("O\u0308del", "Odel"),
        ("İbrahim Işık", "Ibrahim_Isik"),
        ("Nguyễn Ếch", "Nguyen_Ech"),
        ("山田 太郎", "_____"),
    ],
)
def test_latin_letters_of_a_file_name_are_transliterated(name: str, readable: str) -> None:
    assert statement_filename(name).partition("~")[0] == readable


def test_no_letter_of_latin_1_and_extended_a_is_lost() -> None:
    """Each is kept as the letters that Unicode names it after, such as `L WITH STROKE` as L."""
    for letter in map(chr, range(0xC0, 0x180)):
        kept = statement_filename(f"!{letter}").partition("~")[0].removeprefix("_")
        assert kept.isalpha() or letter in "×÷ŉ", unicodedata.name(letter)
        named = re.fullmatch(
            "LATIN (?:SMALL|CAPITAL) LETTER ([A-Z])(?: WITH.*)?", unicodedata.name(letter)
        )
        assert named is None or kept.upper() == named[1], unicodedata.name(letter)


@given(IDS)
def test_every_file_name_is_safe(name: str) -> None:
    found = statement_filename(name)
    assert HARMLESS.fullmatch(found) or (found.startswith("~") and HARMLESS.fullmatch(found[1:]))
    assert not found.endswith(".")
    assert found.split(".")[0].lower() not in RESERVED


@given(IDS, IDS)
def test_different_ids_have_different_file_names(one: str, two: str) -> None:
    assert (statement_filename(one) == statement_filename(two)) == (one == two)


@given(st.lists(IDS, max_size=8))
def test_file_names_of_a_delivery_differ_even_if_case_is_ignored(ids: list[str]) -> None:
    names = statement_filenames(ids)
    assert set(names) == set(ids)
    assert len({name.casefold() for name in names.values()}) == len(names)


def test_ids_that_differ_in_case_both_get_the_long_name() -> None:
    names = statement_filenames(["Ada", "ada", "Bob"])
    assert names["Bob"] == "Bob"
    assert names["Ada"].startswith("Ada~") and names["ada"].startswith("ada~")
