"""Writes a delivery's ledger and its published log, chunk by chunk.

The order of the shards, of the log and of the statements differ, so rows are spilled to the work
area twice. The numbers mark the stages as in `steps.attribute`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from pipelines.ledger.allocation import AllocatedLines
from pipelines.ledger.delivered import Integers
from pipelines.ledger.entries import ASSET_COLUMNS, SEALED_SCHEMA, DeliveryTerms, seal_entries
from pipelines.ledger.fast_tree import hashes_tree, tiles_of
from pipelines.ledger.merkle import HASH_BYTES
from pipelines.ledger.signed_note import Signer, sign_checkpoint
from pipelines.ledger.statement_files import StatementContext, StatementWriter
from pipelines.ledger.tiles import entry_bundles
from pipelines.run.job import Job
from pipelines.steps.delivered_rows import delivered_key
from pipelines.storage.parallel import in_parallel
from pipelines.storage.spill import Spill
from pipelines.storage.store import Store
from pipelines.storage.tables import open_parquet, read_parquet
from schemas import layout
from schemas.ledger import LEDGER_SCHEMA

CHUNK_ROWS = 8_192  # assets per chunk of entries, and statement lines per write
ROW_GROUP_ROWS = 32_768  # entries per row group, and rows per write to the spill


class LedgerWriter:
    """Writes the ledger and the log once the pool has been allocated.

    Args:
        store: The output store.
        job: The run.
        signer: Signs the checkpoint.
        terms: What all entries share.
        allocated: The lines and their amounts.
        context: What the statements say besides their lines.

    Attributes:
        statements: Collects the lines of the statements meanwhile.
        origin: The log's identity.
    """

    def __init__(
        self,
        store: Store,
        job: Job,
        signer: Signer,
        terms: DeliveryTerms,
        allocated: AllocatedLines,
        context: StatementContext,
    ) -> None:
        self._store = store
        self._job = job
        self._signer = signer
        self._terms = terms
        self._allocated = allocated
        self._hashes = bytearray()  # concatenated hashes of all leaves
        self._assets = Spill(store, f"{job.work}/ledger/assets")
        self.statements = StatementWriter(
            store,
            context,
            f"{job.agency}/{layout.STATEMENTS}",
            f"{job.work}/ledger/lines",
            allocated,
            CHUNK_ROWS,
        )
        self.origin = f"{signer.name}/{terms.delivery}"

    def write_log(self, shards: Sequence[str]) -> bytes:
        """Writes ledger, entry bundles, tiles and checkpoint; returns the root."""
        store, prefix = self._store, self._job.delivery
        for rows, ranks in _batched(self._ranked_rows(shards)):  # 3
            self._assets.add(rows.append_column("rank", pa.array(ranks)), ranks // CHUNK_ROWS)

        def write(file: tuple[str, bytes]) -> None:
            store.write_bytes(f"{prefix}/{file[0]}", file[1])

        for _ in in_parallel(store, write, entry_bundles(self._leaves())):  # 4
            pass
        root, levels = hashes_tree(self._hashes)  # 5
        for _ in in_parallel(store, write, tiles_of(self._hashes, levels)):
            pass
        size = len(self._hashes) // HASH_BYTES
        checkpoint = sign_checkpoint(self._signer, self.origin, size, root)
        store.write_bytes(f"{prefix}/{layout.CHECKPOINT}", checkpoint.encode())
        store.write_bytes(f"{prefix}/{layout.LOG_VKEY}", f"{self._signer.vkey}\n".encode())
        return root

    def _ranked_rows(self, shards: Sequence[str]) -> Iterator[tuple[pa.Table, Integers]]:
        """Yields each shard's rows with their assets' positions in the log."""
        at = 0
        read = partial(read_parquet, self._store, columns=list(ASSET_COLUMNS))
        keys = [delivered_key(self._job, shard) for shard in shards]
        for rows in in_parallel(self._store, read, keys):
            yield rows, self._allocated.ranks[at : at + len(rows)]
            at += len(rows)

    def _leaves(self) -> Iterator[bytes]:
        """Builds the entries chunk by chunk, writes the ledger and yields the leaves in order."""
        key = f"{self._job.agency}/{layout.LEDGER_TABLE}"
        pending_rows = SEALED_SCHEMA.empty_table()
        with open_parquet(self._store, key, LEDGER_SCHEMA) as write:
            for first in range(0, len(self._allocated.ranks), CHUNK_ROWS):
                rows = pa.concat_tables(self._assets.read(first // CHUNK_ROWS)).sort_by("rank")
                sealed = seal_entries(rows, self._allocated, first, self._terms, self._job.salt)
                self._hashes += b"".join(sealed.hashes)
                yield from sealed.leaves
                pending_rows = pa.concat_tables([pending_rows, sealed.table])
                while len(pending_rows) >= ROW_GROUP_ROWS:
                    self._write_row_group(pending_rows.slice(0, ROW_GROUP_ROWS), write)
                    pending_rows = pending_rows.slice(ROW_GROUP_ROWS)
            if len(pending_rows):
                self._write_row_group(pending_rows, write)

    def _write_row_group(self, entries: pa.Table, write: Callable[[pa.Table], None]) -> None:
        """Writes a row group of the ledger and spills its lines for the statements."""
        entries = entries.combine_chunks()
        write(entries.select(LEDGER_SCHEMA.names))
        self.statements.add(entries)


def _batched(parts: Iterator[tuple[pa.Table, Integers]]) -> Iterator[tuple[pa.Table, Integers]]:
    """Joins tables so that at least `ROW_GROUP_ROWS` rows are spilled per write, but the last."""
    pending: list[tuple[pa.Table, Integers]] = []
    for part in parts:
        pending.append(part)
        if sum(len(rows) for rows, _ in pending) >= ROW_GROUP_ROWS:
            yield _concatenated(pending)
            pending = []
    if any(len(rows) for rows, _ in pending):
        yield _concatenated(pending)


def _concatenated(parts: list[tuple[pa.Table, Integers]]) -> tuple[pa.Table, Integers]:
    tables, ranks = zip(*parts, strict=True)
    return pa.concat_tables(tables), np.concatenate(ranks)
