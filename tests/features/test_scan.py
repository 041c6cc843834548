"""`fairshard scan`: media become a catalogue; what they do not say stays empty."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from pipelines.catalogue.read import open_catalogue, read_batches
from pipelines.cli import main
from pipelines.features.scan import find_media, scan_media
from pipelines.features.scanned import ScannedFile, asset_row
from pipelines.signals.file.description import describe_file, describe_packet
from pipelines.signals.file.description_fields import FileDescription
from schemas.errors import InputError

_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:pantry="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
<rdf:Description rdf:about="">{}</rdf:Description></rdf:RDF></x:xmpmeta>"""


def xmp(inner: str) -> bytes:
    return _XMP.format(inner).encode()


def seq(name: str, *values: str, kind: str = "Seq") -> str:
    items = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"


def picture(path: Path, inner: str = "", colour: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (8, 8), (colour, 0, 0))
    image.save(path, xmp=xmp(inner) if inner else b"")
    return path


def said(inner: str) -> dict[str, list[str]]:
    return describe_packet(xmp(inner), "a.xmp").said.get("XMP", {})


def test_the_default_language_counts_and_orders_stay() -> None:
    title = (
        '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Sea</rdf:li>'
        '<rdf:li xml:lang="de">Meer</rdf:li></rdf:Alt></dc:title>'
    )
    names = [f"n{i}" for i in range(12)]
    assert said(title + seq("dc:creator", *names)) == {"title": ["Sea"], "creators": names}


def test_what_an_ingredient_says_is_not_said_of_the_file() -> None:
    inner = (
        "<pantry:Pantry><rdf:Bag><rdf:li><rdf:Description>"
        + seq("dc:creator", "Somebody else")
        + "</rdf:Description></rdf:li></rdf:Bag></pantry:Pantry>"
    )
    assert said(inner + seq("dc:creator", "Anna")) == {"creators": ["Anna"]}
    assert said(inner) == {}


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe1\xff\xff" + b"http://ns.adobe.com/xap/1.0/\0" + xmp("<dc:title>"),
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 200,
        b"",
        b"RIFF\xff\xff\xff\xffWEBP",
    ],
)
def test_damaged_files_are_described_as_far_as_they_go(data: bytes) -> None:
    assert isinstance(describe_file(data), FileDescription)


def test_entities_are_refused_and_size_is_bounded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]>' + xmp(seq("dc:creator", "&a;"))
    described = describe_packet(bomb, "a.xmp")
    assert described.said == {} and "document type" in described.faults[0]
    much = describe_packet(xmp(seq("dc:subject", *(f"k{i}" for i in range(9000)))), "a.xmp")
    assert len(much.said["XMP"]["keywords"]) <= 1000


def test_answers_of_the_child_are_not_trusted() -> None:
    answers: tuple[dict[str, object], ...] = (
        {},
        {"said": [], "faults": []},
        {"said": {"XMP": {"asset_id": ["x"]}}, "faults": []},
        {"said": {"XMP": {"title": [1]}}, "faults": []},
        {"said": {"HOME": {"title": ["x"]}}, "faults": []},
    )
    for answer in answers:
        with pytest.raises(ValueError, match=r"description|field|value|place"):
            FileDescription.from_json(answer)


def scanned(**fields: list[str]) -> ScannedFile:
    return ScannedFile("a.jpg", "image", 1, "0" * 64, {"XMP": fields})


def test_what_is_not_known_stays_empty() -> None:
    assert asset_row(scanned(), {}) == {
        "asset_id": "a.jpg",
        "media_uri": "a.jpg",
        "media_type": "image",
        "sha256": "0" * 64,
        "bytes": 1,
    }
    row = asset_row(
        scanned(minor_age=["AG-UNK"], date_created=["2024"], model_release_ids=["n/a", "-"]), {}
    )
    assert {"minors", "created_at", "release_ids"}.isdisjoint(row)


@pytest.mark.parametrize(
    ("code", "grant"),
    [
        ("DMI-PROHIBITED", "deny"),
        ("DMI-PROHIBITED-SOMETHING-NEW", "deny"),
        ("anything", "deny"),
        ("DMI-PROHIBITED-SEECONSTRAINT", "conditional"),
        ("DMI-ALLOWED", "allow"),
        ("DMI-UNSPECIFIED", None),
    ],
)
def test_data_mining_becomes_grants(code: str, grant: str | None) -> None:
    row = asset_row(scanned(data_mining=[f"http://ns.useplus.org/ldf/vocab/{code}"]), {})
    assert row.get("grant_train_gen") == grant


