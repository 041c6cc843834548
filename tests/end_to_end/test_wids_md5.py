"""`shards.wids_md5 = "omit"`: the index has no MD5, wids opens it, and nothing puts one back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import wids

from tests.end_to_end.command import tree
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

_DEAL = """
[shards]
wids_md5 = "omit"
min_shards = 2
"""
_INDEX = "wids-jpg.json"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    library = SmallLibrary(tmp_path_factory.mktemp("md5"))
    library.add(4, side=520)
    library.deal += _DEAL
    ended = library.package()
    assert ended.code == 0, ended.err
    return library


def delivery_of(library: SmallLibrary) -> Path:
    return library.out / "small" / "v0001" / "delivery"


def keys_of(delivery: Path) -> list[set[str]]:
    return [set(item) for item in json.loads((delivery / _INDEX).read_bytes())["shardlist"]]


def test_wids_reads_an_index_without_digests(library: SmallLibrary) -> None:
    delivery = delivery_of(library)
    assert keys_of(delivery) == [{"url", "nsamples", "filesize"}] * 2
    samples = wids.ShardListDataset(str(delivery / _INDEX), base=str(delivery), keep=True)
    assert len(samples) == 4 and {sample[".json"]["media_type"] for sample in samples} == {"image"}
    ended = in_process("verify", delivery, "--allow-unpinned")
    assert ended.code == 0, ended.out


@pytest.mark.parametrize("damaged", [_INDEX, "shards/sizes.json"])
def test_repair_leaves_them_out(library: SmallLibrary, damaged: str) -> None:
    delivery = delivery_of(library)
    before = tree(delivery)
    (delivery / damaged).write_bytes(b"{}")
    words = ["verify", delivery, "--repair", "--quiet", "--workers", 1, "--allow-unpinned"]
    words += ["--catalogue", library.folder / "catalogue", "--deal", library.folder / "deal.toml"]
    ended = in_process(*words)
    assert ended.code == 0, ended.err + ended.out
    assert tree(delivery) == before


@pytest.mark.parametrize("way", ["patch", "tombstone"])
def test_a_removal_leaves_them_out(library: SmallLibrary, tmp_path: Path, way: str) -> None:
    """At the agency, and at the buyer who follows."""
    out = shutil.copytree(library.out, tmp_path / "out")
    words = ["--out", out, "--asset", "a-0", "--way", way, "--deal", "small", "--money", "keep"]
    words += ["--recurring", "keep", "--reason", "takedown", "--effective", "2026-12-01"]
    done = in_process("revoke", *words, "--as-of", "2026-11-27")
    assert done.code == 0, done.err
    after = out / "small" / "v0002" / "delivery"
    assert {frozenset(item) for item in keys_of(after)} == {frozenset(keys_of(after)[0])}
    assert "md5sum" not in keys_of(after)[0]
    copy = shutil.copytree(delivery_of(library), tmp_path / "copy")
    notice = out / "small" / "notices" / "small-000001.json"
    vkey = (after / "log.vkey").read_text().strip()
    words = ["--notice", notice, "--from", after, "--vkey", vkey]
    done = in_process("apply-removals", copy, *words)
    assert done.code == 0, done.err
    assert tree(copy) == tree(after)
