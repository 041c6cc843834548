from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.catalogue.absent import ABSENT_WORDS, BLANK_CHARACTERS, is_absent
from pipelines.catalogue.convert import convert_column
from pipelines.catalogue.identifiers import normalise_id
from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from pipelines.catalogue.values import value_parser
from schemas.catalogue import ASSETS_SCHEMA, TABLES
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import (
    FORMATS,
    QUICK,
    asset,
    csv_bytes,
    jsonl_bytes,
    parquet_bytes,
    raw_catalogue,
    read_all,
    read_table_batches,
    table_bytes,
    write_catalogue,
)

# What separates or encloses lists somewhere: a list of one such item must be explained in the
# mapping.
LIST_MARKS = ";:,|¦\u037e\u2022\u2502、，；｜､،؛\ufe10\ufe11\ufe14\ufe50\ufe51\ufe54[{#</·・"
# Text that is its own trimmed form and that a list's item or an id can hold.
WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters=LIST_MARKS + BLANK_CHARACTERS),
    min_size=1,
    max_size=8,
).filter(lambda t: t.casefold() not in ABSENT_WORDS and normalise_id(t) == t)
FREE = st.text(st.characters(codec="utf-8"), max_size=12).map(
    lambda t: None if is_absent(t, "title") else t.strip(BLANK_CHARACTERS)
)
DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))
ROWS = st.fixed_dictionaries(
    {
        "media_uri": WORDS,
        "media_type": st.sampled_from(["image", "video", "audio"]),
        "contributors": st.lists(
            st.fixed_dictionaries(
                {"contributor_id": WORDS, "share_bp": st.integers(-(2**31), 2**31 - 1)}
            ),
            min_size=1,
            max_size=3,
        ),
        "licence_model": WORDS,
        "licence_class": WORDS,
        "status": WORDS,
        "title": FREE,
        "keywords": st.none() | st.lists(WORDS, min_size=1, max_size=3),
        "created_at": st.none() | DAYS,
        "valid_until": st.none() | DAYS,
        "exclusive": st.none() | st.booleans(),
        "people_count": st.none() | st.integers(-(2**31), 2**31 - 1),
        "bytes": st.none() | st.integers(-(2**63), 2**63 - 1),
    }
)


@pytest.mark.long
@QUICK
@given(rows=st.lists(ROWS, min_size=1, max_size=8))
def test_every_format_gives_the_same_table(
    rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [{"asset_id": f"a-{i}"} | row for i, row in enumerate(rows)]
    expected = pa.Table.from_pylist(rows, schema=ASSETS_SCHEMA)
    for kind in FORMATS:
        folder = write_catalogue(tmp_path_factory.mktemp(kind), rows, kind)
        table, dead = read_all(folder)
        assert dead == []
        assert table.equals(expected), kind


@pytest.mark.parametrize("kind", FORMATS)
def test_consents_keep_instants(kind: str, tmp_path: Path) -> None:
    row = {"contributor_id": "c-1", "purpose": "all", "value": "deny"}
    given_at = datetime(2026, 1, 31, 12, 30, 0, 123456, tzinfo=UTC)
    folder = write_catalogue(tmp_path, [asset()])
    data = table_bytes([row | {"given_at": given_at}], kind, "consents")
    (folder / f"consents.{kind}").write_bytes(data)
    assert read_table(open_catalogue(str(folder)), "consents")["given_at"].to_pylist() == [given_at]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)),
    ],
)
def test_instants_of_iso_8601(text: str, instant: datetime) -> None:
    field = TABLES["consents"].field("given_at")
    column, faults = convert_column(pa.array([text]), field)
    assert (column.to_pylist(), faults) == ([instant], [])


SPELLINGS = st.one_of(
    st.text(max_size=6),
    st.text("0123456789+-.eExX_ ", max_size=8),
    st.from_regex(
        r"\A[0-9]{4}-[0-1][0-9]-[0-3][0-9]"
        r"([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?)?(Z|\+0[0-9]:?00)?\Z"
    ),
    st.sampled_from(
        ["true", "YES", "no", "0", "1", "2", " 7 ", "c:1", "c:1;d:2", ";", "a;b", "a:"]
    ),
)


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@example(["0000-01-10"], "created_at")
@example(["0001-01-10T24:00:00"], "created_at")
@example(["2026-01-10T23:60:00"], "created_at")
@example(["2026-01-10T10:00:00+24:00"], "created_at")
@given(
    texts=st.lists(SPELLINGS, min_size=1, max_size=3),
    # An id loses more than blanks: tests/cases/test_values.py.
    name=st.sampled_from([name for name in ASSETS_SCHEMA.names if name != "asset_id"]),
)
def test_column_parser_agrees_with_value_parser(texts: list[str], name: str) -> None:
    """The fast parser and the reference agree on every spelling, valid or not."""
    field = ASSETS_SCHEMA.field(name).with_nullable(True)
    expected = []
    bad = set()
    for row, text in enumerate(texts):
        try:
            expected.append(None if is_absent(text, name) else value_parser(field)(text))
        except ValueError:
            expected.append(None)
            bad.add(row)
    column, faults = convert_column(pa.array(texts, pa.string()), field)
    assert {fault.row for fault in faults} == bad
    assert column.equals(pa.array(expected, field.type))


