"""Whole runs with each value of `render.images`."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.features.guard import this_guard
from tests.cases.copies_common import Decisions, Library
from tests.end_to_end.small_library import in_process
from tests.features.test_soundless import sounding
from tests.media.hostile_modes import hostile_modes
from tests.media.media_samples import LIMITS, encode, picture
from tests.media.numbered_films import numbered_film
from tests.signals.file import xmp_builder as build
from tests.signals.strip.dressed import Dress, dress

_PLUS = "http://ns.useplus.org/ldf/vocab/"
# Each with words of its own, since the models are not asked.
_UNSEEN = {"grant_inference": "deny", "people_count": 0}
_HOSTILE = {name: (fmt, data, differs) for name, fmt, data, differs in hostile_modes()}
_PACK_WITHOUT = 'inference = "pack-without"\nunjudged_content = "accept"'


def _constrained(code: str, orientation: int) -> bytes:
    properties = (
        f"<plus:ImageFileConstraints><rdf:Bag><rdf:li>{_PLUS}{code}</rdf:li></rdf:Bag>"
        "</plus:ImageFileConstraints>"
    )
    return dress("jpg", picture(160, 120), Dress({0x0112: orientation}, build.packet(properties)))


# CC BY asks for a name and a source.
CREDITED = {"credit": "Ada Example", "source_url": "https://photos.example/1"}


def _library(folder: Path) -> Library:
    (folder / "catalogue").mkdir(parents=True)
    library = Library(folder)
    for name, (fmt, data, _) in _HOSTILE.items():
        library.add(name, data, f"{name}.{fmt}", **_UNSEEN)
    library.add("kept_turned", _constrained("IF-MMD", 6), "kept_turned.jpg", **_UNSEEN)
    library.add("kept_upright", _constrained("IF-MMD", 1), "kept_upright.jpg", **_UNSEEN)
    library.add("large", encode(picture(900, 300), "JPEG"), "large.jpg", **_UNSEEN)
    turned = _HOSTILE["orientation_3"][1]
    nd = {"licence_code": "CC-BY-ND-4.0", **CREDITED}
    library.add("no_derivatives", turned, "no_derivatives.jpg", **_UNSEEN, **nd)
    return library


@pytest.fixture(scope="module")
def package(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], tuple[Path, Decisions]]]:
    folder = tmp_path_factory.mktemp("renditions")
    library = _library(folder)

    def run(section: str) -> tuple[Path, Decisions]:
        out = folder / hashlib.sha256(section.encode()).hexdigest()[:8]
        rights = f'{_PACK_WITHOUT}\nno_derivatives = "accept"'
        found = library.package(
            out, dedupe="none", rights=rights, more=f"[render]\n{section}" if section else ""
        )
        assert library.ended.code in (0, 3), library.ended.err
        return out / "case" / "v0001", found

    yield run
    shutil.rmtree(folder)


def _samples(version: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    for path in sorted((version / "delivery" / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            members = {item.name: tar.extractfile(item).read() for item in tar}  # type: ignore[union-attr]
        for name, data in members.items():
            if name.endswith(".json"):
                row = json.loads(data)
                yield row, members[f"{row['key']}.{row['format']}"]


def _plain(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.long
def test_default_renders_what_needs_it(package: Callable[[str], tuple[Path, Decisions]]) -> None:
    version, decisions = package("")
    refused = {name: found for name, found in decisions.items() if found[0] != "delivered"}
    assert {name: found[1] for name, found in refused.items()} == {
        "kept_turned": ("rendition.not_allowed",),
        "no_derivatives": ("rendition.not_allowed",),
    }
    assert "orientation; forbidden by IF-MMD" in refused["kept_turned"][2]
    originals = {hashlib.sha256(data).hexdigest(): name for name, (_, data, _) in _HOSTILE.items()}
    found = list(_samples(version))
    assert len(found) == len(decisions) - 2
    for row, data in found:
        assert hashlib.sha256(data).hexdigest() == row["media_sha256"]
        assert row["plain_differences"] == "" and row["orientation"] == 1
        name = originals.get(row["original_sha256"], "")
        needs = name != "" and _HOSTILE[name][2]
        assert (row["media_sha256"] != row["original_sha256"]) == needs, name
        assert row["rendition"].startswith("jpg quality=95 ") == needs
        if needs:
            assert (row["mode"], row["bits"], row["format"]) == ("RGB", 8, "jpg")
        assert _plain(data).shape[:2] == (row["height"], row["width"])
    table = pq.read_table(version / "delivery" / "samples.parquet").to_pylist()
    for row in table:
        [sample] = [one for one, _ in found if one["key"] == row["key"]]
        for column in ("original_sha256", "rendition", "mode", "bits", "has_alpha", "icc"):
            assert row[column] == sample[column]
    pairs = {
        (row["original_sha256"], row["delivered_sha256"])
        for path in (version / "agency").glob("renditions/*.parquet")
        for row in pq.read_table(path).to_pylist()
    }
    rendered = {
        (row["original_sha256"], row["media_sha256"]) for row, _ in found if row["rendition"]
    }
    assert rendered <= pairs


@pytest.mark.long
def test_native_says_what_loaders_get_wrong(
    package: Callable[[str], tuple[Path, Decisions]],
) -> None:
    version, decisions = package('images = "native"')
    assert {found[0] for found in decisions.values()} == {"delivered"}
    originals = {hashlib.sha256(data).hexdigest(): name for name, (_, data, _) in _HOSTILE.items()}
    for row, data in _samples(version):
        assert row["media_sha256"] == row["original_sha256"] == hashlib.sha256(data).hexdigest()
        name = originals.get(row["media_sha256"])
        if name is not None:
            assert (row["plain_differences"] != "") == _HOSTILE[name][2]
    assert not (version / "agency" / "renditions").exists()


@pytest.mark.long
def test_deal_can_refuse_them(package: Callable[[str], tuple[Path, Decisions]]) -> None:
    _, decisions = package('images = "refuse"')
    refused = {name for name, found in decisions.items() if found[1] == ("picture.not_plain",)}
    wanted = {name for name, (_, _, differs) in _HOSTILE.items() if differs}
    assert refused == wanted | {"kept_turned", "no_derivatives"}


@pytest.mark.long
def test_all_are_reduced_verified_and_repaired(
    package: Callable[[str], tuple[Path, Decisions]],
) -> None:
    section = 'images = "all"\nlongest_side = 150\nformat = "webp"\nquality = 80'
    version, decisions = package(section)
    assert {name for name, found in decisions.items() if found[0] != "delivered"} == {
        "kept_turned",
        "kept_upright",
        "no_derivatives",
        "large",  # of 150 x 50 pixels it is too small
    }
    found = list(_samples(version))
    assert {row["format"] for row, _ in found} == {"webp"}
    assert {max(row["width"], row["height"]) for row, _ in found} == {150}
    for row, data in found:
        assert _plain(data).shape[:2] == (row["height"], row["width"])
    delivery = version / "delivery"
    checked = in_process("verify", delivery, "--allow-unpinned")
    assert checked.code == 0, checked.err
    [tar] = (delivery / "shards").glob("*.tar")
    was = tar.read_bytes()
    tar.write_bytes(was[:2_000] + b"\xff" * 64 + was[2_064:])
    assert in_process("verify", delivery, "--allow-unpinned").code == 1
    folder = version.parents[2]
    words = ["verify", delivery, "--repair", "--catalogue", folder / "catalogue"]
    repaired = in_process(*words, "--deal", folder / "deal.toml")
    assert tar.read_bytes() == was, repaired.err


@pytest.mark.long
def test_films_lose_their_sound(tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    library = Library(tmp_path)
    data = sounding()
    library.add("film", data, "film.mp4", **_UNSEEN)
    decisions = library.package(
        tmp_path / "out",
        top='profile = "video-text"\nmedia = ["video"]',
        rights=_PACK_WITHOUT,
        more='[render]\naudio = "drop"',
    )
    assert decisions == {"film": ("delivered", (), "")}, library.ended.err
    version = tmp_path / "out" / "case" / "v0001"
    [(row, medium)] = _samples(version)
    assert (row["audio_codec"], row["codec"], row["frames"]) == ("", "mpeg4", 24)
    assert row["rendition"] == "audio=drop soundless-v1"
    assert row["original_sha256"] == hashlib.sha256(data).hexdigest()
    assert row["media_sha256"] == hashlib.sha256(medium).hexdigest() != row["original_sha256"]
    assert in_process("verify", version / "delivery", "--allow-unpinned").code == 0


@pytest.mark.long
@pytest.mark.parametrize("films", ["remux", "transcode"])
def test_films_are_rendered_verified_and_repaired(tmp_path: Path, films: str) -> None:
    (tmp_path / "catalogue").mkdir()
    library = Library(tmp_path)
    data = sounding("mov")
    library.add("film", data, "film.mov", media_type="video", **_UNSEEN)
    nd = {"licence_code": "CC-BY-ND-4.0", **CREDITED}
    library.add("bound", numbered_film([25 * n for n in range(9)]), "bound.mp4", **_UNSEEN, **nd)
    side = "film_longest_side = 150\n" if films == "transcode" else ""
    decisions = library.package(
        tmp_path / "out",
        top='profile = "video-text"\nmedia = ["video"]',
        rights=f'{_PACK_WITHOUT}\nno_derivatives = "accept"',
        more=f'[render]\nfilms = "{films}"\naudio = "drop"\n{side}',
    )
    assert decisions["film"] == ("delivered", (), ""), library.ended.err
    forbidden = f'needed because of render.films = "{films}"; forbidden by CC-BY-ND-4.0'
    assert decisions["bound"] == ("refused", ("rendition.not_allowed",), forbidden)
    assert f'render.films = "{films}"' in " ".join(library.ended.out.split())
    version = tmp_path / "out" / "case" / "v0001"
    [(row, medium)] = _samples(version)
    assert row["rendition"].startswith(f"films={films} ")
    assert (row["format"], row["audio_codec"], row["sound"], row["frames"]) == (
        "mp4",
        "",
        "none",
        24,
    )
    size = (150, 105) if films == "transcode" else (160, 112)
    codec = "vp9" if films == "transcode" else "mpeg4"
    assert (row["width"], row["height"], row["codec"]) == (*size, codec)
    seen = this_guard().film(medium, LIMITS)
    assert (seen.width, seen.height, seen.codec) == (*size, codec)
    assert (seen.pixel_format, seen.bitrate_bps) == (row["mode"], row["bitrate_bps"])
    digests = (hashlib.sha256(data).hexdigest(), hashlib.sha256(medium).hexdigest())
    assert (row["original_sha256"], row["media_sha256"]) == digests
    # Removals find a delivered film by the digest of the agency's file.
    pairs = [
        (one["original_sha256"], one["delivered_sha256"])
        for path in (version / "agency").glob("renditions/*.parquet")
        for one in pq.read_table(path).to_pylist()
    ]
    assert pairs == [digests]
    delivery = version / "delivery"
    assert in_process("verify", delivery, "--allow-unpinned").code == 0
    [tar] = (delivery / "shards").glob("*.tar")
    was = tar.read_bytes()
    tar.write_bytes(was[:2_000] + b"\xff" * 64 + was[2_064:])
    assert in_process("verify", delivery, "--allow-unpinned").code == 1
    words = ["verify", delivery, "--repair", "--catalogue", tmp_path / "catalogue"]
    repaired = in_process(*words, "--deal", tmp_path / "deal.toml")
    assert tar.read_bytes() == was, repaired.err
