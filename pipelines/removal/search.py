"""Finds what is to be removed in all published deliveries: by asset, contributor or release.

A no travels with the bytes: whatever has the same file as a sample that is found is found, too,
under every id and in every deal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow.compute as pc

from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.published import Published, find_versions, read_shard_tables
from pipelines.ledger.commitments import (
    Domain,
    commit,
    deal_salt,
    domain_salts,
    encode,
    text_value,
)
from pipelines.removal.locate import FoundSample, locate, media_of
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout


@dataclass(frozen=True)
class Wanted:
    """What is to be removed.

    Attributes:
        assets: Ids of assets.
        contributors: Ids of contributors, all of whose assets are meant.
        releases: References of releases, all of whose assets are meant.
    """

    assets: frozenset[str] = frozenset()
    contributors: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FoundVersion:
    """A published version that has samples of what is to be removed.

    Attributes:
        published: The version.
        samples: The samples, in its order.
        is_current: Whether no later version replaces it.
    """

    published: Published
    samples: tuple[FoundSample, ...]
    is_current: bool


def find_samples(
    store: Store, wanted: Wanted, secrets: Collection[bytes], deal_id: str = ""
) -> list[FoundVersion]:
    """Finds samples in all published versions; versions without any are left out.

    Args:
        store: The output.
        wanted: What is to be removed.
        secrets: The agency's secrets, by which ledgers are checked and releases are recognised:
            today's and earlier ones.
        deal_id: Only this deal; empty for all.

    Raises:
        InputError: If there is no published version.
        RunError: If a version is damaged.
    """
    versions = find_versions(store, deal_id)
    replaced = {(one.deal_id, _replaces(store, one)) for one in versions}
    named, media = [], set[str]()
    for one in versions:
        assets = wanted.assets
        if wanted.releases:
            assets |= set(assets_with_releases(store, one, wanted.releases, secrets))
        named.append(assets)
        names = one.deal_id, one.version, secrets, assets, wanted.contributors
        media |= media_of(store, *names)
    found = []
    for one, assets in zip(versions, named, strict=True):
        names = one.deal_id, one.version, secrets, assets, wanted.contributors
        samples = locate(store, *names, media)
        if samples:
            current = (one.deal_id, one.version) not in replaced
            found.append(FoundVersion(one, tuple(samples), current))
    return found


def _replaces(store: Store, published: Published) -> str:
    """Returns the version that a version replaces or patches, or ""."""
    if published.manifest.patches is not None:
        return published.manifest.patches.delivery.partition("/")[2]
    key = f"{published.agency}/{layout.RUN_RECORD}"
    return str(read_json(store, key).get("replaces", "")) if store.exists(key) else ""


def assets_with_releases(
    store: Store, published: Published, releases: Collection[str], secrets: Collection[bytes]
) -> Iterator[str]:
    """Yields the ids of a version's assets that rest on one of the releases.

    The shards' tables have commitments to each asset's releases. The agency can make them again, so
    no catalogue is needed.

    Args:
        store: The output.
        published: The version.
        releases: References of releases.
        secrets: The agency's secrets.
    """
    committed: set[str] = set()
    for table in read_shard_tables(store, published, ["releases"]):
        committed.update(values_of(pc.list_flatten(table["releases"]), str))
    names = ("asset_id", "delivery")
    table = read_ledger_rows(store, published.deal_id, published.version, secrets, names)
    # Entries name the delivery that was packaged, also in a version that was patched since.
    ids, deliveries = values_of(table["asset_id"], str), values_of(table["delivery"], str)
    salts = [
        domain_salts(deal_salt(secret, published.deal_id), Domain.RELEASE) for secret in secrets
    ]
    for asset, delivery in dict.fromkeys(zip(ids, deliveries, strict=True)):
        for reference in releases:
            item = encode(delivery, asset, reference)
            made = (
                commit(Domain.RELEASE, salt.salt_for(item), text_value(reference)) for salt in salts
            )
            if committed.intersection(made):
                yield asset
                break
