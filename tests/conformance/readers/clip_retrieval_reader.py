"""Reads a delivery's embeddings as clip-retrieval does, by its package embedding-reader.

Argument: the families of each delivery's folder, as JSON; only the folders matter. Prints, by
folder and by kind of embedding, how many there are, of what width, and each one's row of metadata
with the digest of its vector, in the reader's order.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from embedding_reader import EmbeddingReader

_KINDS = ("img_emb", "text_emb")
_COLUMNS = ["key", "shard", "image_path", "caption", "clip_score"]


def read(delivery: str, kind: str) -> dict[str, Any]:
    reader = EmbeddingReader(
        embeddings_folder=f"{delivery}/{kind}",
        metadata_folder=f"{delivery}/metadata",
        meta_columns=_COLUMNS,
        file_format="parquet_npy",
    )
    rows: list[dict[str, Any]] = []
    # Batches that end within files, as a reader's do.
    for vectors, metadata in reader(batch_size=5, start=0, end=reader.count, show_progress=False):
        for vector, row in zip(vectors, metadata.to_dict("records"), strict=True):
            place = row.pop("i")
            assert place == len(rows)
            rows.append({**row, "vector": hashlib.sha256(vector.tobytes()).hexdigest()})
    return {"count": int(reader.count), "dimension": reader.dimension, "rows": rows}


def main() -> None:
    deliveries = json.loads(sys.argv[1])
    found = {folder: {kind: read(folder, kind) for kind in _KINDS} for folder in deliveries}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
