"""Whole runs with each setting of `rights.personal_data`."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.media.formats import Format
from tests.cases.copies_common import Decisions, Library
from tests.end_to_end.small_library import in_process
from tests.signals.file import xmp_builder as build
from tests.signals.strip.dressed import NOTICE, PERSONAL, RIGHTS, SECRETS, Dress, dress

SETTINGS = ("keep", "rights-only", "none", "refuse")
_GPS = {1: "N", 2: (51.0, 30.0, 2.5), 3: "W", 4: (0.0, 7.0, 28.9)}
EDITORIAL = {"licence_class": "editorial", "people_count": 1, "minors": False}
ADDRESS = "Cat, write to zoe.quill@studio.example or +44 20 7946 0958"
FORMATS: tuple[Format, ...] = ("jpg", "png", "webp")


def files() -> dict[str, bytes]:
    packet = build.packet(RIGHTS[0] + RIGHTS[1] + PERSONAL[0] + PERSONAL[4])
    exif: dict[int, Any] = {0x013B: SECRETS["name"], 0x8298: NOTICE, 0x0112: 6, 0x8825: _GPS}
    wear = Dress(exif | {0xA431: SECRETS["serial"]}, packet)
    made: dict[str, bytes] = {
        fmt: dress(fmt, render(draw_scene_spec(number), 320, 240), wear)
        for number, fmt in enumerate(FORMATS)
    }
    plain = io.BytesIO()
    render(draw_scene_spec(8), 320, 240).save(plain, "JPEG")
    return {**made, "plain": plain.getvalue()}


@pytest.fixture(scope="module", params=SETTINGS)
def packaged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Decisions, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("personal")
    (folder / "catalogue").mkdir(parents=True)
    library = Library(folder)
    for name, data in files().items():
        uri = f"{name}.{'jpg' if name == 'plain' else name}"
        library.add(name, data, uri, **EDITORIAL)
    other = io.BytesIO()
    render(draw_scene_spec(9), 320, 240).save(other, "JPEG")
    library.add("addressed", other.getvalue(), "a.jpg", title=ADDRESS, description="A\x01cat")
    rights = f'editorial = "accept"\npersonal_data = "{request.param}"'
    native = '[render]\nimages = "native"'
    decisions = library.package(folder / "out", rights=rights, more=native)
    version = folder / "out" / "case" / "v0001"
    counts = json.loads((version / "agency" / "counts.json").read_bytes())
    return request.param, version, decisions, counts


def samples(version: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The JSON and the medium of each sample."""
    for path in sorted((version / "delivery" / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            members = {item.name: tar.extractfile(item).read() for item in tar}  # type: ignore[union-attr]
        for name, data in members.items():
            if name.endswith(".json"):
                row = json.loads(data)
                yield row, members[f"{row['key']}.{row['format']}"]


@pytest.mark.long
def test_each_setting(packaged: tuple[str, Path, Decisions, dict[str, Any]]) -> None:
    setting, version, decisions, counts = packaged
    reasons = {name: found[1] for name, found in decisions.items()}
    refused: dict[str, tuple[str, ...]] = dict.fromkeys(FORMATS, ("file.personal_data",))
    refused["addressed"] = ("text.personal_data",)
    expected: dict[str, tuple[str, ...]] = dict.fromkeys((*files(), "addressed"), ())
    assert reasons == expected | (refused if setting == "refuse" else {})
    originals = {hashlib.sha256(data).hexdigest() for data in files().values()}
    found = list(samples(version))
    for row, medium in found:
        assert hashlib.sha256(medium).hexdigest() == row["media_sha256"]
        has_secret = any(secret.encode() in medium for secret in SECRETS.values())
        was_stripped = setting in ("rights-only", "none")
        assert has_secret <= (setting == "keep")
        if has_secret:
            assert row["media_sha256"] in originals and not was_stripped
        with Image.open(io.BytesIO(medium)) as image:
            turned = image.getexif().get(0x0112, 1) == 6
        assert turned == (row["width"] < row["height"])
        assert (NOTICE.encode() in medium) == (turned and setting != "none")
    titles = [row["title"] for row, _ in found if "Cat" in row["title"]]
    removed = "Cat, write to [e-mail removed] or [phone number removed]"
    assert titles == {"keep": [ADDRESS], "refuse": []}.get(setting, [removed])
    kinds = {"gps": 3, "name": 3, "person": 3, "serial_number": 3}
    # The agency can tell which file a delivered one was.
    pairs = [
        (row["original_sha256"], row["delivered_sha256"], row["delivered_bytes"])
        for path in (version / "agency").glob("renditions/*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    delivered = {(row["media_sha256"], len(medium)) for row, medium in found}
    if setting in ("rights-only", "none"):
        assert {(sha256, size) for _, sha256, size in pairs} == delivered
        assert originals <= {original for original, _, _ in pairs}
    else:
        assert pairs == []
    personal = counts["personal_data"]
    assert personal["setting"] == setting
    assert personal["found"]["file_kinds"] == kinds
    in_texts = 0 if setting == "refuse" else 1  # screening refuses it, and its file is not read
    assert personal["found"]["text_kinds"] == ({"contact": 1} if in_texts else {})
    assert personal["found"]["files"] == 3 and personal["found"]["texts"] == in_texts
    assert personal["delivered"]["file_kinds"] == (kinds if setting == "keep" else {})
    assert personal["delivered"]["read"] == len(found)
    # Nothing of it stands anywhere in the delivery.
    for path in (version / "delivery").rglob("*"):
        if path.is_file() and setting != "keep":
            data = path.read_bytes()
            assert not any(secret.encode() in data for secret in SECRETS.values()), path


@pytest.mark.long
def test_verify_accepts_and_says_the_same(
    packaged: tuple[str, Path, Decisions, dict[str, Any]],
) -> None:
    _, version, _, _ = packaged
    done = in_process("verify", version / "delivery", "--allow-unpinned")
    assert done.code == 0, done.out + done.err


@pytest.mark.long
def test_check_counts_what_package_counts(
    packaged: tuple[str, Path, Decisions, dict[str, Any]],
) -> None:
    setting, version, _, _ = packaged
    folder = version.parents[2]
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml")
    checked = in_process("check", *words, "--json").json
    reading = json.loads((version / "agency" / "reading.json").read_bytes())["catalogue"]
    controls = {"assets.description": 1}
    assert checked["control_characters"] == reading["control_characters"] == controls
    assert checked["personal_texts"] == {"assets.title": 1}
    shown = in_process("check", *words).out
    assert f'rights.personal_data = "{setting}": ' in shown
    assert "control characters in assets.description 1" in shown


@pytest.mark.long
def test_values_stand_in_no_table_of_the_agency(
    packaged: tuple[str, Path, Decisions, dict[str, Any]],
) -> None:
    """Signals and decisions have kinds and places; the catalogue's own title is its own."""
    _, version, _, _ = packaged
    for path in sorted((version / "agency").rglob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            if row.get("kind") == "personal_data":
                assert row["value"] in ("gps", "name", "person", "serial_number", "contact")
            for secret in (SECRETS["serial"], SECRETS["email"], SECRETS["phone"], "51.0"):
                assert secret not in str(row)


@pytest.mark.long
def test_a_second_version_recalls_what_was_removed(tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    library = Library(tmp_path)
    for name in FORMATS:
        library.add(name, files()[name], f"{name}.{name}", **EDITORIAL)
    rights = 'editorial = "accept"\npersonal_data = "none"'
    found = []
    for title in ("first", "second"):
        library.rows[0]["title"] = title
        native = '[render]\nimages = "native"'
        library.package(tmp_path / "out", rights=rights, more=native)
        version = sorted((tmp_path / "out" / "case").glob("v*"))[-1]
        found.append({row["format"]: medium for row, medium in samples(version)})
    assert version.name == "v0002"
    assert found[0] == found[1] and set(found[0]) == set(FORMATS)
    tables = [pq.read_table(path) for path in (tmp_path / "out").rglob("renditions-*/*.parquet")]
    assert sum(map(len, tables)) == len(FORMATS)  # made once
