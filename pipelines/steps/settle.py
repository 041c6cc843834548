"""Writes beside the ledger of a version that replaces another what is owed for it.

All of it is written before the manifest, so a version is published with its money or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from pipelines.ledger.differences import DifferenceTotals, difference_totals, differences_table
from pipelines.ledger.pool import DividedPool
from pipelines.ledger.statement_files import StatementContext
from pipelines.ledger.statement_form import Payee
from pipelines.run.changes import AssetChanges, asset_changes
from pipelines.run.job import Job
from pipelines.run.replaced import Replaced
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes, write_table
from schemas import layout
from schemas.errors import RunError
from schemas.ledger import COUNTRIES_SCHEMA, HOLDS_SCHEMA

_REPLACES_FORM = "fairshard/replaces/v1"


@dataclass(frozen=True)
class Settlement:
    """What a version owes beyond the version that it replaces.

    Attributes:
        replaces: Name of the replaced version.
        totals: The totals of the contributors' differences.
        agency_difference_minor: The change of the agency's part, in minor units.
        assets: How the delivered assets differ.
    """

    replaces: str
    totals: DifferenceTotals
    agency_difference_minor: int
    assets: AssetChanges

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON."""
        return {
            "version": self.replaces,
            "contributors_difference_minor": self.totals.difference_minor,
            "agency_difference_minor": self.agency_difference_minor,
            "contributors": asdict(self.totals),
            "assets": self.assets.to_json(),
        }


def record_differences(
    store: Store, job: Job, pool: DividedPool, replaced: Replaced | None
) -> Settlement | None:
    """Writes what a version owes beyond the version that it replaces.

    Args:
        store: The output store; the version's ledger is written.
        job: The run.
        pool: The version's pool.
        replaced: The version that it replaces; None if there is none, and nothing is written.

    Raises:
        RunError: If the differences do not sum to the change of the pool.
    """
    if replaced is None:
        return None
    credits = pool.division.credits
    table = differences_table(replaced.credits, credits)
    totals = difference_totals(table, replaced.credits, credits)
    agency_change = pool.agency_minor - replaced.agency_minor
    other_change = pool.other_minor - replaced.other_minor
    pool_change = pool.gross_minor - replaced.gross_minor
    if totals.difference_minor + agency_change + other_change != pool_change:
        raise RunError(
            "The differences do not sum to the change of the pool",
            f"contributors {totals.difference_minor} + agency {agency_change} + deductions and "
            f"rounding {other_change}, pool {pool_change}",
            "This is a fault of the program; nothing was published.",
        )
    assets = asset_changes(store, f"{job.agency}/{layout.LEDGER_TABLE}", replaced)
    data = parquet_bytes(table)
    store.write_bytes(f"{job.agency}/{layout.DIFFERENCES}", data)
    record = {
        "version": _REPLACES_FORM,
        "delivery": layout.delivery_id(job.deal.deal_id, job.version),
        "replaces": replaced.delivery,
        "replaces_manifest_sha256": replaced.manifest_sha256,
        "pool": job.pool,
        "currency": job.deal.price.currency,
        "pool_minor": _change(replaced.gross_minor, pool.gross_minor),
        "agency_minor": _change(replaced.agency_minor, pool.agency_minor),
        "other_minor": _change(replaced.other_minor, pool.other_minor),
        "contributors_minor": _change(sum(replaced.credits.values()), sum(credits.values())),
        "contributors": asdict(totals),
        "assets": assets.to_json(),
        "differences_sha256": hashlib.sha256(data).hexdigest(),
    }
    store.write_bytes(f"{job.agency}/{layout.REPLACES}", json_bytes(record))
    return Settlement(replaced.version, totals, agency_change, assets)


def record_holds(
    store: Store, job: Job, credits: Mapping[str, int], context: StatementContext
) -> None:
    """Writes `holds.parquet` if money of this version is held, with the reasons.

    Args:
        store: The output store.
        job: The run.
        credits: What the version credits each contributor, in minor units.
        context: What the statements say, with who is held and why.
    """
    people = sorted(context.held.keys() & (credits.keys() | context.previous.keys()))
    if not people:
        return
    rows = [
        {
            "contributor_id": person,
            "credit_minor": credits.get(person, 0),
            "difference_minor": credits.get(person, 0) - context.previous.get(person, 0),
            "currency": context.currency,
            "payee_currency": context.payees[person].currency,
            "reason": context.held[person],
        }
        for person in people
    ]
    table = pa.Table.from_pylist(rows, schema=HOLDS_SCHEMA)
    write_table(store, f"{job.agency}/{layout.HOLDS}", table)


def record_countries(
    store: Store, job: Job, people: Sequence[str], payees: Mapping[str, Payee]
) -> None:
    """Writes `countries.parquet`, by which `fairshard share` divides a version by country.

    Args:
        store: The output store.
        job: The run.
        people: The contributors of the version.
        payees: What the catalogue says about contributors.
    """
    rows = [
        {"contributor_id": who, "country": payees[who].country if who in payees else ""}
        for who in sorted(people)
    ]
    table = pa.Table.from_pylist(rows, schema=COUNTRIES_SCHEMA)
    write_table(store, f"{job.agency}/{layout.COUNTRIES}", table)


def _change(previous: int, now: int) -> dict[str, int]:
    return {"previous": previous, "now": now, "difference": now - previous}