BAD = {
    "created_at": "2026-02-30",
    "valid_until": "2026-01-31T12:00:00Z",
    "people_count": "two",
    "width": 1.5,
    "minors": "perhaps",
    "bytes": 2**63,
    "contributors": "c-1",
    "territories_in": [";"],
    "media_type": None,
    "keywords": 7,
    "title": "\ud800",
}


@pytest.mark.parametrize("column", sorted(BAD))
def test_unreadable_value_fails_only_its_row(column: str, tmp_path: Path) -> None:
    rows = [asset(1), asset(2, **{column: BAD[column]}), asset(3)]
    if column == "territories_in":
        rows[1][column] = [" ", ""]
    table, dead = read_all(write_catalogue(tmp_path, rows))
    assert table["asset_id"].to_pylist() == ["a-1", "a-3"]
    [(asset_id, detail)] = dead
    assert asset_id == "a-2"
    assert detail.startswith(f"assets.jsonl:2: {column} = ")


def test_values_in_details_are_shortened(tmp_path: Path) -> None:
    _, [(_, detail)] = read_all(write_catalogue(tmp_path, [asset(1, width="x" * 5000)]))
    assert len(detail) < 200


def test_instant_is_accepted_as_a_date_only_where_no_right_depends_on_it(tmp_path: Path) -> None:
    rows = [
        asset(1, created_at="2026-01-31T23:30:00-05:00"),
        asset(2, valid_until="2026-01-31T00:00:00Z"),
    ]
    table, dead = read_all(write_catalogue(tmp_path, rows))
    assert dead == []
    assert table["created_at"].to_pylist()[0] == date(2026, 1, 31)  # where it was taken
    assert table["valid_until"].to_pylist()[1] == date(2026, 1, 31)


HEAD = b"asset_id,media_uri,media_type,contributors,licence_model,licence_class,status,title\n"


def _line(number: int, title: bytes = b"t") -> bytes:
    return b"a-%d,m,image,c-1:10000,RF,creative,active,%s\n" % (number, title)


CSV_FAULTS = [
    (b"one,two\n", "assets.csv:3", "2 columns where the header has 8"),
    (_line(9, b"t,u"), "assets.csv:3", "9 columns where the header has 8"),
    (_line(9, b'"open'), "assets.csv:3", "not CSV"),
    (_line(9, b'"closed"early'), "assets.csv:3", "not CSV"),
    (_line(9, b"\xff\xfe"), "a-9", "title = '\\xff\\xfe': not valid UTF-8"),
    (b"\xff,m,image,c-1:10000,RF,creative,active,t\n", "assets.csv:3", "not valid UTF-8"),
    (b",m,image,c-1:10000,RF,creative,active,t\n", "assets.csv:3", "asset_id = '': missing"),
]


@pytest.mark.parametrize(("bad", "asset_id", "why"), CSV_FAULTS)
def test_unreadable_csv_rows_fail(bad: bytes, asset_id: str, why: str, tmp_path: Path) -> None:
    """A quote that is never closed also fails only one line, whatever quotes follow."""
    data = HEAD + _line(1) + bad + _line(2, b'"quoted, and\nbroken"') + _line(3, b'"a ""b"""')
    table, dead = read_all(raw_catalogue(tmp_path, "assets.csv", data))
    assert table["asset_id"].to_pylist() == ["a-1", "a-2", "a-3"]
    assert table["title"].to_pylist() == ["t", "quoted, and\nbroken", 'a "b"']
    [(seen, detail)] = dead
    assert seen == asset_id
    assert why in detail


