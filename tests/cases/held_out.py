"""Small catalogues with one no in an odd form, and what must become of it.

python -m tests.cases.held_out [NAME…]     # runs them and prints what became of each
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.rights.rules.reasons import REASONS
from schemas.reason_info import Stage
from tests.cases.common import outcomes
from tests.cases.values_common import agreement, asset, release, said
from tests.deals import deal_text
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

Row = dict[str, Any]
Rows = list[Row]
NO = "A-2"  # the asset that must not be delivered; A-1 may be
STOPS, READS, EITHER = "stops", "reads", "either"
LIMIT = "limit"  # what docs/ says is not found, or not counted before its day
_EARLY = {code for code, info in REASONS.items() if info.stage in (Stage.READ, Stage.SCREEN)}
_DEAL = deal_text() + '[select]\ndedupe = "near"\nmin_short_side = 100\n'


_NEW_YORK = pa.timestamp("ns", tz="America/New_York")


class Case:
    """A catalogue of two pictures by two contributors who said yes.

    Attributes:
        folder: Where it is written.
        tables: Its tables, which a variant changes before `write`.
    """

    def __init__(self, folder: Path, second: str = "c-2") -> None:
        self.folder = folder
        self.tables: dict[str, Rows] = {
            "assets": [asset("A-1"), asset(NO, second, media_uri="media/2.jpg")],
            "contributors": [{"contributor_id": name} for name in ("c-1", second)],
            "consents": [said(), said(contributor=second)],
        }
        self.media = {"media/1.jpg": picture(1), "media/2.jpg": picture(2)}
        self.files: dict[str, bytes] = {}  # instead of tables, by name
        self.mapping = ""

    def deny(self, contributor: str = "c-2", **changes: Any) -> None:
        """Adds a no."""
        self.tables["consents"].append(said("deny", contributor, **changes))

    def instead(self, table: str, ending: str, data: bytes) -> None:
        """Gives a table in another form."""
        del self.tables[table]
        self.files[f"{table}.{ending}"] = data

    def write(self) -> Path:
        """Writes the catalogue and the deal."""
        for name, data in {**self.media, **self.files}.items():
            path = self.folder / "catalogue" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, rows in self.tables.items():
            (self.folder / "catalogue" / f"{name}.csv").write_bytes(text_of(rows).encode())
        if self.mapping:
            (self.folder / "catalogue" / "mapping.toml").write_text(self.mapping)
        (self.folder / "deal.toml").write_text(_DEAL)
        return self.folder


def picture(number: int, **options: Any) -> bytes:
    """A JPEG of a scene of its own."""
    sink = io.BytesIO()
    render(draw_scene_spec(number), 240, 160).save(sink, "JPEG", **{"quality": 90, **options})
    return sink.getvalue()


def text_of(rows: Sequence[Row], **options: Any) -> str:
    """Rows as CSV."""
    sink = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sink, names, restval="", **options)
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def book_of(rows: Sequence[Row], title: str = "consents") -> Workbook:
    """Rows as a workbook."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    names = list(dict.fromkeys(name for row in rows for name in row))
    sheet.append(names)
    for row in rows:
        sheet.append([row.get(name) or None for name in names])
    return book


def saved(book: Workbook) -> bytes:
    """A workbook's bytes."""
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def parquet_of(table: pa.Table, **options: Any) -> bytes:
    """A table as Parquet."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


@dataclass(frozen=True)
class Variant:
    """A catalogue, and whether its reading must stop."""

    name: str
    wanted: str
    make: Callable[[Case], None]
    second: str = "c-2"


VARIANTS: list[Variant] = []


def variant(
    name: str, wanted: str = EITHER, second: str = "c-2"
) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Registers a variant."""

    def add(make: Callable[[Case], None]) -> Callable[[Case], None]:
        VARIANTS.append(Variant(name, wanted, make, second))
        return make

    return add


