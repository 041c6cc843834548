"""The statements of a delivery as files, in memory that does not grow with it.

Entries come in the order of the log. They are put aside in buckets of contributors, each of about
as many lines as are held at once; somebody who has more has a bucket alone, which is streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.allocation import Integers, Settled
from pipelines.ledger.statement import (
    StatementHead,
    StatementLine,
    statement_csv,
    statement_filenames,
    statement_head,
    statement_json,
    statement_lines,
)
from pipelines.storage.spill import Spill
from pipelines.storage.store import Store

_FORMS = {"json": statement_json, "csv": statement_csv}


class StatementFiles:
    """Takes all entries of a delivery, then writes every contributor's statement.

    Args:
        store: The output store.
        deal_id: The deal that the statements name.
        target: Key prefix of the statements.
        scratch: Key prefix for lines that are set aside until all entries are known.
        settled: Every line of the delivery.
        most: How many lines to hold at once.
    """

    def __init__(
        self, store: Store, deal_id: str, target: str, scratch: str, settled: Settled, most: int
    ) -> None:
        self._store = store
        self._deal_id = deal_id
        self._target = target
        self._settled = settled
        self._most = most
        self._sizes = np.bincount(settled.person, minlength=len(settled.people))
        self._buckets = _buckets(self._sizes, most)
        self._spill = Spill(store, scratch)

    def add(self, entries: pa.Table) -> None:
        """Takes entries (`pipelines.ledger.entries.SEALED_SCHEMA`) in the order of the log."""
        self._spill.add(entries, self._buckets[entries["person"].to_numpy()])

    def write(self) -> int:
        """Writes every statement; returns what their lines sum to, in minor units."""
        names = statement_filenames(self._settled.people)
        paid = 0
        firsts = np.flatnonzero(np.diff(self._buckets, prepend=-1, append=-1)).tolist()
        for bucket, (first, stop) in enumerate(pairwise(firsts)):
            people = range(first, stop)
            if self._sizes[people[0]] > self._most:
                paid += self._stream(people[0], bucket, names)
                continue
            lines = pa.concat_tables(self._spill.read(bucket)).combine_chunks()
            order = np.argsort(lines["person"].to_numpy(), kind="stable")
            lines = lines.take(pa.array(order))
            at = 0
            for person in people:
                paid += self._write(person, lines.slice(at, self._sizes[person]), names)
                at += int(self._sizes[person])
        return paid

    def _write(self, person: int, entries: pa.Table, names: dict[str, str]) -> int:
        head, lines = self._head(person, entries), list(statement_lines(entries))
        for ending, form in _FORMS.items():
            data = "".join(form(head, lines)).encode()
            self._store.write_bytes(self._key(person, names, ending), data)
        return sum(line["amount_minor"] for line in lines)

    def _stream(self, person: int, bucket: int, names: dict[str, str]) -> int:
        head = self._head(person, next(self._spill.read(bucket)))
        for ending, form in _FORMS.items():
            with self._store.open_write(self._key(person, names, ending)) as sink:
                for text in form(head, self._lines(bucket)):
                    sink.write(text.encode())
        return sum(pc.sum(block["amount_minor"]).as_py() for block in self._spill.read(bucket))

    def _lines(self, bucket: int) -> Iterator[StatementLine]:
        for block in self._spill.read(bucket):
            yield from statement_lines(block)

    def _head(self, person: int, entries: pa.Table) -> StatementHead:
        delivery, currency = (entries[name][0].as_py() for name in ("delivery", "currency"))
        settled = self._settled
        name, total = settled.people[person], settled.earned_minor[person]
        return statement_head(name, total, currency, delivery, self._deal_id)

    def _key(self, person: int, names: dict[str, str], ending: str) -> str:
        name = names[self._settled.people[person]]
        return f"{self._target}/{name}.{ending}"


def _buckets(sizes: Integers, most: int) -> Integers:
    """The bucket of each contributor: neighbours share one up to so many lines."""
    found, bucket, held = np.zeros(len(sizes), np.int64), -1, most
    for person, size in enumerate(sizes.tolist()):
        if held + size > most:
            bucket, held = bucket + 1, 0
        found[person] = bucket
        held += size
    return found