def test_a_generator_is_believed_whatever_the_source_type_says() -> None:
    capture = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    file = scanned(digital_source_type=[capture], ai_prompt=["a sea"])
    assert asset_row(file, {})["digital_source_type"] == "trainedAlgorithmicMedia"
    assert file.conflicts == [
        "digital_source_type: digitalCapture, and a field names what generated it"
    ]


def test_places_that_disagree_are_told() -> None:
    file = ScannedFile(
        "a.jpg",
        "image",
        said={"XMP": {"creators": ["Anna"]}, "IIM": {"creators": ["Karl"]}},
    )
    assert file.creator == "Anna"
    assert file.conflicts == ["creators: 'Anna' in XMP, 'Karl' in IIM"]
    cut = "a long title that IIM cuts at its 32nd character"
    same = ScannedFile("a", "image", said={"XMP": {"title": [cut]}, "IIM": {"title": [cut[:40]]}})
    assert same.conflicts == []


def test_links_and_what_is_no_file_are_not_read(tmp_path: Path) -> None:
    picture(tmp_path / "media" / "a.jpg", seq("dc:creator", "Anna"))
    picture(tmp_path / "secret.jpg", seq("dc:creator", "Secret"))
    (tmp_path / "media" / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    os.mkfifo(tmp_path / "media" / "c.jpg")
    folder = tmp_path / "media"
    files = {file.name: file for file in scan_media(folder, find_media(folder))}
    assert files["a.jpg"].creator == "Anna"
    assert not files["b.jpg"].said and files["b.jpg"].problems
    assert files["c.jpg"].problems == ("not a regular file",)


def test_a_sidecar_counts_first(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", seq("dc:creator", "Anna"))
    (tmp_path / "a.xmp").write_bytes(xmp(seq("dc:creator", "Karl") + seq("dc:subject", "sea")))
    [file] = scan_media(tmp_path, find_media(tmp_path))
    assert (file.creator, file.values("keywords")) == ("Karl", ["sea"])
    assert file.conflicts == ["creators: 'Karl' in sidecar, 'Anna' in XMP"]


def test_a_folder_becomes_a_catalogue_once_its_creators_are_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, library = tmp_path / "media", tmp_path / "library"
    picture(folder / "a.jpg", seq("dc:creator", "Anna") + seq("dc:subject", "sea", "x;y"))
    picture(folder / "b" / "c.webp", seq("dc:creator", "Anna", "=Karl"), colour=9)
    picture(folder / "d.jpg", colour=20)
    assert main(["scan", str(folder), "--to", str(library), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["files"], first["creators"], first["unconfirmed_count"]) == (3, 2, 3)
    text = (library / "creators.csv").read_text(encoding="utf-8-sig")
    assert "'=Karl" in text  # no spreadsheet runs it
    rows = list(csv.DictReader(io.StringIO(text)))
    who = {"": "", "Anna": "c-1", "Anna; '=Karl": "c-1:6000;c-2:4000"}
    with (library / "creators.csv").open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")  # as Excel saves it
        writer.writeheader()
        writer.writerows({**row, "contributor_id": who[row["creator"]]} for row in rows)
    mapping = (library / "mapping.toml").read_text()
    lines = [line.removeprefix("# ") if line.startswith(("# [", "# l", "# s")) else line
             for line in mapping.splitlines()]  # fmt: skip
    (library / "mapping.toml").write_text("\n".join(lines))
    assert main(["scan", str(folder), "--to", str(library), "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert (second["unconfirmed"], second["not_listed"]) == ([["", 1]], [])
    catalogue = open_catalogue(str(library))
    [batch] = read_batches(catalogue.parts("assets")[0], catalogue.mapping)
    table = {row["asset_id"]: row for row in batch.table.to_pylist()}
    assert table.keys() == {"a.jpg", "b/c.webp"}
    assert table["a.jpg"]["keywords"] == ["sea", "x;y"]
    assert [s["share_bp"] for s in table["b/c.webp"]["contributors"]] == [6000, 4000]
    assert table["a.jpg"]["licence_class"] == "creative"
    assert [row.asset_id for row in batch.failed_rows] == ["d.jpg"]  # nobody said whose it is
    with (library / "contributors.csv").open() as file:
        assert {row["contributor_id"] for row in csv.DictReader(file)} == {"c-1", "c-2"}


def test_it_does_not_write_over_a_catalogue(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "assets.jsonl").write_text("{}\n")
    assert main(["scan", str(tmp_path)]) == 2
    assert (tmp_path / "assets.jsonl").read_text() == "{}\n"


def test_a_folder_without_media_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="no media"):
        find_media(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        find_media(tmp_path / "none")