def test_csv_with_bom_carriage_returns_and_empty_lines(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + (HEAD + _line(1) + b"\n" + _line(2)).replace(b"\n", b"\r\n")
    table, dead = read_all(raw_catalogue(tmp_path, "assets.csv", data.removesuffix(b"\r\n")))
    assert (table["asset_id"].to_pylist(), dead) == (["a-1", "a-2"], [])


def test_unclosed_quote_at_the_end_fails_one_line(tmp_path: Path) -> None:
    data = HEAD + _line(1, b'"open') + b"".join(_line(i) for i in range(2, 40))
    table, dead = read_all(raw_catalogue(tmp_path, "assets.csv", data))
    assert table.num_rows == 38
    assert [row[0] for row in dead] == ["assets.csv:2"]


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"[1]",
        b"7",
        b"\xff",
        b'{"asset_id": NaN}',
        b'{"asset_id": "a-9", "asset_id": "a-8"}',
        b"[" * 100_000,
        b'{"asset_id": ' + b"9" * 5000 + b"}",
    ],
)
def test_unreadable_json_lines_fail(bad: bytes, tmp_path: Path) -> None:
    data = jsonl_bytes([asset(1)]) + bad + b"\n\n" + jsonl_bytes([asset(2)])
    table, dead = read_all(raw_catalogue(tmp_path, "assets.jsonl", data))
    assert table["asset_id"].to_pylist() == ["a-1", "a-2"]
    assert [row[0] for row in dead] == ["assets.jsonl:2"]


def test_overlong_line_fails_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.catalogue.lines.MAX_LINE_BYTES", 1000)
    long = asset(9, title="x" * 5000)
    folder = raw_catalogue(tmp_path / "j", "assets.jsonl", jsonl_bytes([asset(1), long, asset(2)]))
    table, dead = read_all(folder)
    assert (table.num_rows, [row[0] for row in dead]) == (2, ["assets.jsonl:2"])
    data = HEAD + _line(1, b'"open') + _line(2, b"x" * 5000) + _line(3)
    table, dead = read_all(raw_catalogue(tmp_path / "c", "assets.csv", data))
    assert table["asset_id"].to_pylist() == ["a-3"]
    assert [row[0] for row in dead] == ["assets.csv:2", "assets.csv:3"]


@pytest.mark.long
@QUICK
@given(
    garbage=st.lists(
        st.binary(max_size=40)
        | st.text(max_size=20).map(str.encode)
        | st.sampled_from([b'"', b"\n", b"\r", b","])
    )
)
def test_garbage_is_counted_and_raises_no_error(
    garbage: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """JSON Lines counts match exactly; CSV keeps the good rows around garbage without quotes."""
    data = b"".join(garbage)
    folder = raw_catalogue(tmp_path_factory.mktemp("j"), "assets.jsonl", data)
    table, dead = read_all(folder)
    # Empty lines are counted from the text, not by the code under test.
    lines = [
        line.decode("utf-8", "replace") for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    ]
    assert table.num_rows + len(dead) == sum(1 for line in lines if line.strip())
    tail = b"".join(_line(i) for i in range(3))
    safe = data.replace(b'"', b"").replace(b"\r", b"")
    try:
        data.decode()
    except UnicodeDecodeError:
        return  # nobody can say in which encoding that is: test_catalogue_dialects.py
    folder = raw_catalogue(tmp_path_factory.mktemp("c"), "assets.csv", HEAD + safe + b"\n" + tail)
    table, dead = read_all(folder)
    assert table["asset_id"].to_pylist()[-3:] == ["a-0", "a-1", "a-2"]
    rows = [line.decode("utf-8", "replace") for line in safe.split(b"\n")]
    assert table.num_rows + len(dead) == 3 + sum(
        1 for row in rows if row.strip(BLANK_CHARACTERS + ",")
    )
    folder = raw_catalogue(tmp_path_factory.mktemp("q"), "assets.csv", HEAD + data)
    read_all(folder)


def test_parquet_types_of_other_writers_are_accepted(tmp_path: Path) -> None:
    """Types that pandas and others write: floats for integers, dictionaries, large and binary."""
    rows = [asset(i) for i in range(3)]
    table = pa.Table.from_pylist(rows)
    columns = {
        "people_count": pa.array([1.0, None, float("nan")]),
        "width": pa.array([1.0, 2.5, 3.0]),
        "media_type": pa.array(["image"] * 3).dictionary_encode(),
        "media_uri": pa.array(["a", "b", "c"], pa.large_string()),
        "status": pa.array([b"active"] * 3, pa.binary()),
        "title": pa.array([b"good", b"\xff", None], pa.binary()),
        "created_at": pa.array([datetime(2026, 1, 31, 5)] * 3, pa.timestamp("ns")),
        "valid_from": pa.array([datetime(2026, 1, 31)] * 3, pa.timestamp("ms")),
        "minors": pa.array([0, 1, None], pa.int8()),
        "keywords": pa.array([["a", " "], [], None], pa.large_list(pa.large_string())),
        "description": pa.nulls(3),
    }
    for name, column in columns.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    folder = raw_catalogue(tmp_path, "x", b"")
    pq.write_table(table, folder / "assets.parquet")
    good, dead = read_all(folder)
    assert [row[0] for row in dead] == ["a-1"]
    assert good["people_count"].to_pylist() == [1, None]
    assert good["minors"].to_pylist() == [False, None]
    assert good["keywords"].to_pylist() == [["a"], None]
    assert good["created_at"].to_pylist() == [date(2026, 1, 31)] * 2
    assert good["title"].to_pylist() == ["good", None]


def test_parts_cover_a_table_once_and_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    folder.mkdir()
    rows = [asset(i) for i in range(250)]
    (folder / "0.parquet").write_bytes(parquet_bytes(rows[:100], "assets", row_group_size=30))
    (folder / "1.parquet").write_bytes(parquet_bytes(rows[100:], "assets", row_group_size=30))
    (folder / "_SUCCESS").write_bytes(b"")
    raw_catalogue(tmp_path, "contributors.csv", b"")
    catalogue = pickle.loads(pickle.dumps(open_catalogue(str(tmp_path))))
    assert catalogue.rows == 250
    parts = catalogue.parts("assets")
    assert [part.index for part in parts] == list(range(len(parts)))
    found = read_table_batches(catalogue, rows=7)
    assert max(batch.table.num_rows for batch in found) <= 7
    ids = [name for batch in found for name in batch.table["asset_id"].to_pylist()]
    assert ids == [row["asset_id"] for row in rows]


def test_small_tables_fail_closed(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()])
    bad = b"contributor_id,purpose,value,given_at\nc-1,all,deny,2026-01-31\nc-1,all,deny,soon\n"
    (folder / "consents.csv").write_bytes(bad)
    with pytest.raises(InputError, match=r"consents.csv:3: given_at = 'soon'"):
        read_table(open_catalogue(str(folder)), "consents")


