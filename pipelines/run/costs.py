"""What the work of a step took: time, processor time, bytes, model calls and retries.

Costs travel in the receipts, which exist on every engine. They never become part of a delivery or
of the tables beside it, since no two runs have the same.
"""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from pipelines.storage.progress import take_amounts

_live: weakref.WeakSet[Stopwatch] = weakref.WeakSet()


@dataclass
class Cost:
    """What some pieces of a step took. A piece is a batch of rows, a unit or a shard.

    Attributes:
        pieces: How many pieces.
        started_s: When the first one began, in seconds since 1970 by its machine's clock; 0 if none
            did in this attempt at the run.
        ended_s: When the last one ended.
        busy_s: The time of all pieces added up, in seconds.
        cpu_s: Processor time of the processes that did them, in seconds; without their decoders.
        cpu_pieces: For how many pieces `cpu_s` is known: those that had a process to themselves.
        amounts: Other amounts by name, such as `decode_s` and `store_retries`.
        smallest: How many assets the smallest piece had; 0 if that is not known.
        largest: How many the largest one had.
    """

    pieces: int = 0
    started_s: float = 0.0
    ended_s: float = 0.0
    busy_s: float = 0.0
    cpu_s: float = 0.0
    cpu_pieces: int = 0
    amounts: dict[str, float] = field(default_factory=dict)
    smallest: int = 0
    largest: int = 0

    def add(self, other: Cost) -> None:
        """Adds what other pieces took; pieces without a start do not change when it all began."""
        if other.started_s:
            starts = [value for value in (self.started_s, other.started_s) if value]
            self.started_s = min(starts)
            self.ended_s = max(self.ended_s, other.ended_s)
        self.pieces += other.pieces
        self.busy_s += other.busy_s
        self.cpu_s += other.cpu_s
        self.cpu_pieces += other.cpu_pieces
        self.amounts = add_amounts([self.amounts, other.amounts])
        self.smallest = min(filter(None, (self.smallest, other.smallest)), default=0)
        self.largest = max(self.largest, other.largest)

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON."""
        return {
            "pieces": self.pieces,
            "started_s": round(self.started_s, 3),
            "ended_s": round(self.ended_s, 3),
            "busy_s": round(self.busy_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "cpu_pieces": self.cpu_pieces,
            "amounts": {name: round(amount, 4) for name, amount in sorted(self.amounts.items())},
            "smallest": self.smallest,
            "largest": self.largest,
        }

    @classmethod
    def from_json(cls, value: object) -> Cost:
        """Reads what `to_json` wrote; nothing, for a receipt of an earlier release."""
        return _COST.validate_python(value)


_COST = TypeAdapter(Cost)


class Stopwatch:
    """Measures one piece of work, from its construction to `cost`."""

    def __init__(self) -> None:
        self._started_s = time.time()
        self._started_at_s = time.perf_counter()
        self._cpu_s = time.process_time()
        self._alone = not _live
        for other in list(_live):  # the processor time of none of them can be told apart
            other._alone = False
        _live.add(self)

    def cost(self, assets: int = 0) -> Cost:
        """Returns what the piece took.

        Args:
            assets: How many assets it had; 0 if it is not a piece of assets.
        """
        _live.discard(self)
        busy_s = time.perf_counter() - self._started_at_s
        cpu_s = time.process_time() - self._cpu_s if self._alone else 0.0
        ended_s = self._started_s + busy_s
        alone, amounts = int(self._alone), take_amounts()
        return Cost(1, self._started_s, ended_s, busy_s, cpu_s, alone, amounts, assets, assets)


def total_cost(costs: Iterable[Cost], begun_s: float = 0.0) -> Cost:
    """Returns what several pieces took together.

    Args:
        costs: The pieces' costs.
        begun_s: When this attempt at the run began. What an earlier attempt did counts, but when it
            did so does not: the step's elapsed time would span the pause.
    """
    total = Cost()
    for cost in costs:
        earlier = cost.ended_s < begun_s
        total.add(replace(cost, started_s=0.0, ended_s=0.0) if earlier else cost)
    return total


def add_amounts(parts: Iterable[dict[str, float]]) -> dict[str, float]:
    """Returns the sums of amounts by name."""
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update(part)
    return dict(sums)
