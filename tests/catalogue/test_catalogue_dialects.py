"""CSV dialects are read where they are certain; otherwise the mapping's key is named."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.read import open_catalogue, read_table
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import QUICK, Row, asset, csv_bytes, read_all, write_catalogue

pytestmark = pytest.mark.long

COLUMNS = ["contributor_id", "purpose", "value", "given_at", "agreement_ref", "asset_id"]
Denial = tuple[str, str, str | None]


STYLES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "title": lambda name: name.replace("_", " ").title(),
    "camel": lambda name: name.title().replace("_", ""),
    "dashes": lambda name: name.replace("_", "-"),
    "padded": lambda name: f"\u00a0{name} ",
}


@dataclass(frozen=True)
class Written:
    """How a table of consents is written."""

    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    newline: str = "\r\n"
    sep_line: bool = False
    quote_all: bool = False
    blank_rows: int = 0
    columns: tuple[str, ...] = tuple(COLUMNS)
    style: str = "plain"

    def header(self) -> list[str]:
        change = STYLES[self.style]
        return [change(name) for name in self.columns]

    def data(self, rows: list[Row]) -> bytes:
        text = io.StringIO(newline="")
        if self.sep_line:
            text.write(f"sep={self.separator}{self.newline}")
        writer = csv.writer(
            text,
            delimiter=self.separator,
            quotechar=self.quote,
            lineterminator=self.newline,
            quoting=csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL,
        )
        writer.writerow(self.header())
        for row in rows:
            writer.writerow([row.get(name) or "" for name in self.columns])
            for _ in range(self.blank_rows):
                writer.writerow([""] * len(self.columns))
        return text.getvalue().encode(self.encoding)

    def mapping(self) -> str:
        return (
            "[mapping.consents.csv]\n"
            f'encoding = "{self.encoding}"\nseparator = "{self.separator}"\n'.replace("\t", "\\t")
            + ('quote = "\'"\n' if self.quote == "'" else "quote = '\"'\n")
        )


WRITTEN = st.builds(
    Written,
    encoding=st.sampled_from(
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "mac-roman"]
    ),
    separator=st.sampled_from(",;\t|"),
    quote=st.sampled_from("\"'"),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    sep_line=st.booleans(),
    quote_all=st.booleans(),
    blank_rows=st.integers(0, 2),
    columns=st.permutations(COLUMNS).map(tuple),
    style=st.sampled_from(sorted(STYLES)),
)
# Not in double quotes, which are no part of an id unless the mapping says so, and not of dashes
# alone, which are a spelling of absent.
IDS = (
    st.text("abcé ñÅ-07,;|'\"ü", min_size=1, max_size=8)
    .map(lambda t: t.strip(' "'))
    .filter(lambda t: any(map(str.isalnum, t)))
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "contributor_id": IDS,
            "purpose": st.sampled_from(["all", "train_gen"]),
            "value": st.sampled_from(["deny", "allow"]),
            "given_at": st.sampled_from(["2026-01-01", "2025-12-31T10:00:00Z"]),
            "agreement_ref": st.none() | IDS,
            "asset_id": st.none() | IDS,
        }
    ),
    min_size=1,
    max_size=6,
)


def _denials(rows: list[Row]) -> list[Denial]:
    return sorted(
        (row["contributor_id"], row["purpose"], row["asset_id"] or "")
        for row in rows
        if row["value"] == "deny"
    )


def _read(folder: Path) -> list[Row]:
    return read_table(open_catalogue(str(folder)), "consents").to_pylist()


def _write(folder: Path, written: Written, rows: list[Row], stated: bool, files: int) -> Path:
    write_catalogue(folder, [asset()], "csv")
    (folder / "consents").mkdir()
    for number in range(files):
        part = rows[number::files]
        (folder / "consents" / f"{number}.csv").write_bytes(written.data(part))
    if stated:
        (folder / "mapping.toml").write_text(written.mapping())
    return folder


# Ids that, in quotes of one kind, may be read as other cells in quotes of the other.
TRICKY_IDS = (
    st.lists(st.sampled_from([";", '"', "'", '";', ';"', "0"]), min_size=1, max_size=4)
    .map(lambda parts: "".join(parts).strip('"'))
    .filter(lambda text: "0" in text)
)
TRICKY_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "contributor_id": TRICKY_IDS,
            "purpose": st.just("all"),
            "value": st.just("deny"),
            "given_at": st.just("2026-01-01"),
            "agreement_ref": st.none() | TRICKY_IDS,
            "asset_id": st.none() | TRICKY_IDS,
        }
    ),
    min_size=1,
    max_size=3,
)
TRICKY = st.builds(
    Written,
    separator=st.just(";"),
    quote=st.sampled_from("\"'"),
    columns=st.permutations(COLUMNS).map(tuple),
)


def _denials_are_kept(
    written: Written, rows: list[Row], stated: bool, files: int, folder: Path
) -> None:
    root = _write(folder, written, rows, stated, files)
    try:
        found = _read(root)
    except InputError as error:
        assert error.which
        return
    assert _denials(found) == _denials(rows)
    assert len(found) == len(rows)


EXAMPLE = {
    "written": WRITTEN,
    "rows": ROWS,
    "stated": st.booleans(),
    "files": st.integers(1, 3),
}


@QUICK
@given(**EXAMPLE)
def test_no_dialect_loses_a_denial(
    written: Written,
    rows: list[Row],
    stated: bool,
    files: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Every row is read with the id that was written, or the run stops."""
    _denials_are_kept(written, rows, stated, files, tmp_path_factory.mktemp("c"))


