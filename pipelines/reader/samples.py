"""Hands over the samples of a delivery, in webdataset's form, and counts them.

Each sample's members are compared with the digests in its shard's table, whose own digest is in the
signed manifest. So a byte that differs is found at the sample that has it, before it is used. In
later epochs a secret tag of the same bytes does (`pipelines.reader.tags`).

A position is a number of samples in the reader's range of an epoch. Removed ones are counted in it,
though never handed over, so that a newer list of removals moves no other sample.
"""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import NamedTuple, TypeAlias, cast

import numpy as np

from pipelines.reader.delivery import Delivery, ReaderError, SampleRow, ShardFile
from pipelines.reader.removals import Removals
from pipelines.reader.split import Piece, Split, groups_of, pieces_of, random_order
from pipelines.reader.tags import SampleTags, ShardTags
from schemas import layout
from schemas.errors import InputError
from schemas.exposure import Exposure, ExposurePart
from schemas.shard_table import ExtraMember

#: A sample as webdataset has it: `__key__`, `__url__`, and bytes by the ending of their member.
Sample: TypeAlias = "dict[str, str | bytes]"

_STATE = 1  # form of a saved state
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BATCH = 32  # samples that a thread reads at a time


class _Turn(NamedTuple):
    """A sample whose turn it is, its number in its shard, and the position behind it."""

    file: ShardFile
    tags: ShardTags
    row: SampleRow
    number: int
    asset: str
    position: int


def _today() -> date:
    return datetime.now(UTC).date()


