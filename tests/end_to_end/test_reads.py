"""How often a shard's files are read again: its tables alone, to check them and for indexes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import BinaryIO

import pytest

from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.steps import complete
from pipelines.storage.local_store import LocalStore
from pipelines.verify.delivery import verify_delivery
from schemas.errors import RunError
from tests.end_to_end.command import tree
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.sparse import Fate, Library, Planted, id_in
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package_options

LIBRARY = Library(
    (
        Planted(id_in(0, 2), Fate.TAKEN, 1),
        Planted(id_in(1, 2), Fate.TAKEN, 2),
        Planted(id_in(2, 2), Fate.UNSEEN, 3, "png"),
        Planted(id_in(3, 2), Fate.TAKEN, 4, "mp4"),
    )
)


# Tables of jpg, mp4 and png; metadata of what was embedded; shots.
TABLES = {"parquet": 3 + 2 + 1}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often each object in any folder is opened."""
    counts: Counter[str] = Counter()
    before = LocalStore.open_read

    def open_read(self: LocalStore, key: str) -> BinaryIO:
        counts[key] += 1
        return before(self, key)

    monkeypatch.setattr(LocalStore, "open_read", open_read)
    return counts


def of_shards(reads: Counter[str]) -> dict[str, int]:
    """Returns the counts for files that are written with a shard, by folder and extension."""
    found: Counter[tuple[str, int]] = Counter()
    folders = ("shards", "img_emb", "text_emb", "metadata", "shots")
    for key, count in reads.items():
        name = key.rpartition("delivery/")[2]
        if name.startswith(folders) and not name.endswith((".idx", "README.md", "sizes.json")):
            found[name.rpartition(".")[2], count] += 1
    assert all(count == 2 for _, count in found)
    return {ending: number for (ending, _), number in found.items()}


def test_shard_tables_are_read_twice_after_writing(
    tmp_path: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_library(LIBRARY, tmp_path)
    save_key(tmp_path / "key", demonstration_key(1))
    assert run_in_process(*package_options(tmp_path)).code == 0
    assert of_shards(reads) == TABLES

    # A run that was interrupted before publishing takes its shards from their receipts.
    def cut(*_: object) -> None:
        raise RunError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(complete, "record_attribution", cut)
        assert run_in_process(*package_options(tmp_path, tmp_path / "again")).code == 1
    tar = next((tmp_path / "again").rglob("*.tar"))
    written = tar.stat().st_mtime_ns
    reads.clear()
    assert run_in_process(*package_options(tmp_path, tmp_path / "again")).code == 0
    assert tar.stat().st_mtime_ns == written
    assert of_shards(reads) == TABLES
    assert tree(tmp_path / "again" / "sparse") == tree(tmp_path / "out" / "sparse")


def test_verifying_reads_a_table_three_times(tmp_path: Path, reads: Counter[str]) -> None:
    """Once for its digest, once for its tar, and once for the index over all tables.

    The columns of the first one tell which files the delivery must have.
    """
    write_library(LIBRARY, tmp_path)
    save_key(tmp_path / "key", demonstration_key(1))
    assert run_in_process(*package_options(tmp_path)).code == 0
    reads.clear()
    assert verify_delivery(str(tmp_path / "out" / "sparse" / "v0001" / "delivery")).sound
    counts = [
        count
        for key, count in sorted(reads.items())
        if key.startswith("shards/") and key.endswith(".parquet")
    ]
    assert sorted(counts) == [*[3] * (len(counts) - 1), 4]