@settings(QUICK, max_examples=200)
@given(written=TRICKY, rows=TRICKY_ROWS)
def test_quotes_of_the_other_kind_lose_no_denial(
    written: Written, rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _denials_are_kept(written, rows, False, 1, tmp_path_factory.mktemp("c"))


def test_a_cell_of_parts_of_other_cells_is_refused(tmp_path: Path) -> None:
    """Read with double quotes, the row has as many cells, and nobody's denial among them."""
    columns = ("purpose", "contributor_id", "value", "agreement_ref", "given_at", "asset_id")
    written = Written(separator=";", quote="'", columns=columns)
    row = {"purpose": "all", "contributor_id": ';"0', "value": "deny", "agreement_ref": '0";'}
    folder = _write(tmp_path, written, [{**row, "given_at": "2026-01-01"}], False, 1)
    with pytest.raises(InputError, match="quotes of another kind"):
        _read(folder)


@pytest.mark.slow
@settings(QUICK, max_examples=10_000)
@given(**EXAMPLE)
def test_no_dialect_loses_a_denial_in_many_examples(
    written: Written,
    rows: list[Row],
    stated: bool,
    files: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    _denials_are_kept(written, rows, stated, files, tmp_path_factory.mktemp("c"))


PLAIN = [
    {"contributor_id": "José", "purpose": "all", "value": "deny", "given_at": "2026-01-01"},
    {"contributor_id": "c-2", "purpose": "all", "value": "allow", "given_at": "2026-01-01"},
]
CERTAIN = [
    Written(),
    Written(encoding="utf-8-sig"),
    Written(encoding="utf-16", separator="\t"),
    Written(encoding="utf-16-le"),
    Written(encoding="utf-16-be", newline="\n"),
    Written(encoding="utf-32"),
    Written(separator=";"),
    Written(separator="\t"),
    Written(separator="|"),
    Written(newline="\r"),
    Written(newline="\r", encoding="utf-16"),
    Written(sep_line=True, separator=";", encoding="utf-8-sig"),
    Written(quote="'", quote_all=True),
    Written(style="upper", separator=";"),
    Written(style="title", quote_all=True),
    Written(blank_rows=3),
]


@pytest.mark.parametrize("written", CERTAIN, ids=str)
def test_a_certain_dialect_is_read(written: Written, tmp_path: Path) -> None:
    found = _read(_write(tmp_path, written, PLAIN, False, 1))
    assert [row["contributor_id"] for row in found] == ["José", "c-2"]


@pytest.mark.parametrize("encoding", ["cp1252", "mac-roman", "latin-1", "cp1250"])
def test_another_encoding_is_asked_for_and_then_read(encoding: str, tmp_path: Path) -> None:
    written = Written(encoding=encoding)
    folder = _write(tmp_path, written, PLAIN, False, 1)
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    assert '[mapping.consents.csv] encoding = "cp1252"' in str(caught.value)
    (folder / "mapping.toml").write_text(written.mapping())
    assert _read(folder)[0]["contributor_id"] == "José"


@pytest.mark.parametrize(
    ("encoding", "word", "wrong"),
    [("cp1254", "Işık", "cp1252 'Iþýk'"), ("cp1250", "Łódź", "cp1252 or cp1254 '£ódŸ'")],
)
def test_a_word_that_tells_the_encoding_is_shown(
    encoding: str, word: str, wrong: str, tmp_path: Path
) -> None:
    """The first word reads the same in Western Europe, Turkey and Poland."""
    _, said = _refused_consents(tmp_path, ("Görsel", word), encoding)
    assert f"{encoding} '{word}'" in said
    assert wrong in said


def _refused_consents(tmp_path: Path, names: Iterable[str], encoding: str) -> tuple[Path, str]:
    """Writes a consent of each contributor; returns the catalogue, and why it is refused."""
    rows = (
        "contributor_id,purpose,value,given_at",
        *(f"{name},all,allow,2025-01-31" for name in names),
    )
    folder = _write(tmp_path, Written(), PLAIN, False, 1)
    (folder / "consents" / "0.csv").write_bytes("\n".join(rows).encode(encoding))
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    return folder, str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1251", ("Иванов", "Чайка")),
        ("koi8-r", ("Иванов", "Чайка")),
        ("cp1253", ("Ελένη", "Νίκος")),
        ("cp1255", ("יעקב", "רחל")),
        ("cp1256", ("ليلى", "عمر")),
        ("cp874", ("สมชาย", "มาลี")),
        ("gb18030", ("王芳", "李伟")),
        ("big5", ("陳美玲", "林志明")),
        ("cp932", ("田中", "やまだ")),
        ("cp949", ("김서연", "이준")),
    ],
)
def test_an_encoding_without_latin_letters_is_asked_for_and_then_read(
    encoding: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    folder, said = _refused_consents(tmp_path, words, encoding)
    assert "encoding of a table is not UTF-8" in said
    assert any(f"{encoding} '{word}'" in said for word in words)
    (folder / "mapping.toml").write_text(f'[mapping.consents.csv]\nencoding = "{encoding}"\n')
    assert [row["contributor_id"] for row in _read(folder)] == list(words)


def test_encodings_in_which_a_word_reads_the_same_are_named_together(tmp_path: Path) -> None:
    folder = _write(tmp_path, Written(encoding="cp1252"), PLAIN, False, 1)
    with pytest.raises(InputError, match="in cp1252 or cp1254 or cp1250 'José'"):
        open_catalogue(str(folder))


def test_a_stray_byte_among_good_rows_costs_its_row(tmp_path: Path) -> None:
    rows = [asset(i, title="Café") for i in range(3)]
    data = csv_bytes(rows) + csv_bytes([asset(3, title="Café")]).splitlines()[1].replace(
        "é".encode(), b"\xe9"
    )
    folder = write_catalogue(tmp_path, [], "csv")
    (folder / "assets.csv").write_bytes(data)
    table, dead = read_all(folder)
    assert (table.num_rows, [name for name, _ in dead]) == (3, ["a-3"])


def test_a_mark_of_order_contradicts_what_is_stated(tmp_path: Path) -> None:
    folder = _write(tmp_path, Written(encoding="utf-16"), PLAIN, False, 1)
    (folder / "mapping.toml").write_text(Written(encoding="cp1252").mapping())
    with pytest.raises(InputError, match="byte order mark"):
        open_catalogue(str(folder))


def test_an_unquoted_list_of_semicolons_in_a_file_of_semicolons(tmp_path: Path) -> None:
    data = csv_bytes([asset(keywords="a")]).replace(b",", b";")
    folder = write_catalogue(tmp_path, [], "csv")
    (folder / "assets.csv").write_bytes(data)
    with pytest.raises(InputError, match="separated by semicolons"):
        open_catalogue(str(folder))
    (folder / "mapping.toml").write_text('[mapping.assets.csv]\nseparator = ";"\n')
    table, dead = read_all(folder)  # the row is judged, with the separator that was stated
    assert (table.num_rows, len(dead)) == (0, 1)


def test_single_quotes_under_a_plain_header_are_asked_for(tmp_path: Path) -> None:
    data = b"contributor_id,purpose,value,given_at\n'c-1',all,deny,2026-01-01\n"
    folder = write_catalogue(tmp_path, [asset()], "csv")
    (folder / "consents.csv").write_bytes(data)
    with pytest.raises(InputError, match="quote = "):
        _read(folder)
    (folder / "mapping.toml").write_text('[mapping.consents.csv]\nquote = "\'"\n')
    assert _read(folder)[0]["contributor_id"] == "c-1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[mapping.assets.csv]\nencoding = "utf-99"', "unknown encoding"),
        ('[mapping.assets.csv]\nencoding = "rot13"', "unknown encoding"),
        ('[mapping.assets.csv]\nseparator = ",,"', "one character"),
        ('[mapping.assets.csv]\nsep = ","', "Allowed here: encoding"),
        ('[mapping.assets.dates]\ncreated_at = "dym"', "order of dates"),
        ('[mapping.assets.dates]\ncreated_at = ["dmy", "mdy"]', "contradict"),
        ('[mapping.assets.dates]\ntitle = "dmy"', "unknown key"),
        ('[mapping.assets.lists]\ntitle = ","', "unknown key"),
        ('[mapping.assets.lists]\ncontributors = ":"', "colon"),
    ],
)
def test_an_invalid_form_is_refused(text: str, why: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()], "csv")
    (folder / "mapping.toml").write_text(text)
    with pytest.raises(InputError, match=why):
        open_catalogue(str(folder))