def test_absent_optional_table_is_empty(tmp_path: Path) -> None:
    catalogue = open_catalogue(str(write_catalogue(tmp_path, [asset()])))
    assert catalogue.parts("consents") == []
    assert read_table(catalogue, "releases").schema == TABLES["releases"]


def test_changed_table_is_refused(tmp_path: Path) -> None:
    catalogue = open_catalogue(str(write_catalogue(tmp_path, [asset()])))
    (tmp_path / "assets.jsonl").write_bytes(jsonl_bytes([asset(), asset(1)]))
    with pytest.raises(InputError, match="changed while"):
        list(read_batches(catalogue.parts("assets")[0], catalogue.mapping))


def test_damaged_parquet_is_an_input_error(tmp_path: Path) -> None:
    data = bytearray(parquet_bytes([asset(i) for i in range(50)], "assets"))
    with pytest.raises(InputError, match="not a Parquet file"):
        open_catalogue(str(raw_catalogue(tmp_path / "a", "assets.parquet", bytes(data[:-5]))))
    data[4:200] = b"\xff" * 196
    with pytest.raises(InputError, match="damaged"):
        read_all(raw_catalogue(tmp_path / "b", "assets.parquet", bytes(data)))


def test_digest_covers_names_bytes_and_mapping(tmp_path: Path) -> None:
    first = open_catalogue(str(write_catalogue(tmp_path / "a", [asset()]))).digest
    again = open_catalogue(str(write_catalogue(tmp_path / "b", [asset()]))).digest
    other = open_catalogue(str(write_catalogue(tmp_path / "c", [asset(status="gone")]))).digest
    (tmp_path / "b/mapping.toml").write_text("[mapping]\n")
    mapped = open_catalogue(str(tmp_path / "b")).digest
    assert first == again
    assert len({first, other, mapped}) == 3


def test_csv_cells_of_the_cases_are_correct() -> None:
    assert csv_bytes([asset()]).splitlines()[1].endswith(b",c-1:6000;c-2:4000,RF,creative,active")


def test_a_word_for_yes_is_to_be_mapped(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()], "csv")
    row = {"release_id": "R-1", "kind": "model", "subject_signed": "ja"}
    (folder / "releases.csv").write_bytes(csv_bytes([row]))
    catalogue = open_catalogue(str(folder))
    with pytest.raises(InputError) as caught:
        read_table(catalogue, "releases")
    assert '[mapping.releases.values.subject_signed] "Their word" = "yes"' in str(caught.value)
    mapping = '[mapping.releases.values.subject_signed]\nja = "yes"\n'
    (folder / "mapping.toml").write_text(mapping)
    table = read_table(open_catalogue(str(folder)), "releases")
    assert table["subject_signed"].to_pylist() == [True]
