"""Captions made by the demonstration model say what was drawn."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.storage.columns import values_of
from tests.end_to_end.command import Demo, tables

_ENOUGH = 0.80


def captions(demo: Demo, deal_id: str) -> dict[str, tuple[str, bool]]:
    """Returns each asset's caption and whether its picture is in colour, by asset id."""
    delivery = demo.delivery(deal_id)
    texts: dict[str, str] = {}
    for tar in sorted(delivery.glob("shards/*.tar")):
        with tarfile.open(tar) as source:
            for member in source:
                data = source.extractfile(member)
                if data is not None and member.name.endswith(".txt"):
                    texts[member.name.removesuffix(".txt")] = data.read().decode()
    grey = _grey(demo)
    found = {}
    for row in tables(demo.agency(deal_id) / "decisions").to_pylist():
        if row["outcome"] == "delivered":
            found[row["asset_id"]] = (texts[row["key"]], row["asset_id"] not in grey)
    return found


def _grey(demo: Demo) -> set[str]:
    """Returns the assets whose file has no colour; the answer key says how files were saved."""
    return {name for name, texts in demo.key["media"].items() if "grey" in texts["file"]}


def names(caption: str, word: str) -> bool:
    """Returns whether a caption contains a word in the singular or plural."""
    plural = {"fish": "fish", "butterfly": "butterflies", "leaf": "leaves"}.get(word, word + "s")
    return re.search(rf"\b({word}|{word}es|{plural})\b", caption) is not None


def test_captions_name_the_drawn_objects(demo: Demo) -> None:
    subjects: dict[str, Any] = demo.key["subjects"]
    hits = 0
    texts = captions(demo, "demo-main") | captions(demo, "demo-images")
    assert len(texts) > 40
    for asset_id, (caption, in_colour) in texts.items():
        subject = subjects[asset_id]
        hits += names(caption, subject["noun"]) and (
            not in_colour or names(caption, subject["colour"])
        )
    assert hits / len(texts) >= _ENOUGH, f"{hits} of {len(texts)}"


def test_caption_is_the_same_in_all_files(demo: Demo) -> None:
    delivery = demo.delivery("demo-main")
    table = tables(delivery / "shards")
    keys, captions = values_of(table["key"], str), values_of(table["caption"], str)
    table_captions = dict(zip(keys, captions, strict=True))
    beside = {}
    for path in sorted((delivery / "metadata").glob("*.parquet")):
        metadata = pq.read_table(path)
        pairs = zip(metadata["key"].to_pylist(), metadata["caption"].to_pylist(), strict=True)
        beside.update(dict(pairs))
    assert beside == table_captions
    for shard in demo.manifest("demo-main")["shards"]:
        with tarfile.open(delivery / "shards" / f"{shard['name']}.tar") as source:
            for member in source:
                _compare(source, member, table_captions)


def _compare(
    source: tarfile.TarFile, member: tarfile.TarInfo, table_captions: dict[str, str]
) -> None:
    path = Path(member.name)
    data = source.extractfile(member)
    assert data is not None
    if path.suffix == ".txt":
        assert data.read().decode() == table_captions[path.stem]
    elif path.suffix == ".json":
        assert json.loads(data.read())["caption"] == table_captions[path.stem]
