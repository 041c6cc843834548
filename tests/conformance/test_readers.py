"""The readers that buyers use agree on keys, fields, counts and bytes, for every family."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
import webdataset

from ..end_to_end.command import DEALS, Demo
from .adapters import READERS, Family, by_tarfile, family_of, run_datasets

DEAL = "demo-main"
FAMILIES = ("jpg", "mp4", "png", "webp")


def rows_of(family: Family) -> list[dict[str, Any]]:
    """A family's tables, one after another."""
    tables = [pq.read_table(tar.with_suffix(".parquet")) for tar in family.tars]
    return [row for table in tables for row in table.to_pylist()]


def test_every_family_is_delivered(demo: Demo) -> None:
    assert {item["family"] for item in demo.manifest(DEAL)["shards"]} == set(FAMILIES)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", FAMILIES)
def test_readers_agree(demo: Demo, name: str, reader: str) -> None:
    family = family_of(demo.delivery(DEAL), name)
    expected = by_tarfile(family)
    told = [item for item in demo.manifest(DEAL)["shards"] if item["family"] == name]
    assert len(expected) == sum(item["samples"] for item in told) > 0
    assert all(set(fields) == {name, "txt", "json"} for fields in expected.values())
    assert READERS[reader](family) == expected


@pytest.mark.parametrize("reader", ["webdataset", "wids", "Energon"])
@pytest.mark.parametrize("deal", sorted(set(DEALS) - {DEAL}))
def test_pictures_alone(demo: Demo, deal: str, reader: str) -> None:
    """The deals of the other profile, whose deliveries have no films."""
    names = sorted({item["family"] for item in demo.manifest(deal)["shards"]})
    assert names and "mp4" not in names
    for name in names:
        family = family_of(demo.delivery(deal), name)
        assert READERS[reader](family) == by_tarfile(family)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_tables_say_what_the_tars_hold(demo: Demo, name: str) -> None:
    family = family_of(demo.delivery(DEAL), name)
    told = {
        row["key"]: {
            row["media_member"].partition(".")[2]: row["media_sha256"],
            "txt": row["txt_sha256"],
            "json": row["json_sha256"],
        }
        for row in rows_of(family)
    }
    assert told == by_tarfile(family)
    for tar in family.tars:
        stats = json.loads(tar.with_name(f"{tar.stem}_stats.json").read_bytes())
        count = pq.read_metadata(tar.with_suffix(".parquet")).num_rows
        assert stats["count"] == stats["successes"] == stats["status_dict"]["success"] == count
        assert stats["bytes"] == tar.stat().st_size


def test_webdataset_decodes(demo: Demo) -> None:
    """Pictures, text and JSON through the loader's own decoders."""
    family = family_of(demo.delivery(DEAL), "png")
    source = webdataset.WebDataset([str(tar) for tar in family.tars], shardshuffle=False)
    count = 0
    for picture, text, told in source.decode("pil").to_tuple("png", "txt", "json"):
        assert picture.size == (told["width"], told["height"])
        assert text == told["caption"]
        count += 1
    assert count == len(rows_of(family))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_index_of_wids_says_what_the_tars_are(demo: Demo, name: str) -> None:
    family = family_of(demo.delivery(DEAL), name)
    index = json.loads((family.delivery / f"wids-{name}.json").read_bytes())
    told = [(item["url"], item["filesize"], item["md5sum"]) for item in index["shardlist"]]
    assert told == [
        (
            tar.relative_to(family.delivery).as_posix(),
            tar.stat().st_size,
            hashlib.md5(tar.read_bytes(), usedforsecurity=False).hexdigest(),
        )
        for tar in family.tars
    ]


@pytest.mark.parametrize("way", ["whole", "streaming"])
def test_datasets_opens_the_tables(demo: Demo, way: str) -> None:
    delivery = demo.delivery(DEAL)
    found = run_datasets("tables", way, delivery, ("all", *FAMILIES))
    expected = {name: rows_of(family_of(delivery, name)) for name in FAMILIES}
    for name in FAMILIES:
        assert found[name] == expected[name]
    assert found["all"] == [row for name in FAMILIES for row in expected[name]]
