"""Writes Energon's index of a delivery, so that `energon prepare` is not needed.

The delivery's root is one data set with all families: `.nv-meta/` names every shard, and a
metadataset `energon-<family>.yaml` selects one family and defines which sample type its files form.
The root itself yields captioned images if all families are images that Energon decodes. If there
are films or AVIFs, it yields raw samples, since a typed data set would silently omit them. The
formats are those of Megatron-Energon 7: `.nv-meta/.info.json`, `split.yaml`, `dataset.yaml`,
`index.sqlite`, `index.uuid`, and `<shard>.tar.idx` next to each tar.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import uuid
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.format.energon_media import MEDIA_TABLES, media_metadata
from pipelines.format.tar import BLOCK
from pipelines.storage.columns import values_of
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.layout import ENERGON
from schemas.manifest import ShardRecord
from schemas.shard_table import EXTRA_MEMBERS, ExtraMember

#: The Energon release that defines these formats.
ENERGON_VERSION = "7.4.1"
#: The families that Energon decodes as pictures; it leaves AVIF as bytes.
IMAGE_FAMILIES = frozenset({"jpg", "png", "webp", "tif", "gif"})

_NAMESPACE = uuid.UUID("5d7f1d0e-8a4c-5c55-9a0f-3f6f0a1c2b7e")  # arbitrary, but fixed
_CHUNK_BYTES = 1 << 20
# SQLite writes its own version into its files. Nothing reads it, and the bytes must not vary.
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
#: The columns of a shard's table that locate a sample's members, in the order of the tar.
_KINDS = ("media", "txt", "json")
EXTENT_COLUMNS = (
    "key",
    "media_member",
    *(f"{kind}_{what}" for kind in _KINDS for what in ("offset", "length")),
)


def extent_columns(table: Collection[str]) -> list[str]:
    """Returns which of a table's columns locate the members of its samples."""
    return [*EXTENT_COLUMNS, *(name for name in (EXTRA_MEMBERS,) if name in table)]


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
_FAMILY_VALIDATION = """\
  val:
    path: .
    split_part: {family}-val
    dataset_config: {config}
"""


def sample_offsets(extents: pa.Table) -> npt.NDArray[np.int64]:
    """Returns where each sample begins and where the last one ends, in bytes.

    Args:
        extents: The columns `extent_columns` of a shard's table, in the order of its tar.

    Returns:
        Offsets, [samples + 1]: of each sample's first header, and of the end of the last sample's
        padding.
    """
    starts: npt.NDArray[np.int64] = extents["media_offset"].to_numpy() - BLOCK
    if not len(extents):
        return np.zeros(1, np.int64)
    length = extents["json_length"][-1].as_py()
    end = extents["json_offset"][-1].as_py() + length + -length % BLOCK
    return np.append(starts, end)


def tar_index(extents: pa.Table) -> bytes:
    """Returns the content of a `.tar.idx`: the result of `sample_offsets`, 64 bits each."""
    return sample_offsets(extents).astype("<u8").tobytes()


def metadata_files(shards: Sequence[ShardRecord]) -> Iterator[tuple[str, bytes]]:
    """Yields path and bytes of every index file but the `.tar.idx` files and `index.sqlite`.

    Args:
        shards: The shards, in the order of their paths.

    Yields:
        The path relative to the delivery, and the bytes.
    """
    counts = {layout.tar_path(shard.name): shard.samples for shard in shards}
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
        form = _FAMILY + (_FAMILY_VALIDATION if _of_split(shards, "validation", family) else "")
        yield f"energon-{family}.yaml", form.format(family=family, config=config).encode()


def _split(shards: Sequence[ShardRecord]) -> str:
    """Returns `split.yaml`: `train` has all shards for training, and a part per family its own.

    `val`, and `<family>-val`, have the shards for validation, if there are any.
    """
    parts = {"train": _of_split(shards, "train")}
    families = sorted({shard.family for shard in shards})
    parts |= {family: _of_split(shards, "train", family) for family in families}
    if validation := _of_split(shards, "validation"):
        parts["val"] = validation
        parts |= {f"{family}-val": _of_split(shards, "validation", family) for family in families}
    lines = ["split_parts:"]
    for name, paths in parts.items():
        lines += [f"  {name}:", *(f"  - {path}" for path in paths)] if paths else []
    return "\n".join([*lines, "exclude: []", ""])


