"""The feature store: Parquet tables of computed features, keyed by media digest and model.

A feature table holds one kind of feature (probed facts, embeddings, captions) by one model. Its
files are named for the range of asset hashes they cover, so that a unit opens only files whose
range overlaps its own; a row is used only if its media digest is the requested one. A file's name
also has the digest of its bytes, which is checked whenever it is read: a flipped bit in what a
medium states about rights must not turn a no into a yes.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Generic, TypeVar, get_type_hints

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.features.file_names import (
    DIGEST_CHARACTERS,
    feature_file_key,
    parse_feature_file,
)
from pipelines.media.shot_rules import SHOTS_MODEL
from pipelines.run.models import captions_model, scores_model, tags_model
from pipelines.storage.columns import list_items, rows_of, values_of
from pipelines.storage.parallel import in_parallel
from pipelines.storage.recent import RecentFiles
from pipelines.storage.store import Store
from pipelines.storage.tables import parquet_bytes
from schemas import layout
from schemas.errors import RunError
from schemas.features import (
    CAPTIONS_SCHEMA,
    CONCEPTS_SCHEMA,
    EMBEDDINGS_SCHEMA,
    FACTS_SCHEMA,
    SCORES_SCHEMA,
    TAGS_SCHEMA,
    CaptionRow,
    ConceptRow,
    EmbeddingRow,
    FactsRow,
    ScoreRow,
    TagsRow,
)
from schemas.file_features import (
    DIGEST_CACHE_SCHEMA,
    READINGS_SCHEMA,
    RENDITIONS_SCHEMA,
    DigestCacheRow,
    ReadingRow,
    RenditionRow,
)
from schemas.measures import MEASURES_SCHEMA, MeasuresRow

_KEPT_BYTES = 64 << 20  # of files read from a bucket, in each process
# Increased when the definition of a file's state changes.
DIGEST_CACHE_MODEL = "states-v1"
# Increased when probing or hashing gives other results for the same bytes.
FACTS_MODEL = f"facts-v7 {SHOTS_MODEL}"
# What earlier releases stored. Their rows lack columns or have other shots, so a run computes them
# again; perceptual hash and mean colours are the same.
FORMER_FACTS_MODELS = (
    "facts-v3 shots-v1",
    "facts-v4 shots-v1",
    "facts-v5 shots-v2",
    "facts-v6 shots-v2",
    "facts-v7 shots-v2",
)
# Increased when measuring gives other results for the same bytes.
MEASURES_MODEL = f"measures-v2 {SHOTS_MODEL}"

RowT = TypeVar("RowT", bound=Mapping[str, object])
PartT = TypeVar("PartT", bound=Mapping[str, object])
Vectors = npt.NDArray[np.float32]


class FeaturesGoneError(RunError):
    """A file of features was removed after it was listed, by another command."""


class LazyRows(dict[str, RowT]):
    """Rows whose keys are known and which are read when the first of them is accessed.

    Args:
        keys: Keys of the rows that can be read.
        read: Reads the rows.
    """

    def __init__(self, keys: frozenset[str], read: Callable[[], dict[str, RowT]]) -> None:
        super().__init__()
        self._unread_keys = keys
        self._read = read

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self._unread_keys

    def __missing__(self, key: str) -> RowT:
        if key not in self._unread_keys:
            raise KeyError(key)
        for name, row in self._read().items():
            self.setdefault(name, row)
        self._unread_keys = frozenset()
        return self[key]


@dataclass(frozen=True)
class FeatureTable(Generic[RowT]):
    """One kind of feature by one model.

    Attributes:
        store: The output store.
        kind: `facts`, `measures`, `embeddings`, `captions`, `scores`, `readings` or "seen".
        model: Identity of the model or code that computed it; part of the key.
        schema: Columns; the first is the key.
        row: Type of its rows in Python.
    """

    store: Store
    kind: str
    model: str
    schema: pa.Schema
    row: type[RowT]

    @property
    def prefix(self) -> str:
        """The table's key prefix."""
        return layout.features_prefix(self.kind, self.model)

    @cached_property
    def _files(self) -> dict[int, list[tuple[int, str]]]:
        """First hash and key of every file, in order, grouped by the width of its range."""
        files: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for found in self.store.list(self.prefix):
            name = parse_feature_file(found.key)
            if name and found.key.rpartition("/")[0] == self.prefix:
                files[name.high - name.low].append((name.low, found.key))
        return files

    @property
    def key(self) -> str:
        """Name of the key column."""
        return str(self.schema.names[0])

    def _overlapping_files(self, low: int, high: int) -> list[str]:
        """Returns the keys of the files whose range overlaps this one, in order.

        Ranges of one width are looked up rather than scanned, since there is one file per unit.
        """
        keys: list[str] = []
        for width, files in self._files.items():
            start = bisect_left(files, low - width, key=itemgetter(0))
            end = bisect_right(files, high, key=itemgetter(0))
            keys += (key for _, key in files[start:end])
        return sorted(keys)

    def _keys(self, table: pa.Table) -> list[str]:
        return values_of(table[self.key], str)

    def _read(self, low: int, high: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Reads all rows of the files that overlap the range; the last row of a key counts."""
        names = None if columns is None else [self.key, *columns]
        keys = self._overlapping_files(low, high)

        def read(key: str) -> pa.Table:
            return read_feature_file(self.store, key, names, _recent)

        # Threads of its own are worth their start only for several files.
        parts = list(in_parallel(self.store, read, keys) if len(keys) > 1 else map(read, keys))
        return pa.concat_tables(parts) if parts else self.schema.empty_table()

    def load(self, low: int, high: int) -> dict[str, RowT]:
        """Reads the rows of the files that overlap the range of hashes, by key."""
        table = self._read(low, high)
        return dict(zip(self._keys(table), rows_of(table, self.row), strict=True))

    def load_columns(self, low: int, high: int, part: type[PartT]) -> dict[str, PartT]:
        """Reads the same rows as `load`, with only some columns.

        Args:
            low: First hash.
            high: Last hash.
            part: The wanted columns, including the key: a TypedDict that the row type extends.
        """
        table = self._read(low, high, [name for name in get_type_hints(part) if name != self.key])
        return dict(zip(self._keys(table), rows_of(table, part), strict=True))

    def rows(self, low: int, high: int) -> list[RowT]:
        """Reads all rows of the files that overlap the range, including rows with the same key."""
        return rows_of(self._read(low, high), self.row)

    def load_lazily(self, low: int, high: int) -> LazyRows[RowT]:
        """Reads the keys of the same rows as `load`; the rows are read on first access."""
        keys = self._keys(self._read(low, high, ()))
        return LazyRows(frozenset(keys), lambda: self.load(low, high))

    def vectors(self, low: int, high: int, column: str, keys: Sequence[str]) -> Vectors:
        """Reads a column of vectors, [len(keys), dimensions], in the order of the keys.

        Raises:
            KeyError: If a key is not in the files that overlap the range.
        """
        table = self._read(low, high, (column,))
        position = {key: number for number, key in enumerate(self._keys(table))}
        selected = table[column].combine_chunks().take(pa.array([position[key] for key in keys]))
        [dimensions] = set(pc.list_value_length(selected).to_pylist())
        values: Vectors = list_items(selected).to_numpy(zero_copy_only=False)
        return values.reshape(len(keys), dimensions)

    def save(self, low: int, high: int, rows: list[RowT]) -> None:
        """Adds rows for media in the range of hashes; adding the same rows again has no effect."""
        if not rows:
            return
        table = pa.Table.from_pylist(rows, schema=self.schema)
        said = {"fairshard.kind": self.kind, "fairshard.model": self.model}
        write_feature_file(self.store, self.prefix, low, high, table, said)


def write_feature_file(
    store: Store, prefix: str, low: int, high: int, table: pa.Table, said: Mapping[str, str]
) -> str:
    """Writes rows of a feature table, and returns the key of their file.

    Args:
        store: The output store.
        prefix: The table's key prefix.
        low: First hash of the assets that the media belong to.
        high: Last hash.
        table: The rows.
        said: What the file says of itself: its kind and model.
    """
    data = parquet_bytes(table.replace_schema_metadata(dict(said)))
    key = feature_file_key(prefix, low, high, _name_digest(data))
    store.write_bytes(key, data)
    return key


_recent = RecentFiles(_KEPT_BYTES)


def _name_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_CHARACTERS]


def read_feature_file(
    store: Store, key: str, columns: list[str] | None = None, recent: RecentFiles | None = None
) -> pa.Table:
    """Reads a file of a feature table, or some of its columns.

    Files of earlier releases have no digest of their bytes in their names.

    Args:
        store: The output store.
        key: The file's key.
        columns: The columns; None for all.
        recent: Files that were read and found to be sound; others are added to them.

    Raises:
        FeaturesGoneError: If it was removed since it was listed.
        RunError: If it is damaged.
    """
    kept = recent.get(store, key) if recent else None
    try:
        data = store.read_bytes(key) if kept is None else kept
    except FileNotFoundError as error:
        raise FeaturesGoneError(
            "A file of stored features is gone",
            f"{store.uri}/{key}",
            "Another command, such as fairshard features --compact, removed it a moment ago. "
            "Repeat this one.",
        ) from error
    name = parse_feature_file(key)
    if kept is None and name and name.digest:
        if name.digest != _name_digest(data):
            raise _damaged(store, key, "its bytes are not those that were written")
        if recent:
            recent.keep(store, key, data)
    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            return file.read(columns=columns, use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(store, key, str(error)[:200]) from error


def _damaged(store: Store, key: str, what: str) -> RunError:
    return RunError(
        "A file of stored features is damaged",
        f"{store.uri}/{key}: {what}",
        f"Run fairshard features {store.uri} --remove damaged, then repeat: what was in it is "
        "computed again.",
    )


@dataclass(frozen=True)
class FeatureStore:
    """The feature tables that a run reads and adds to."""

    facts: FeatureTable[FactsRow]
    embeddings: FeatureTable[EmbeddingRow]
    captions: FeatureTable[CaptionRow]
    scores: FeatureTable[ScoreRow]
    readings: FeatureTable[ReadingRow]
    renditions: FeatureTable[RenditionRow]
    digest_cache: FeatureTable[DigestCacheRow]
    measures: FeatureTable[MeasuresRow]
    tags: FeatureTable[TagsRow]
    concepts: FeatureTable[ConceptRow]


def open_feature_store(
    store: Store,
    clip_id: str,
    captioner_id: str,
    reader_id: str,
    rendition_id: str = "",
    vocabulary_id: str = "",
) -> FeatureStore:
    """Opens the tables for two models, the rights readers, what is done with metadata, and tags.

    The scores of captions depend on both models.
    """
    tagged = tags_model(vocabulary_id, clip_id)
    return FeatureStore(
        FeatureTable(store, "facts", FACTS_MODEL, FACTS_SCHEMA, FactsRow),
        FeatureTable(store, "embeddings", clip_id, EMBEDDINGS_SCHEMA, EmbeddingRow),
        FeatureTable(
            store, "captions", captions_model(captioner_id, clip_id), CAPTIONS_SCHEMA, CaptionRow
        ),
        FeatureTable(store, "scores", scores_model(clip_id), SCORES_SCHEMA, ScoreRow),
        FeatureTable(store, "readings", reader_id, READINGS_SCHEMA, ReadingRow),
        FeatureTable(store, "renditions", rendition_id, RENDITIONS_SCHEMA, RenditionRow),
        FeatureTable(store, "seen", DIGEST_CACHE_MODEL, DIGEST_CACHE_SCHEMA, DigestCacheRow),
        FeatureTable(store, "measures", MEASURES_MODEL, MEASURES_SCHEMA, MeasuresRow),
        FeatureTable(store, "tags", tagged, TAGS_SCHEMA, TagsRow),
        FeatureTable(store, "concepts", tagged, CONCEPTS_SCHEMA, ConceptRow),
    )
