"""Reads samples and compares their members with the digests in their shard's signed table.

So a byte that differs is found at the sample that has it, before it is used. In later epochs a
secret tag of the same bytes does (`pipelines.reader.tags`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import NamedTuple, TypeAlias

from pipelines.reader.delivery import Delivery, SampleRow, ShardFile
from pipelines.reader.tags import ShardTags
from schemas import layout
from schemas.shard_table import ExtraMember

#: A sample as webdataset has it: `__key__`, `__url__`, and bytes by the ending of their member.
Sample: TypeAlias = "dict[str, str | bytes]"

_BATCH = 32  # samples that a thread reads at a time


class Turn(NamedTuple):
    """A sample whose turn it is, its number in its shard, and the position behind it."""

    file: ShardFile
    tags: ShardTags
    row: SampleRow
    number: int
    asset: str
    position: int


def read_turns(
    delivery: Delivery, turns: Iterator[Turn], threads: int
) -> Iterator[tuple[Turn, Sample]]:
    """Yields the samples, read and checked, in order; by threads that read ahead, if any.

    Raises:
        ReaderError: If a tar ends too early, or a member is another one.
    """
    read = partial(read_sample, delivery)
    if not threads:
        for turn in turns:
            yield turn, read(turn)
        return
    with ThreadPoolExecutor(threads, "fairshard-reader") as pool:
        pending: deque[tuple[list[Turn], Future[list[Sample]]]] = deque()

        def begin() -> bool:
            batch = list(islice(turns, _BATCH))
            if batch:
                pending.append((batch, pool.submit(_read_all, read, batch)))
            return bool(batch)

        try:
            while len(pending) <= threads and begin():
                pass
            while pending:
                batch, future = pending.popleft()
                samples = future.result()
                begin()
                yield from zip(batch, samples, strict=True)
        finally:
            for _, future in pending:
                future.cancel()


def _read_all(read: Callable[[Turn], Sample], turns: Sequence[Turn]) -> list[Sample]:
    return list(map(read, turns))


def read_sample(delivery: Delivery, turn: Turn) -> Sample:
    """Reads a sample's members and compares them with their digests, or with their tag.

    Raises:
        ReaderError: If the tar ends too early, or a member is another one.
    """
    file, tags, row, number = turn[:4]
    key, name, offset, length, _, txt, txt_length, _, record = row[:9]
    media = os.pread(file.descriptor, length, offset)
    # Text and JSON are neighbours in the tar.
    beside = os.pread(file.descriptor, record + row.json_length - txt, txt)
    text, record_data = beside[:txt_length], beside[record - txt :]
    tag = tags.tag_of(number, media, beside)
    if not tags.is_known(number, tag):
        _compare_digests(delivery, file, row, media, text, record_data)
        tags.remember(number, tag)
    return {
        "__key__": key,
        "__url__": f"{file.record.name}.tar",
        name.partition(".")[2]: media,
        **{one["ending"]: _extra(delivery, file, key, one) for one in row.extras},
        "txt": text,
        "json": record_data,
    }


def _extra(delivery: Delivery, file: ShardFile, key: str, extra: ExtraMember) -> bytes:
    """Reads a member that only some profiles have."""
    data = os.pread(file.descriptor, extra["length"], extra["offset"])
    if sha256(data).hexdigest() != extra["sha256"]:
        what = f"{key}.{extra['ending']} does not have the digest in the signed table"
        raise delivery.damage(layout.tar_path(file.record.name), what)
    return data


def _compare_digests(
    delivery: Delivery, file: ShardFile, row: SampleRow, media: bytes, text: bytes, record: bytes
) -> None:
    """Raises ReaderError if a member does not have its signed digest."""
    if (
        sha256(media).hexdigest() != row.media_sha256
        or sha256(text).hexdigest() != row.txt_sha256
        or sha256(record).hexdigest() != row.json_sha256
    ):
        what = "its members do not have the digests in the signed table"
        if len(media) != row.media_length or len(record) != row.json_length:
            what = "the tar ends within it"
        path = layout.tar_path(file.record.name)
        raise delivery.damage(path, f"sample {row.key}: {what}")
