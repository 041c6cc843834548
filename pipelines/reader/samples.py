"""Hands over the samples of a delivery, in webdataset's form, and counts them.

A position is a number of samples in the reader's range of an epoch. Removed ones are counted in it,
though never handed over, so that a newer list of removals moves no other sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime

import numpy as np

from pipelines.reader.checked import Sample, Turn, read_turns
from pipelines.reader.delivery import Delivery, ReaderError, SampleRow, ShardFile
from pipelines.reader.removals import Removals
from pipelines.reader.split import Piece, Split, groups_of, pieces_of, random_order
from pipelines.reader.state import read_state
from pipelines.reader.tags import SampleTags, ShardTags
from schemas.errors import InputError
from schemas.exposure import Exposure, ExposurePart

_STATE = 1  # form of a saved state


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
        for turn, sample in read_turns(self.delivery, self._turns(), self._threads):
            self._position = turn.position
            self._given += 1
            seen[turn.asset] += 1
            yield sample
        self._end_epoch()

    def __call__(self) -> Iterator[Sample]:
        """Iterates, as webdataset calls the first stage of a `DataPipeline`."""
        return iter(self)

    def advance_to(self, given: int) -> None:
        """Advances to a number of samples handed over, without reading them, and counts them.

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
            **self._fixed(),
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
        saved = read_state(state, self._fixed(), len(self))
        self._iteration += 1  # ends iterations that began before
        self.epoch, self._position, self._given, self._first = saved[:4]
        self._seen.clear()
        self._seen.update(saved.seen)

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

    def _fixed(self) -> dict[str, object]:
        """Returns what a saved state says about delivery, run, order and reader."""
        return {
            "fairshard_reader": _STATE,
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

    def _turns(self) -> Iterator[Turn]:
        """Yields the samples that are left of the epoch, in their order, without removed ones."""
        self._iteration += 1
        own, at = self._iteration, 0
        for number, group in enumerate(self._groups()):
            start, at = at, at + sum(piece.samples for piece in group)
            if at > self._position:
                yield from self._turns_of(group, number, start, own)
        if own == self._iteration:
            self._position = at

    def _turns_of(self, group: list[Piece], number: int, start: int, own: int) -> Iterator[Turn]:
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
            yield Turn(file, tags, row, at, asset, position)
