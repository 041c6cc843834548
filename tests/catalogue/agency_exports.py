"""Small exports as each agency's contributors get them, with what is in them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Picture:
    """What a row of an export is about; None for what the agency's columns cannot say."""

    file: str
    title: str = "Sea at dawn"
    description: str | None = None
    keywords: tuple[str, ...] = ("sea", "x-ray", "dawn")
    category: str | None = None
    created_at: date | None = None
    licence_class: str | None = None
    sensitive: bool | None = None
    release_ids: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True)
class Export:
    """An agency's form: the header row, the rows of pictures and what they are read as."""

    preset: str
    header: str
    cells: tuple[dict[str, str], ...]
    pictures: tuple[Picture, ...]
    separator: str = ","
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL
    line_end: str = "\n"
    other_names: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return self.header.split(self.separator)

    def text(self, names: Sequence[str] | None = None, upper: bool = False) -> str:
        """The file; with other names of columns, in another order, or in capitals."""
        stream = io.StringIO()
        order = list(names or self.names)
        writer = csv.writer(
            stream, delimiter=self.separator, quoting=self.quoting, lineterminator=self.line_end
        )
        shown = [self.other_names.get(name, name) if names else name for name in order]
        writer.writerow([name.upper() if upper else name for name in shown])
        for cells in self.cells:
            writer.writerow([cells.get(name, "") for name in order])
        return stream.getvalue()

    def shuffled(self, seed: int) -> str:
        """The file with its columns in another order and spelled otherwise."""
        names = self.names
        random.Random(seed).shuffle(names)
        return self.text(names, upper=bool(seed % 2))


_WORDS = "sea, x-ray,dawn"
_PARIS = "PARIS, FRANCE - MAY 3, 2020: A march"

