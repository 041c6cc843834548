"""Writes and reads samples in MDS, the format of Mosaic's StreamingDataset (version 2).

Its library needs an older NumPy and the SDKs of four clouds, so the format is written here. A shard
is the number of samples, the offsets of all samples and of the end (32 bits each, little-endian),
a description of the columns, and the samples; a sample is the lengths of its columns (32 bits
each), and the columns in the order of their names. Source: mosaicml-streaming 0.13,
streaming/base/format/mds/writer.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.storage.columns import rows_of

_SHARD_BYTES = 1 << 26
# Columns in the order of their names, and how each is encoded. `json` has all fields of a sample.
COLUMNS = {
    **{"json": "str", "json_sha256": "str", "key": "str", "media": "bytes"},
    **{"media_member": "str", "media_sha256": "str", "txt": "str", "txt_sha256": "str"},
}


#: A row of the columns, by their names.
MdsRow = dict[str, str | bytes]


class ReadSample(NamedTuple):
    """A sample of a finished export; `extras` are the bytes of its extra members."""

    key: str
    media: bytes
    txt: str
    json: str
    extras: tuple[bytes, ...]


def write_mds(batches: Iterator[pa.RecordBatch], folder: Path, extras: Sequence[str] = ()) -> None:
    """Writes samples as shards of about 64 MiB, and their index.

    Args:
        batches: Rows with the columns of COLUMNS, and others, which are left out.
        folder: An empty folder.
        extras: The columns of extra members; each has a second one with its digest.
    """
    own = {
        name: kind for one in extras for name, kind in ((one, "bytes"), (f"{one}_sha256", "str"))
    }
    columns = dict(sorted({**COLUMNS, **own}.items()))
    shards: list[dict[str, object]] = []
    waiting: list[bytes] = []
    size = 0
    for batch in batches:
        for row in rows_of(pa.Table.from_batches([batch.select(list(columns))]), MdsRow):
            sample = _encode(row)
            if waiting and size + len(sample) > _SHARD_BYTES:
                shards.append(_write_shard(folder, len(shards), waiting, columns))
                waiting, size = [], 0
            waiting.append(sample)
            size += len(sample)
    if waiting:
        shards.append(_write_shard(folder, len(shards), waiting, columns))
    index = json.dumps({"shards": shards, "version": 2}, sort_keys=True)
    (folder / "index.json").write_text(index, encoding="utf-8")


def read_mds(folder: Path, extras: Sequence[str] = ()) -> Iterator[ReadSample]:
    """Yields the samples of a folder in MDS that `write_mds` wrote, with the extra members."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    for shard in index["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        count = int(np.frombuffer(data, "<u4", 1)[0])
        offsets = np.frombuffer(data, "<u4", count + 1, 4).tolist()
        for start, end in pairwise(offsets):
            yield _decode(data[start:end], shard["column_names"], extras)


def _encode(row: MdsRow) -> bytes:
    values = [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
    return b"".join([np.array([len(value) for value in values], "<u4").tobytes(), *values])


def _decode(sample: bytes, names: list[str], extras: Sequence[str]) -> ReadSample:
    sizes = np.frombuffer(sample, "<u4", len(names)).tolist()
    ends = accumulate(sizes, initial=4 * len(names))
    parts = {
        name: sample[start:end] for name, (start, end) in zip(names, pairwise(ends), strict=True)
    }
    media, txt, data = (parts[name] for name in ("media", "txt", "json"))
    own = tuple(parts[name] for name in extras)
    return ReadSample(parts["key"].decode(), media, txt.decode(), data.decode(), own)


def _description(columns: Mapping[str, str]) -> dict[str, object]:
    return {
        "column_encodings": list(columns.values()),
        "column_names": list(columns),
        "column_sizes": [None] * len(columns),
        "compression": None,
        "format": "mds",
        "hashes": ["sha256"],
        "size_limit": _SHARD_BYTES,
        "version": 2,
    }


def _write_shard(
    folder: Path, number: int, samples: list[bytes], columns: Mapping[str, str]
) -> dict[str, object]:
    description = json.dumps(_description(columns), sort_keys=True).encode()
    before = 4 + 4 * (len(samples) + 1) + len(description)
    ends = np.cumsum([before, *map(len, samples)], dtype=np.int64).astype("<u4")
    head = np.array([len(samples)], "<u4").tobytes() + ends.tobytes() + description
    name, digest, size = f"shard.{number:05d}.mds", hashlib.sha256(), 0
    with (folder / name).open("wb") as file:
        for piece in (head, *samples):
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    raw = {"basename": name, "bytes": size, "hashes": {"sha256": digest.hexdigest()}}
    return {**_description(columns), "raw_data": raw, "samples": len(samples), "zip_data": None}