LISTS = ["dog, x-ray", "dog,x-ray", "dog|x-ray", "dog\nx-ray", "dog、x-ray", "dog，x-ray"]


@pytest.mark.parametrize("cell", LISTS)
def test_a_list_that_may_be_one_item_is_asked_about(cell: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset(keywords=cell)], "csv")
    with pytest.raises(InputError, match=r"mapping\.assets\.lists\] keywords"):
        read_all(folder)
    mark = cell.removeprefix("dog").removesuffix("x-ray").strip(" ")
    stated = f"[mapping.assets.lists]\nkeywords = {mark!r}\n".replace("'\\n'", '"\\n"')
    (folder / "mapping.toml").write_text(stated, encoding="utf-8")
    assert read_all(folder)[0]["keywords"].to_pylist() == [["dog", "x-ray"]]
    (folder / "mapping.toml").write_text('[mapping.assets.lists]\nkeywords = ";"\n')
    [keywords] = read_all(folder)[0]["keywords"].to_pylist()
    assert keywords is not None
    assert len(keywords) == 1


def test_a_list_in_the_usual_form_is_not_overlooked_by_another(tmp_path: Path) -> None:
    rows = [asset(1, keywords="dog, x-ray"), asset(2, keywords="dog;x-ray")]
    folder = write_catalogue(tmp_path, rows, "csv")
    (folder / "mapping.toml").write_text('[mapping.assets.lists]\nkeywords = ","\n')
    with pytest.raises(InputError, match="dog;x-ray"):
        read_all(folder)
    (folder / "mapping.toml").write_text('[mapping.assets.lists]\nkeywords = [",", ";"]\n')
    assert read_all(folder)[0]["keywords"].to_pylist() == [["dog", "x-ray"]] * 2


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_list_of_one_text_may_be_several_items(kind: str, tmp_path: Path) -> None:
    rows = [asset(1, keywords=["dog, x-ray"]), asset(2, keywords=["a, b", "c"])]
    folder = write_catalogue(tmp_path, rows, kind)
    with pytest.raises(InputError, match="dog, x-ray"):
        read_all(folder)
    (folder / "mapping.toml").write_text('[mapping.assets.lists]\nkeywords = ","\n')
    expected = [["dog", "x-ray"], ["a", "b", "c"]]
    assert read_all(folder)[0]["keywords"].to_pylist() == expected


