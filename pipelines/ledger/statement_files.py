"""Writes the statements of a delivery, in memory that does not grow with the delivery.

Entries come in the order of the log. They are stored in buckets of contributors, each with about
as many lines as are held at once. A contributor with more lines has a separate bucket, which is
streamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.allocation import AllocatedLines
from pipelines.ledger.delivered import Integers
from pipelines.ledger.statement import (
    statement_csv,
    statement_head,
    statement_json,
    statement_lines,
)
from pipelines.ledger.statement_form import UNNAMED, Credit, Payee, StatementHead, StatementLine
from pipelines.ledger.statement_names import statement_filenames
from pipelines.storage.parallel import in_parallel
from pipelines.storage.spill import Spill
from pipelines.storage.store import Store
from schemas.ledger import PRICE_POOL

_RENDERERS = {"json": statement_json, "csv": statement_csv}


@dataclass(frozen=True)
class StatementContext:
    """What the statements of a delivery say besides their lines.

    Attributes:
        deal_id: The deal.
        delivery: Id of the delivery.
        currency: ISO 4217 code.
        pool: Name of the pool that was divided.
        replaces: Id of the delivery that this one replaces, or "".
        previous: What that one credited each contributor, in minor units.
        payees: What the catalogue says about contributors.
        held: Why a contributor's money is not paid yet.
    """

    deal_id: str
    delivery: str
    currency: str
    pool: str = PRICE_POOL
    replaces: str = ""
    previous: Mapping[str, int] = field(default_factory=dict)
    payees: Mapping[str, Payee] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)

    def head(self, contributor_id: str, total_minor: int) -> StatementHead:
        """Returns a statement's fields other than its lines, which sum to `total_minor`."""
        credit = Credit(
            self.pool,
            self.replaces,
            self.previous.get(contributor_id, 0),
            self.held.get(contributor_id, ""),
        )
        payee = self.payees.get(contributor_id, UNNAMED)
        return statement_head(
            contributor_id, total_minor, self.currency, self.delivery, self.deal_id, payee, credit
        )


class StatementWriter:
    """Collects all entries of a delivery, then writes every contributor's statement.

    Args:
        store: The output store.
        context: What the statements say besides their lines.
        target: Key prefix of the statements.
        scratch: Key prefix for lines that are set aside until all entries are known.
        allocated: Every line of the delivery.
        max_lines: Number of lines to hold in memory at once.
    """

    def __init__(
        self,
        store: Store,
        context: StatementContext,
        target: str,
        scratch: str,
        allocated: AllocatedLines,
        max_lines: int,
    ) -> None:
        self._store = store
        self._context = context
        self._target = target
        self._allocated = allocated
        self._max_lines = max_lines
        self._sizes = np.bincount(allocated.person, minlength=len(allocated.people))
        self._buckets = _buckets(self._sizes, max_lines)
        self._spill = Spill(store, scratch)

    def add(self, entries: pa.Table) -> None:
        """Adds entries (`pipelines.ledger.entries.SEALED_SCHEMA`) in the order of the log."""
        self._spill.add(entries, self._buckets[entries["person"].to_numpy()])

    def write(self) -> int:
        """Writes every statement; returns the sum of their lines, in minor units.

        Contributors who are in the replaced delivery only get a statement without lines.
        """
        left = sorted(self._context.previous.keys() - set(self._allocated.people))
        names = statement_filenames(sorted([*self._allocated.people, *left]))
        paid = 0
        for written in in_parallel(self._store, self._write_one, self._statements(left, names)):
            paid += written
        for bucket, people in self._groups():
            if self._sizes[people[0]] > self._max_lines:
                paid += self._stream(people[0], bucket, names)
        return paid

    def _groups(self) -> Iterator[tuple[int, range]]:
        """Yields each bucket with its contributors."""
        firsts = np.flatnonzero(np.diff(self._buckets, prepend=-1, append=-1)).tolist()
        for bucket, (first, stop) in enumerate(pairwise(firsts)):
            yield bucket, range(first, stop)

    def _statements(
        self, left: Sequence[str], names: Mapping[str, str]
    ) -> Iterator[tuple[str, StatementHead, pa.Table | None]]:
        """Yields the statements that are held in memory: name, head, and entries if it has any."""
        for name in left:
            yield names[name], self._context.head(name, 0), None
        for bucket, people in self._groups():
            if self._sizes[people[0]] > self._max_lines:
                continue
            lines = pa.concat_tables(self._spill.read(bucket)).combine_chunks()
            order = np.argsort(lines["person"].to_numpy(), kind="stable")
            lines = lines.take(order)
            at = 0
            for person in people:
                head = self._head(person)
                yield names[head["contributor_id"]], head, lines.slice(at, self._sizes[person])
                at += int(self._sizes[person])

    def _write_one(self, statement: tuple[str, StatementHead, pa.Table | None]) -> int:
        """Writes a statement in all its forms; returns the sum of its lines, in minor units."""
        name, head, entries = statement
        lines = [] if entries is None else list(statement_lines(entries))
        for ending, render in _RENDERERS.items():
            data = b"".join(render(head, lines))
            self._store.write_bytes(f"{self._target}/{name}.{ending}", data)
        return sum(line["amount_minor"] for line in lines)

    def _stream(self, person: int, bucket: int, names: Mapping[str, str]) -> int:
        head = self._head(person)
        for ending, render in _RENDERERS.items():
            key = f"{self._target}/{names[head['contributor_id']]}.{ending}"
            with self._store.open_write(key) as sink:
                for data in render(head, self._lines(bucket)):
                    sink.write(data)
        return sum(pc.sum(block["amount_minor"]).as_py() for block in self._spill.read(bucket))

    def _lines(self, bucket: int) -> Iterator[StatementLine]:
        for block in self._spill.read(bucket):
            yield from statement_lines(block)

    def _head(self, person: int) -> StatementHead:
        allocated = self._allocated
        return self._context.head(allocated.people[person], allocated.earned_minor[person])


def _buckets(sizes: Integers, max_lines: int) -> Integers:
    """Returns the bucket of each contributor: neighbours share one of up to `max_lines` lines."""
    found, bucket, lines_held = np.zeros(len(sizes), np.int64), -1, max_lines
    for person, size in enumerate(sizes.tolist()):
        if lines_held + size > max_lines:
            bucket, lines_held = bucket + 1, 0
        found[person] = bucket
        lines_held += size
    return found
