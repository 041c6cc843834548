from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pipelines.catalogue.mapping import CatalogueMapping, load_mapping, parse_mapping
from pipelines.catalogue.read import open_catalogue, read_table
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import (
    asset,
    csv_bytes,
    jsonl_bytes,
    raw_catalogue,
    read_all,
    table_bytes,
    write_catalogue,
)

MAPPING = b"""
[mapping.assets.columns]
asset_id = "Image ID"
media_uri = "File"
status = "State"

[mapping.assets.values.status]
"Live" = "active"

[mapping.assets.values.territories_in]
"UK" = "GB"

[mapping.assets.values.minors]
"keine" = false

[mapping.assets.constants]
media_type = "image"
licence_model = "RF"
licence_class = "creative"
keywords = ["stock", "photo"]
"""


def _theirs(number: int, state: str) -> dict[str, object]:
    return {
        "Image ID": number,
        "File": f"{number}.jpg",
        "State": state,
        "contributors": asset()["contributors"],
        "territories_in": ["UK", "NO"],
        "minors": "keine",
        "Colour": "red",
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_columns_values_and_constants_are_mapped(kind: str, tmp_path: Path) -> None:
    rows = [_theirs(1, "Live"), _theirs(2, "withdrawn")]
    data = csv_bytes(rows) if kind == "csv" else jsonl_bytes(rows)
    folder = raw_catalogue(tmp_path, f"assets.{kind}", data)
    (folder / "mapping.toml").write_bytes(MAPPING)
    table, dead = read_all(folder)
    assert dead == []
    assert table["asset_id"].to_pylist() == ["1", "2"]
    assert table["status"].to_pylist() == ["active", "withdrawn"]
    assert table["territories_in"].to_pylist() == [["GB", "NO"]] * 2
    assert table["minors"].to_pylist() == [False, False]
    assert table["media_type"].to_pylist() == ["image", "image"]
    assert table["keywords"].to_pylist() == [["stock", "photo"]] * 2
    assert open_catalogue(str(folder)).ignored_columns == ("assets.Colour",)


def test_given_mapping_overrides_the_catalogues(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()])
    (folder / "mapping.toml").write_text('[mapping.assets.columns]\nstatus = "State"\n')
    assert open_catalogue(str(folder), CatalogueMapping()).mapping == CatalogueMapping()
    with pytest.raises(InputError, match="mapped to 'State'"):
        open_catalogue(str(folder))


