"""The feature store: Parquet tables of what was computed, keyed by media digest and model.

A table of features holds one kind of fact (probed facts, embeddings, captions) by one model. Its
files are named for the range of asset hashes they cover, so that a unit opens only the files whose
range touches its own; a row counts only if its media digest is the one asked for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipelines import layout
from pipelines.delivery.stores import Store
from pipelines.work import parquet_bytes, read_parquet

FACTS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),  # pixels, as displayed
        pa.field("height", pa.int32(), nullable=False),
        pa.field("stored_width", pa.int32(), nullable=False),
        pa.field("stored_height", pa.int32(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("bit_depth", pa.int32(), nullable=False),
        pa.field("orientation", pa.int32(), nullable=False),
        pa.field("has_icc", pa.bool_(), nullable=False),
        pa.field("duration_ms", pa.int64(), nullable=False),  # 0 for images
        pa.field("fps_num", pa.int32(), nullable=False),
        pa.field("fps_den", pa.int32(), nullable=False),
        pa.field("frames", pa.int64(), nullable=False),
        pa.field("keyframes", pa.int32(), nullable=False),
        pa.field("phash", pa.string(), nullable=False),  # 256 bits, hex
        pa.field("colour", pa.string(), nullable=False),  # mean colours, hex
    ]
)
EMBEDDINGS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
    ]
)
CAPTIONS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("text_embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
        pa.field("clip_score", pa.float32(), nullable=False),  # cosine of picture and caption
    ]
)
READINGS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("reading", pa.string(), nullable=False),  # what the file says of rights, JSON
    ]
)
# Raised when probing or hashing changes what it says of the same bytes.
FACTS_MODEL = "facts-v1"

Row = dict[str, Any]


@dataclass(frozen=True)
class FeatureTable:
    """One kind of feature by one model.

    Attributes:
        store: The output store.
        kind: `facts`, `embeddings`, `captions` or `readings`.
        model: Identity of whatever computed it; part of the key.
        schema: Columns; the first is media_sha256.
    """

    store: Store
    kind: str
    model: str
    schema: pa.Schema

    @property
    def prefix(self) -> str:
        """Where the table lies; the model's identity may be long, so its digest names it."""
        return (
            f"{layout.FEATURES}/{self.kind}-{hashlib.sha256(self.model.encode()).hexdigest()[:12]}"
        )

    @cached_property
    def _files(self) -> list[tuple[int, int, str]]:
        """Range and key of every file, listed once."""
        files = []
        for found in self.store.list(self.prefix):
            name = found.key.rsplit("/", 1)[-1]
            if name.endswith(".parquet"):
                low, high, _ = name.split("-", 2)
                files.append((int(low, 16), int(high, 16), found.key))
        return files

    def load(self, low: int, high: int) -> dict[str, Row]:
        """Rows of the files that touch the range of hashes, by media digest."""
        rows: dict[str, Row] = {}
        for first, last, key in self._files:
            if first <= high and low <= last:
                for row in read_parquet(self.store, key).to_pylist():
                    rows[row["media_sha256"]] = row
        return rows

    def save(self, low: int, high: int, rows: list[Row]) -> None:
        """Adds rows for media in the range of hashes; the same rows again change nothing."""
        if not rows:
            return
        table = pa.Table.from_pylist(rows, schema=self.schema)
        digests = "\n".join(row["media_sha256"] for row in rows)
        tag = hashlib.sha256(digests.encode()).hexdigest()[:12]
        key = f"{self.prefix}/{low:016x}-{high:016x}-{tag}.parquet"
        self.store.write_bytes(key, parquet_bytes(table))


@dataclass(frozen=True)
class FeatureStore:
    """The four tables that a run reads and adds to."""

    facts: FeatureTable
    embeddings: FeatureTable
    captions: FeatureTable
    readings: FeatureTable


def open_features(store: Store, clip_id: str, captioner_id: str, reader_id: str) -> FeatureStore:
    """The tables for a pair of models and the readers of rights; a score depends on both models."""
    return FeatureStore(
        FeatureTable(store, "facts", FACTS_MODEL, FACTS_SCHEMA),
        FeatureTable(store, "embeddings", clip_id, EMBEDDINGS_SCHEMA),
        FeatureTable(store, "captions", f"{captioner_id} scored by {clip_id}", CAPTIONS_SCHEMA),
        FeatureTable(store, "readings", reader_id, READINGS_SCHEMA),
    )
