"""Finds what is to be removed in all published deliveries: by asset, contributor or release.

A no travels with the bytes: whatever has the same file as a sample that is found is found, too,
under every id and in every deal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pyarrow.compute as pc

from pipelines.accounts.kept_salts import Opener, salt_with
from pipelines.accounts.ledgers import ledger_batches, read_ledger_rows
from pipelines.accounts.published import Published, find_versions, read_shard_tables
from pipelines.accounts.reader import ReadableLog
from pipelines.accounts.renditions import (
    check_renditions,
    originals_of,
    read_renditions,
    with_renditions,
)
from pipelines.format.manifest import original_delivery
from pipelines.ledger.commitments import (
    Domain,
    commit,
    domain_salts,
    encode,
    text_value,
)
from pipelines.removal.locate import FoundSample, LedgerIndex, check_table, locate
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import InputError


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
        originals: Digests of the files that samples' files were made from, by theirs.
    """

    published: Published
    samples: tuple[FoundSample, ...]
    is_current: bool
    originals: Mapping[str, Collection[str]] = field(default_factory=dict)

    def files(self, sample: FoundSample) -> set[str]:
        """Returns the digests of a sample's file, as delivered and as it was before."""
        return {sample.media_sha256, *self.originals.get(sample.media_sha256, ())}


def find_samples(
    store: Store, wanted: Wanted, secrets: Mapping[str, Opener], deal_id: str = ""
) -> list[FoundVersion]:
    """Finds samples in all published versions; versions without any are left out.

    Args:
        store: The output.
        wanted: What is to be removed.
        secrets: The agency's secrets, today's and earlier ones, by verifier key. Releases are
            recognised with that of the key that packaged a version.
        deal_id: Only this deal; empty for all.

    Raises:
        InputError: If there is no published version, or a release is wanted and a version was
            packaged with a key that is not among them.
        RunError: If a version is damaged.
    """
    versions = find_versions(store, deal_id)
    replaced = {(one.deal_id, _replaces(store, one)) for one in versions}
    named, media = [], set[str]()
    vkeys = {one.manifest.delivery: one.manifest.vkey for one in versions}
    for one in versions:
        assets = wanted.assets
        if wanted.releases:
            vkey = vkeys.get(original_delivery(one.manifest), "")
            resting = assets_with_releases(store, one, wanted.releases, secrets.get(vkey))
            assets |= {asset for asset, _ in resting}
        named.append(assets)
        ledger = LedgerIndex(store, one.deal_id, one.version)
        media |= ledger.media_of(assets, wanted.contributors)
    packaged = {original_delivery(one.manifest): one for one in versions}.values()
    media = with_renditions(media, [partial(read_renditions, store, one) for one in packaged])
    found = []
    for one, assets in zip(versions, named, strict=True):
        if len(versions) > 1:  # one at a time in memory
            ledger = LedgerIndex(store, one.deal_id, one.version)
        names = assets, wanted.contributors, media
        samples = locate(store, one, *names, ledger)
        if samples:
            current = (one.deal_id, one.version) not in replaced
            delivered = {sample.media_sha256 for sample in samples}
            originals = originals_of(delivered, read_renditions(store, one))
            found.append(FoundVersion(one, tuple(samples), current, originals))
    return found


def check_all_renditions(log: ReadableLog, store: Store, deal_id: str = "") -> None:
    """Compares the tables of renditions of all published versions with the agency's log.

    Args:
        log: The agency's log.
        store: The output.
        deal_id: Only this deal; empty for all.

    Raises:
        RunError: If one is not the recorded one.
    """
    versions = find_versions(store, deal_id)
    check_renditions(log, {original_delivery(one.manifest) for one in versions})


def check_samples(store: Store, deal_id: str = "") -> None:
    """Compares the tables of samples of all published versions with their manifests.

    Args:
        store: The output.
        deal_id: Only this deal; empty for all.

    Raises:
        RunError: If one is missing or was altered.
    """
    for one in find_versions(store, deal_id):
        for file in one.manifest.files:
            if file.path == layout.SAMPLES_TABLE:
                check_table(store, one, file)


