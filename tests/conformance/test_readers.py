"""Buyers' readers agree on keys, order, fields, counts and bytes, for every plain profile."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections import Counter
from datetime import date
from typing import Any

import pyarrow.parquet as pq
import pytest
import webdataset

from pipelines.media.formats import FILM_FORMATS, IMAGE_FORMATS, parse_format
from pipelines.media.images import decode_for_models
from pipelines.profiles import load_profile
from tests.conformance.adapters import (
    READERS,
    Family,
    Samples,
    by_tarfile,
    everything,
    family_of,
    run_datasets,
)
from tests.conformance.library import AS_BYTES, DELIVERED, PLAIN, ReaderLibrary, families

EVERY_FAMILY = pytest.mark.parametrize(("profile", "name"), DELIVERED)
EVERY_PROFILE = pytest.mark.parametrize("profile", PLAIN)


def rows_of(family: Family) -> list[dict[str, Any]]:
    """A family's tables, one after another; dates as text, since readers print JSON."""
    tables = [pq.read_table(tar.with_suffix(".parquet")) for tar in family.tars]
    return [_printed(row) for table in tables for row in table.to_pylist()]


def _printed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, date) else value for name, value in row.items()}


def caption_sources(family: Family) -> set[str]:
    """The sources of all captions of a family's samples."""
    found: set[str] = set()
    for tar in map(tarfile.open, family.tars):
        with tar:
            for member in tar:
                data = tar.extractfile(member)
                if member.name.endswith(".json") and data is not None:
                    found |= {caption["source"] for caption in json.load(data)["captions"]}
    return found


def samples_by_tables(family: Family) -> Samples:
    """What the tables say that the tars hold: the members and their sha256, in order."""
    return {
        row["key"]: {
            row["media_member"].partition(".")[2]: row["media_sha256"],
            "txt": row["txt_sha256"],
            "json": row["json_sha256"],
        }
        for row in rows_of(family)
    }


@EVERY_PROFILE
def test_a_delivery_has_all_that_readers_must_bear(library: ReaderLibrary, profile: str) -> None:
    """Every family, several shards and samples of each, and captions by model and contributor."""
    shards = library.manifest(profile)["shards"]
    assert {item["family"] for item in shards} == set(families(profile))
    kinds: set[str] = set()
    for name in families(profile):
        family = family_of(library, profile, name)
        rows = rows_of(family)
        kinds |= {row["profile"] for row in rows}
        assert len(family.tars) > 1 and len(rows) >= 4
        recommended = {row["caption_source"] for row in rows}
        assert recommended > {"title"} and recommended <= {"model", "title", "description"}
        assert caption_sources(family) >= {"model", "title", "description", "zero-shot"}
    assert kinds >= {profile}
    assert all(load_profile(kind).media_type in ("image", "video") for kind in kinds)


@pytest.mark.parametrize("reader", READERS)
@EVERY_FAMILY
def test_readers_agree(library: ReaderLibrary, profile: str, name: str, reader: str) -> None:
    family = family_of(library, profile, name)
    expected = samples_by_tables(family)
    found = READERS[reader](family)
    assert found == expected
    assert list(found) == list(expected)  # in one order


@EVERY_FAMILY
def test_the_tables_say_what_the_tars_hold(library: ReaderLibrary, profile: str, name: str) -> None:
    family = family_of(library, profile, name)
    found = by_tarfile(family)
    assert list(found.items()) == list(samples_by_tables(family).items())
    assert all(list(fields) == [name, "txt", "json"] for fields in found.values())
    shards = library.manifest(profile)["shards"]
    reported = [item["samples"] for item in shards if item["family"] == name]
    for tar, samples in zip(family.tars, reported, strict=True):
        stats = json.loads(tar.with_name(f"{tar.stem}_stats.json").read_bytes())
        count = pq.read_metadata(tar.with_suffix(".parquet")).num_rows
        assert stats["count"] == stats["successes"] == count == samples
        assert stats["status_dict"] == {"success": count}
        assert stats["bytes"] == tar.stat().st_size
    assert len(found) == sum(reported)


@EVERY_PROFILE
def test_keys_are_unique_in_a_delivery(library: ReaderLibrary, profile: str) -> None:
    keys = Counter(
        row["key"]
        for name in families(profile)
        for row in rows_of(family_of(library, profile, name))
    )
    assert set(keys.values()) == {1}


@pytest.mark.parametrize(("profile", "name"), [one for one in DELIVERED if one[1] in IMAGE_FORMATS])
def test_webdataset_decodes(library: ReaderLibrary, profile: str, name: str) -> None:
    """Pictures, text and JSON through the loader's own decoders."""
    family = family_of(library, profile, name)
    source = webdataset.WebDataset([str(tar) for tar in family.tars], shardshuffle=False)
    rows = iter(rows_of(family))
    for picture, text, reported in source.decode("pil").to_tuple(name, "txt", "json"):
        row = next(rows)
        if name in AS_BYTES:
            picture = decode_for_models(picture, parse_format(name), 10**7, 10**6).image
        # It does not turn pictures by their EXIF, hence the stored sizes.
        assert picture.size == (row["original_width"], row["original_height"])
        assert text == reported["caption"] == row["caption"]
    assert next(rows, None) is None


@EVERY_FAMILY
def test_the_index_of_wids_says_what_the_tars_are(
    library: ReaderLibrary, profile: str, name: str
) -> None:
    family = family_of(library, profile, name)
    index = json.loads((family.delivery / f"wids-{name}.json").read_bytes())
    reported = [(item["url"], item["filesize"], item["md5sum"]) for item in index["shardlist"]]
    assert reported == [
        (
            tar.relative_to(family.delivery).as_posix(),
            tar.stat().st_size,
            hashlib.md5(tar.read_bytes(), usedforsecurity=False).hexdigest(),
        )
        for tar in family.tars
    ]


@pytest.mark.parametrize("way", ["whole", "streaming"])
@EVERY_PROFILE
def test_datasets_opens_the_tables(library: ReaderLibrary, profile: str, way: str) -> None:
    reported = run_datasets("tables", way, everything(library))[str(library.delivery(profile))]
    expected = {name: rows_of(family_of(library, profile, name)) for name in families(profile)}
    for name in families(profile):
        assert reported[name] == expected[name]
    everyone = [row for name in families(profile) for row in expected[name]]
    assert reported["all"] == reported[""] == everyone


@pytest.mark.parametrize("way", ["whole", "streaming"])
@pytest.mark.parametrize("profile", [one for one, name in DELIVERED if name == "mp4"])
def test_datasets_opens_the_shots(library: ReaderLibrary, profile: str, way: str) -> None:
    """As they are written, and as the films' JSON has them."""
    delivery = library.delivery(profile)
    reported = run_datasets("shots", way, everything(library))[str(delivery)]["shots"]
    # `datasets` takes the files in the order that it is given.
    paths = sorted(delivery.glob("shots/*.parquet"), key=str)
    assert reported == [row for path in paths for row in pq.read_table(path).to_pylist()]
    found = {(row["key"], row["first_frame"], row["end_frame"], row["caption"]) for row in reported}
    films = [family_of(library, profile, name) for name in FILM_FORMATS]
    tars = [str(tar) for family in films for tar in family.tars]
    samples = webdataset.WebDataset(tars, shardshuffle=False)
    seen = [json.loads(sample["json"]) for sample in samples]
    assert found == {
        (film["key"], shot["first_frame"], shot["end_frame"], shot["caption"])
        for film in seen
        for shot in film["shots"]
        if film["caption_model"]
    }
    assert any(len(film["shots"]) > 1 for film in seen)