DATES = {
    ("01/05/2024", "dmy"): "2024-05-01",
    ("01/05/2024", "mdy"): "2024-01-05",
    ("1.5.2024", "dmy"): "2024-05-01",
    ("2024/5/1", "ymd"): "2024-05-01",
    ("45413", "excel-1900"): "2024-05-01",
    ("43951", "excel-1904"): "2024-05-01",
    ("45413.0", "excel-1900"): "2024-05-01",
    ("01/05/2024 12:30 PM", "mdy"): "2024-01-05",
}


@pytest.mark.parametrize(("cell", "order"), sorted(DATES))
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_date_in_local_order_is_asked_about(
    cell: str, order: str, kind: str, tmp_path: Path
) -> None:
    folder = write_catalogue(tmp_path, [asset(created_at=cell)], kind)
    with pytest.raises(InputError, match=r"mapping\.assets\.dates\] created_at"):
        read_all(folder)
    (folder / "mapping.toml").write_text(f'[mapping.assets.dates]\ncreated_at = "{order}"\n')
    table, dead = read_all(folder)
    assert dead == []
    assert str(table["created_at"].to_pylist()[0]) == DATES[cell, order]


def test_a_date_that_contradicts_its_order_costs_its_row(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset(1, created_at="31/12/2024"), asset(2)], "csv")
    (folder / "mapping.toml").write_text('[mapping.assets.dates]\ncreated_at = "mdy"\n')
    assert [name for name, _ in read_all(folder)[1]] == ["a-1"]


