"""What a version's ledger made of the money, and what the versions of a deal are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from pipelines.report.pages.samples import Owner
from pipelines.run.versions import version_number
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json, read_parquet
from schemas import layout
from schemas.ledger import PRICE_POOL

_LEDGER_COLUMNS = ["asset_id", "contributor_id", "amount_minor", "key"]


@dataclass(frozen=True)
class Payout:
    """What a contributor is credited.

    Attributes:
        contributor_id: Who.
        assets: In how many delivered assets they have a part.
        minor: The amount, in minor units.
    """

    contributor_id: str
    assets: int
    minor: int


@dataclass(frozen=True)
class VersionMoney:
    """The money of a version.

    Attributes:
        currency: Of all amounts.
        gross_minor: The pool.
        agency_minor: The agency's part.
        contributors_minor: The contributors' part, of assets that are considered and not delivered
            as well.
        rounding_minor: What rounding leaves.
        deductions: What was taken from the pool before, by name.
        payouts: What contributors are credited for delivered assets, the largest amount first.
        owners: Whose each sample is, by key.
    """

    currency: str
    gross_minor: int
    agency_minor: int
    contributors_minor: int
    rounding_minor: int
    deductions: tuple[tuple[str, int], ...]
    payouts: tuple[Payout, ...]
    owners: dict[str, Owner]


def read_money(store: Store, agency: str) -> VersionMoney | None:
    """Reads a version's pool and ledger; None if it has none, as one that a removal made.

    Args:
        store: The output.
        agency: Key prefix of the version's folder for the agency.
    """
    try:
        pool = read_json(store, f"{agency}/{layout.POOL}")
    except FileNotFoundError:
        return None
    sums: dict[str, int] = defaultdict(int)
    assets: dict[str, set[str]] = defaultdict(set)
    people: dict[str, list[str]] = defaultdict(list)
    asset_of: dict[str, str] = {}
    with (
        store.open_read(f"{agency}/{layout.LEDGER_TABLE}") as source,
        pq.ParquetFile(source) as file,
    ):
        for batch in file.iter_batches(columns=_LEDGER_COLUMNS, use_threads=False):
            columns = (
                values_of(batch[name], str) for name in ("asset_id", "contributor_id", "key")
            )
            amounts = values_of(batch["amount_minor"], int)
            for asset, who, key, minor in zip(*columns, amounts, strict=True):
                sums[who] += minor
                assets[who].add(asset)
                people[key].append(who)
                asset_of[key] = asset
    payouts = [Payout(who, len(assets[who]), minor) for who, minor in sums.items()]
    return VersionMoney(
        pool["currency"],
        pool["gross_minor"],
        pool["agency_minor"],
        pool["contributors_minor"],
        pool.get("rounding_minor", 0),
        tuple((part["name"], part["minor"]) for part in pool.get("deductions", ())),
        tuple(sorted(payouts, key=lambda one: (-one.minor, one.contributor_id))),
        {key: Owner(asset_of[key], tuple(names)) for key, names in people.items()},
    )


@dataclass(frozen=True)
class VersionLine:
    """A published version as the list of versions has it.

    Attributes:
        name: Such as `v0001`.
        as_of: The day as of which rights were evaluated; "" if its manifest cannot be read.
        samples: How many it has; None likewise.
        pool: Name of the pool that it divides.
        replaces: The version that it replaces, or "".
        patches: The version that a removal made it from, or "".
        gross_minor: The pool; None if it has none of its own.
        agency_minor: The agency's part; None likewise.
        contributors_minor: The contributors' part; None likewise.
        currency: Of the amounts.
        added: Assets that the version before it, which it replaces, does not have; None without.
        removed: Assets that only that one has.
        more: How many contributors are credited more than in that one.
        less: How many are credited less.
        difference_minor: What all contributors together are credited more.
    """

    name: str
    as_of: str
    samples: int | None
    pool: str
    replaces: str
    patches: str
    gross_minor: int | None
    agency_minor: int | None
    contributors_minor: int | None
    currency: str
    added: int | None = None
    removed: int | None = None
    more: int = 0
    less: int = 0
    difference_minor: int = 0


def read_versions(store: Store, deal_id: str) -> list[VersionLine]:
    """Returns the published versions of a deal, in order."""
    names = sorted(filter(version_number, store.folders(deal_id)), key=version_number)
    published = [
        name
        for name in names
        if store.exists(f"{layout.delivery_prefix(deal_id, name)}/{layout.MANIFEST}")
    ]
    return [_version_line(store, deal_id, name) for name in published]


def _version_line(store: Store, deal_id: str, name: str) -> VersionLine:
    agency = layout.agency_prefix(deal_id, name)
    run = read_json(store, f"{agency}/{layout.RUN_RECORD}")
    manifest = _json_or_empty(store, f"{layout.delivery_prefix(deal_id, name)}/{layout.MANIFEST}")
    pool = _json_or_empty(store, f"{agency}/{layout.POOL}")
    line = VersionLine(
        name,
        str(manifest.get("as_of", ""))[:10],
        _whole(_part(manifest, "end").get("samples")),
        str(run.get("pool", PRICE_POOL)),
        str(run.get("replaces", "") or run.get("patches", "")),
        str(run.get("patches", "")),
        _whole(pool.get("gross_minor")),
        _whole(pool.get("agency_minor")),
        _whole(pool.get("contributors_minor")),
        str(pool.get("currency", "")),
    )
    return _with_changes(store, deal_id, line)


def _with_changes(store: Store, deal_id: str, line: VersionLine) -> VersionLine:
    """Adds what differs from the version that it replaces, as the ledgers of both tell."""
    if not line.replaces:
        return line
    now, before = (_ledger_assets(store, deal_id, name) for name in (line.name, line.replaces))
    if now is None or before is None:
        return line
    agency = layout.agency_prefix(deal_id, line.name)
    try:
        differences = values_of(
            read_parquet(store, f"{agency}/{layout.DIFFERENCES}", ["difference_minor"])[
                "difference_minor"
            ],
            int,
        )
    except FileNotFoundError:
        differences = []
    return replace(
        line,
        added=len(now - before),
        removed=len(before - now),
        more=sum(minor > 0 for minor in differences),
        less=sum(minor < 0 for minor in differences),
        difference_minor=sum(differences),
    )


def _ledger_assets(store: Store, deal_id: str, name: str) -> set[str] | None:
    key = f"{layout.agency_prefix(deal_id, name)}/{layout.LEDGER_TABLE}"
    try:
        return set(values_of(read_parquet(store, key, ["asset_id"])["asset_id"], str))
    except FileNotFoundError:
        return None


def _json_or_empty(store: Store, key: str) -> dict[str, object]:
    """Returns an object in JSON; empty if it is not there or damaged."""
    try:
        found = read_json(store, key)
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _part(value: dict[str, object], name: str) -> dict[str, object]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
