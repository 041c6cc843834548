"""RecordAttribution: writes the ledger, the published log and the statements of a delivery.

Memory holds the few numbers per asset that the exact allocation needs, plus one chunk of the
ledger. The order of the shards, of the log and of the statements differ, so rows are spilled to the
work area twice. The numbers mark these stages in the code: 1. read what the allocation needs;
2. divide the pool and write its record; 3. read the rows again and spill them in log order;
4. build the entries chunk by chunk (ledger, entry bundles, and lines spilled for the statements);
5. write tiles and checkpoint; 6. write statements, and the sum tree of the contributors' totals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np
import pyarrow as pa

from pipelines.ledger.allocation import AllocatedLines, Allocator
from pipelines.ledger.delivered import Integers
from pipelines.ledger.entries import (
    ASSET_COLUMNS,
    SEALED_SCHEMA,
    DeliveryTerms,
    check_terms,
    seal_entries,
)
from pipelines.ledger.fast_tree import hashes_tree, tiles_of
from pipelines.ledger.merkle import HASH_BYTES
from pipelines.ledger.payees import held_payees, other_currencies, own_agency_shares
from pipelines.ledger.pool_sums import SignedSum, pool_sums, sign_sum, sum_tree
from pipelines.ledger.signed_note import Signer, sign_checkpoint
from pipelines.ledger.statement_files import StatementContext, StatementWriter
from pipelines.ledger.statement_form import Payee
from pipelines.ledger.tiles import entry_bundles
from pipelines.run.job import Job
from pipelines.run.replaced import Replaced
from pipelines.steps.pool_files import considered_assets, write_pool
from pipelines.steps.settle import Settlement, record_countries, record_differences, record_holds
from pipelines.storage.parallel import in_parallel
from pipelines.storage.spill import Spill
from pipelines.storage.store import Store
from pipelines.storage.tables import open_parquet, read_parquet, write_table
from schemas import layout
from schemas.errors import RunError
from schemas.ledger import LEDGER_SCHEMA

CHUNK_ROWS = 8_192  # assets per chunk of entries, and statement lines per write
ROW_GROUP_ROWS = 32_768  # entries per row group, and rows per write to the spill


@dataclass(frozen=True)
class Attribution:
    """Totals of a delivery's ledger.

    Amounts are in minor units of the currency.

    Attributes:
        entries: Number of ledger entries.
        contributors: Number of contributors who have a statement.
        deductions_minor: What was taken from the pool before it was divided.
        agency_minor: The agency's part.
        contributors_minor: The contributors' part.
        rounding_minor: The pool less all other parts; zero unless earlier pools left something.
        undelivered_minor: What of the contributors' part is paid for assets that were considered
            and not delivered, and is in no statement.
        root: Root hash of the Merkle tree, 32 bytes.
        origin: The log's identity.
        other_currencies: How many credited contributors have another currency than the deal's, by
            that currency.
        settlement: What is owed beyond the version that this one replaces, if any.
    """

    entries: int
    contributors: int
    deductions_minor: int
    agency_minor: int
    contributors_minor: int
    rounding_minor: int
    undelivered_minor: int
    root: bytes
    origin: str
    other_currencies: Mapping[str, int]
    settlement: Settlement | None = None


def record_attribution(
    store: Store,
    job: Job,
    signer: Signer,
    shards: Sequence[str],
    replaced: Replaced | None = None,
    payees: Mapping[str, Payee] | None = None,
    carried: Mapping[str, Fraction] | None = None,
) -> Attribution:
    """Divides the pool and writes its record, ledger, statements, tiles and checkpoint.

    Args:
        store: The output store.
        job: The run.
        signer: Signs the checkpoint.
        shards: Base names of all shards.
        replaced: The version that this one replaces, if any.
        payees: What the catalogue says about the contributors.
        carried: What earlier pools in the currency left, by contributor; nothing if not given.

    Raises:
        InputError: If nothing was delivered, two assets share an id or key, a row is invalid, or
            the deal's rules cannot be applied to the assets.
        RunError: If the parts do not sum to the pool; nothing is published then.
    """
    price = job.deal.price
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    terms = DeliveryTerms(delivery, price, job.as_of.date(), job.terms_sha256)
    check_terms(terms)
    allocator = Allocator(price, terms.as_of, own_agency_shares(payees or {}))
    keys = [_delivered_key(job, shard) for shard in shards]
    for delivered in in_parallel(store, partial(read_parquet, store), keys):  # 1
        allocator.add(delivered)
    if shards and price.base == "considered":
        for table in considered_assets(store, job):
            allocator.consider(table)
    allocated, pool = allocator.allocate(price.pool_minor, carried or {}, job.salt)  # 2
    del allocator
    replaced_delivery = "" if replaced is None else replaced.delivery
    write_pool(store, job, signer, terms, pool, replaced_delivery)
    context = _statement_context(job, terms, replaced, payees or {})
    writer = _LedgerWriter(store, job, signer, terms, allocated, context)
    root = writer.write_log(shards)
    paid = writer.statements.write()  # 6
    undelivered = pool.contributors_minor - paid
    if undelivered and price.base == "delivered":
        raise RunError(
            "The statements do not sum to the contributors' part",
            f"{paid} minor units, and the part is {pool.contributors_minor}",
            "This is a fault of the program; nothing was published.",
        )
    _write_sums(store, job, signer, terms, allocated, price.pool_minor - paid)
    settlement = record_differences(store, job, pool, replaced)
    record_holds(store, job, pool.division.credits, context)
    record_countries(store, job, allocated.people, payees or {})
    return Attribution(
        entries=len(allocated.person),
        contributors=len(allocated.people),
        deductions_minor=sum(minor for _, minor in pool.deductions),
        agency_minor=pool.agency_minor,
        contributors_minor=pool.contributors_minor,
        rounding_minor=pool.division.rounding_minor,
        undelivered_minor=undelivered,
        root=root,
        origin=writer.origin,
        other_currencies=other_currencies(price, payees or {}, allocated.people),
        settlement=settlement,
    )


def _write_sums(
    store: Store,
    job: Job,
    signer: Signer,
    terms: DeliveryTerms,
    allocated: AllocatedLines,
    rest_minor: int,
) -> None:
    """Writes the leaves and the signed root of the tree that proves each contributor's total."""
    totals = dict(zip(allocated.people, allocated.earned_minor, strict=True))
    sums = pool_sums(job.salt, terms.delivery, totals, rest_minor)
    write_table(store, f"{job.agency}/{layout.SUMS_TABLE}", sums)
    root = sum_tree(sums).root
    note = sign_sum(signer, SignedSum(terms.delivery, terms.currency, len(sums), root))
    store.write_bytes(f"{job.agency}/{layout.SUM_NOTE}", note.encode())


def _statement_context(
    job: Job,
    terms: DeliveryTerms,
    replaced: Replaced | None,
    payees: Mapping[str, Payee],
) -> StatementContext:
    """Returns what the statements say besides their lines."""
    held = held_payees(job.deal.price, payees)
    context = StatementContext(
        job.deal.deal_id, terms.delivery, terms.currency, job.pool, payees=payees, held=held
    )
    if replaced is None:
        return context
    return replace(context, replaces=replaced.delivery, previous=replaced.credits)


def _delivered_key(job: Job, shard: str) -> str:
    return f"{job.work}/delivered/{shard}.parquet"


class _LedgerWriter:
    """Writes the ledger and the log once the pool has been allocated."""

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
        keys = [_delivered_key(self._job, shard) for shard in shards]
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
