"""A deal with a validation split, groups and equal shards: what the buyer gets and can check."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from pipelines.profiles import load_profile
from pipelines.verify.sample_check import SampleCheck
from pipelines.verify.sample_facts import Stated
from pipelines.verify.splits import SplitCheck
from schemas.canonical import canonical_json
from schemas.manifest import Manifest
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

_DEAL = """
[shards]
min_shards = 2
counts = "equal"

[captions]
p_synthetic_bp = 5000

[split]
validation_bp = 4000
groups = "publish"
"""


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = SmallLibrary(tmp_path_factory.mktemp("splits"))
    for number in range(2, 8):
        library.add_contributor(f"c-{number}")
    for number in range(1, 8):
        who = [{"contributor_id": f"c-{number}", "share_bp": 10_000}]
        library.add(2 if number < 7 else 1, side=520, title="Drawn", contributors=who)
    library.deal += _DEAL
    ended = library.package()
    assert ended.code == 0, ended.err
    return library.out / "small" / "v0001" / "delivery"


def test_it_verifies_and_no_group_is_in_two_splits(delivery: Path) -> None:
    ended = in_process("verify", delivery, "--allow-unpinned")
    assert ended.code == 0, ended.out
    rows = pq.read_table(delivery / "samples.parquet").to_pylist()
    groups, counts = defaultdict(list), defaultdict(list)
    for row in rows:
        groups[row["group_id"]].append(row["split"])
        counts[row["split"], row["shard"]].append(row["key"])
        assert len(row["duplicate_cluster"]) == 64
        assert ("-val-" in row["shard"]) == (row["split"] == "validation")
    assert sorted(map(len, groups.values())) == [1, *[2] * 6]
    assert all(len(set(splits)) == 1 for splits in groups.values())
    assert {row["split"] for row in rows} == {"train", "validation"}
    for split in ("train", "validation"):
        sizes = [len(keys) for (one, _), keys in counts.items() if one == split]
        assert len(sizes) == 2 and max(sizes) - min(sizes) <= 1


def test_captions_are_drawn(delivery: Path) -> None:
    """`verify`, above, has repeated the draws; here they are repeated by other means."""
    rows = pq.read_table(delivery / "samples.parquet").to_pylist()
    for row in rows:
        drawn = hashlib.sha256(b"fairshard/caption\0" + row["asset"].encode()).digest()[:8]
        model_s = int.from_bytes(drawn, "big") % 10_000 < 5_000
        assert row["caption_source"] == ("model" if model_s else "title")
        assert {one["source"] for one in row["captions"]} >= {"model", "title"}
        data = (delivery / "shards" / f"{row['shard']}.tar").read_bytes()
        text = data[row["txt_offset"] : row["txt_offset"] + row["txt_length"]]
        assert text.decode() == row["caption"]
    assert {row["caption_source"] for row in rows} == {"model", "title"}


def test_another_caption_is_reported(delivery: Path) -> None:
    row = pq.read_table(delivery / "samples.parquet").to_pylist()[0]
    data = (delivery / "shards" / f"{row['shard']}.tar").read_bytes()
    sample = json.loads(data[row["json_offset"] : row["json_offset"] + row["json_length"]])
    other = next(
        one
        for one in sample["captions"]
        if one["source"] == ("title" if row["caption_source"] == "model" else "model")
    )
    sample |= {"caption": other["text"], "caption_source": other["source"]}
    sample |= {"clip_score_bp": other["score_bp"]}
    manifest = Manifest.model_validate_json((delivery / "MANIFEST.json").read_bytes())
    stated = Stated.by(manifest)
    check = SampleCheck("jpg", load_profile("image-text"), stated)
    members = {"jpg": b"", "txt": other["text"].encode(), "json": canonical_json(sample)}
    said = {**row, "caption": other["text"], "caption_source": other["source"]}
    said["clip_score"] = other["score_bp"] / 10_000
    faults = [message for _, message in check.faults_of(row["key"], members, said)]
    assert len(faults) == 1 and "but the draw says" in faults[0]


def test_loaders_are_told_of_the_splits(delivery: Path) -> None:
    names = sorted(path.name for path in delivery.glob("shards/*.tar"))
    [config] = DatasetCard.load(delivery / "README.md").data.to_dict()["configs"]
    opened = {
        item["split"]: sorted(path.name for path in delivery.glob(item["path"]))
        for item in config["data_files"]
    }
    assert sorted(opened["train"] + opened["validation"]) == names
    assert all("-val-" in name for name in opened["validation"])
    for part, split in (("jpg", "train"), ("jpg-val", "validation")):
        index = json.loads((delivery / f"wids-{part}.json").read_bytes())
        assert [Path(one["url"]).name for one in index["shardlist"]] == opened[split]
    assert "split_part: jpg-val" in (delivery / "energon-jpg.yaml").read_text()
    assert "largest world size" in (delivery / "README.md").read_text()


def test_a_leak_is_reported(delivery: Path) -> None:
    table = pq.read_table(delivery / "samples.parquet")
    found: list[tuple[str, str]] = []
    check = SplitCheck(True, lambda path, what: found.append((path, what)))
    check.add(table)
    assert found == []
    for name in ("group_id", "duplicate_cluster"):
        at = table.schema.get_field_index(name)
        same = pa.array(["0" * 64] * len(table), pa.string())
        SplitCheck(True, lambda path, what: found.append((path, what))).add(
            table.set_column(at, table.schema.field(at), same)
        )
        assert f"samples of one {name} are in two splits" in found.pop()[1]
    at = table.schema.get_field_index("split")
    trained = pa.array(["train"] * len(table), pa.string())
    check.add(table.set_column(at, table.schema.field(at), trained))
    assert "-val-" in found[0][0] and "not its shard's" in found[0][1]