SMALL = {
    "consents": b"contributor_id,purpose,value,given_at,agreement_ref\n"
    b'c-1,all,allow,2024-01-01,"MSA\n2019"\n',
    "releases": b'release_id,kind,subject_ref\nr-1,model,"Ada\nL."\n',
    "contributors": b'contributor_id,display_name\nc-1,"Ada\nL."\n',
}


@pytest.mark.parametrize("table", sorted(SMALL))
def test_a_cell_over_lines_stops_the_run_in_a_small_table(table: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()], "csv")
    (folder / f"{table}.csv").write_bytes(SMALL[table])
    with pytest.raises(InputError, match=rf"{table}\.csv:2: a quote opens here"):
        read_table(open_catalogue(str(folder)), table)


def test_a_quote_that_swallows_assets_costs_its_line_alone(tmp_path: Path) -> None:
    good = [asset(i, title=f"t{i}") for i in range(4)]
    lines = csv_bytes(good).decode().splitlines()
    lines[2] = lines[2].removesuffix("t1") + '"t1'  # opens on the line of a-1
    lines[4] += '"'  # and is closed after a-3
    folder = write_catalogue(tmp_path, [], "csv")
    (folder / "assets.csv").write_text("\n".join(lines) + "\n")
    table, dead = read_all(folder)
    assert [name for name, _ in dead] == ["assets.csv:3"]
    assert table["asset_id"].to_pylist() == ["a-0", "a-2", "a-3"]


def test_blank_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    data = csv_bytes([asset(1)]) + b",,,,,,\r\n\n , ,,\n" + csv_bytes([asset(2)]).splitlines()[1]
    folder = write_catalogue(tmp_path, [], "csv")
    (folder / "assets.csv").write_bytes(data + b"\n,\n")
    table, dead = read_all(folder)
    assert (table["asset_id"].to_pylist(), dead) == (["a-1", "a-2"], [])


@pytest.mark.parametrize("ending", ["jsonl", "json", "jsonl.gz"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_json_in_a_wide_encoding_is_named(encoding: str, ending: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()], "csv")
    row = '{"k\u00fcnstler": "c-1", "contributor_id": "c-1"}'
    data = (f"[{row}]" if ending == "json" else f"{row}\n").encode(encoding)
    packed = gzip.compress(data) if ending.endswith("gz") else data
    (folder / f"consents.{ending}").write_bytes(packed)
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    assert f"A table in JSON is in {encoding.upper()}" in str(caught.value)
    found = re.search("iconv -f ([A-Z0-9-]+) -t UTF-8", str(caught.value))
    assert found is not None
    assert data.decode(found[1]) == data.decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_csv_in_utf_32_without_a_mark_is_read(encoding: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset(1), asset(2)], "csv")
    path = folder / "assets.csv"
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    table, dead = read_all(folder)
    assert (table["asset_id"].to_pylist(), dead) == (["a-1", "a-2"], [])
