"""What readers make of versions from which samples were removed, by the real command."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import webdataset

from tests.conformance.adapters import READERS, Family, Samples
from tests.conformance.library import ReaderLibrary
from tests.end_to_end.command import fairshard

pytestmark = pytest.mark.long

_PROFILE, _FAMILY = "image-text", "jpg"
# Programs that unpack tars, which know nothing of samples: they see the tombstone as a file.
UNPACKERS = {"GNU tar", "bsdtar"}
# Readers that hand over an empty sample for a tombstone.
EMPTY = {"DALI"}


@dataclass(frozen=True)
class Removed:
    """A version without some samples, and what is left.

    Attributes:
        family: Its pictures.
        left: The samples that the version before had, less the removed ones, in order.
        tombstones: How many samples were overwritten.
    """

    family: Family
    left: Samples
    tombstones: int


def _rows(delivery: Path, shards: list[str]) -> list[dict[str, Any]]:
    tables = [pq.read_table(delivery / "shards" / f"{name}.parquet") for name in shards]
    return [row for table in tables for row in table.to_pylist() if row["status"] == "success"]


def _fields(row: dict[str, Any]) -> dict[str, str]:
    media = row["media_member"].partition(".")[2]
    return {media: row["media_sha256"], "txt": row["txt_sha256"], "json": row["json_sha256"]}


def _shards(delivery: Path) -> list[str]:
    manifest = json.loads((delivery / "MANIFEST.json").read_bytes())
    return [one["name"] for one in manifest["shards"] if one["family"] == _FAMILY]


@pytest.fixture(scope="module")
def remove(library: ReaderLibrary, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    made: dict[str, Removed] = {}

    def version(way: str) -> Removed:
        if way not in made:
            made[way] = _remove(library, tmp_path_factory.mktemp(way) / "library", way)
        return made[way]

    return version


def _remove(library: ReaderLibrary, root: Path, way: str) -> Removed:
    """Removes the first picture of a shard that has several."""
    shutil.copytree(library.root, root)
    output = root / "out"
    before = output / f"reads-{_PROFILE}/v0001/delivery"
    ledger = pq.read_table(before.parent / "agency/ledger/ledger-00000.parquet").to_pylist()
    asset_of = {row["key"]: row["asset_id"] for row in ledger}
    rows = _rows(before, _shards(before))
    shared = [row["shard"] for row in rows]
    chosen = next(row for row in rows if shared.count(row["shard"]) > 1)
    words = ("--asset", asset_of[chosen["key"]], "--deal", f"reads-{_PROFILE}", "--way", way)
    done = fairshard(
        *("revoke", "--out", output, "--key", root / "key", "--reason", "takedown"),
        *("--effective", "2026-12-01", "--as-of", "2026-11-27", *words),
    )
    assert done.code == 0, done.err
    after = output / f"reads-{_PROFILE}/v0002/delivery"
    names = _shards(after)
    tars = tuple(after / "shards" / f"{name}.tar" for name in names)
    left = {row["key"]: _fields(row) for row in rows if row["key"] != chosen["key"]}
    family = Family(after, _FAMILY, tars, ((after, (_FAMILY,)),))
    assert len(left) == len(rows) - 1 == len(_rows(after, names))
    return Removed(family, left, 1 if way == "tombstone" else 0)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("way", ["patch", "tombstone"])
def test_readers_hand_over_what_is_left(
    remove: Callable[[str], Removed], way: str, reader: str
) -> None:
    removed = remove(way)
    found = READERS[reader](removed.family)
    rest = {key: fields for key, fields in found.items() if key not in removed.left}
    assert {key: fields for key, fields in found.items() if key in removed.left} == removed.left
    assert [key for key in found if key in removed.left] == list(removed.left)
    if reader in UNPACKERS | EMPTY:
        assert len(rest) == removed.tombstones
        assert all(key.startswith("__removed-") for key in rest) or reader in EMPTY
    else:
        assert rest == {}


def test_webdataset_stops_at_a_tar_without_samples(tmp_path: Path) -> None:
    """So a shard that lost all its samples is left out, and no empty tar is published."""
    tarfile.open(tmp_path / "empty.tar", "w").close()
    with pytest.raises(ValueError, match="No samples found"):
        list(webdataset.WebDataset([str(tmp_path / "empty.tar")], shardshuffle=False))
