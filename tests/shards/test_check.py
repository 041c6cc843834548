"""Checking a published shard: what its files hold against what the manifest and table say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.delivery.stores import open_store
from pipelines.shards.check import CheckedShard, check_embeddings, check_shard, read_members
from pipelines.shards.tar import TarWriter
from schemas.manifest import ShardRecord

from ..end_to_end.command import Demo


class Shard:
    """A shard of the shared library, copied, whose files may be written anew."""

    def __init__(self, demo: Demo, root: Path) -> None:
        told = demo.manifest("demo-main")["shards"][0]
        self.record = ShardRecord(**told)
        self.tar = root / "shards" / f"{self.record.name}.tar"
        self.table = self.tar.with_suffix(".parquet")
        self.root = root
        source = demo.delivery("demo-main")
        for path in (self.tar, self.table):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((source / "shards" / path.name).read_bytes())
        for name in ("metadata/metadata_0.parquet", "img_emb/img_emb_0.npy"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes((source / name).read_bytes())
        (root / "text_emb").mkdir()
        (root / "text_emb" / "text_emb_0.npy").write_bytes(
            (source / "text_emb" / "text_emb_0.npy").read_bytes()
        )

    def check(self) -> tuple[CheckedShard, list[tuple[str, str]]]:
        found: list[tuple[str, str]] = []
        store = open_store(str(self.root))
        note = lambda path, message: found.append((path, message))  # noqa: E731
        checked = check_shard(store, self.record, frozenset(), note)
        check_embeddings(store, 0, checked, frozenset(), note)
        return checked, found

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


@pytest.fixture
def shard(demo: Demo, tmp_path: Path) -> Shard:
    return Shard(demo, tmp_path)


def test_a_sound_shard(shard: Shard) -> None:
    checked, found = shard.check()
    assert checked.whole and found == []
    assert len(checked.samples) == shard.record.samples > 3


def test_the_tar_is_what_we_would_write(shard: Shard) -> None:
    before = shard.tar.read_bytes()
    shard.rewrite(list(shard.members()))
    assert shard.tar.read_bytes() == before


def test_a_tar_of_other_members(shard: Shard) -> None:
    """Well formed, and not what the table says, so that only the comparison can tell."""
    members = list(shard.members())
    text = next(at for at, (name, _) in enumerate(members) if name.endswith(".txt"))
    other_text = [*members]
    other_text[text] = (members[text][0], members[text][1][:-1] + b"!")
    variants = {
        "another text": other_text,
        "a sample short": members[3:],
        "a sample more": [*members, *((f"zz{name}", data) for name, data in members[:3])],
        "another order": [*members[3:], *members[:3]],
        "no JSON": [item for item in members if not item[0].endswith(".json")],
        "nothing": [],
    }
    for variant, changed in variants.items():
        shard.rewrite(changed)
        checked, found = shard.check()
        assert found and not checked.whole, variant
        assert {path for path, _ in found} == {f"shards/{shard.tar.name}"}, variant


def test_a_table_of_other_rows(shard: Shard) -> None:
    table = pq.read_table(shard.table)
    pq.write_table(table.slice(1), shard.table)
    assert "the manifest says" in shard.check()[1][0][1]
    pq.write_table(table.drop_columns(["caption"]), shard.table)
    assert shard.check()[1] == [
        (f"shards/{shard.table.name}", "not the columns of a shard's table")
    ]
    shard.table.write_bytes(b"no Parquet")
    assert shard.check()[1]
    shard.table.unlink()
    assert shard.check()[1]


def test_embeddings_of_other_samples(shard: Shard) -> None:
    path = shard.root / "metadata" / "metadata_0.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    assert shard.check()[1] == [
        ("metadata/metadata_0.parquet", f"its keys are not those of {shard.record.name}")
    ]


def test_embeddings_that_cannot_be_read(shard: Shard) -> None:
    path = shard.root / "img_emb" / "img_emb_0.npy"
    path.write_bytes(path.read_bytes()[:100])
    assert shard.check()[1]
    path.unlink()
    assert shard.check()[1]
