"""Checks of a published shard: its files against the manifest and its table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rfc8785

from pipelines.format.tar import TarWriter
from pipelines.storage.open import open_store
from pipelines.verify.embeddings import check_embeddings
from pipelines.verify.report import Report
from pipelines.verify.sample_facts import Stated
from pipelines.verify.shard import check_shard
from pipelines.verify.shard_rows import CheckedShard
from schemas.manifest import Manifest, ShardRecord
from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.end_to_end.command import Demo
from tests.format.strict_tar import read_members


class Shard:
    """A copy of a shard of the shared library, whose files a test may rewrite."""

    def __init__(self, demo: Demo, root: Path, family: str = "jpg") -> None:
        shards = demo.manifest("demo-main")["shards"]
        record = next(shard for shard in shards if shard["family"] == family)
        self.index = shards.index(record)
        self.record = ShardRecord(**record)
        data = (demo.delivery("demo-main") / "MANIFEST.json").read_bytes()
        self.stated = Stated.by(Manifest.model_validate_json(data))
        self.tar = root / "shards" / f"{self.record.name}.tar"
        self.table = self.tar.with_suffix(".parquet")
        self.root = root
        source = demo.delivery("demo-main")
        for path in (self.tar, self.table):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((source / "shards" / path.name).read_bytes())
        for name in (
            f"metadata/metadata_{self.index}.parquet",
            f"img_emb/img_emb_{self.index}.npy",
            f"text_emb/text_emb_{self.index}.npy",
            f"shots/shots_{self.index}.parquet",
        ):
            if (source / name).exists():
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_bytes((source / name).read_bytes())

    def check(self) -> tuple[CheckedShard, list[tuple[str, str]]]:
        report = Report()
        store = open_store(str(self.root))
        checked = check_shard(store, self.record, self.stated, report.add_problem)
        check_embeddings(store, self.index, checked, frozenset(), report.add_problem)
        return checked, [(problem.path, problem.message) for problem in report.problems]

    def members(self) -> Iterator[tuple[str, bytes]]:
        data = self.tar.read_bytes()
        with self.tar.open("rb") as source:
            for member in list(read_members(source)):
                yield member.name, data[member.offset : member.offset + member.length]

    def rewrite(self, members: list[tuple[str, bytes]]) -> None:
        with self.tar.open("wb") as sink:
            tar = TarWriter(sink)
            for name, data in members:
                tar.add(name, len(data), [data])
            tar.close()
        # The manifest's digest and size follow, so that only the contents can be wrong.
        record = {"bytes": tar.size, "sha256": tar.sha256}
        self.record = self.record.model_copy(update=record)


@pytest.fixture
def shard(demo: Demo, tmp_path: Path) -> Shard:
    return Shard(demo, tmp_path)


def test_undamaged_shard_has_no_faults(shard: Shard) -> None:
    checked, found = shard.check()
    assert checked.is_sound and found == []
    assert len(checked.samples) == shard.record.samples > 3


def test_rewriting_members_reproduces_the_tar(shard: Shard) -> None:
    before = shard.tar.read_bytes()
    shard.rewrite(list(shard.members()))
    assert shard.tar.read_bytes() == before


def test_changed_members_are_reported_for_the_tar(shard: Shard) -> None:
    """The tars are well formed, so only the comparison with the table can find the change."""
    members = list(shard.members())
    text = next(at for at, (name, _) in enumerate(members) if name.endswith(".txt"))
    other_text = [*members]
    other_text[text] = (members[text][0], members[text][1][:-1] + b"!")
    variants = {
        "another text": other_text,
        "one sample fewer": members[3:],
        "one sample more": [*members, *((f"zz{name}", data) for name, data in members[:3])],
        "another order": [*members[3:], *members[:3]],
        "no JSON": [item for item in members if not item[0].endswith(".json")],
        "nothing": [],
    }
    for variant, changed in variants.items():
        shard.rewrite(changed)
        checked, found = shard.check()
        assert found and not checked.is_sound, variant
        assert {path for path, _ in found} == {f"shards/{shard.tar.name}"}, variant


def rewritten(shard: Shard, change: Callable[[dict[str, Any]], None]) -> list[str]:
    """Changes the first sample, the table and the digests alike; returns the faults found."""
    members = list(shard.members())
    at = next(at for at, (name, _) in enumerate(members) if name.endswith(".json"))
    sample = json.loads(members[at][1])
    change(sample)
    members[at] = (members[at][0], rfc8785.dumps(sample))
    shard.rewrite(members)
    with shard.tar.open("rb") as source:
        places = list(read_members(source))
    rows = pq.read_table(shard.table).to_pylist()
    for row, start in zip(rows, range(0, len(places), 3), strict=True):
        kinds = ("media", "txt", "json")
        for kind, place in zip(kinds, places[start : start + 3], strict=True):
            row[f"{kind}_offset"], row[f"{kind}_length"] = place.offset, place.length
        row["json_sha256"] = places[start + 2].sha256
    pq.write_table(pa.Table.from_pylist(rows, schema=SHARD_TABLE_SCHEMA), shard.table)
    return [message for _, message in shard.check()[1]]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("p_synthetic_bp", 10_001, "p_synthetic_bp: Input should be less than or equal to 10000"),
        ("aspect_bucket", "5:4", "aspect_bucket: Input should be '9:21'"),
        ("clip_score_bp", 0.5, "clip_score_bp: Input should be a valid integer"),
        ("contributor_id", "C-1", "contributor_id: Extra inputs are not permitted"),
        ("profile", "caption-only", "profile: Input should be 'image-text'"),
        ("width", 1, "its table has different values for width"),
        ("decision_sha256", "0" * 64, "its table has different values for decision_sha256"),
    ],
)
def test_sample_that_violates_its_profile_is_reported(
    shard: Shard, field: str, value: object, message: str
) -> None:
    """All digests are correct, so only the schema or the table can find the change."""
    faults = rewritten(shard, lambda sample: sample.update({field: value}))
    [fault] = [one for one in faults if "does not match the profile image-text" in one]
    assert message in fault
    assert len(faults) == 1 + (field == "width")  # aspect_bucket follows from it


def test_sample_without_a_field_is_reported(shard: Shard) -> None:
    [fault] = rewritten(shard, lambda sample: sample.pop("language"))
    assert "language: Field required" in fault


def test_unknown_profile_is_reported(shard: Shard) -> None:
    shard.stated = replace(shard.stated, profile="later-profile")
    assert (
        "no profile is known for .jpg in a delivery for 'later-profile'" in shard.check()[1][0][1]
    )


def test_damaged_shots_table_is_reported(demo: Demo, tmp_path: Path) -> None:
    films = Shard(demo, tmp_path, "mp4")
    path = tmp_path / "shots" / f"shots_{films.index}.parquet"
    table = pq.read_table(path)
    assert table.num_rows > len(films.check()[0].samples) > 0
    assert films.check()[1] == []
    pq.write_table(table.slice(1), path)
    assert films.check()[1] == [
        (f"shots/{path.name}", f"its shots do not match those of {films.record.name}")
    ]
    for name, fault in (("start_ms", "do not match"), ("embedding", "does not have the length 1")):
        rows = table.to_pylist()
        rows[0][name] = [0.0] * len(rows[0][name]) if name == "embedding" else rows[0][name] + 1
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
        assert fault in films.check()[1][0][1]
    pq.write_table(table.drop_columns(["embedding"]), path)
    assert "does not have the columns" in films.check()[1][0][1]
    path.unlink()
    assert "missing" in films.check()[1][0][1]


def test_damaged_shard_table_is_reported(shard: Shard) -> None:
    table = pq.read_table(shard.table)
    pq.write_table(table.slice(1), shard.table)
    assert "the manifest says" in shard.check()[1][0][1]
    pq.write_table(table.drop_columns(["caption"]), shard.table)
    assert shard.check()[1] == [
        (f"shards/{shard.table.name}", "does not have the columns of a shard's table")
    ]
    shard.table.write_bytes(b"no Parquet")
    assert shard.check()[1]
    shard.table.unlink()
    assert shard.check()[1]


@pytest.mark.parametrize("name", ["status", "error_message", "sha256"])
def test_columns_of_img2dataset_are_compared(shard: Shard, name: str) -> None:
    table = pq.read_table(shard.table)
    rows = table.to_pylist()
    rows[1][name] = "another"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard.table)
    fault = "differ" if name == "sha256" else "unknown status"
    assert [message for _, message in shard.check()[1] if fault in message]


def test_embeddings_of_different_samples_are_reported(shard: Shard) -> None:
    path = shard.root / "metadata" / "metadata_0.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    assert shard.check()[1] == [
        ("metadata/metadata_0.parquet", f"its keys do not match those of {shard.record.name}")
    ]


def test_embeddings_table_that_says_something_else_is_reported(shard: Shard) -> None:
    path = shard.root / "metadata" / "metadata_0.parquet"
    table = pq.read_table(path)
    for name in ("shard", "image_path", "caption", "clip_score"):
        rows = table.to_pylist()
        rows[1][name] = 0.5 if name == "clip_score" else "another"
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
        assert f"has another {name} than" in shard.check()[1][0][1]
    pq.write_table(table.append_column("name", table["key"]), path)
    assert "does not have the columns" in shard.check()[1][0][1]


def test_vectors_in_another_form_are_reported(shard: Shard) -> None:
    path = shard.root / "img_emb" / "img_emb_0.npy"
    sound = np.load(path)
    for wrong, fault in (
        (sound.astype(np.float32), "not rows of float16"),
        (sound[:, 0], "not rows of float16"),
        (np.float16(1), "not rows of float16"),
        (sound * np.float16(2), "does not have the length 1"),
        (sound * np.float16(np.nan), "does not have the length 1"),
        (sound[:, :2], "does not have the length 1"),
    ):
        np.save(path, wrong)
        assert fault in shard.check()[1][0][1]
    np.save(path, sound)
    data = path.read_bytes()
    many = str(len(sound) * 10**12).encode()
    path.write_bytes(data.replace(b", %d)" % sound.shape[1], b", %s)" % many, 1))
    assert shard.check()[1]  # and nothing of that size is made
    path.write_bytes(b"")
    assert shard.check()[1]


def test_unreadable_embeddings_are_reported(shard: Shard) -> None:
    path = shard.root / "img_emb" / "img_emb_0.npy"
    path.write_bytes(path.read_bytes()[:100])
    assert shard.check()[1]
    path.unlink()
    assert shard.check()[1]


def test_duplicate_key_and_unknown_family_are_reported(shard: Shard) -> None:
    """A signed delivery that the program did not write is reported and raises no exception."""
    sound = shard.record
    shard.record = sound.model_copy(update={"family": "tiff"})
    found = [message for _, message in shard.check()[1]]
    assert any("no profile is known for .tiff" in message for message in found)
    assert "the row is of another shard or family" in found
    shard.record = sound
    table = pq.read_table(shard.table)
    pq.write_table(pa.concat_tables([table.slice(0, 1), table.slice(0, 1)]), shard.table)
    assert any("appears twice" in message for _, message in shard.check()[1])
