"""Exports of agencies are read by their presets, whatever the order and case of their columns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.catalogue.choice import MappingChoice
from pipelines.catalogue.datelines import read_dateline
from pipelines.catalogue.preset import load_preset
from pipelines.catalogue.preset_needs import find_unknown
from pipelines.catalogue.read import open_catalogue, read_batches
from pipelines.cli import main
from schemas.errors import InputError
from schemas.presets import PRESETS
from tests.catalogue.agency_exports import EXPORTS, Export, Picture, write_export

BY_PRESET = {export.preset: export for export in EXPORTS}
DEAL = """
deal_id = "acme"
buyer = "Acme"
purposes = ["train_gen"]
territory = ["DE"]
starts = 2026-01-01
ends = 2028-12-31
profile = "video-text"
media = ["image", "video"]
[price]
currency = "EUR"
pool = "100.00"
"""


def rows_of(folder: Path, preset: str, prefix: str = "photos") -> list[dict[str, Any]]:
    catalogue = open_catalogue(str(folder), MappingChoice("", preset, prefix))
    rows: list[dict[str, Any]] = []
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            assert not batch.failed_rows
            rows += batch.table.to_pylist()
    return rows


def expected(picture: Picture) -> dict[str, Any]:
    is_film = picture.file.rpartition(".")[2].lower() in ("mov", "mp4")
    return {
        "asset_id": picture.file,
        "media_uri": f"photos/{picture.file}",
        "media_type": "video" if is_film else "image",
        "title": picture.title,
        "description": picture.description,
        "keywords": list(picture.keywords),
        "category": picture.category,
        "created_at": picture.created_at,
        "licence_class": picture.licence_class or "creative",
        "sensitive": picture.sensitive,
        "release_ids": list(picture.release_ids) or None,
        "digital_source_type": picture.source,
        "contributors": [{"contributor_id": "c-1", "share_bp": 10000}],
        "people_count": 0,
    }


def test_every_preset_has_an_export_here() -> None:
    assert tuple(BY_PRESET) == PRESETS
    assert [load_preset(name).header for name in PRESETS] == [e.header for e in EXPORTS]


@pytest.mark.parametrize("export", EXPORTS, ids=PRESETS)
def test_an_export_is_read_in_any_order_and_case(export: Export, tmp_path: Path) -> None:
    wanted = [expected(picture) for picture in export.pictures]
    texts = {"as it is": export.text(), **{str(n): export.shuffled(n) for n in range(2)}}
    for name, text in texts.items():
        rows = rows_of(write_export(tmp_path / name, export, text), export.preset)
        assert [{key: row[key] for key in wanted[0]} for row in rows] == wanted, text


@pytest.mark.parametrize("export", EXPORTS, ids=PRESETS)
def test_without_a_second_table_everything_missing_is_named(export: Export, tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", export)
    (folder / "rights.csv").unlink()
    with pytest.raises(InputError) as error:
        open_catalogue(str(folder), MappingChoice(preset=export.preset))
    said = str(error.value)
    assert all(name in said for name in ("contributors", "licence_model", "status", "rights.csv"))
    gives_class = export.pictures[0].licence_class is not None
    assert ("licence_class" in said) != gives_class


def test_check_says_which_table_supplies_what_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"], releases=False)
    (folder / "consents.csv").unlink()
    (tmp_path / "deal.toml").write_text(DEAL)
    words = ["check", "--catalogue", str(folder), "--deal", str(tmp_path / "deal.toml")]
    words += ["--preset", "adobe", "--as-of", "2026-06-30"]
    code = main([*words, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code in (0, 1)
    assert {fact["what"]: fact["table"] for fact in said["unknown"]} == {
        "assets.minors": "rights.csv",
        "assets.digital_source_type": "rights.csv",
        "assets.created_at": "rights.csv",
        "assets.exclusive": "rights.csv",
        "assets.territories_in": "rights.csv",
        "consents": "consents",
        "releases": "releases",
    }
    main(words)
    printed = " ".join(capsys.readouterr().out.split())
    assert "digital_source_type rights.csv all unknown: Adobe Stock does" in printed


def test_a_file_name_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    export = BY_PRESET["adobe"]
    twice = replace(export, cells=(*export.cells, export.cells[0]))
    for name, text in (
        ("same", twice.text()),
        ("folders", twice.text().replace("A 1.jpg", "one/A 1.jpg", 1)),
    ):
        with pytest.raises(InputError, match=r"A 1\.jpg in 2 rows"):
            rows_of(write_export(tmp_path / name, twice, text), "adobe")


def test_an_id_of_the_second_table_tells_files_of_one_name_apart(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"])
    (folder / "rights.csv").unlink()
    (folder / "ids.csv").write_text(
        "media_uri,asset_id,contributors,licence_model,licence_class,status\n"
        "A 1.jpg,N-1,c-1:10000,RF,creative,active\nA2.JPG,N-2,c-1:10000,RF,creative,active\n"
    )
    (folder / "mapping.toml").write_text(
        'preset = "adobe"\n[[mapping.assets.joins]]\nfile = "ids.csv"\nkey = "media_uri"\n'
    )
    catalogue = open_catalogue(str(folder))
    [part] = catalogue.parts("assets")
    [batch] = read_batches(part, catalogue.mapping)
    assert batch.table.column("asset_id").to_pylist() == ["N-1", "N-2"]


def test_a_dateline_contradicts_creative_and_proposes(tmp_path: Path) -> None:
    export = BY_PRESET["shutterstock"]
    cells = [dict(row) for row in export.cells]
    cells[1] |= {"Editorial": "No", "Filename": "s2.jpg"}
    folder = write_export(tmp_path / "c", replace(export, cells=tuple(cells)))
    (folder / "rights.csv").write_text(
        (folder / "rights.csv").read_text().replace("s2.mov", "s2.jpg")
    )
    catalogue = open_catalogue(str(folder), MappingChoice(preset="shutterstock"))
    [batch] = read_batches(catalogue.parts("assets")[0], catalogue.mapping)
    assert batch.table.column("licence_class").to_pylist() == [
        "creative",
        "creative, but the caption has an editorial dateline",
    ]
    assert batch.table.column("created_at").to_pylist() == [None, None]
    assert batch.notes.proposals == ["s2.jpg: place 'PARIS, FRANCE', date 2020-05-03"]


@pytest.mark.parametrize(
    ("caption", "place", "day"),
    [
        ("NEW YORK, NY/USA - JUNE 5 2019: Crowd", "NEW YORK, NY/USA", "2019-06-05"),
        ("Berlin, Germany - 12 October 2021: Fair", "Berlin, Germany", "2021-10-12"),
        ("OSLO, NORWAY - 2018, Sep 09: Boats", "OSLO, NORWAY", "2018-09-09"),
        ("Lyon, France – 03/04/2020: Tram", "Lyon, France", None),
        ("Rome, Italy - circa May 2015: Street", "Rome, Italy", None),
    ],
)
def test_datelines_of_the_agencies(caption: str, place: str, day: str | None) -> None:
    found = read_dateline(caption)
    assert found is not None and found.place == place
    assert (found.day.isoformat() if found.day else None) == day


@pytest.mark.parametrize(
    "caption",
    [
        "Sea at dawn",
        "Sale - 50% off: poster",
        "Model A-3 2020: a car",
        "Set of icons: 12-03-44",
        "",
    ],
)
def test_other_captions_have_none(caption: str) -> None:
    assert read_dateline(caption) is None


def test_an_export_and_the_second_table_must_agree(tmp_path: Path) -> None:
    export = BY_PRESET["vecteezy"]
    folder = write_export(tmp_path / "c", export, second={"licence_class": "creative"})
    classes = [row["licence_class"] for row in rows_of(folder, "vecteezy")]
    assert classes[:2] == ["creative", "creative"]
    assert classes[2] == "editorial in vecteezy export.csv, creative in rights.csv"
    freepik = write_export(
        tmp_path / "f", BY_PRESET["freepik"], second={"digital_source_type": "digitalCapture"}
    )
    sources = [row["digital_source_type"] for row in rows_of(freepik, "freepik")]
    assert sources[0] == "digitalCapture"
    assert all("trainedAlgorithmicMedia in" in source for source in sources[1:])
    adobe = write_export(tmp_path / "a", BY_PRESET["adobe"], second={"release_ids": "House;R-9"})
    assert [row["release_ids"] for row in rows_of(adobe, "adobe")] == [
        ["House", "R-9"],
        ["Ida Holm", "House", "R-9"],
    ]


def test_a_file_may_have_several_rows_of_releases(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"], second={"release_ids": "R-1"})
    text = (folder / "rights.csv").read_text()
    more = [line.replace("R-1", f"R-{n}") for n in (3, 2) for line in text.splitlines()[1:2]]
    (folder / "rights.csv").write_text(text + "\n".join(more) + "\n")
    assert [row["release_ids"] for row in rows_of(folder, "adobe")] == [
        ["R-1", "R-3", "R-2"],
        ["Ida Holm", "House", "R-1"],
    ]
    other = more[0].replace("RF", "RM")
    (folder / "rights.csv").write_text(text + other + "\n")
    with pytest.raises(InputError, match="has two values"):
        rows_of(folder, "adobe")


def test_releases_by_file_are_joined_beside_the_second_table(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["getty"])
    (folder / "by file.csv").write_text("Filename,Release\nphotos/g1.jpg,R-1\ng1.jpg,R-2\n")
    (folder / "mapping.toml").write_text(
        '[[mapping.assets.joins]]\nfile = "by file.csv"\nbase_names = ["asset_id"]\n'
        'columns = { asset_id = "Filename", release_ids = "Release" }\nunited = ["release_ids"]\n'
    )
    [row] = rows_of(folder, "getty")
    assert row["release_ids"] == ["R-1", "R-2"]
    assert row["contributors"] == [{"contributor_id": "c-1", "share_bp": 10000}]


def test_a_column_that_both_say_otherwise_stops_the_run(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"], second={"title": "Other"})
    with pytest.raises(InputError, match="both say title"):
        rows_of(folder, "adobe")


def test_the_mapping_overrules_a_preset(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["123rf"])
    (folder / "mapping.toml").write_text(
        '[mapping.assets]\nignore = ["123rf_filename"]\n'
        '[mapping.assets.columns]\nmedia_uri = "oldfilename"\n'
    )
    (folder / "rights.csv").write_text(
        (folder / "rights.csv").read_text().replace("anna240012", "o2")
    )
    assert [row["asset_id"] for row in rows_of(folder, "123rf")] == ["o1.jpg", "o2.jpg"]


def test_two_columns_for_one_stop_the_run(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["pond5"])
    path = folder / "pond5 export.csv"
    text = path.read_text().replace("copyright", "filename")
    path.write_text(text)
    with pytest.raises(InputError, match="may be media_uri"):
        rows_of(folder, "pond5")


def test_the_export_is_found_among_other_tables(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["getty"])
    (folder / "sales.csv").write_text("month,amount\n1,2\n")
    with pytest.raises(InputError, match=r"sales\.csv"):
        rows_of(folder, "getty")
    (folder / "mapping.toml").write_text('[files]\nignore = ["sales.csv"]\n')
    assert len(rows_of(folder, "getty")) == 1
    with pytest.raises(InputError, match="No file has the columns of 123RF"):
        rows_of(folder, "123rf")


def test_an_export_in_another_encoding_is_named_before_what_it_lacks(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["dreamstime"])
    path = folder / "dreamstime export.csv"
    text = (
        path.read_text().replace("Sea at dawn", "Küste").replace(",", ";").replace("101;", "101,")
    )
    path.write_bytes(text.encode("cp1252"))
    rights = (folder / "rights.csv").read_text()
    (folder / "rights.csv").unlink()
    with pytest.raises(InputError, match="encoding"):
        rows_of(folder, "dreamstime")
    (folder / "rights.csv").write_text(rights)
    (folder / "mapping.toml").write_text('[mapping.assets.csv]\nencoding = "cp1252"\n')
    [row] = rows_of(folder, "dreamstime")
    assert (row["title"], row["category"]) == ("Küste", "145, 212")


def test_a_second_table_of_a_spreadsheet_has_a_section_of_its_own(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"], second={"created_at": "14/07/2023"})
    rights, mapping = folder / "rights.csv", folder / "mapping.toml"
    rights.write_bytes(rights.read_text().replace("c-1", "amélie").encode("cp1252"))
    sections = (
        '[mapping.rights.csv] encoding = "cp1252"',
        '[mapping.rights.dates] created_at = "dmy"',
    )
    base = ""
    for section in sections:
        with pytest.raises(InputError) as error:
            rows_of(folder, "adobe")
        assert section in str(error.value)
        base += section.replace("] ", "]\n") + "\n"
        mapping.write_text(base)
    told = rights.read_bytes()
    rights.write_bytes(told.replace(b",no,", b",non,"))
    with pytest.raises(InputError, match=r"\[mapping\.rights\.values\.property\] \"Their word\""):
        rows_of(folder, "adobe")
    mapping.write_text(base := f'{base}[mapping.rights.values.property]\n"non" = "no"\n')
    rows = rows_of(folder, "adobe")
    assert rows[0]["contributors"] == [{"contributor_id": "amélie", "share_bp": 10000}]
    assert str(rows[0]["created_at"]) == "2023-07-14"
    rights.rename(folder / "droits.csv")
    with pytest.raises(InputError, match=r"mapping\.rights\] file"):
        rows_of(folder, "adobe")
    mapping.write_text(base + '[mapping.rights]\nfile = "droits.csv"\n')
    assert rows_of(folder, "adobe") == rows


def test_unknown_names_and_contradictions_are_refused(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"])
    with pytest.raises(InputError, match="Did you mean adobe"):
        rows_of(folder, "adobbe")
    (folder / "mapping.toml").write_text('preset = "getty"\n')
    with pytest.raises(InputError, match="different presets"):
        rows_of(folder, "adobe")
    (folder / "mapping.toml").write_text('[mapping.assets.prefixes]\nmedia_uri = "a/"\n')
    with pytest.raises(InputError, match="both say where media are"):
        rows_of(folder, "adobe")


def test_the_preset_and_prefix_are_part_of_the_digest(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"])
    digests = {
        open_catalogue(str(folder), MappingChoice(preset="adobe", media_prefix=prefix)).digest
        for prefix in ("", "a", "b")
    }
    assert len(digests) == 3


def test_nothing_is_said_of_a_catalogue_without_a_preset(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "c", BY_PRESET["adobe"])
    (folder / "adobe export.csv").unlink()
    (folder / "rights.csv").rename(folder / "assets.csv")
    text = (folder / "assets.csv").read_text().replace("contributor_id", "contributors")
    text = text.replace("Filename", "asset_id").replace("c-1", "c-1:10000")
    lines = [f"{line},{'media_uri,media_type' if n == 0 else 'x.jpg,image'}" for n, line in
             enumerate(text.splitlines())]  # fmt: skip
    (folder / "assets.csv").write_text("\n".join(lines))
    assert find_unknown(open_catalogue(str(folder))) == []
