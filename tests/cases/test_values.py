"""Cells: absent words, numbers, fixed words, days and zones, whoever wrote them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.absent import ABSENT_WORDS
from pipelines.catalogue.read import open_catalogue, read_table
from schemas.catalogue import TABLES
from tests.cases.values_common import (
    Row,
    asset,
    deal,
    decide,
    release,
    said,
    write_csv,
)

WHO = [{"contributor_id": "c-1"}]
WORDS = ("NULL", "null", "\\N", "n/a", "N/A", "-", "None", "nan", "NaN", "NaT", "", "  ", "\u2003")
PADDED = [*WORDS, " NULL ", "\u200bNULL", "n/a\u00a0"]


def _required(table: str) -> set[str]:
    return {field.name for field in TABLES[table] if not field.nullable}


@pytest.mark.parametrize("word", PADDED)
def test_absent_words_are_absent_in_every_column(tmp_path: Path, word: str) -> None:
    tables: dict[str, list[Row]] = {
        "assets": [asset()],
        "contributors": [{"contributor_id": "c-1"}],
        "consents": [said()],
        "releases": [release()],
    }
    for name, rows in tables.items():
        for column in set(TABLES[name].names) - _required(name):
            rows[0][column] = word
    write_csv(tmp_path, **tables)
    catalogue = open_catalogue(str(tmp_path))
    for name in tables:
        table = read_table(catalogue, name)
        given_columns = {
            column
            for column in TABLES[name].names
            if table[column].null_count < len(table) and column not in _required(name)
        }
        # A keyword may be any word, but not alone in its cell.
        assert given_columns == set(), name


@pytest.mark.parametrize("word", [word for word in WORDS if word.strip()])
def test_absent_words_are_counted(tmp_path: Path, word: str) -> None:
    write_csv(
        tmp_path,
        assets=[asset(title=word)],
        contributors=WHO,
        consents=[said(agreement_ref=word), said("deny", asset_id=word)],
    )
    decided = decide(tmp_path, deal())
    assert decided.notes.to_json()["absent"] == {
        "assets.title": 1,
        "consents.agreement_ref": 1,
        "consents.asset_id": 1,
    }
    assert decided.reasons == {"A-1": "consent.withdrawn"}


@pytest.mark.parametrize("word", ["0", "0.0", "no", "No", "false", "?", "--", "—", "tbd", "x", "."])
def test_what_names_no_agreement_is_none(tmp_path: Path, word: str) -> None:
    write_csv(tmp_path, assets=[asset()], contributors=WHO, consents=[said(agreement_ref=word)])
    table = read_table(open_catalogue(str(tmp_path)), "consents")
    assert table["agreement_ref"].to_pylist() == [None]


def test_a_missing_id_of_a_withdrawal_stops_the_run(tmp_path: Path) -> None:
    write_csv(tmp_path, assets=[asset()], contributors=WHO, consents=[said(), said("deny", "NULL")])
    assert "contributor_id" in decide(tmp_path, deal()).stopped


@pytest.mark.parametrize("column", ["grant_train_gen", "territories_in"])
def test_none_is_not_taken_for_permission(tmp_path: Path, column: str) -> None:
    write_csv(tmp_path, assets=[asset(**{column: "none"})], contributors=WHO, consents=[said()])
    assert decide(tmp_path, deal()).cleared == []


def test_a_keyword_may_be_any_word(tmp_path: Path) -> None:
    write_csv(tmp_path, assets=[asset(keywords="bread;nan")], contributors=WHO, consents=[said()])
    assert read_table(open_catalogue(str(tmp_path)), "assets")["keywords"].to_pylist() == [
        ["bread", "nan"]
    ]


def test_whole_numbers_may_be_written_as_floats(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[
            asset(people_count="0.0", weight="2.00", contributors="c-1:10000.0"),
            asset("A-2", people_count="0.5"),
        ],
        contributors=WHO,
        consents=[said()],
    )
    assert decide(tmp_path, deal()).reasons == {"A-1": "", "A-2": "row.unreadable"}


@pytest.mark.parametrize("weight", [10**9 + 1, 10**15, 2**62])
def test_a_weight_that_cannot_be_shared_is_refused_before_anything_runs(
    tmp_path: Path, weight: int
) -> None:
    write_csv(tmp_path, assets=[asset(weight=weight)], contributors=WHO, consents=[said()])
    assert decide(tmp_path, deal()).reasons == {"A-1": "row.invalid"}


VALUES = {
    "status": ("Active", "ACTIVE", " active "),
    "licence_class": ("Creative", "CREATIVE"),
    "licence_model": ("rf", "Rf"),
    "media_type": ("Image", "IMAGE"),
    "territories_in": ("us", "Us;no"),
    "grant_train_gen": ("Allow",),
}


@pytest.mark.parametrize(
    ("column", "word"), [(column, word) for column, words in VALUES.items() for word in words]
)
def test_known_words_are_taken_in_any_case(tmp_path: Path, column: str, word: str) -> None:
    write_csv(tmp_path, assets=[asset(**{column: word})], contributors=WHO, consents=[said()])
    decided = decide(tmp_path, deal())
    assert decided.cleared == ["A-1"]
    said_so = decided.notes.to_json()["respelled"].get(f"assets.{column}", 0)
    assert bool(said_so) == (word.strip() != word.strip().lower() or column[0] in "lt")


@pytest.mark.parametrize(
    ("column", "word", "reason"),
    [
        ("status", "Legal Hold", "asset.legal_hold"),
        ("status", "LEGAL-HOLD", "asset.legal_hold"),
        ("grant_train_gen", "DENY", "grant.denied"),
        ("territories_out", "us", "territory.not_covered"),
        ("licence_class", "Editorial", "class.editorial"),
    ],
)
def test_a_no_counts_in_any_case(tmp_path: Path, column: str, word: str, reason: str) -> None:
    write_csv(tmp_path, assets=[asset(**{column: word})], contributors=WHO, consents=[said()])
    assert decide(tmp_path, deal()).reasons == {"A-1": reason}


def _parquet(folder: Path, name: str, table: pa.Table, **options: Any) -> None:
    pq.write_table(table, folder / f"{name}.parquet", **options)


def test_int96_and_far_dates(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[asset(people_count="1", release_ids="R-1")],
        contributors=WHO,
        consents=[said()],
    )
    row = release(valid_until=datetime(9999, 12, 31)) | {"revoked_at": None}
    for name in ("signed_at", "shoot_from", "shoot_until"):
        row[name] = date.fromisoformat(row[name])
    table = pa.Table.from_pylist([row])
    _parquet(tmp_path, "releases", table, use_deprecated_int96_timestamps=True)
    assert decide(tmp_path, deal()).cleared == ["A-1"]


_UUID = uuid.UUID("0e37df36-f698-11e6-8dd4-cb9ced3df976")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([Decimal(7)], pa.decimal128(10, 0)), "7"),
        (pa.array([Decimal("7.00")], pa.decimal128(10, 2)), "7"),
        (pa.array([7], pa.uint16()), "7"),
        (pa.array([_UUID.bytes], pa.binary(16)), str(_UUID)),
        (pa.array([b"c-1"], pa.binary()), "c-1"),
        (pa.array(["c-1"]).dictionary_encode(), "c-1"),
        (pa.array(["c-1"], pa.large_string()).dictionary_encode(), "c-1"),
        (pa.array(["c-1"], pa.string_view()), "c-1"),
    ],
)
def test_stored_ids(tmp_path: Path, values: pa.Array[Any], text: str) -> None:
    write_csv(tmp_path, assets=[asset(contributor=text)], contributors=[{"contributor_id": text}])
    table = pa.table({name: [said("deny")[name]] for name in ("purpose", "value")})
    table = table.append_column("contributor_id", values)
    table = table.append_column("given_at", pa.array([datetime(2026, 3, 1, tzinfo=UTC)]))
    _parquet(tmp_path, "consents", table)
    assert decide(tmp_path, deal()).reasons == {"A-1": "consent.denied"}


@pytest.mark.parametrize("values", [pa.array([7.0]), pa.array([7.5]), pa.array([1e17, None])])
@pytest.mark.parametrize("table", ["contributors", "consents", "assets"])
def test_ids_as_floats_stop_the_run(tmp_path: Path, values: pa.Array[Any], table: str) -> None:
    write_csv(
        tmp_path,
        assets=[asset(contributor="7")],
        contributors=[{"contributor_id": "7"}],
        consents=[said("allow", "7")],
    )
    rows = {"contributors": {"contributor_id": ""}, "consents": said(), "assets": asset()}[table]
    name = "asset_id" if table == "assets" else "contributor_id"
    columns = {column: [value] * len(values) for column, value in rows.items() if column != name}
    (tmp_path / f"{table}.csv").unlink()
    _parquet(tmp_path, table, pa.table({name: values, **columns}))
    stopped = decide(tmp_path, deal()).stopped
    assert name in stopped and "text" in stopped


def test_a_column_of_nan_is_absent(tmp_path: Path) -> None:
    write_csv(tmp_path, assets=[asset()], contributors=WHO)
    columns = {name: [value] for name, value in said("deny").items()}
    columns |= {"asset_id": [float("nan")], "agreement_ref": [None]}
    _parquet(tmp_path, "consents", pa.table(columns))
    assert decide(tmp_path, deal()).reasons == {"A-1": "consent.denied"}


# A no whose time or zone is missing wins over every yes of its day, wherever that was.
_HOURS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))


def _withdrawn(folder: Path, yes: str, no: str) -> bool:
    write_csv(
        folder,
        assets=[asset()],
        contributors=WHO,
        consents=[said(given_at=yes), said("deny", given_at=no)],
    )
    return decide(folder, deal(), gate=False).cleared == []


@pytest.mark.parametrize("no", ["2026-03-05", "2026-03-05T00:00:00", "2026-03-05 00:00"])
@pytest.mark.parametrize("hour", ["00:00:00", "09:00:00", "23:59:59"])
@pytest.mark.parametrize("zone", ["", "Z", "-12:00", "+14:00", "+05:45"])
def test_a_no_wins_on_its_day(tmp_path: Path, no: str, hour: str, zone: str) -> None:
    assert _withdrawn(tmp_path, f"2026-03-05T{hour}{zone}", no)


@pytest.mark.parametrize("no", ["2026-06-30", "2026-06-30T10:00:00", "2026-06-30T00:00:00"])
def test_a_no_of_the_day_of_the_run_counts(tmp_path: Path, no: str) -> None:
    assert _withdrawn(tmp_path, "2026-01-01T00:00:00Z", no)


def test_a_later_yes_still_counts(tmp_path: Path) -> None:
    assert not _withdrawn(tmp_path, "2026-03-07T00:00:00Z", "2026-03-05")
    assert not _withdrawn(tmp_path, "2026-03-05T20:00:01Z", "2026-03-05T20:00:00Z")
    assert not _withdrawn(tmp_path, "2026-03-06T09:00:00Z", "2026-03-05T20:00:00")


DAYS = {
    "true_no": st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 29)),
    "before": st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    "no_zone": _HOURS,
    "yes_zone": _HOURS,
    "forms": st.sampled_from(list(product(("zoned", "local", "day"), repeat=2))),
}


def _outlives(
    folder: Path,
    true_no: datetime,
    before: timedelta,
    no_zone: timedelta,
    yes_zone: timedelta,
    forms: tuple[str, str],
) -> bool:
    """Whether a yes that was said before a no is still heard."""
    no_zone = max(no_zone, timedelta(hours=-12))
    yes_zone = max(yes_zone, timedelta(hours=-12))
    written = (
        _write(true_no - before, yes_zone, forms[0]),
        _write(true_no, no_zone, forms[1]),
    )
    return not _withdrawn(folder, *written)


@settings(max_examples=60)
@given(**DAYS)
def test_a_yes_that_was_said_before_a_no_never_outlives_it(
    tmp_path_factory: pytest.TempPathFactory, **said_when: Any
) -> None:
    assert not _outlives(tmp_path_factory.mktemp("days"), **said_when)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(**DAYS)
def test_a_yes_that_was_said_before_a_no_never_outlives_it_at_length(
    tmp_path_factory: pytest.TempPathFactory, **said_when: Any
) -> None:
    assert not _outlives(tmp_path_factory.mktemp("days"), **said_when)


def _write(instant: datetime, zone: timedelta, form: str) -> str:
    """How somebody in a zone writes an instant (UTC)."""
    local = (instant + zone).replace(microsecond=0)
    if form == "day":
        return local.date().isoformat()
    if form == "local":
        return local.isoformat()
    sign, minutes = "-" if zone < timedelta(0) else "+", abs(zone) // timedelta(minutes=1)
    return f"{local.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"


@pytest.mark.parametrize(
    ("created", "day"),
    [
        ("2024-06-01T20:00:00-08:00", date(2024, 6, 1)),
        ("2024-06-02T02:00:00+09:00", date(2024, 6, 2)),
        ("2024-06-01T23:59:59Z", date(2024, 6, 1)),
        ("2024-06-01 10:00", date(2024, 6, 1)),
        ("2024-06-01", date(2024, 6, 1)),
    ],
)
@pytest.mark.parametrize("other", ["2024-05-01", "2024-05-01T10:00:00Z", ""])
def test_a_day_of_shoot_is_the_day_where_it_was_taken(
    tmp_path: Path, created: str, day: date, other: str
) -> None:
    write_csv(tmp_path, assets=[asset(created_at=created), asset("A-2", created_at=other)])
    write_csv(tmp_path, contributors=WHO)
    table = read_table(open_catalogue(str(tmp_path)), "assets")
    assert table["created_at"][0].as_py() == day


def test_a_zone_of_parquet_counts_for_the_day_of_shoot(tmp_path: Path) -> None:
    write_csv(tmp_path, contributors=WHO)
    columns = {name: [value] for name, value in asset().items() if name != "created_at"}
    taken = pa.array([datetime(2024, 6, 2, 3, tzinfo=UTC)], pa.timestamp("us", "America/New_York"))
    _parquet(tmp_path, "assets", pa.table({**columns, "created_at": taken}))
    table = read_table(open_catalogue(str(tmp_path)), "assets")
    assert table["created_at"][0].as_py() == date(2024, 6, 1)
    assert str(table["created_at"].type) == "date32[day]"


def test_every_absent_word_is_folded() -> None:
    assert {word.casefold() for word in ABSENT_WORDS} == ABSENT_WORDS
