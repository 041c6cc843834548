"""What every field of a signed sample is compared with, and which fields nothing else shows.

Whoever holds the key can sign a change of a sample's JSON and of its row in the table alike. A
field that another place shows must then be found; the others are listed here and in docs/verify.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.run.signing_key import load_key
from pipelines.storage.tables import json_bytes
from schemas.canonical import canonical_json
from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.end_to_end.command import Demo
from tests.end_to_end.damage import copy_delivery, sign_files, verify
from tests.format.strict_tar import read_members
from tests.verify.test_shard import Shard

#: Fields that only the sample and its row state, or only the media, which `verify` does not decode.
STATED_ALONE = frozenset(
    "original_sha256 rendition mode bits has_alpha icc animated width height "
    "tags tag_vocabulary title description keywords language category dense_caption "
    "dense_caption_score_bp p_synthetic_bp licence_model licence_class licence_code "
    "alteration_constraints file_constraints duplication_constraints usable_until "
    "sharpness_milli brightness_milli shadows_milli highlights_milli nsfw_milli aesthetics_milli "
    "faces text_boxes text_area_milli watermark orientation created_at tag_scores_bp "
    "plain_differences".split()
)
#: Shown by the ledger's entries, which are compared below.
IN_THE_LEDGER = frozenset({"decision_sha256"})
_OTHERS: dict[str, object] = {
    "digital_source_type": "trainedAlgorithmicMedia",
    "orientation": 3,
    "plain_differences": "alpha",
    "aspect_bucket": "21:9",
    "created_at": "2001-02-03",
    "usable_until": "2026-08-01",
    "licence_model": "RM",
    "licence_class": "editorial",
    "ai_generated": "yes",
    "alteration_constraints": "AL-CRP",
    "file_constraints": "AL-CRP",
    "duplication_constraints": "AL-CRP",
    "watermark": "yes",
    "caption_source": "description",
    "format": "png",
}


def other_value(name: str, value: Any) -> Any:
    """Returns another value of a field that its profile allows, where there is one."""
    if name == "tag_scores_bp":
        return value.replace("1", "2", 1).replace("3", "4", 1)
    if name == "captions":
        return [{**value[0], "text": "another"}, *value[1:]]
    if name in _OTHERS and _OTHERS[name] != value:
        return _OTHERS[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if value <= 0 else value - 1
    if len(value) in (24, 64) and set(value) <= set("0123456789abcdef"):
        return f"{int(value[0], 16) ^ 1:x}{value[1:]}"
    return f"{value}x"


class Changed:
    """A shard whose first sample is changed, in its JSON and in its row alike."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.members = list(shard.members())
        self.rows = pq.read_table(shard.table).to_pylist()
        self.at = next(at for at, (name, _) in enumerate(self.members) if name.endswith(".json"))
        self.sample = json.loads(self.members[self.at][1])

    def faults(self, **changes: Any) -> list[str]:
        """Returns what `verify` says of the sample with these fields."""
        members, shard = [*self.members], self.shard
        members[self.at] = (members[self.at][0], canonical_json({**self.sample, **changes}))
        if "caption" in changes:
            members[self.at - 1] = (members[self.at - 1][0], changes["caption"].encode())
        shard.rewrite(members)
        with shard.tar.open("rb") as source:
            places = list(read_members(source))
        rows = [dict(row) for row in self.rows]
        for row, start in zip(rows, range(0, len(places), 3), strict=True):
            for kind, place in zip(
                ("media", "txt", "json"), places[start : start + 3], strict=True
            ):
                row[f"{kind}_offset"], row[f"{kind}_length"] = place.offset, place.length
                row[f"{kind}_sha256"] = place.sha256
        rows[0] |= row_values(changes, rows[0])
        table = pa.Table.from_pylist(rows, schema=SHARD_TABLE_SCHEMA)
        pq.write_table(table, shard.table)
        return [message for _, message in shard.check()[1]]


def row_values(changes: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Returns the same changes as columns of the table."""
    found: dict[str, Any] = {}
    for name, value in changes.items():
        if name == "clip_score_bp":
            found["clip_score"] = value / 10_000
        elif name in row and name != "captions":
            held: Any = value
            if name in ("tags", "keywords", "tag_scores_bp"):
                held = value.split("; ") if value else []
                held = list(map(int, held)) if name == "tag_scores_bp" else held
            elif name == "watermark":
                held = {"unknown": None, "yes": "x", "no": ""}[value]
            elif name == "created_at":
                held = date.fromisoformat(value)
            elif value == -1:
                held = None
            found[name] = held
    if "captions" in changes:
        found["captions"] = changes["captions"]
    return found


@pytest.mark.long
def test_a_field_that_something_else_shows_is_compared(demo: Demo, tmp_path: Path) -> None:
    changed = Changed(Shard(demo, tmp_path, "webp"))
    assert changed.faults() == []
    found = {}
    for name, value in changed.sample.items():
        other = other_value(name, value)
        assert other != value, name
        found[name] = changed.faults(**{name: other})
    missed = {name for name, faults in found.items() if not faults}
    assert missed <= STATED_ALONE | IN_THE_LEDGER


def _swap_vectors(path: Path) -> None:
    vectors = np.load(path)
    vectors[[0, 1]] = vectors[[1, 0]]
    np.save(path, vectors)


def _edit_json(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(json_bytes(value))


@pytest.mark.long
def test_signed_files_that_contradict_each_other_are_found(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One delivery with a change in each of several files, all of them signed."""
    copied = copy_delivery(demo.delivery("demo-main"), tmp_path / "delivery")
    manifest = demo.manifest("demo-main")
    names = [shard["name"] for shard in manifest["shards"]]
    families = {shard["family"]: at for at, shard in enumerate(manifest["shards"])}
    table_path = copied / f"shards/{names[families['png']]}.parquet"
    table = pq.read_table(table_path)
    rows = table.to_pylist()
    rows[0]["contributors"] = ["ab" * 32, *rows[0]["contributors"][1:]]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), table_path)
    _swap_vectors(copied / f"img_emb/img_emb_{families['webp']}.npy")
    shots_path = copied / f"shots/shots_{families['mp4']}.parquet"
    shots = pq.read_table(shots_path)
    shot_rows = shots.to_pylist()
    shot_rows[0]["clip_score"] += 0.01
    pq.write_table(pa.Table.from_pylist(shot_rows, schema=shots.schema), shots_path)
    stats = f"shards/{names[families['jpg']]}_stats.json"
    _edit_json(copied / stats, lambda value: value.update(successes=1))
    _edit_json(copied / "wids-jpg.json", lambda value: value["shardlist"][0].update(nsamples=1))
    sign_files(copied, manifest, load_key(demo.signing_key))
    result = verify(copied, capsys, "--allow-unpinned")
    assert "its asset, decision or contributors differ from the sample's" in "".join(
        problem["message"] for problem in result.problems
    )
    assert "give the score" in result.messages(f"img_emb/img_emb_{families['webp']}.npy")
    assert "its shots do not match" in result.messages(str(shots_path.relative_to(copied)))
    assert "does not have the numbers" in result.messages(stats)
    assert "not the index of these shards" in result.messages("wids-jpg.json")
