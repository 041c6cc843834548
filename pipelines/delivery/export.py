"""Exports a delivery's samples to Lance, Parquet or MDS: all of them, checked, or nothing.

The export is written beside its place and read back, and gets its name when every sample in it has
the digests of the delivery.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.delivery.export_mds import ReadSample, read_mds, write_mds
from pipelines.delivery.export_samples import CheckedSamples, extra_columns
from pipelines.delivery.output_folder import check_free, read_manifest, unfinished, unwritten
from pipelines.format.manifest import manifest_bytes
from pipelines.storage.open import open_store
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import Manifest

_FILE_BYTES = 512 << 20  # of a Parquet file, before compression
_SOURCE = "source-manifest.json"  # by another name, since the export is no delivery
_MEMBERS = ("media", "txt", "json")
_READ = ("key", *_MEMBERS)


@dataclass(frozen=True)
class ExportFormat:
    """A format of exports.

    Attributes:
        place: Name of what is written, in the export's folder.
        write: Writes batches of rows to a path that does not exist yet.
        read: Reads what was written back; it is told the columns of extra members.
    """

    place: str
    write: Callable[[Iterator[pa.RecordBatch], pa.Schema, Path], None]
    read: Callable[[Path, Sequence[str]], Iterator[ReadSample]]


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        delivery: The delivery.
        samples: How many samples.
        vkey: The key that signed the delivery.
        place: Where the samples are.
    """

    delivery: str
    samples: int
    vkey: str
    place: Path


def export_delivery(
    uri: str, kind: str, folder: Path, pinned: tuple[str, ...] | None, allow_unpinned: bool
) -> Export:
    """Exports all samples of a delivery.

    Args:
        uri: The delivery: folder or s3:// prefix.
        kind: A key of FORMATS.
        folder: Where the export goes; it must not exist, or be empty.
        pinned: The agency's keys, if the reader gave any.
        allow_unpinned: Whether a key that the reader did not give is accepted.

    Raises:
        InputError: If there is no delivery, its signer is not known, or there is something at the
            destination, or what the format needs is not installed.
        RunError: If anything in the delivery is damaged, or the export could not be written;
            nothing is left of it then.
    """
    form = FORMATS[kind]
    if kind == "lance":
        _lance()  # before anything is read
    store = open_store(uri)
    manifest = read_manifest(uri, pinned, allow_unpinned)
    check_free(folder)
    samples = CheckedSamples(store, manifest)
    schema = samples.schema()
    with unfinished(folder) as target:
        source = _Source(samples.batches())
        try:
            form.write(source.batches(), schema, target / form.place)
        except Exception as error:
            raise (source.error or unwritten(folder, error)) from error
        read = form.read(target / form.place, extra_columns(schema))
        _check_back(read, target / form.place, samples.digests)
        (target / _SOURCE).write_bytes(manifest_bytes(manifest))
        for path in _rights(manifest):
            (target / path).parent.mkdir(exist_ok=True)
            (target / path).write_bytes(samples.file(path))
    count = len(samples.digests)
    return Export(manifest.delivery, count, manifest.vkey, folder / form.place)


class _Source:
    """Passes batches on, and keeps the error that ended them: a library may raise its own."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.error: InputError | RunError | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches
        except (InputError, RunError) as error:
            self.error = error
            raise


def _check_back(
    read: Iterator[ReadSample], place: Path, digests: dict[str, tuple[str, ...]]
) -> None:
    """Reads an export back and compares every member's digest."""
    left = dict(digests)
    try:
        for sample in read:
            data = [sample.media, sample.txt.encode(), sample.json.encode(), *sample.extras]
            found = tuple(hashlib.sha256(one).hexdigest() for one in data)
            if left.pop(sample.key, None) != found:
                raise RunError(
                    "The export differs from the delivery",
                    f"sample {sample.key}",
                    "The incomplete export was removed. Check the disk, and run the command again.",
                )
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise unwritten(place, error) from error
    if left:
        raise RunError(
            "The export lacks samples of the delivery",
            f"{len(left):,} of {len(digests):,}, such as {min(left)}",
            "The incomplete export was removed. Check the disk, and run the command again.",
        )


def _rights(manifest: Manifest) -> list[str]:
    return [file.path for file in manifest.files if file.path in layout.RIGHTS_FILES]


def _write_parquet(batches: Iterator[pa.RecordBatch], schema: pa.Schema, place: Path) -> None:
    place.mkdir()
    # Media are compressed already, and their least and greatest values tell nothing.
    large = (*_MEMBERS, *extra_columns(schema))
    small = [name for name in schema.names if name not in large]
    batch, number = next(batches, None), 0
    while batch is not None:
        path, size = place / f"samples-{number:05d}.parquet", 0
        with pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            use_dictionary=small,  # type: ignore[arg-type]  # may be a list of columns
            write_statistics=small,
        ) as writer:
            while batch is not None and size < _FILE_BYTES:
                writer.write_batch(batch)
                size += batch.nbytes
                batch = next(batches, None)
        number += 1


def _read_parquet(place: Path, extras: Sequence[str]) -> Iterator[ReadSample]:
    for path in sorted(place.iterdir()):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64, columns=[*_READ, *extras]):
                yield from _samples(batch, extras)


def _write_lance(batches: Iterator[pa.RecordBatch], schema: pa.Schema, place: Path) -> None:
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    _lance().write_dataset(reader, str(place), schema=schema)


def _read_lance(place: Path, extras: Sequence[str]) -> Iterator[ReadSample]:
    dataset = _lance().dataset(str(place))
    for batch in dataset.to_batches(columns=[*_READ, *extras], batch_size=64):
        yield from _samples(batch, extras)


def _samples(batch: pa.RecordBatch, extras: Sequence[str]) -> Iterator[ReadSample]:
    """Yields the samples of a batch."""
    columns = (batch.column(name).to_pylist() for name in (*_READ, *extras))
    for key, media, txt, record, *own in zip(*columns, strict=True):
        yield ReadSample(key, media, txt, record, tuple(own))


def _write_mds(batches: Iterator[pa.RecordBatch], schema: pa.Schema, place: Path) -> None:
    place.mkdir()
    write_mds(batches, place, extra_columns(schema))


def _lance() -> ModuleType:
    try:
        return importlib.import_module("lance")
    except ImportError as error:
        raise InputError(
            "Lance is not installed",
            str(error),
            "Run: pip install 'fairshard[export]'. Parquet and MDS need nothing more.",
        ) from error


FORMATS = {
    "lance": ExportFormat("samples.lance", _write_lance, _read_lance),
    "parquet": ExportFormat("samples", _write_parquet, _read_parquet),
    "mds": ExportFormat("samples", _write_mds, read_mds),
}
