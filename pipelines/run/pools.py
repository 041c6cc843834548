"""Which pool a version divides, which version it replaces, and what earlier versions divided.

A pool is what the buyer pays. By default a new version replaces the latest one and divides the same
pool again, so that only the differences are owed. A further pool must be asked for by name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pyarrow.compute as pc

from pipelines.run.versions import is_published, run_records, version_number
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json, read_parquet
from schemas import layout
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.ledger import PRICE_POOL

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


@dataclass(frozen=True)
class PoolPlan:
    """The money of a version that is to be made.

    Attributes:
        pool: Name of the pool that it divides.
        replaces: Name of the version that it replaces, such as `v0001`, or "".
    """

    pool: str = PRICE_POOL
    replaces: str = ""


@dataclass(frozen=True)
class PastVersion:
    """A published version and its money. An amount is None where its ledger cannot be read.

    Attributes:
        name: Name of the version.
        as_of: The time at which rights were evaluated, or "" if its manifest cannot be read.
        pool: Name of the pool that it divided.
        replaces: Name of the version that it replaced, or "".
        patches: Name of the version that a removal made it from, or "". Such a version has no
            amounts of its own: the pool of the version that was packaged goes on.
        gross_minor: The pool, in minor units.
        agency_minor: The agency's part.
        contributors_minor: The contributors' part.
        contributors: How many contributors it credited.
    """

    name: str
    as_of: str
    pool: str
    replaces: str
    patches: str
    gross_minor: int
    agency_minor: int | None
    contributors_minor: int | None
    contributors: int | None


def check_pool_name(name: str) -> str:
    """Returns the name of a new pool, or "" if none is asked for.

    Raises:
        InputError: If it is not a plain name, or is the name of the deal's price.
    """
    if name and not _NAME.fullmatch(name):
        raise InputError(
            "The pool's name has characters that are not allowed",
            repr(name[:100]),
            "Use up to 64 lower-case letters, digits and hyphens, such as --new-pool renewal-2027.",
        )
    if name == PRICE_POOL:
        raise InputError(
            "The name of a new pool is taken",
            f"--new-pool {name}: that is the name of the deal's own price",
            "Give the pool another name, or leave out --new-pool.",
        )
    return name


def plan_pool(store: Store, deal: Deal, version: str, new_pool: str = "") -> PoolPlan:
    """Decides which pool a version divides and which version it replaces.

    Args:
        store: The output.
        deal: The deal.
        version: Name of the version that is to be made, or was made by the same run.
        new_pool: Name of the pool that is asked for, or "" to replace the latest version.

    Raises:
        InputError: If an earlier version divided a pool of that name.
    """
    earlier = {
        name: record.get("pool", PRICE_POOL)
        for name, record in run_records(store, deal).items()
        if 0 < version_number(name) < version_number(version) and is_published(store, deal, name)
    }
    if not new_pool:
        latest = max(earlier, key=version_number, default="")
        return PoolPlan(earlier.get(latest, PRICE_POOL), latest)
    taken = sorted((name for name in earlier if earlier[name] == new_pool), key=version_number)
    if taken:
        raise InputError(
            "The deal already has a pool of this name",
            f"--new-pool {new_pool}: {', '.join(taken)} of {deal.deal_id} divided it",
            "If the buyer pays again, give that pool a name of its own. To replace the latest "
            "version instead, and owe only the differences, leave out --new-pool.",
        )
    return PoolPlan(new_pool)


def read_history(store: Store, deal: Deal) -> list[PastVersion]:
    """Returns the published versions of a deal in order, with the money of each."""
    records = run_records(store, deal)
    names = [name for name in records if is_published(store, deal, name)]
    return [
        _past_version(store, deal, name, records[name])
        for name in sorted(names, key=version_number)
    ]


def _past_version(store: Store, deal: Deal, name: str, record: dict[str, str]) -> PastVersion:
    patches, gross_minor = record.get("patches", ""), deal.price.pool_minor
    agency, contributors, people = None, None, None
    if not patches:
        prefix = layout.agency_prefix(deal.deal_id, name)
        agency, contributors, people = _amounts(store, prefix, deal)
    return PastVersion(
        name,
        str(_manifest(store, deal, name).get("as_of", "")),
        record.get("pool", PRICE_POOL),
        record.get("replaces", ""),
        patches,
        gross_minor,
        agency,
        contributors,
        people,
    )


def _manifest(store: Store, deal: Deal, name: str) -> dict[str, object]:
    """Returns a version's manifest, unchecked; empty if it is damaged."""
    try:
        found = json.loads(store.read_bytes(layout.manifest_key(deal.deal_id, name)))
    except (ValueError, FileNotFoundError):
        return {}
    return found if isinstance(found, dict) else {}


def _amounts(store: Store, agency: str, deal: Deal) -> tuple[int | None, int | None, int | None]:
    """Returns the agency's and the contributors' part, and the number of contributors."""
    try:
        record = read_json(store, f"{agency}/{layout.POOL}")
        return record["agency_minor"], record["contributors_minor"], record["contributors"]
    except (ValueError, KeyError, TypeError, FileNotFoundError):
        pass
    try:  # made by an earlier version of the program, or the record is lost
        table = read_parquet(
            store, f"{agency}/{layout.LEDGER_TABLE}", ["contributor_id", "amount_minor"]
        )
    except (OSError, ValueError, KeyError):
        return None, None, None
    paid = sum(values_of(table["amount_minor"], int))
    people = len(pc.unique(table["contributor_id"]))
    return deal.price.pool_minor - paid, paid, people
