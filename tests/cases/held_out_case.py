"""A small catalogue with one no, and the list of its variants."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook

from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.cases.values_common import asset, said
from tests.deals import deal_text

Row = dict[str, Any]
Rows = list[Row]
NO = "A-2"  # the asset that must not be delivered; A-1 may be
STOPS, READS, EITHER = "stops", "reads", "either"
LIMIT = "limit"  # what docs/ says is not found, or not counted before its day
_DEAL = deal_text() + '[select]\ndedupe = "near"\nmin_short_side = 100\n'


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
