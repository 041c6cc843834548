"""The feature store: which saved rows are found."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.store import FeatureTable, open_feature_store
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import RunError
from schemas.features import EMBEDDINGS_SCHEMA, EmbeddingRow
from schemas.layout import unit_range


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def table(store: Store, model: str = "m") -> FeatureTable[EmbeddingRow]:
    """Opens the table again each time, since an open table keeps its list of files."""
    return FeatureTable(store, "embeddings", model, EMBEDDINGS_SCHEMA, EmbeddingRow)


def row(digest: str, value: float = 1.0) -> EmbeddingRow:
    return {"media_sha256": digest, "embedding": [value, 0.5]}


def test_rows_are_read_as_float32(store: Store) -> None:
    table(store).save(0, 9, [row("a", 0.1), row("b", -1e-7)])
    found = table(store).load(0, 9)
    assert set(found) == {"a", "b"}
    assert found["a"]["embedding"][0] == pytest.approx(0.1, rel=1e-7)
    assert found["a"]["embedding"][0] != 0.1  # values are saved as float32


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 9, "a"),
        (9, 9, "a"),
        (10, 19, "b"),
        (9, 10, "ab"),
        (15, 40, "bc"),
        (20, 29, ""),
        (30, 30, "c"),
        (41, 2**64 - 1, ""),
        (0, 2**64 - 1, "abc"),
    ],
)
def test_files_overlapping_the_range_are_read(
    store: Store, low: int, high: int, found: str
) -> None:
    table(store).save(0, 9, [row("a")])
    table(store).save(10, 19, [row("b")])
    table(store).save(30, 40, [row("c")])
    assert set(table(store).load(low, high)) == set(found)


EDGES = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda at: (at[0], at[0] + at[1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(EDGES, max_size=12, unique=True), EDGES)
def test_files_of_arbitrary_ranges(
    tmp_path_factory: pytest.TempPathFactory,
    ranges: list[tuple[int, int]],
    asked: tuple[int, int],
) -> None:
    store = open_store(str(tmp_path_factory.mktemp("features")))
    for low, high in ranges:
        table(store).save(low, high, [row(f"{low}-{high}"), row("all", low)])
    touching = [(low, high) for low, high in sorted(ranges) if low <= asked[1] and asked[0] <= high]
    found = table(store).load(*asked)
    named = {f"{low}-{high}" for low, high in touching}
    assert set(found) == (named | {"all"} if touching else set())
    if touching:  # among rows with one key, the last file's is used
        assert found["all"]["embedding"][0] == touching[-1][0]


def test_ranges_of_other_unit_sizes_are_found(store: Store) -> None:
    """The library has grown, so that units are half as large as before."""
    for unit in range(4):
        low, high = unit_range(unit, 2)
        table(store).save(low, high, [row(f"old {unit}")])
    low, high = unit_range(5, 3)
    assert set(table(store).load(low, high)) == {"old 2"}
    table(store).save(low, high, [row("new")])
    assert set(table(store).load(*unit_range(2, 2))) == {"old 2", "new"}
    assert set(table(store).load(*unit_range(4, 3))) == {"old 2"}


def test_last_hash_is_found(store: Store) -> None:
    low, high = unit_range(2**14 - 1, 14)
    assert high == 2**64 - 1
    table(store).save(low, high, [row("a")])
    assert set(table(store).load(high, high)) == {"a"}
    assert table(store).load(0, low - 1) == {}


def test_saving_again_changes_nothing(store: Store) -> None:
    table(store).save(0, 9, [row("a"), row("b")])
    before = {item.key: store.read_bytes(item.key) for item in store.list()}
    time.sleep(0.01)
    table(store).save(0, 9, [row("a"), row("b")])
    table(store).save(0, 9, [])
    assert {item.key: store.read_bytes(item.key) for item in store.list()} == before


def test_features_of_another_model_are_not_found(store: Store) -> None:
    table(store, "m").save(0, 9, [row("a")])
    assert table(store, "m2").load(0, 9) == {}
    assert table(store, "m").prefix != table(store, "m2").prefix


def test_features_are_found_by_digest_only(store: Store) -> None:
    """A changed file has another digest, so the old features do not apply to it."""
    table(store).save(0, 9, [row("old bytes")])
    found = table(store).load(0, 9)
    assert found.get("new bytes") is None


def test_scores_depend_on_both_models(store: Store) -> None:
    one, other = (
        open_feature_store(store, clip, "cap", "readers") for clip in ("clip 1", "clip 2")
    )
    assert one.captions.prefix != other.captions.prefix
    assert one.embeddings.prefix != other.embeddings.prefix
    assert one.facts.prefix == other.facts.prefix


def test_other_files_are_left_alone(store: Store) -> None:
    table(store).save(0, 9, [row("a")])
    store.write_bytes(f"{table(store).prefix}/README", b"not a table")
    assert set(table(store).load(0, 9)) == {"a"}


def test_lazy_rows_are_read_on_access(store: Store) -> None:
    table(store).save(0, 9, [row("a"), row("b")])
    late = table(store).load_lazily(0, 9)
    assert "a" in late and "c" not in late and len(late) == 0  # nothing has been read
    late["c"] = row("c")
    late["a"] = row("a", 7.0)  # rows added in the meantime are kept
    assert late["b"]["embedding"] == [1.0, 0.5]
    assert late["a"]["embedding"] == [7.0, 0.5] and "c" in late
    with pytest.raises(KeyError):
        late["d"]


class KeyAlone(TypedDict):
    media_sha256: str


def test_only_requested_columns_are_read(store: Store) -> None:
    table(store).save(0, 9, [row("a")])
    assert table(store).load_columns(0, 9, KeyAlone) == {"a": {"media_sha256": "a"}}
    assert table(store).load_columns(0, 9, EmbeddingRow) == table(store).load(0, 9)


def test_vectors_are_in_the_order_of_the_keys(store: Store) -> None:
    table(store).save(0, 9, [row("a", 1.0), row("b", 2.0)])
    table(store).save(10, 19, [row("c", 3.0)])
    keys = ["c", "a", "c", "b"]
    found = table(store).vectors(0, 19, "embedding", keys)
    assert found.dtype == np.float32
    assert found.tolist() == [table(store).load(0, 19)[key]["embedding"] for key in keys]
    with pytest.raises(KeyError):
        table(store).vectors(0, 9, "embedding", ["c"])


class _Bucket:
    """A folder that passes for a remote store, and counts what is read of it."""

    is_remote, requests_at_once = True, 4

    def __init__(self, folder: Path) -> None:
        self._folder = open_store(str(folder))
        self.uri = f"s3://{folder.name}"
        self.reads = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._folder, name)

    def read_bytes(self, key: str) -> bytes:
        self.reads += 1
        return self._folder.read_bytes(key)


def test_sound_file_of_a_bucket_is_read_once_and_a_damaged_one_is_never_kept(
    store: Store, tmp_path: Path
) -> None:
    table(store).save(0, 9, [row("a", 1.0)])
    table(store).save(10, 19, [row("b", 2.0)])
    bucket = _Bucket(tmp_path)
    for _ in range(3):
        found = table(cast("Store", bucket)).vectors(0, 19, "embedding", ["b", "a"])
        assert found[:, 0].tolist() == [2.0, 1.0]
    assert bucket.reads == 2
    damaged = _Bucket(tmp_path)
    damaged.uri = "s3://damaged"
    [first, _] = [item.key for item in store.list(table(store).prefix)]
    data = bytearray(store.read_bytes(first))
    data[len(data) // 2] ^= 1
    store.write_bytes(first, bytes(data))
    for _ in range(2):
        with pytest.raises(RunError, match="stored features is damaged"):
            table(cast("Store", damaged)).load(0, 9)