def _ids() -> Iterator[tuple[str, str, str, str]]:
    """Name, what must become of it, the contributor's id, and how the no spells it."""
    yield "id full width", EITHER, "c-2", "\uff43-2"
    yield "id in cyrillic", STOPS, "c-2", "\u0441-2"
    yield "id decomposed", EITHER, "Zo\u00eb", "Zoe\u0308"
    yield "id no-break space", EITHER, "c-2", "c-2\u00a0"
    yield "id zero-width space", EITHER, "c-2", "c\u200b-2"
    yield "id byte order mark", EITHER, "c-2", "\ufeffc-2"
    yield "id en dash", STOPS, "c-2", "c\u20132"
    yield "id without leading zeros", STOPS, "00123", "123"
    yield "id scientific", STOPS, "123456789012", "1.23457E+11"
    yield "id rounded to 15 digits", STOPS, "1234567890123456", "1234567890123450"
    yield "id thousands", STOPS, "1234567", "1,234,567"
    yield "id float", STOPS, "42", "42.0"
    yield "id became a date", STOPS, "3-5", "05.03.2026"
    yield "id apostrophe", EITHER, "c-2", "'c-2"
    yield "id as formula", EITHER, "c-2", '="c-2"'
    yield "id in capitals", STOPS, "c-2", "C-2"
    yield "id with tab", EITHER, "c-2", "c-2\t"
    yield "id arabic digit", EITHER, "c-2", "c-\u0662"
    yield "id cell in quotes", EITHER, "c-2", '"c-2"'
    yield "id two in a cell", STOPS, "c-2", "c-1;c-2"


def _add_ids() -> None:
    for name, wanted, ours, theirs in _ids():

        def make(case: Case, spelled: str = theirs) -> None:
            case.deny(spelled)

        VARIANTS.append(Variant(name, wanted, make, ours))


_add_ids()


@variant("asset id in small letters", STOPS)
def _(case: Case) -> None:
    case.deny(asset_id="a-2")


@variant("asset id with soft hyphen")
def _(case: Case) -> None:
    case.deny(asset_id="A\u00ad-2")


@variant("columns in other case and words", READS)
def _(case: Case) -> None:
    case.deny()
    text = text_of(case.tables["consents"]).replace("contributor_id", " Contributor-ID ", 1)
    case.instead("consents", "csv", text.replace("value", "VALUE", 1).encode("utf-8-sig"))


@variant("column twice", STOPS)
def _(case: Case) -> None:
    rows = [[*said(), "value"], [*said().values(), "allow"]]
    rows += [[*said("allow", "c-2").values(), "deny"]]
    case.instead("consents", "csv", "\n".join(",".join(row) for row in rows).encode())


@variant("column twice in other case", STOPS)
def _(case: Case) -> None:
    rows = [[*said(), "Value"], [*said().values(), "allow"]]
    rows += [[*said("allow", "c-2").values(), "deny"]]
    case.instead("consents", "csv", "\n".join(",".join(row) for row in rows).encode())


@variant("column without a name", STOPS)
def _(case: Case) -> None:
    rows = [[*said(), ""], [*said().values(), ""]]
    rows += [[*said("allow", "c-2").values(), "withdrawn"]]
    case.instead("consents", "csv", "\n".join(",".join(row) for row in rows).encode())