EXPORTS = (
    Export(
        "adobe",
        "Filename,Title,Keywords,Category,Releases",
        (
            {"Filename": "A 1.jpg", "Title": "Sea at dawn", "Keywords": _WORDS, "Category": "11"},
            {"Filename": "A2.JPG", "Title": "Ida", "Keywords": _WORDS, "Category": "21"}
            | {"Releases": "Ida Holm, House"},
        ),
        (
            Picture("A 1.jpg", category="Landscapes"),
            Picture("A2.JPG", "Ida", category="Travel", release_ids=("Ida Holm", "House")),
        ),
    ),
    Export(
        "shutterstock",
        "Filename,Description,Keywords,Categories,Illustration,Mature Content,Editorial",
        (
            {"Filename": "s1.jpg", "Description": "Sea at dawn", "Keywords": _WORDS}
            | {"Categories": "Nature,Parks/Outdoor", "Mature Content": "No", "Editorial": "no"},
            {"Filename": "s2.mov", "Description": _PARIS, "Keywords": _WORDS}
            | {"Mature Content": "yes", "Editorial": "YES", "Illustration": "No"},
        ),
        (
            Picture(
                "s1.jpg", category="Nature,Parks/Outdoor", licence_class="creative", sensitive=False
            ),
            Picture("s2.mov", _PARIS, licence_class="editorial", sensitive=True),
        ),
        other_names={"Mature Content": "Mature content", "Illustration": "illustration"},
    ),
    Export(
        "getty",
        "file name,created date,description,country,brief code,title,keywords",
        (
            {"file name": "g1.jpg", "created date": "03/04/2024", "description": "Waves"}
            | {"title": "Sea at dawn", "keywords": _WORDS, "country": "Denmark"},
        ),
        (Picture("g1.jpg", description="Waves", created_at=date(2024, 3, 4)),),
        other_names={"created date": "Date created"},
    ),
    Export(
        "istock-video",
        "file name,description,country,title,keywords,poster timecode,date created,shot speed",
        (
            {"file name": "i1.mov", "description": "Waves", "title": "Sea at dawn"}
            | {"keywords": _WORDS, "poster timecode": "00:00:01:12", "date created": "12/31/2023"}
            | {"shot speed": "Real Time"},
        ),
        (Picture("i1.mov", description="Waves", created_at=date(2023, 12, 31)),),
    ),
    Export(
        "pond5",
        "originalfilename,title,description,keywords,copyright,price,editorial",
        (
            {"originalfilename": "p1.mp4", "title": "Sea at dawn", "description": "Waves"}
            | {"keywords": _WORDS, "copyright": "Anna", "price": "79", "editorial": "0"},
            {"originalfilename": "p2.jpg", "title": "Sea at dawn", "keywords": _WORDS}
            | {"editorial": "1"},
        ),
        (
            Picture("p1.mp4", description="Waves", licence_class="creative"),
            Picture("p2.jpg", licence_class="editorial"),
        ),
        other_names={"originalfilename": "OriginalFilename"},
    ),
    Export(
        "dreamstime",
        "Filename,Image Name,Description,Category 1,Category 2,Category 3,keywords,Free,W-EL,P-EL,"
        "SR-EL,SR-Price,Editorial,MR doc Ids,Pr Docs",
        (
            {"Filename": "d1.jpg", "Image Name": "Sea at dawn", "Description": "Waves"}
            | {"Category 1": "145", "Category 3": "212", "keywords": _WORDS, "Free": "0"}
            | {"W-EL": "1", "P-EL": "1", "SR-EL": "0", "SR-Price": "0", "Editorial": "0"}
            | {"MR doc Ids": "101,102", "Pr Docs": "7"},
        ),
        (
            Picture(
                "d1.jpg",
                description="Waves",
                category="145, 212",
                licence_class="creative",
                release_ids=("101", "102", "7"),
            ),
        ),
        line_end="\r\n",
    ),
    Export(
        "dreamstime-film",
        "Filename,Video Name,Description,Category 1,Category 2,Category 3,keywords,W-EL,SR-EL,"
        "SR-Price,Editorial,MR doc Ids,Pr Docs",
        (
            {"Filename": "d2.mp4", "Video Name": "Sea at dawn", "Description": "Waves"}
            | {"Category 2": "9", "keywords": _WORDS, "W-EL": "0.0", "Editorial": "1.0"},
        ),
        (Picture("d2.mp4", description="Waves", category="9", licence_class="editorial"),),
        line_end="\r\n",
    ),
    Export(
        "123rf",
        "oldfilename,123rf_filename,description,keywords,country",
        (
            {"oldfilename": "o1.jpg", "123rf_filename": "", "description": "Sea at dawn"}
            | {"keywords": _WORDS},
            {"oldfilename": "o2.jpg", "123rf_filename": "anna240012.jpg"}
            | {"description": "Sea at dawn", "keywords": _WORDS, "country": "DK"},
        ),
        (Picture("o1.jpg"), Picture("anna240012.jpg")),
        quoting=csv.QUOTE_ALL,
    ),
    Export(
        "freepik",
        "File name;Title;Keywords;Prompt;Model",
        (
            {"File name": "f1.jpg", "Title": "Sea at dawn", "Keywords": _WORDS},
            {"File name": "f2.jpg", "Title": "Sea at dawn", "Keywords": _WORDS}
            | {"Prompt": "a sea; at dawn"},
            {"File name": "f3.jpg", "Title": "Sea at dawn", "Keywords": _WORDS, "Model": "M 2"},
        ),
        (
            Picture("f1.jpg"),
            Picture("f2.jpg", source="trainedAlgorithmicMedia"),
            Picture("f3.jpg", source="trainedAlgorithmicMedia"),
        ),
        separator=";",
    ),
    Export(
        "vecteezy",
        "Filename,Title,Description,Keywords,License",
        tuple(
            {"Filename": f"v{n}.jpg", "Title": "Sea at dawn", "Description": "Waves"}
            | {"Keywords": _WORDS, "License": licence}
            for n, licence in enumerate(("free", "Pro", "editorial"))
        ),
        tuple(
            Picture(f"v{n}.jpg", description="Waves", licence_class=name)
            for n, name in enumerate(("creative", "creative", "editorial"))
        ),
    ),
)


def write_export(
    folder: Path,
    export: Export,
    text: str | None = None,
    second: dict[str, str] | None = None,
    releases: bool = True,
) -> Path:
    """Writes an export with the tables that supply what it does not say."""
    folder.mkdir(parents=True, exist_ok=True)
    body = export.text() if text is None else text
    with (folder / f"{export.preset} export.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(body)
    given = {
        "contributor_id": "c-1",
        "licence_model": "RF",
        "status": "active",
        "people_count": "0",
        "property": "no",
    }
    if all(picture.licence_class is None for picture in export.pictures):
        given["licence_class"] = "creative"
    given |= second or {}
    rows = [
        ",".join(("Filename", *given)),
        *(",".join((f"photos\\{p.file}", *given.values())) for p in export.pictures),
    ]
    (folder / "rights.csv").write_text("\n".join(rows) + "\n")
    (folder / "contributors.csv").write_text("contributor_id\nc-1\n")
    (folder / "consents.csv").write_text(
        "contributor_id,purpose,value,given_at\nc-1,all,allow,2024-05-01\n"
    )
    named = [name for picture in export.pictures for name in picture.release_ids]
    if named and releases:
        lines = ["release_id,kind", *(f"{name},property" for name in named)]
        (folder / "releases.csv").write_text("\n".join(lines) + "\n")
    return folder
