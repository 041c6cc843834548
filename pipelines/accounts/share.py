"""Computes how much of a delivery came from whom: assets, bytes, seconds and money, exactly.

What belongs to several contributors is divided by their shares of it, in basis points, so that all
groups together are the delivery. Nothing is rounded: quantities are counted in ten-thousandths.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import duckdb
import pyarrow as pa

from pipelines.accounts.countries import read_countries
from pipelines.accounts.database import open_database
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.published import (
    PoolSums,
    Published,
    find_versions,
    read_ledger,
    read_shard_tables,
    read_sums,
)
from pipelines.format.manifest import original_delivery
from pipelines.storage.store import Store
from schemas.errors import InputError, RunError
from schemas.ledger import FULL_SPLIT_BP


class GroupBy(StrEnum):
    """What a delivery is divided by."""

    CONTRIBUTOR = "contributor"
    LIBRARY = "library"
    COUNTRY = "country"
    LICENCE = "licence"
    MEDIA = "media"


# Fixed expressions over the joined rows; nothing that a user gives becomes a part of a query.
_GROUPS = {
    GroupBy.CONTRIBUTOR: "contributor_id",
    GroupBy.LIBRARY: "coalesce(nullif(library, ''), '(not stated)')",
    GroupBy.COUNTRY: "coalesce(nullif(country, ''), '(not stated)')",
    GroupBy.LICENCE: "concat_ws(' ', licence_model, licence_class, nullif(licence_code, ''))",
    GroupBy.MEDIA: "media_type",
}
_SAMPLE_COLUMNS = (
    *("asset", "media_type", "licence_model", "licence_class", "licence_code"),
    *("media_length", "duration_ms"),
)
_QUANTITIES = ("assets", "bytes", "ms", "minor")
_LEDGER_COLUMNS = ("asset_id", "contributor_id", "share_bp", "amount_minor", "asset_commitment")


@dataclass(frozen=True)
class ShareRow:
    """What one group contributed. Quantities are in ten-thousandths, exactly.

    Attributes:
        group: The contributor, licence or kind of media.
        assets: Ten-thousandths of an asset.
        bytes: Ten-thousandths of a byte of media as delivered.
        ms: Ten-thousandths of a millisecond of film.
        minor: Money for contributors, in minor units.
    """

    group: str
    assets: int
    bytes: int
    ms: int
    minor: int


@dataclass(frozen=True)
class Packaged:
    """The version that was packaged, before removals.

    Attributes:
        samples: How many samples it has.
        sums: Its pool's sum tree.
    """

    samples: int
    sums: PoolSums


@dataclass(frozen=True)
class Share:
    """A delivery by group.

    Attributes:
        published: The version.
        by: What it is divided by.
        rows: Groups, the largest amount first; then the most assets; then by name.
        total: All groups together.
        agency_minor: The part of the pool that no contributor gets.
        sums: The pool's sum tree, which proves the total.
        unknown_assets: Assets in the file of libraries that the version does not have, sorted.
        packaged: The version that this one is what removals left of, with its pool; None if there
            was no removal, or that version or its sums are missing.
    """

    published: Published
    by: GroupBy
    rows: tuple[ShareRow, ...]
    total: ShareRow
    agency_minor: int
    sums: PoolSums
    unknown_assets: tuple[str, ...] = ()
    packaged: Packaged | None = None


def compute_share(
    store: Store,
    published: Published,
    by: GroupBy,
    libraries: Mapping[str, str] | None = None,
    secrets: Collection[Opener] = (),
) -> Share:
    """Divides a published version by group, and checks all totals.

    Args:
        store: The output.
        published: The version.
        by: What to divide by.
        libraries: The library of each asset, which `LIBRARY` needs.
        secrets: The agency's secrets, by which every row of the ledger is checked; without any,
            only the sums are.

    Raises:
        InputError: If libraries are needed and not given.
        RunError: If ledger, shards, manifest and signed sum disagree.
    """
    if by is GroupBy.LIBRARY and libraries is None:
        raise InputError(
            "The version does not say which library an asset is from",
            f"{published.manifest.delivery} has it neither in its ledger nor in its shards' tables",
            "Give a CSV file with the columns asset_id and library with --libraries.",
        )
    sums = read_sums(store, published)
    with open_database() as database:
        _load_samples(database, store, published)
        _load_ledger(database, store, published, secrets)
        _check_assets(database, published)
        _check_totals(database, published, sums)
        _load_names(database, "libraries", "asset_id", "library", libraries or {})
        countries = read_countries(store, published) if by is GroupBy.COUNTRY else {}
        _load_names(database, "countries", "contributor_id", "country", countries)
        rows, unknown = tuple(_rows(database, by)), _unknown_assets(database)
    total = combine(rows, "")
    rest_minor, packaged = sums.signed.root.minor - total.minor, _packaged(store, published)
    return Share(published, by, rows, total, rest_minor, sums, unknown, packaged)


def _packaged(store: Store, published: Published) -> Packaged | None:
    """Returns the version that a patched version was packaged as, if it has signed sums."""
    if published.manifest.patches is None:
        return None
    version = original_delivery(published.manifest).rpartition("/")[2]
    try:
        [original] = find_versions(store, published.deal_id, version)
        return Packaged(original.manifest.end.samples, read_sums(store, original))
    except InputError:
        return None


def combine(rows: tuple[ShareRow, ...], group: str) -> ShareRow:
    """Returns the sum of rows as one row."""
    return ShareRow(group, *(sum(getattr(row, name) for row in rows) for name in _QUANTITIES))


def _load_samples(database: duckdb.DuckDBPyConnection, store: Store, published: Published) -> None:
    """Loads one row per asset; an asset may have several samples."""
    database.execute(
        "CREATE TABLE samples (asset BLOB, media_type VARCHAR, licence_model VARCHAR, "
        "licence_class VARCHAR, licence_code VARCHAR, media_length BIGINT, duration_ms BIGINT)"
    )
    for table in read_shard_tables(store, published, list(_SAMPLE_COLUMNS)):
        database.register("shard", table.select(list(_SAMPLE_COLUMNS)))
        database.execute("INSERT INTO samples SELECT unhex(asset), * EXCLUDE (asset) FROM shard")
        database.unregister("shard")
    database.execute(
        "CREATE TABLE assets AS SELECT asset, min(media_type) AS media_type, "
        "min(licence_model) AS licence_model, min(licence_class) AS licence_class, "
        "min(licence_code) AS licence_code, sum(media_length)::HUGEINT AS media_length, "
        "sum(duration_ms)::HUGEINT AS duration_ms FROM samples GROUP BY asset"
    )


def _load_ledger(
    database: duckdb.DuckDBPyConnection,
    store: Store,
    published: Published,
    secrets: Collection[Opener],
) -> None:
    database.execute(
        "CREATE TABLE ledger (asset_id VARCHAR, contributor_id VARCHAR, share_bp INTEGER, "
        "amount_minor BIGINT, asset BLOB)"
    )
    for rows in read_ledger(store, published, _LEDGER_COLUMNS, secrets):
        database.register("entries", rows)
        database.execute(
            "INSERT INTO ledger SELECT asset_id, contributor_id, share_bp, amount_minor, "
            "unhex(asset_commitment) FROM entries"
        )
        database.unregister("entries")


def _load_names(
    database: duckdb.DuckDBPyConnection, table: str, key: str, name: str, names: Mapping[str, str]
) -> None:
    columns = pa.table({key: list(names), name: list(names.values())}, _names_schema(key, name))
    database.register("names", columns)
    database.execute(f"CREATE TABLE {table} AS SELECT * FROM names")  # noqa: S608
    database.unregister("names")


def _names_schema(key: str, name: str) -> pa.Schema:
    return pa.schema([pa.field(key, pa.string()), pa.field(name, pa.string())])


def _check_assets(database: duckdb.DuckDBPyConnection, published: Published) -> None:
    """Checks that the ledger divides every delivered asset, and nothing else, completely."""
    wrong = database.execute(
        "SELECT coalesce(lower(hex(asset)), ''), bp FROM assets FULL JOIN "
        "(SELECT asset, sum(share_bp) AS bp FROM ledger GROUP BY asset) USING (asset) "
        "WHERE bp IS DISTINCT FROM ? OR media_type IS NULL ORDER BY 1 LIMIT 1",
        [FULL_SPLIT_BP],
    ).fetchall()
    if wrong:
        raise RunError(
            "The ledger and the shards do not have the same assets",
            f"{published.manifest.delivery}: asset {wrong[0][0]} is divided into {wrong[0][1]} of "
            f"{FULL_SPLIT_BP} basis points, or is not in both",
            "Restore agency/ledger/ of this version from a backup.",
        )


def _check_totals(
    database: duckdb.DuckDBPyConnection, published: Published, sums: PoolSums
) -> None:
    """Checks each contributor's total against the signed tree, and the number of entries."""
    database.register("sums", sums.table)
    wrong = database.execute(
        "SELECT contributor_id, minor, amount_minor FROM "
        "(SELECT contributor_id, sum(amount_minor) AS minor FROM ledger GROUP BY 1) "
        "FULL JOIN (SELECT contributor_id, amount_minor FROM sums WHERE contributor_id NOT NULL) "
        "USING (contributor_id) WHERE minor IS DISTINCT FROM amount_minor ORDER BY 1 LIMIT 1"
    ).fetchall()
    ((entries,),) = database.execute("SELECT count(*) FROM ledger").fetchall()
    database.unregister("sums")
    if wrong or entries != published.manifest.ledger.entries:
        said = (
            f"{entries} entries, manifest {published.manifest.ledger.entries}"
            if not wrong
            else f"contributor {wrong[0][0]!a}: {wrong[0][1]} in the ledger, {wrong[0][2]} signed"
        )
        raise RunError(
            "The ledger is not the one whose totals were signed",
            f"{published.manifest.delivery}: {said}",
            "Restore agency/ledger/ of this version from a backup.",
        )


def _unknown_assets(database: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    found = database.execute(
        "SELECT asset_id FROM libraries ANTI JOIN ledger USING (asset_id) ORDER BY asset_id"
    ).fetchall()
    return tuple(str(name) for (name,) in found)


def _rows(database: duckdb.DuckDBPyConnection, by: GroupBy) -> list[ShareRow]:
    found = database.execute(
        f"SELECT {_GROUPS[by]} AS name, sum(share_bp)::HUGEINT, "  # noqa: S608
        "sum(share_bp * media_length)::HUGEINT, sum(share_bp * duration_ms)::HUGEINT, "
        "sum(amount_minor)::HUGEINT FROM ledger JOIN assets USING (asset) "
        "LEFT JOIN libraries USING (asset_id) LEFT JOIN countries USING (contributor_id) "
        "GROUP BY name"
    ).fetchall()
    rows = [ShareRow(str(name), *map(int, quantities)) for name, *quantities in found]
    return sorted(rows, key=lambda row: (-row.minor, -row.assets, row.group))
