"""PyTorch's side: a data set for `DataLoader`, and how far the batches that were used came.

Workers of a `DataLoader` read ahead of the training, so their own positions are of no use. Each
sample is marked with its reader and its number, and the main process follows the marks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from torch.utils.data import IterableDataset, get_worker_info

from pipelines.format.exposure import merge_exposures
from pipelines.reader.checked import Sample
from pipelines.reader.delivery import open_delivery
from pipelines.reader.removals import WITHOUT_REMOVALS, load_removals
from pipelines.reader.samples import SampleReader
from pipelines.reader.split import Split
from schemas.errors import InputError
from schemas.exposure import Exposure


class TrainingData(IterableDataset[Sample]):
    """The samples of a process, for a `DataLoader` with `num_workers=workers`.

    Args:
        folder: The copy of the delivery.
        vkeys: The agency's verifier keys, or paths of files with them.
        removals: The signed list of removals; None for none, for which the buyer answers.
        run: Names the training run, for good.
        seed: Decides the order.
        rank: Number of the process in the run, from 0.
        ranks: Number of processes.
        workers: Number of workers of the `DataLoader`; with 0 it reads in the process itself.
        mixed_shards: How many shards are mixed at a time; 0 to keep the delivery's order.
        families: Only shards of these families; empty for all.
        states: What `Progress.states` returned, to continue from there.
    """

    def __init__(
        self,
        folder: str | Path,
        vkeys: Collection[str],
        removals: str | Path | None,
        *,
        run: str,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        mixed_shards: int = 4,
        families: Collection[str] = (),
        states: Sequence[dict[str, object]] = (),
    ) -> None:
        self._place = Path(folder), tuple(vkeys), removals
        self._run, self._seed = run, seed
        self._rank, self._ranks, self.workers = rank, ranks, workers
        self._order = mixed_shards, tuple(families)
        self._states = tuple(states)

    def reader(self, worker: int) -> SampleReader:
        """Returns the reader of a worker, restored to its state if there is one."""
        folder, vkeys, removals = self._place
        mixed_shards, families = self._order
        split = Split(self._rank, self._ranks, worker, max(1, self.workers))
        made = SampleReader(
            open_delivery(folder, vkeys),
            WITHOUT_REMOVALS if removals is None else load_removals(removals, vkeys),
            run=self._run,
            split=split,
            seed=self._seed,
            mixed_shards=mixed_shards,
            families=families,
        )
        for state in self._states:
            if state.get("consumer") == split.consumer:
                made.restore(state)
        return made

    def __iter__(self) -> Iterator[Sample]:
        """Yields the samples of this worker, each with its mark `__position__`."""
        info = get_worker_info()
        count = 0 if info is None else info.num_workers
        if count != self.workers:
            raise InputError(
                "The DataLoader has another number of workers than the data",
                f"{count}, not {self.workers}",
                "Give both the same number.",
            )
        worker = 0 if info is None else info.id
        reader = self.reader(worker)
        for sample in reader:
            yield {**sample, "__position__": f"{worker}:{reader.given}"}


class Progress:
    """How far the samples that were trained on came, of each worker of a process.

    Args:
        data: The data set.
    """

    def __init__(self, data: TrainingData) -> None:
        self._readers = [data.reader(worker) for worker in range(max(1, data.workers))]

    def record(self, positions: Iterable[object]) -> None:
        """Takes the marks `__position__` of samples that were trained on, in any order."""
        last: dict[int, int] = {}
        for worker, given in (map(int, str(mark).split(":")) for mark in positions):
            last[worker] = max(last.get(worker, 0), given)
        for worker, given in last.items():
            reader = self._readers[worker]
            reader.advance_to(max(given, reader.given))

    def states(self) -> list[dict[str, object]]:
        """Returns the states of all workers, to be saved beside the model."""
        return [reader.state() for reader in self._readers]

    def exposure(self) -> Exposure:
        """Returns what was trained on in this process since the last report began."""
        return merge_exposures(reader.exposure() for reader in self._readers)

    def begin_exposure(self) -> None:
        """Begins the next report with the next samples."""
        for reader in self._readers:
            reader.begin_exposure()
