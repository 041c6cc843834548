"""RecordAttribution: writes the ledger, the published log and the statements of a delivery.

Memory holds the few numbers per asset that the exact allocation needs, plus one chunk of the
ledger. The numbers mark these stages in the code: 1. read what the allocation needs; 2. divide the
pool and write its record; 3. read the rows again and spill them in log order; 4. build the entries
chunk by chunk (ledger, entry bundles, and lines spilled for the statements); 5. write tiles and
checkpoint; 6. write statements, and the sum tree of the contributors' totals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from pipelines.ledger.allocation import AllocatedLines, Allocator
from pipelines.ledger.entries import DeliveryTerms, check_terms
from pipelines.ledger.payees import held_payees, other_currencies, own_agency_shares
from pipelines.ledger.pool import DividedPool
from pipelines.ledger.pool_sums import SignedSum, pool_sums, sign_sum, sum_tree
from pipelines.ledger.signed_note import Signer
from pipelines.ledger.statement_files import StatementContext
from pipelines.ledger.statement_form import Payee
from pipelines.run.job import Job
from pipelines.run.replaced import Replaced
from pipelines.steps.delivered_rows import delivered_key
from pipelines.steps.ledger_log import LedgerWriter
from pipelines.steps.pool_files import considered_assets, write_pool
from pipelines.steps.settle import Settlement, record_countries, record_differences, record_holds
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, write_table
from schemas import layout
from schemas.errors import RunError


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
    price, payees = job.deal.price, payees or {}
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    terms = DeliveryTerms(delivery, price, job.as_of.date(), job.terms_sha256)
    check_terms(terms)
    allocated, pool = _allocate(store, job, terms, shards, payees, carried or {})  # 1, 2
    write_pool(store, job, signer, terms, pool, "" if replaced is None else replaced.delivery)
    context = _statement_context(job, terms, replaced, payees)
    writer = LedgerWriter(store, job, signer, terms, allocated, context)
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
    record_countries(store, job, allocated.people, payees)
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
        other_currencies=other_currencies(price, payees, allocated.people),
        settlement=settlement,
    )


def _allocate(
    store: Store,
    job: Job,
    terms: DeliveryTerms,
    shards: Sequence[str],
    payees: Mapping[str, Payee],
    carried: Mapping[str, Fraction],
) -> tuple[AllocatedLines, DividedPool]:
    """Reads the few numbers of each asset that the allocation needs, and divides the pool."""
    price = terms.price
    allocator = Allocator(price, terms.as_of, own_agency_shares(payees))
    keys = [delivered_key(job, shard) for shard in shards]
    for delivered in in_parallel(store, partial(read_parquet, store), keys):
        allocator.add(delivered)
    if shards and price.base == "considered":
        for table in considered_assets(store, job):
            allocator.consider(table)
    return allocator.allocate(price.pool_minor, carried, job.salt)


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
