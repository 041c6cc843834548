"""The cards: the files that their headers tell `datasets` to open are exactly those that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from tests.end_to_end.command import DEALS, Demo


def configs(card: Path) -> dict[str, Any]:
    entries = DatasetCard.load(card).data.to_dict()["configs"]
    return {item["config_name"]: item for item in entries}


def opened(folder: Path, config: Any) -> list[str]:
    (files,) = config["data_files"]
    assert files["split"] == "train"
    globs = [files["path"]] if isinstance(files["path"], str) else files["path"]
    return sorted(path.name for glob in globs for path in folder.glob(glob))


@pytest.mark.parametrize("deal", DEALS)
def test_card_configs_open_the_tars_of_each_family(demo: Demo, deal: str) -> None:
    delivery = demo.delivery(deal)
    found = configs(delivery / "README.md")
    shards = demo.manifest(deal)["shards"]
    assert set(found) == {shard["family"] for shard in shards}
    largest = max(found, key=lambda name: sum(s["samples"] for s in shards if s["family"] == name))
    assert [name for name, config in found.items() if config.get("default")] == [largest]
    for family, config in found.items():
        own = sorted(f"{shard['name']}.tar" for shard in shards if shard["family"] == family)
        assert opened(delivery, config) == own


@pytest.mark.parametrize("deal", DEALS)
def test_tables_card_opens_the_tables(demo: Demo, deal: str) -> None:
    folder = demo.delivery(deal) / "shards"
    found = configs(folder / "README.md")
    shards = demo.manifest(deal)["shards"]
    assert [name for name, config in found.items() if config.get("default")] == ["all"]
    assert opened(folder, found["all"]) == sorted(f"{shard['name']}.parquet" for shard in shards)
    for family in {shard["family"] for shard in shards}:
        own = sorted(f"{shard['name']}.parquet" for shard in shards if shard["family"] == family)
        assert opened(folder, found[family]) == own