@variant("column without a name in a sheet", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    sheet = book.worksheets[0]
    sheet.insert_cols(2)
    sheet["B3"] = "withdrawn"
    case.instead("consents", "xlsx", saved(book))


@variant("column without a name in JSON", STOPS)
def _(case: Case) -> None:
    rows = [row | {"": ""} for row in case.tables["consents"]]
    rows[1][""] = "withdrawn"
    case.instead("consents", "jsonl", "\n".join(map(json.dumps, rows)).encode())


@variant("column without a name with numbers of rows", READS)
def _(case: Case) -> None:
    case.deny()
    rows = [{"": at} | row for at, row in enumerate(case.tables["consents"])]
    case.instead("consents", "csv", text_of(rows).encode())


@variant("two byte order marks", EITHER)
def _(case: Case) -> None:
    case.deny()
    text = "\ufeff\ufeff" + text_of(case.tables["consents"])
    case.instead("consents", "csv", text.encode())


@variant("status with a blank in its name", READS)
def _(case: Case) -> None:
    case.tables["assets"][1]["status"] = "Withdrawn "
    text = text_of(case.tables["assets"]).replace(",status,", ",Status ,", 1)
    case.instead("assets", "csv", text.encode())


@variant("merged header over two rows", STOPS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    sheet = book.worksheets[0]
    sheet.insert_rows(1)
    sheet["A1"] = "Contributor"
    sheet["C1"] = "Answer"
    sheet.merge_cells("A1:B1")
    case.instead("consents", "xlsx", saved(book))


@variant("cells merged over yes and no", STOPS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    book.worksheets[0].merge_cells("A3:A4")
    case.instead("consents", "xlsx", saved(book))


@variant("rows hidden by a filter", READS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    sheet = book.worksheets[0]
    sheet.auto_filter.ref = "A1:F4"
    sheet.auto_filter.add_filter_column(2, ["allow"])
    sheet.row_dimensions[4].hidden = True
    case.instead("consents", "xlsx", saved(book))


@variant("a hidden column", READS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    book.worksheets[0].column_dimensions["C"].hidden = True
    case.instead("consents", "xlsx", saved(book))


@variant("a very hidden sheet", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    sheet = book.create_sheet("old")
    sheet.append(list(said()))
    sheet.append(list(said("deny", "c-2").values()))
    sheet.sheet_state = "veryHidden"
    case.instead("consents", "xlsx", saved(book))


@variant("a formula without a value", STOPS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    book.worksheets[0]["C4"] = '=IF(1=1,"deny","allow")'
    case.instead("consents", "xlsx", saved(book))


@variant("days since 1904", READS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    book.epoch = CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    for row in (2, 3):
        sheet.cell(row, 4).value = datetime(2024, 1, 1)
    sheet.append(["c-2", "all", "deny", datetime(2026, 3, 1)])
    case.instead("consents", "xlsx", saved(book))


@variant("a struck-out yes", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    for cell in book.worksheets[0][3]:
        cell.font = Font(strike=True)
    case.instead("consents", "xlsx", saved(book))


def _contracts() -> Rows:
    return [agreement(f"M-{n}", f"c-{n}", revoked_at="2026-01-01") for n in (1, 2)]


@variant("contracts beside contributors", STOPS)
def _(case: Case) -> None:
    book = book_of(_contracts(), "Stammdaten")
    case.instead("contributors", "xlsx", saved(book))


@variant("contracts below contributors", STOPS)
def _(case: Case) -> None:
    people = [row | {"display_name": "x", "country": "DE"} for row in case.tables["contributors"]]
    book = book_of([row | {"currency": "EUR", "payee_ref": "p"} for row in people], "Stammdaten")
    for cells in ([], [*_contracts()[0]], *(list(row.values()) for row in _contracts())):
        book.worksheets[0].append([cell or None for cell in cells] or [None])
    case.instead("contributors", "xlsx", saved(book))


@variant("a no below contributors", STOPS)
def _(case: Case) -> None:
    people = [
        row | {"display_name": "x", "country": "DE", "currency": "EUR", "payee_ref": "p"}
        for row in case.tables["contributors"]
    ]
    below = "contributor_id,purpose,value,given_at,\r\nc-2,all,deny,2026-01-01,\r\n"
    case.instead("contributors", "csv", (text_of(people) + "\r\n" + below).encode())


@variant("a note on a yes", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    book.worksheets[0]["C3"].comment = Comment("withdrawn by contributor", "Ida")
    case.instead("consents", "xlsx", saved(book))


@variant("an ODS beside", STOPS)
def _(case: Case) -> None:
    case.files["consents.ods"] = b"PK\x03\x04"


@variant("xlsx and csv", STOPS)
def _(case: Case) -> None:
    case.files["consents.xlsx"] = saved(book_of([said("deny", "c-2")]))


@variant("cp1252", STOPS, "Zo\u00eb")
def _(case: Case) -> None:
    case.deny("Zo\u00eb")
    case.instead("consents", "csv", text_of(case.tables["consents"]).encode("cp1252"))


@variant("MacRoman stated", READS, "Zo\u00eb")
def _(case: Case) -> None:
    case.deny("Zo\u00eb")
    case.mapping = '[mapping.consents.csv]\nencoding = "mac-roman"\n'
    case.instead("consents", "csv", text_of(case.tables["consents"]).encode("mac-roman"))


@variant("MacRoman stated as cp1252", STOPS, "Zo\u00eb")
def _(case: Case) -> None:
    case.deny("Zo\u00eb")
    case.mapping = '[mapping.consents.csv]\nencoding = "cp1252"\n'
    case.instead("consents", "csv", text_of(case.tables["consents"]).encode("mac-roman"))


@variant("UTF-16 with tabs", READS)
def _(case: Case) -> None:
    case.deny()
    text = text_of(case.tables["consents"], delimiter="\t")
    case.instead("consents", "csv", text.encode("utf-16"))


@variant("semicolons and quoted line ends", STOPS)
def _(case: Case) -> None:
    case.deny(agreement_ref='MSA; "2019"\r\nclause 7')
    text = text_of(case.tables["consents"], delimiter=";", quoting=csv.QUOTE_ALL)
    case.instead("consents", "csv", text.encode())


@variant("NUL bytes", EITHER)
def _(case: Case) -> None:
    case.deny()
    text = text_of(case.tables["consents"]).replace("c-2,all,deny", "c-2,all,de\0ny")
    case.instead("consents", "csv", text.encode())


@variant("no line end at the end", READS)
def _(case: Case) -> None:
    case.deny()
    case.instead("consents", "csv", text_of(case.tables["consents"]).rstrip().encode())


def _split(case: Case) -> tuple[bytes, bytes]:
    case.deny()
    text = text_of(case.tables["consents"])
    at = text.index("c-2,all,deny")
    return text[:at].encode(), text[at:].encode()


@variant("gzip in two members", READS)
def _(case: Case) -> None:
    one, two = _split(case)
    case.instead("consents", "csv.gz", gzip.compress(one) + gzip.compress(two))


@variant("bzip2 in two streams", READS)
def _(case: Case) -> None:
    one, two = _split(case)
    case.instead("consents", "csv.bz2", bz2.compress(one) + bz2.compress(two))


@variant("zstandard in two frames", READS)
def _(case: Case) -> None:
    one, two = (pa.Codec("zstd").compress(part, asbytes=True) for part in _split(case))
    case.instead("consents", "csv.zst", one + two)


@variant("a second copy by a browser", STOPS)
def _(case: Case) -> None:
    case.files["consents (1).csv"] = text_of([said("deny", "c-2")]).encode()


@variant("a piece in capitals", STOPS)
def _(case: Case) -> None:
    case.files["CONSENTS-2.CSV"] = text_of([said("deny", "c-2")]).encode()


@variant("Parquet with dictionaries", READS)
def _(case: Case) -> None:
    case.deny()
    table = pa.Table.from_pylist(case.tables["consents"])
    columns = [column.dictionary_encode() for column in table.columns]
    made = pa.table(columns, names=table.column_names)
    case.instead("consents", "parquet", parquet_of(made, row_group_size=1))


@variant("Parquet with nanoseconds in a zone", READS)
def _(case: Case) -> None:
    case.deny()
    table = pa.Table.from_pylist(case.tables["consents"])
    days = [datetime.fromisoformat(row["given_at"]) for row in case.tables["consents"]]
    when = pa.array(days, pa.timestamp("us", tz="UTC")).cast(_NEW_YORK)
    made = table.set_column(table.column_names.index("given_at"), "given_at", when)
    case.instead("consents", "parquet", parquet_of(made, version="2.6"))


@variant("Parquet nested", STOPS)
def _(case: Case) -> None:
    case.deny()
    table = pa.Table.from_pylist(case.tables["consents"])
    value = pa.array([{"said": text} for text in table["value"].to_pylist()])
    made = table.set_column(table.column_names.index("value"), "value", value)
    case.instead("consents", "parquet", parquet_of(made))


@variant("JSON with a key twice", STOPS)
def _(case: Case) -> None:
    rows = [json.dumps(row) for row in case.tables["consents"]]
    rows[1] = rows[1].replace('"value": "allow"', '"value": "deny", "value": "allow"')
    case.instead("consents", "jsonl", "\n".join(rows).encode())


@variant("JSON with a key twice in other case", STOPS)
def _(case: Case) -> None:
    rows = [json.dumps(row) for row in case.tables["consents"]]
    rows[1] = rows[1].replace('"value": "allow"', '"Value": "deny", "value": "allow"')
    case.instead("consents", "jsonl", "\n".join(rows).encode())


@variant("JSON cut off", STOPS)
def _(case: Case) -> None:
    case.deny()
    rows = "\n".join(json.dumps(row) for row in case.tables["consents"])
    case.instead("consents", "jsonl", rows[:-30].encode())


@variant("JSON in an object", STOPS)
def _(case: Case) -> None:
    case.deny()
    case.instead("consents", "json", json.dumps({"rows": case.tables["consents"]}).encode())


@variant("the same bytes, held", READS)
def _(case: Case) -> None:
    case.media["media/2.jpg"] = case.media["media/1.jpg"]
    case.tables["assets"] += [asset("A-3", media_uri="media/3.jpg", status="legal_hold")]
    case.media["media/2.jpg"] = case.media["media/3.jpg"] = picture(3)


def _copy_of_a_no(case: Case, data: bytes, name: str = "media/2.jpg") -> None:
    """A-2 is a copy, under a yes, of what the catalogue withdraws as A-3."""
    case.tables["assets"][1]["media_uri"] = name
    case.tables["assets"] += [asset("A-3", media_uri="media/3.jpg", status="withdrawn")]
    case.media[name], case.media["media/3.jpg"] = data, picture(2)


@variant("a copy saved again", READS)
def _(case: Case) -> None:
    _copy_of_a_no(case, picture(2, quality=55))


@variant("a copy mirrored", LIMIT)
def _(case: Case) -> None:
    from PIL import ImageOps

    sink = io.BytesIO()
    ImageOps.mirror(render(draw_scene_spec(2), 240, 160)).save(sink, "JPEG", quality=90)
    _copy_of_a_no(case, sink.getvalue())


@variant("a copy as WebP", READS)
def _(case: Case) -> None:
    sink = io.BytesIO()
    render(draw_scene_spec(2), 240, 160).save(sink, "WEBP", quality=85)
    _copy_of_a_no(case, sink.getvalue(), "media/2.webp")


@variant("a copy in grey", LIMIT)
def _(case: Case) -> None:
    sink = io.BytesIO()
    render(draw_scene_spec(2), 240, 160).convert("L").save(sink, "JPEG", quality=90)
    _copy_of_a_no(case, sink.getvalue())


def _days() -> Iterator[tuple[str, str, str]]:
    yield "withdrawn late in another zone", LIMIT, "2026-06-30T23:30:00-05:00"
    yield "withdrawn on the day of the run", READS, "2026-06-30"
    yield "withdrawn in the day's last second", READS, "2026-06-30T23:59:59Z"
    yield "withdrawn early in the east", READS, "2026-07-01T08:00:00+14:00"
    yield "withdrawn in future", LIMIT, "2026-12-01"
    yield "withdrawn in a named zone", STOPS, "2026-03-01 12:00 CEST"
    yield "withdrawn on 24:00", EITHER, "2026-03-01T24:00:00Z"
    yield "withdrawn in a leap second", EITHER, "2016-12-31T23:59:60Z"
    yield "withdrawn without a day", STOPS, ""


def _add_days() -> None:
    for name, wanted, when in _days():

        def make(case: Case, given_at: str = when) -> None:
            case.deny(given_at=given_at)

        VARIANTS.append(Variant(name, wanted, make))


_add_days()


@variant("only a yes of the future", READS)
def _(case: Case) -> None:
    case.tables["consents"][1]["given_at"] = "2026-07-01T08:00:00Z"


def _with_release(case: Case, **changes: Any) -> None:
    case.tables["assets"][1] |= {"people_count": "1", "release_ids": "R-1"}
    case.tables["assets"][0]["release_ids"] = ""
    case.tables["releases"] = [release("R-1", **changes)]


@variant("a release of nobody", STOPS)
def _(case: Case) -> None:
    _with_release(case)
    case.tables["releases"].append(release("R-9", revoked_at="2026-01-01"))


@variant("a release in small letters", READS)
def _(case: Case) -> None:
    _with_release(case)
    case.tables["assets"][1]["release_ids"] = "r-1"


@variant("a release revoked on the day of the run", READS)
def _(case: Case) -> None:
    _with_release(case, revoked_at="2026-06-30")


@variant("a release revoked in the deal's term", EITHER)
def _(case: Case) -> None:
    _with_release(case, revoked_at="2027-06-30")


@dataclass(frozen=True)
class Ended:
    """How a variant ended.

    Attributes:
        codes: The exit codes of check, quote and package.
        said: What each said of a stop, without what differs between commands.
        checked: Whether `check` would deliver anything, and its reasons; none if it stopped.
        quoted: How many assets `quote` clears by the tables; -1 if it stopped.
        found: What became of each asset.
    """

    codes: tuple[int, int, int]
    said: tuple[str, str, str]
    checked: tuple[bool, set[str]]
    quoted: int
    found: dict[str, tuple[str, list[str]]]

    @property
    def stops(self) -> bool:
        return self.codes[2] == 2

    def faults(self, wanted: str) -> list[str]:
        """What is wrong with it."""
        delivered = sorted(name for name, one in self.found.items() if one[0] == "delivered")
        faults = []
        if NO in delivered:
            faults.append("the no is lost")
        if (self.codes[0] == 2, self.codes[1] == 2) != (self.stops, self.stops):
            faults.append(f"codes {self.codes}")
        if self.stops and len(set(self.said)) > 1:
            faults.append(f"said {self.said}")
        if wanted in (STOPS, READS) and self.stops != (wanted == STOPS):
            faults.append("stops" if self.stops else "does not stop")
        reasons = {code for _, codes in self.found.values() for code in codes}
        if not self.stops and self.checked != (bool(delivered), reasons):
            faults.append(f"check says {self.checked}, package {reasons}")
        early = [name for name, one in self.found.items() if not _EARLY & {*one[1]}]
        if not self.stops and self.quoted != len(early):
            faults.append(f"quote counts {self.quoted}, package {len(early)}")
        return faults


def run(one: Variant, folder: Path) -> Ended:
    """Runs check, quote and package on a variant."""
    case = Case(folder, one.second)
    one.make(case)
    case.write()
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--as-of", AS_OF)
    checked = in_process("check", *words, "--files", "all", "--json", "--quiet")
    quoted = in_process("quote", *words, "--json", "--quiet", "--workers", 1)
    out = folder / "out"
    packaged = in_process("package", *words, "--out", out, "--workers", 1, "--quiet")
    results = (checked, quoted, packaged)
    said = tuple(result.err.strip().partition(": ")[2][:200] for result in results)
    found = outcomes(out) if packaged.code != 2 else {}
    return Ended(
        (checked.code, quoted.code, packaged.code),
        (said[0], said[1], said[2]),
        (False, set()) if checked.code == 2 else _checked(checked.json),
        -1 if quoted.code == 2 else _cleared(quoted.json),
        found,
    )


def _checked(said: dict[str, Any]) -> tuple[bool, set[str]]:
    return bool(said["delivers"]), {str(one["reason"]) for one in said["costliest"]}


def _cleared(said: dict[str, Any]) -> int:
    return int(said["quotes"][0]["cleared"]["assets"])


def main(names: Sequence[str]) -> None:
    """Runs variants and prints a line of each."""
    for one in VARIANTS:
        if names and not any(name in one.name for name in names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                ended = run(one, Path(folder))
            except Exception as error:  # one that cannot be run is a finding, too
                print(f"{one.name:38} ERROR {error!r}", flush=True)
                continue
        what = ended.said[2][:90] if ended.stops else {n: r for n, (_, r) in ended.found.items()}
        print(f"{one.name:38} {'; '.join(ended.faults(one.wanted)) or 'ok':6} {what}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