def test_mapping_survives_pickling(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_bytes(MAPPING)
    mapping = load_mapping(path)
    assert pickle.loads(pickle.dumps(mapping)) == mapping
    assert mapping.source == MAPPING


REFUSED = [
    ("[map]", "Did you mean mapping"),
    ("[mapping.asset]", "Did you mean assets"),
    ("[mapping.assets.column]", "Did you mean columns"),
    ("[mapping.assets.columns]\nstate = 'x'", "Did you mean status"),
    ("[mapping.assets.columns]\nstatus = 7", "must be a column name"),
    ("[mapping.assets.values.status]\nLive = 1.5", "unsupported type"),
    ("[mapping.assets.values.contributors]\na = 'b'", "values of splits cannot"),
    ("[mapping.assets.values.territories_out]\nUK = ''", "mapped to an empty value"),
    ("[mapping.assets.constants]\npeople_count = 'two'", "not a whole number"),
    ("[mapping.assets]\ncolumns = 'x'", "requires a TOML table"),
    (
        "[mapping.assets.columns]\nstatus = 'x'\n[mapping.assets.constants]\nstatus = 'y'",
        "both mapped and constant",
    ),
    ("[mapping", "not valid TOML"),
    ("\xff", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_invalid_mapping_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        parse_mapping(text.encode("latin-1"), "mapping.toml")
    assert "mapping.toml" in str(caught.value)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_missing_column_is_named_with_similar_columns(kind: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{("License Model" if k == "licence_model" else k): v for k, v in asset().items()}]
    folder = raw_catalogue(tmp_path, "x.txt", b"")
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "assets.parquet")
    else:
        data = csv_bytes(rows) if kind == "csv" else jsonl_bytes(rows)
        (folder / f"assets.{kind}").write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    message = str(caught.value)
    for part in (
        "assets lacks the column licence_model",
        f"assets.{kind}",
        "asset_id",
        '[mapping.assets.columns] licence_model = "License Model"',
    ):
        assert part in message


def _refusal(folder: Path, rows: list[dict[str, object]], mapping: str) -> str:
    """Returns what is said of a catalogue whose assets lack a column."""
    raw_catalogue(folder, "assets.csv", csv_bytes(rows))
    (folder / "mapping.toml").write_text(mapping)
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    return str(caught.value)


def test_no_column_that_is_read_or_ignored_is_suggested_for_a_missing_one(tmp_path: Path) -> None:
    row = asset() | {"contributors": "c-1:10000", "License Class": "creative"}
    del row["licence_model"], row["licence_class"]
    mapped = '[mapping.assets.columns]\nlicence_class = "License Class"\n'
    said = _refusal(tmp_path, [row], mapped)
    assert "lacks the column licence_model" in said
    assert "Similar columns" not in said
    assert '[mapping.assets.columns] licence_model = "Their Column"' in said
    said = _refusal(tmp_path, [row | {"License Mode": "RF"}], mapped)
    assert "Similar columns: License Mode. " in said
    assert '[mapping.assets.columns] licence_model = "License Mode"' in said
    ignored = '[mapping.assets]\nignore = ["License Mode"]\n' + mapped
    assert "Similar columns" not in _refusal(tmp_path, [row | {"License Mode": "RF"}], ignored)
    own = {name: value for name, value in asset().items() if name != "licence_class"}
    said = _refusal(tmp_path, [own | {"contributors": "c-1:10000"}], "")
    assert "lacks the column licence_class" in said and "Similar columns" not in said


@pytest.mark.parametrize(
    ("missing", "mapping", "is_said"),
    [
        ("licence_model", "", True),
        ("status", "", True),
        ("asset_id", "", False),  # no two assets have the same
        ("media_uri", "", False),
        ("status", '[mapping.assets.columns]\nstatus = "State"\n', False),  # it cannot be both
    ],
)
def test_a_constant_is_named_where_one_may_stand_for_a_missing_column(
    missing: str, mapping: str, is_said: bool, tmp_path: Path
) -> None:
    row = {name: value for name, value in asset().items() if name != missing}
    said = _refusal(tmp_path, [row | {"contributors": "c-1:10000"}], mapping)
    assert f"lacks the column {missing}" in said
    line = f"or, if all rows have the same value: [mapping.assets.constants] {missing} = …"
    assert (line in said) == is_said and ("constants" in said) == is_said
    if is_said:  # and it is true
        value = asset()[missing]
        text = f'[mapping.assets.constants]\n{missing} = "{value}"\n'
        (tmp_path / "mapping.toml").write_text(text)
        assert read_all(tmp_path)[0][missing].to_pylist() == [value]


def test_csv_with_semicolons_is_reported_as_such(tmp_path: Path) -> None:
    data = csv_bytes([asset()]).replace(b",", b";")
    with pytest.raises(InputError, match="separated by semicolons"):
        open_catalogue(str(raw_catalogue(tmp_path, "assets.csv", data)))


@pytest.mark.parametrize("title", ["Library;;;", "Library"])
def test_a_title_above_the_header_is_said_to_be_one(title: str, tmp_path: Path) -> None:
    separator = ";" if ";" in title else ","
    data = csv_bytes([asset()]).replace(b",", separator.encode())
    folder = raw_catalogue(tmp_path, "assets.csv", title.encode() + b"\n" + data)
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    message = str(caught.value)
    assert "If the first row is a title, say in mapping.toml which row" in message
    assert "[mapping.assets] header_row = 3" in message
    assert message.count("lacks the column") <= 1


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    row = asset() | {"contributors": "c-1:10000"}
    del row["media_type"]
    data = csv_bytes([row]).replace(b",", b";").replace(b"asset_id", b"Bildnummer")
    folder = raw_catalogue(tmp_path, "assets.csv", data)
    (folder / "mapping.toml").write_text('[mapping.assets.columns]\nasset_id = "Bildnummer"\n')
    with pytest.raises(InputError) as caught:
        open_catalogue(str(folder))
    message = str(caught.value)
    assert "lacks the column media_type" in message
    assert "which has Bildnummer, media_uri, " in message
    assert "commas" not in message  # a file with semicolons is read as it is


def test_a_separator_that_is_stated_wrongly_is_said(tmp_path: Path) -> None:
    data = csv_bytes([asset()]).replace(b",", b";")
    folder = raw_catalogue(tmp_path, "assets.csv", data)
    (folder / "mapping.toml").write_text('[mapping.assets.csv]\nseparator = ","\n')
    with pytest.raises(InputError, match="contains semicolons: state the right separator"):
        open_catalogue(str(folder))


def test_repeated_column_is_refused(tmp_path: Path) -> None:
    data = csv_bytes([asset()]).replace(b"licence_model", b"status")
    with pytest.raises(InputError, match="twice"):
        open_catalogue(str(raw_catalogue(tmp_path, "assets.csv", data)))


LAYOUTS = [
    (["assets.csv", "assets.jsonl"], "more than once"),
    (["assets.csv", "assets-1.csv"], "more than once"),
    (["assets/0.csv", "assets-1.csv"], "more than once"),
    (["assets/0.csv", "assets/1.jsonl"], "more than once"),
    (["assets.csv", "assets.xlsx"], "more than once"),
    (["assets.csv", "consents.xls"], "unsupported format"),
    (["assets.csv", "Consents.csv"], "unsupported format"),
    (["assets.csv", "consents.csv.gz"], "compressed file is damaged"),  # it is not compressed
    (["assets.csv", "consents.parquet.gz"], "unsupported format"),
    (["assets.csv", "consents.csv.zip"], "unsupported format"),
    (["assets.csv", "consents/a.txt"], "consents lacks the column contributor_id"),
    (["assets.csv", "assets.txt"], "more than once"),
    (["asset.csv"], "no table assets"),
]


@pytest.mark.parametrize(("names", "why"), LAYOUTS)
def test_invalid_layouts_are_refused(names: list[str], why: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(csv_bytes([asset()]))
    (tmp_path / "contributors.csv").write_text("contributor_id\nc-1\n")
    with pytest.raises(InputError, match=why):
        open_catalogue(str(tmp_path))


@pytest.mark.parametrize(
    "names", [["assets-2.csv", "assets-1.csv"], ["assets/b.csv", "assets/a.csv"]]
)
def test_parts_are_read_in_the_order_of_their_names(names: list[str], tmp_path: Path) -> None:
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(csv_bytes([asset(number)]))
    (tmp_path / "contributors.csv").write_text("contributor_id\nc-1\n")
    table, _ = read_all(tmp_path)
    assert table["asset_id"].to_pylist() == ["a-1", "a-0"]


def test_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        open_catalogue(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_one_item_that_may_be_several_stops_the_run(kind: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset(1), asset(2, territories_in=["US,NO,DE"])], kind)
    with pytest.raises(InputError, match="territories_in = 'US,NO,DE'"):
        read_all(folder)
    stated = b'[mapping.assets.lists]\nterritories_in = ","\n'
    (folder / "mapping.toml").write_bytes(stated)
    table, dead = read_all(folder)
    assert not dead
    assert table["territories_in"].to_pylist()[1] == ["US", "NO", "DE"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_subjects_and_witnesses_are_read_without_blanks(kind: str, tmp_path: Path) -> None:
    row = {"release_id": "r-1", "kind": "model", "subject_ref": "s-1", "witness_ref": " s-1\u00a0"}
    folder = write_catalogue(tmp_path, [asset(1)])
    (folder / f"releases.{kind}").write_bytes(table_bytes([row], kind, "releases"))
    releases = read_table(open_catalogue(str(folder)), "releases")
    assert releases["witness_ref"].to_pylist() == ["s-1"]


def test_a_folder_below_that_has_the_tables_is_named(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "export", [asset()], "csv")
    with pytest.raises(InputError) as caught:
        open_catalogue(str(tmp_path))
    assert f"Are the tables in the folder below? Then give {tmp_path}/export. " in str(caught.value)