def check_ledgers(store: Store, secrets: Mapping[str, Opener], deal_id: str = "") -> None:
    """Compares the ledgers of all published versions with their signed logs.

    Args:
        store: The output.
        secrets: The agency's secrets, today's and earlier ones, by verifier key.
        deal_id: Only this deal; empty for all.

    Raises:
        RunError: If a ledger was altered, or is of a key that is not available.
    """
    for one in find_versions(store, deal_id):
        for _ in ledger_batches(store, one.deal_id, one.version, secrets.values()):
            pass


def unknown_names(
    store: Store,
    wanted: Wanted,
    secrets: Mapping[str, Opener],
    deal_id: str,
    found: Sequence[FoundVersion],
) -> tuple[str, ...]:
    """Returns which assets, contributors and releases are in no published version.

    Args:
        store: The output.
        wanted: What was looked for.
        secrets: The agency's secrets, by verifier key.
        deal_id: Only this deal; empty for all.
        found: What `find_samples` returned.
    """
    samples = [sample for one in found for sample in one.samples]
    assets = {sample.asset_id for sample in samples}
    people = {who for sample in samples for who in sample.contributors}
    releases: set[str] = set()
    if wanted.releases:
        versions = find_versions(store, deal_id)
        vkeys = {one.manifest.delivery: one.manifest.vkey for one in versions}
        for one in versions:
            secret = secrets.get(vkeys.get(original_delivery(one.manifest), ""))
            resting = assets_with_releases(store, one, wanted.releases, secret)
            releases.update(reference for _, reference in resting)
    return (
        *(f"asset {name}" for name in sorted(wanted.assets - assets)),
        *(f"contributor {name}" for name in sorted(wanted.contributors - people)),
        *(f"release {name}" for name in sorted(wanted.releases - releases)),
    )


def _replaces(store: Store, published: Published) -> str:
    """Returns the version that a version replaces or patches, or ""."""
    if published.manifest.patches is not None:
        return published.manifest.patches.delivery.partition("/")[2]
    key = f"{published.agency}/{layout.RUN_RECORD}"
    return str(read_json(store, key).get("replaces", "")) if store.exists(key) else ""


def assets_with_releases(
    store: Store, published: Published, releases: Collection[str], secret: Opener | None
) -> Iterator[tuple[str, str]]:
    """Yields the ids of a version's assets that rest on one of the releases, with the release.

    The shards' tables have commitments to each asset's releases. The agency can make them again, so
    no catalogue is needed.

    Args:
        store: The output.
        published: The version.
        releases: References of releases.
        secret: The secret of the key that packaged it; None if that is not available.

    Raises:
        InputError: If the version has releases and there is no secret.
    """
    committed: set[str] = set()
    for table in read_shard_tables(store, published, ["releases"]):
        committed.update(values_of(pc.list_flatten(table["releases"]), str))
    if not committed:
        return
    salt = None if secret is None else salt_with(secret, published.deal_id)
    if secret is None or salt is None:
        raise InputError(
            "The key that packaged a version is missing, so its releases cannot be recognised",
            f"{published.manifest.delivery}, whose entries are of another key than the agency's",
            "Nothing was recorded. Give the earlier key with --earlier-key FILE, or name the "
            "assets with --asset.",
        )
    names = ("asset_id", "delivery")
    table = read_ledger_rows(store, published.deal_id, published.version, [secret], names)
    # Entries name the delivery that was packaged, also in a version that was patched since.
    ids, deliveries = values_of(table["asset_id"], str), values_of(table["delivery"], str)
    salts = domain_salts(salt, Domain.RELEASE)
    for asset, delivery in dict.fromkeys(zip(ids, deliveries, strict=True)):
        for reference in releases:
            salt = salts.salt_for(encode(delivery, asset, reference))
            if commit(Domain.RELEASE, salt, text_value(reference)) in committed:
                yield asset, reference