def _of_split(shards: Sequence[ShardRecord], split: str, family: str = "") -> list[str]:
    """Returns the paths of a split's tars, of one family or of all."""
    return [
        layout.tar_path(shard.name)
        for shard in shards
        if layout.shard_split(shard.name) == split and family in ("", shard.family)
    ]


def _index_uuid(shards: Sequence[ShardRecord]) -> uuid.UUID:
    """Returns the UUID by which Energon identifies an index: the same for the same shards."""
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(f"{shard.sha256}  {layout.tar_path(shard.name)}\n".encode())
    return uuid.uuid5(_NAMESPACE, digest.hexdigest())


class SampleDatabase:
    """Builds `index.sqlite` one shard at a time, in the memory of one shard's rows.

    The database is a temporary file, which is deleted when the `with` block ends.

    Args:
        media: Whether it has tables of media metadata, too.
    """

    def __init__(self, media: bool = False) -> None:
        self._tables = _TABLES + (MEDIA_TABLES if media else "")
        self._folder = tempfile.TemporaryDirectory(prefix="fairshard-")
        self._path = Path(self._folder.name, "index.sqlite")
        self._database = sqlite3.connect(self._path, isolation_level=None)
        self._shards = 0

    def __enter__(self) -> SampleDatabase:
        # One transaction without a journal writes the file once, so its bytes are reproducible.
        for pragma in ("page_size = 4096", "journal_mode = OFF", "synchronous = OFF"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("BEGIN")
        self._execute(self._tables)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def add_shard(self, extents: pa.Table) -> None:
        """Adds the next shard. Shards must come in the order of their paths.

        Args:
            extents: The columns `extent_columns` of its table.
        """
        number, self._shards = self._shards, self._shards + 1
        offsets = sample_offsets(extents).tolist()
        self._database.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
            (
                (number, key, at, offsets[at], offsets[at + 1] - offsets[at])
                for at, key in enumerate(extents["key"].to_pylist())
            ),
        )
        self._database.executemany(
            "INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)",
            ((number, *part) for part in member_places(extents)),
        )

    def add_media(self, rows: pa.Table) -> None:
        """Adds the media metadata of a shard's table."""
        self._database.executemany(
            "INSERT INTO media_metadata VALUES (?, ?, ?)", media_metadata(rows)
        )

    def content(self) -> Iterator[bytes]:
        """Completes the database and yields its bytes in chunks. No shard can be added after."""
        self._execute(_INDEXES)
        self._database.execute("COMMIT")
        self._database.close()
        with self._path.open("r+b") as file:
            file.seek(_SQLITE_VERSION_AT)
            file.write(_SQLITE_VERSION)
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def _execute(self, statements: str) -> None:
        # `executescript` is not used because it commits first.
        for statement in statements.split(";")[:-1]:
            self._database.execute(" ".join(statement.split()))


def member_places(extents: pa.Table) -> Iterator[tuple[int, str, int, int]]:
    """Yields every member in order: sample number, extension, and its data's offset and length."""
    rows = zip(*(extents[name].to_pylist() for name in EXTENT_COLUMNS[1:]), strict=True)
    extras: list[list[ExtraMember]] = [[]] * len(extents)
    if EXTRA_MEMBERS in extents.column_names:
        extras = values_of(extents[EXTRA_MEMBERS], list)
    for at, (member, *places) in enumerate(rows):
        extensions = (member.partition(".")[2], *_KINDS[1:])
        found = list(zip(extensions, places[::2], places[1::2], strict=True))
        more = [(one["ending"], one["offset"], one["length"]) for one in extras[at]]
        for extension, offset, length in (found[0], *more, *found[1:]):
            yield at, extension, offset, length
