"""The shared library with larger PNGs, so that a shard is uploaded in several parts."""

from __future__ import annotations

import hashlib
import random
import shutil
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.conftest import ShardedLibrary
from tests.faults.servers import Bucket

# The smallest parts that S3 accepts.
SMALL_PARTS = {"pipelines.storage.s3_sink:PART_BYTES": 5 * 2**20}
_PADDING = 2 * 2**20
_AFTER_HEADER = 33  # the signature and the IHDR chunk
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def padded_library(library: ShardedLibrary, folder: Path) -> ShardedLibrary:
    """Returns the library with larger pictures and shards, whose features are not computed yet."""
    catalogue = pad_pictures(library.catalogue, folder / "padded", _PADDING)
    deal = folder / "deal.toml"
    text = library.deal.read_text(encoding="utf-8")
    deal.write_text(text.replace('"64KiB"', '"14MiB"'), encoding="utf-8")
    return ShardedLibrary(catalogue, deal, library.key, folder / "features")


def keep_features(bucket: Bucket, folder: Path) -> None:
    """Copies the features that a run computed in a bucket, for other runs to start with."""
    for key in bucket.snapshot():
        if key.startswith("agency/features/"):
            path = folder / key.removeprefix("agency/features/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bucket.read(key))


def pad_pictures(catalogue: Path, target: Path, extra_bytes: int) -> Path:
    """Copies a catalogue and adds an ancillary chunk of noise to each undamaged PNG.

    The noise is derived from the picture, so that equal files stay equal.

    Args:
        catalogue: The catalogue.
        target: The copy's folder.
        extra_bytes: How much larger each picture is.
    """
    shutil.copytree(catalogue, target)
    tables = target / "assets.parquet"
    table = pq.read_table(tables)
    rows = table.to_pylist()
    padded: dict[str, bytes] = {}
    for row in rows:
        path = target / str(row["media_uri"] or "-")
        if path.suffix != ".png" or not path.is_file():
            continue
        if row["media_uri"] not in padded:
            padded[row["media_uri"]] = path.read_bytes()
        data = padded[row["media_uri"]]
        right = row["sha256"] in (None, hashlib.sha256(data).hexdigest())
        if not data.startswith(_SIGNATURE) or not right:
            continue
        larger = _pad(data, extra_bytes)
        path.write_bytes(larger)
        if row["sha256"] is not None:
            row["sha256"] = hashlib.sha256(larger).hexdigest()
        if row["bytes"] is not None:
            row["bytes"] = len(larger)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tables)
    return target


def _pad(data: bytes, extra_bytes: int) -> bytes:
    noise = random.Random(hashlib.sha256(data).digest()).randbytes(extra_bytes)
    kind = b"noIs"  # ancillary, private, unsafe to copy: readers ignore it
    chunk = len(noise).to_bytes(4, "big") + kind + noise
    chunk += zlib.crc32(kind + noise).to_bytes(4, "big")
    return data[:_AFTER_HEADER] + chunk + data[_AFTER_HEADER:]
