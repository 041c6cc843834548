"""Writes Energon's index of a delivery, so that `energon prepare` is not needed.

There is one data set with all families at the delivery's root: `.nv-meta/` names every shard, and a
metadataset `energon-<family>.yaml` selects one family and says which sample its files form. The
root itself yields captioned images if all families are images. If there are films, it yields raw
samples, since a typed data set would silently omit the films. Formats are those of
Megatron-Energon 7: `.nv-meta/.info.json`, `split.yaml`, `dataset.yaml`, `index.sqlite`,
`index.uuid`, and `<shard>.tar.idx` beside each tar.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipelines.format.tar import BLOCK
from pipelines.storage.tables import json_bytes
from schemas.layout import ENERGON

#: The Energon release whose formats these are.
ENERGON_VERSION = "7.4.1"
IMAGE_FAMILIES = frozenset({"jpg", "png", "webp"})

_NAMESPACE = uuid.UUID("5d7f1d0e-8a4c-5c55-9a0f-3f6f0a1c2b7e")  # arbitrary, but fixed
_CHUNK_BYTES = 1 << 20
# SQLite writes its own version into files. It is not read, and bytes must be reproducible.
_SQLITE_VERSION_AT, _SQLITE_VERSION = 96, (3_040_001).to_bytes(4, "big")
_TABLES = """
CREATE TABLE samples (tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE,
    sample_index INTEGER NOT NULL, byte_offset INTEGER, byte_size INTEGER);
CREATE TABLE sample_parts (tar_file_id INTEGER, sample_index INTEGER, part_name TEXT,
    content_byte_offset INTEGER, content_byte_size INTEGER);
"""
_INDEXES = """
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq
    ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full ON sample_parts(
    tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size);
"""
_RAW_CONFIG = "dataset-raw.yaml"
_RAW = "__module__: megatron.energon\n__class__: CrudeWebdataset\n"
_CAPTIONING = """\
sample_type:
  __module__: megatron.energon
  __class__: CaptioningSample
field_map:
  image: {image}
  caption: txt
"""
_FAMILY = """\
__module__: megatron.energon
__class__: MetadatasetV2
splits:
  train:
    path: .
    split_part: {family}
    dataset_config: {config}
"""


@dataclass(frozen=True)
class SampleExtent:
    """The position of a sample in its tar.

    Attributes:
        key: Its key.
        parts: Each member's extension, and offset and length of its data in bytes, in order.
    """

    key: str
    parts: tuple[tuple[str, int, int], ...]

    @property
    def start(self) -> int:
        """Offset of its first header."""
        return self.parts[0][1] - BLOCK

    @property
    def end(self) -> int:
        """Offset of the end of its last member's padding."""
        _, offset, length = self.parts[-1]
        return offset + length + -length % BLOCK


@dataclass(frozen=True)
class EnergonShard:
    """A shard as the index describes it.

    Attributes:
        path: Path of its tar, relative to the delivery.
        family: File extension of its media.
        samples: Number of its samples.
        sha256: SHA-256 of its tar, hex.
    """

    path: str
    family: str
    samples: int
    sha256: str


def tar_index(extents: Sequence[SampleExtent]) -> bytes:
    """Returns a `.tar.idx`: the start of each sample and the end of the last, 64 bits each."""
    offsets = [item.start for item in extents] + [extents[-1].end if extents else 0]
    return struct.pack(f"<{len(offsets)}Q", *offsets)


def metadata_files(shards: Sequence[EnergonShard]) -> Iterator[tuple[str, bytes]]:
    """Yields path and bytes of every index file except the `.tar.idx` files and `index.sqlite`.

    Args:
        shards: In the order of their paths.
    """
    counts = {shard.path: shard.samples for shard in shards}
    info = {"energon_version": ENERGON_VERSION, "shard_counts": counts}
    yield f"{ENERGON}/.info.json", json_bytes(info)
    yield f"{ENERGON}/index.uuid", str(_index_uuid(shards)).encode()
    yield f"{ENERGON}/split.yaml", _split(shards).encode()
    yield f"{ENERGON}/{_RAW_CONFIG}", _RAW.encode()
    families = sorted({shard.family for shard in shards})
    image_families = [family for family in families if family in IMAGE_FAMILIES]
    root_config = (
        _CAPTIONING.format(image=",".join(image_families)) if image_families == families else _RAW
    )
    yield f"{ENERGON}/dataset.yaml", root_config.encode()
    for family in families:
        config = f"dataset-{family}.yaml" if family in image_families else _RAW_CONFIG
        if family in image_families:
            yield f"{ENERGON}/{config}", _CAPTIONING.format(image=family).encode()
        yield f"energon-{family}.yaml", _FAMILY.format(family=family, config=config).encode()


def _split(shards: Sequence[EnergonShard]) -> str:
    """Returns `split.yaml`: all shards are in `train`; each family has a part of its own."""
    lines = ["split_parts:", "  train:", *(f"  - {shard.path}" for shard in shards)]
    for family in sorted({shard.family for shard in shards}):
        own = [shard.path for shard in shards if shard.family == family]
        lines += [f"  {family}:", *(f"  - {path}" for path in own)]
    return "\n".join([*lines, "exclude: []", ""])


def _index_uuid(shards: Sequence[EnergonShard]) -> uuid.UUID:
    """Returns the UUID by which Energon identifies an index: the same for the same shards."""
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(f"{shard.sha256}  {shard.path}\n".encode())
    return uuid.uuid5(_NAMESPACE, digest.hexdigest())


def sample_database(shards: Iterable[Sequence[SampleExtent]]) -> Iterator[bytes]:
    """Yields the content of `index.sqlite` in chunks; holds one shard's rows in memory.

    Args:
        shards: The samples of each shard, in the order of the shards' paths.
    """
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        path = Path(folder, "index.sqlite")
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            # One transaction without a journal writes the file once, so its bytes are reproducible.
            for pragma in ("page_size = 4096", "journal_mode = OFF", "synchronous = OFF"):
                database.execute(f"PRAGMA {pragma}")
            database.execute("BEGIN")
            _execute(database, _TABLES)
            for number, extents in enumerate(shards):
                _add_shard(database, number, extents)
            _execute(database, _INDEXES)
            database.execute("COMMIT")
        with path.open("r+b") as file:
            file.seek(_SQLITE_VERSION_AT)
            file.write(_SQLITE_VERSION)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def _execute(database: sqlite3.Connection, statements: str) -> None:
    # Not executescript, which commits first.
    for statement in statements.split(";")[:-1]:
        database.execute(" ".join(statement.split()))


def _add_shard(database: sqlite3.Connection, number: int, extents: Sequence[SampleExtent]) -> None:
    ends = [item.start for item in extents[1:]] + [item.end for item in extents[-1:]]
    database.executemany(
        "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
        (
            (number, item.key, at, item.start, end - item.start)
            for at, (item, end) in enumerate(zip(extents, ends, strict=True))
        ),
    )
    database.executemany(
        "INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)",
        ((number, at, *part) for at, item in enumerate(extents) for part in item.parts),
    )