class SampleReader:
    """Iterates over an epoch of a delivery's samples, or over what is left of it.

    When an epoch is over, the next iteration is the next epoch. One reader is used by one thread.

    Args:
        delivery: The copy of the delivery.
        removals: What is dropped; `WITHOUT_REMOVALS` for nothing.
        run: Names the training run, for good; reports of exposure are told apart by it.
        split: Which of the run's readers this is.
        seed: Decides the order, which is the same for the same seed and epoch.
        mixed_shards: How many shards are mixed at a time; 0 to keep the delivery's order.
        families: Only shards of these families; empty for all.
        threads: How many threads read and check samples ahead, each on a core of its own; 0 to do
            it between samples.
        clock: Returns today's day, by which the age of `removals` is judged.

    Raises:
        InputError: If there are no such families, or the list of removals is of another deal.
        StaleRemovalsError: If the list of removals is too old.
    """

    def __init__(
        self,
        delivery: Delivery,
        removals: Removals,
        *,
        run: str,
        split: Split | None = None,
        seed: int = 0,
        mixed_shards: int = 4,
        families: Collection[str] = (),
        threads: int = 2,
        clock: Callable[[], date] = _today,
    ) -> None:
        self.delivery = delivery
        self.split = split or Split()
        self.epoch = 0
        self._removals = removals
        self._clock = clock
        self._run = run
        self._seed = seed
        self._mixed_shards = mixed_shards
        self._threads = threads
        self._families = sorted(set(families))
        self._shards = delivery.shards(self._families)
        self._position = 0
        self._given = 0  # samples handed over since the run began
        self._first = 0  # the first of them that the next report is about
        self._seen: Counter[str] = Counter()  # by asset's commitment
        self._iteration = 0
        self._tags = SampleTags()
        for name, number in (("seed", seed), ("mixed_shards", mixed_shards), ("threads", threads)):
            if type(number) is not int or number < 0:
                raise InputError(f"{name} is not a whole number of at least 0", repr(number)[:80])
        if not run.strip() or not run.isprintable():
            raise InputError(
                "A run's name is one line of text", repr(run)[:80], "Give each run its own."
            )
        removals.check(delivery, clock())

    @property
    def given(self) -> int:
        """How many samples this reader has handed over since the run began."""
        return self._given

    def __len__(self) -> int:
        """How many samples the reader has in an epoch, removed ones included."""
        total, one = sum(shard.samples for shard in self._shards), self.split
        return total * (one.consumer + 1) // one.consumers - total * one.consumer // one.consumers

    def __iter__(self) -> Iterator[Sample]:
        """Yields the samples that are left of the epoch.

        Raises:
            ReaderError: If a shard is short, or bytes are not what the agency signed.
            StaleRemovalsError: If the list of removals has become too old meanwhile.
        """
        seen = self._seen
        for turn, sample in self._checked(self._turns()):
            self._position = turn.position
            self._given += 1
            seen[turn.asset] += 1
            yield sample
        self._end_epoch()

    def __call__(self) -> Iterator[Sample]:
        """Iterates, as webdataset calls the first stage of a `DataPipeline`."""
        return iter(self)

    def advance_to(self, given: int) -> None:
        """Goes on to a number of samples handed over, without reading them, and counts them.

        For a process that is told by others how far they are, as of the workers of a DataLoader.

        Raises:
            InputError: If that is in the past, or there are no samples at all.
        """
        if given < self._given:
            raise InputError(
                "The reader has handed over more samples already",
                f"{self._given:,}, asked for {given:,}",
                "Take positions in their order.",
            )
        while self._given < given:
            whole, before = self._position == 0, self._given
            for turn in self._turns():
                self._position = turn.position
                self._given += 1
                self._seen[turn.asset] += 1
                if self._given == given:
                    return
            self._end_epoch()
            if whole and self._given == before:
                raise InputError(
                    "The reader has no samples", f"{self._run}, reader {self.split.consumer}"
                )

    def state(self) -> dict[str, object]:
        """Returns where the reader is and what it counted, to be saved beside the model.

        It is of the samples that were handed over so far, the one in the caller's hands included.
        """
        return {
            "fairshard_reader": _STATE,
            **self._settings(),
            "epoch": self.epoch,
            "position": self._position,
            "given": self._given,
            "first": self._first,
            "seen": dict(sorted(self._seen.items())),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Goes back, or on, to a saved state.

        Raises:
            InputError: If the state is of another delivery, run, order or reader.
        """
        if not isinstance(state, dict):
            raise InputError("The saved state is damaged", str(state)[:80], "Use an earlier one.")
        expected = {"fairshard_reader": _STATE, **self._settings()}
        for name, value in expected.items():
            if state.get(name) != value:
                raise InputError(
                    "The saved state does not belong to this reader",
                    f"{name} {str(state.get(name))[:80]}, not {str(value)[:80]}",
                    "Open the same delivery with the same settings, or begin a run of another "
                    "name.",
                )
        numbers = {name: state.get(name) for name in ("epoch", "position", "given", "first")}
        seen = state.get("seen")
        if not _is_possible(numbers, seen, len(self)):
            raise InputError(
                "The saved state is damaged", str(numbers)[:200], "Use an earlier one."
            )
        self._iteration += 1  # ends iterations that began before
        self.epoch, self._position, self._given, self._first = map(int, map(str, numbers.values()))
        self._seen.clear()
        self._seen.update(cast("dict[str, int]", seen))

    def exposure(self) -> Exposure:
        """Returns how often samples of each asset were handed over since the last report began."""
        manifest = self.delivery.manifest
        part = ExposurePart(
            run=self._run,
            consumer=self.split.consumer,
            consumers=self.split.consumers,
            first=self._first,
            end=self._given,
        )
        return Exposure(
            fairshard_exposure=1,
            deal_id=manifest.deal.deal_id,
            delivery=manifest.delivery,
            manifest_sha256=self.delivery.manifest_sha256,
            parts=[part],
            samples=self._given - self._first,
            counts=dict(sorted(self._seen.items())),
        )

    def begin_exposure(self) -> None:
        """Begins the next report with the next sample: call it when a report was sent."""
        self._first = self._given
        self._seen.clear()

    def _settings(self) -> dict[str, object]:
        return {
            "manifest_sha256": self.delivery.manifest_sha256,
            "run": self._run,
            "seed": self._seed,
            "mixed_shards": self._mixed_shards,
            "families": self._families,
            "consumer": self.split.consumer,
            "consumers": self.split.consumers,
        }

    def _end_epoch(self) -> None:
        self.epoch += 1
        self._position = 0

    def _groups(self) -> Iterator[list[Piece]]:
        samples = [shard.samples for shard in self._shards]
        if not self._mixed_shards:
            return groups_of(pieces_of(samples, range(len(samples)), self.split), 1)
        order = random_order(len(samples), self._seed, self.epoch).tolist()
        return groups_of(pieces_of(samples, order, self.split), self._mixed_shards)

    def _turns(self) -> Iterator[_Turn]:
        """Yields the samples that are left of the epoch, in their order, without removed ones."""
        self._iteration += 1
        own, at = self._iteration, 0
        for number, group in enumerate(self._groups()):
            start, at = at, at + sum(piece.samples for piece in group)
            if at > self._position:
                yield from self._turns_of(group, number, start, own)
        if own == self._iteration:
            self._position = at

    def _turns_of(self, group: list[Piece], number: int, start: int, own: int) -> Iterator[_Turn]:
        self._removals.check(self.delivery, self._clock())
        rows: list[tuple[ShardFile, ShardTags, SampleRow, int, str]] = []
        for piece in group:
            shard = self._shards[piece.shard]
            file, found = self.delivery.open_shard(shard), self.delivery.rows(shard)
            part = slice(piece.first, piece.end)
            tags = self._tags.of_shard(shard.name, shard.samples)
            numbers = range(piece.first, piece.end)
            whole = zip(found.rows[part], numbers, found.assets[part], strict=True)
            rows += ((file, tags, *each) for each in whole)
        order = np.arange(len(rows))
        if self._mixed_shards:
            consumer = self.split.consumer
            order = random_order(len(rows), self._seed, self.epoch, consumer, number)
        removed = self._removals.assets.contains([asset for *_, asset in rows])
        skipped = max(0, self._position - start)
        places = order[skipped:]
        left = ~removed[places]
        positions = np.arange(start + skipped + 1, start + len(rows) + 1)[left].tolist()
        for place, position in zip(places[left].tolist(), positions, strict=True):
            if own != self._iteration:
                raise ReaderError(
                    "The reader was moved while it was iterated over",
                    f"{self._run}, reader {self.split.consumer}",
                    "Iterate over it again.",
                )
            file, tags, row, at, asset = rows[place]
            yield _Turn(file, tags, row, at, asset, position)

    def _checked(self, turns: Iterator[_Turn]) -> Iterator[tuple[_Turn, Sample]]:
        """Yields the samples, read and checked, in order; by threads that read ahead, if any."""
        read = partial(read_sample, self.delivery)
        if not self._threads:
            for turn in turns:
                yield turn, read(turn)
            return
        with ThreadPoolExecutor(self._threads, "fairshard-reader") as pool:
            pending: deque[tuple[list[_Turn], Future[list[Sample]]]] = deque()

            def begin() -> bool:
                batch = list(islice(turns, _BATCH))
                if batch:
                    pending.append((batch, pool.submit(_read_all, read, batch)))
                return bool(batch)

            try:
                while len(pending) <= self._threads and begin():
                    pass
                while pending:
                    batch, future = pending.popleft()
                    samples = future.result()
                    begin()
                    yield from zip(batch, samples, strict=True)
            finally:
                for _, future in pending:
                    future.cancel()


def _is_possible(numbers: Mapping[str, object], seen: object, samples: int) -> bool:
    """Returns whether a state's numbers are those of a reader with so many samples in an epoch.

    What is counted is paid for, so that a count which no reader made is not taken.
    """
    values = [one for one in numbers.values() if type(one) is int and 0 <= one < 2**53]
    if len(values) != len(numbers) or not isinstance(seen, dict):
        return False
    if not all(
        type(one) is int and one > 0 and _DIGEST.fullmatch(key) for key, one in seen.items()
    ):
        return False
    _, position, given, first = values
    return position <= samples and sum(seen.values()) == given - first


def _read_all(read: Callable[[_Turn], Sample], turns: Sequence[_Turn]) -> list[Sample]:
    return list(map(read, turns))


def read_sample(delivery: Delivery, turn: _Turn) -> Sample:
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
