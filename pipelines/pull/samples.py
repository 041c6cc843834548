"""Pulls some samples, or some members of samples, without the rest of their tars.

The shards' tables say where each member is and what its digest is; they are pulled and checked
first. What is chosen of a shard becomes a smaller tar, `samples/<shard>.tar`, with the members in
their order and each digest checked. It is not the shard, so it does not have the shard's place.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq

from pipelines.format.tar import BLOCK, END, PADDINGS, header
from pipelines.format.tar_comparison import REMOVED, MemberPlace, places_of_row
from pipelines.pull.download import DownloadSettings
from pipelines.pull.head import Head
from pipelines.pull.origin import MIN_BYTES_PER_S, Lane, Origin, PassingFaultError
from pipelines.pull.patience import after_fault
from pipelines.pull.selection import SampleChoice
from pipelines.pull.state import (
    INNER,
    PullState,
    drop_samples,
    samples_path,
    stream_durably,
    write_state,
)
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import ShardRecord
from schemas.shard_table import EXTRA_MEMBERS, ShardRow

_REQUEST_BYTES = 8 << 20
_GAP_BYTES = 64 << 10  # fetched with what is around it, since a request costs more
_COLUMNS = [
    *("key", "status", "media_member", "media_offset", "media_length", "media_sha256"),
    *("txt_offset", "txt_length", "txt_sha256", "json_offset", "json_length", "json_sha256"),
]


@dataclass(frozen=True)
class _Chosen:
    """What is chosen of a shard."""

    shard: ShardRecord
    places: list[MemberPlace]

    @property
    def size(self) -> int:
        return sum(place.length for place in self.places)


def pull_samples(
    origin: Origin,
    head: Head,
    folder: Path,
    state: PullState,
    choice: SampleChoice,
    names: frozenset[str],
    settings: DownloadSettings,
    report: Callable[[int, int], None],
) -> int:
    """Pulls the chosen members; tars in `samples/` of what is not chosen now are removed.

    Args:
        origin: Where from.
        head: What is pulled; the tables of its shards are in place.
        folder: The copy's folder.
        state: What the copy remembers; it is written before anything is made.
        choice: Which samples and members.
        names: The shards.
        settings: How files are downloaded.
        report: Called with bytes that are done, and bytes that are to be done besides.

    Returns:
        The number of bytes of members that came.

    Raises:
        InputError: If a key or an ending is in none of the shards.
        RunError: If a member is not the one that the table lists.
    """
    shards = [shard for shard in head.manifest.shards if shard.name in names]
    chosen = [one for one in _choose(folder / layout.DELIVERY, shards, choice) if one.places]
    inner, chosen_names = folder / INNER, frozenset(one.shard.name for one in chosen)
    drop_samples(folder, state, chosen_names)
    state.samples = sorted(chosen_names)
    write_state(inner, state)
    missing = [one for one in chosen if not _is_there(folder, one)]
    report(0, sum(one.size for one in missing))
    paths = {one.shard.name: f"{head.prefix}{layout.tar_path(one.shard.name)}" for one in missing}
    if paths:
        origin.prepare(sorted(paths.values()))

    def fetch(one: _Chosen) -> int:
        lane = origin.lane()
        try:
            pieces = _tar(origin, lane, paths[one.shard.name], one, settings, report)
            stream_durably(samples_path(folder, one.shard.name), pieces, inner)
        finally:
            lane.close()
        return one.size

    pool = ThreadPoolExecutor(settings.lanes)
    try:
        return sum(pool.map(fetch, missing))
    finally:
        pool.shutdown(cancel_futures=True)


def _choose(delivery: Path, shards: Sequence[ShardRecord], choice: SampleChoice) -> list[_Chosen]:
    found, keys, endings = [], set[str](), set[str]()
    for shard in shards:
        places = []
        for place in _places(delivery / layout.shard_table_path(shard.name)):
            ending = place.name.partition(".")[2]
            endings.add(ending)
            if choice.keys and place.key not in choice.keys:
                continue
            keys.add(place.key)
            if not choice.columns or ending in choice.columns:
                places.append(place)
        found.append(_Chosen(shard, places))
    for what, unknown in (("key", choice.keys - keys), ("column", choice.columns - endings)):
        if unknown:
            raise InputError(
                f"No chosen shard has this {what}",
                ", ".join(sorted(unknown)[:5]),
                f"Columns are {', '.join(sorted(endings)[:20])}; keys are in the shards' tables.",
            )
    return found


def _places(table: Path) -> Iterator[MemberPlace]:
    with pq.ParquetFile(table) as file:
        extras = [name for name in (EXTRA_MEMBERS,) if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=[*_COLUMNS, *extras]):
            for row in batch.to_pylist():
                if row["status"] != REMOVED:
                    yield from places_of_row(cast(ShardRow, row))


def _is_there(folder: Path, one: _Chosen) -> bool:
    """Returns whether the tar of what is chosen is there, byte by byte."""
    path = samples_path(folder, one.shard.name)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        for place in one.places:
            block = file.read(BLOCK)
            data = file.read(place.length)
            padding = file.read(-place.length % BLOCK)
            if block != header(place.name, place.length) or padding.strip(b"\0"):
                return False
            if hashlib.sha256(data).hexdigest() != place.sha256:
                return False
        return file.read() == END


def _tar(
    origin: Origin,
    lane: Lane,
    path: str,
    one: _Chosen,
    settings: DownloadSettings,
    report: Callable[[int, int], None],
) -> Iterator[bytes]:
    """Yields the bytes of a tar with the chosen members."""
    for group in _groups(one.places):
        start, stop = group[0].offset, group[-1].offset + group[-1].length
        data = _range(origin, lane, path, start, stop, one.shard.bytes, settings)
        for place in group:
            at = place.offset - start
            member = data[at : at + place.length]
            if hashlib.sha256(member).hexdigest() != place.sha256:
                raise RunError(
                    "A member is not the one that the shard's table lists",
                    f"{origin.uri}: {path}, {place.name}",
                    "Nothing of this shard was used. Ask the agency: its copy is damaged.",
                )
            yield header(place.name, place.length)
            yield member
            yield PADDINGS[-place.length % BLOCK]
            report(place.length, 0)
    yield END


def _groups(places: Sequence[MemberPlace]) -> Iterator[list[MemberPlace]]:
    """Yields members that are fetched with one request: near one another, and not too many."""
    group: list[MemberPlace] = []
    for place in places:
        end = group[-1].offset + group[-1].length if group else 0
        if group and (
            place.offset - end > _GAP_BYTES
            or place.offset + place.length - group[0].offset > _REQUEST_BYTES
        ):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _range(
    origin: Origin,
    lane: Lane,
    path: str,
    start: int,
    stop: int,
    size: int,
    settings: DownloadSettings,
) -> bytes:
    """Returns a range of a file, continued after faults."""
    data, failures = bytearray(), 0
    while len(data) < stop - start:
        before = len(data)
        longest_s = settings.stall_s + (stop - start - before) / MIN_BYTES_PER_S
        watch = threading.Timer(longest_s, lane.hang_up)
        watch.daemon = True
        watch.start()
        try:
            for chunk in lane.chunks(path, start + before, stop, size):
                data += chunk
        except FileNotFoundError as error:
            raise RunError(
                "A file that the manifest lists is missing", f"{origin.uri}: {path}", ""
            ) from error
        except PassingFaultError as fault:
            failures = 1 if len(data) > before else failures + 1
            after_fault(origin, path, fault, failures, settings.wait_unit_s, time.sleep)
        finally:
            watch.cancel()
    return bytes(data)
