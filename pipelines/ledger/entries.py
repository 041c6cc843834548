"""Turns delivered assets into ledger entries: amounts, commitments and public leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from pipelines.ledger import commitments
from pipelines.ledger.allocation import AllocatedLines
from pipelines.ledger.commitments import Domain, commit, domain_salts, encode, encode_cached
from pipelines.ledger.leaf import join_leaf, leaf_suffix
from pipelines.ledger.merkle import leaf_hash
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from schemas.ledger import LEDGER_SCHEMA
from schemas.price_terms import PriceTerms

#: The columns of an asset's row that its entries need.
ASSET_COLUMNS = ("asset_id", "shard", "key", "media_sha256", "decision_sha256")

_SALTS = ("asset_salt", "contributor_salt", "amount_salt")
_SEALED_COLUMNS = (*_SALTS, "asset_commitment", "contributor_commitment", "amount_commitment")
#: The ledger's columns, the salts that open an entry, and its contributor's position by id.
SEALED_SCHEMA = pa.schema(
    [
        *LEDGER_SCHEMA,
        *(pa.field(name, pa.binary(32), nullable=False) for name in _SALTS),
        pa.field("person", pa.int32(), nullable=False),
    ]
)

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """The money terms of a deal, for one delivery.

    Args:
        delivery: Id of the delivery.
        price: What the buyer pays, and how it is divided.
        as_of: The day on which levels of contributors and assets are evaluated.
        terms_sha256: Digest of the deal's terms, hex.
    """

    delivery: str
    price: PriceTerms
    as_of: date
    terms_sha256: str

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return self.price.currency


@dataclass(frozen=True)
class SealedEntries:
    """Entries in the order of the log, with the salts that open them.

    Attributes:
        table: Their rows, SEALED_SCHEMA.
        leaves: Their public leaves.
        hashes: The leaves' hashes.
    """

    table: pa.Table
    leaves: list[bytes]
    hashes: list[bytes]


def seal_entries(
    assets: pa.Table, allocated: AllocatedLines, first_asset: int, terms: DeliveryTerms, salt: bytes
) -> SealedEntries:
    """Makes the entries of consecutive assets: commits to their values and hashes their leaves.

    Args:
        assets: Columns `ASSET_COLUMNS` of `DELIVERED_SCHEMA`, in the order of the log.
        allocated: Every line of the delivery.
        first_asset: Position of the first of these assets in the order of the log.
        terms: The money terms of the delivery.
        salt: The deal's salt, from `commitments.deal_salt`.
    """
    firsts = allocated.firsts[first_asset : first_asset + len(assets) + 1]
    lines = slice(int(firsts[0]), int(firsts[-1]))
    owners = np.repeat(np.arange(len(assets)), np.diff(firsts))
    people = [allocated.people[at] for at in allocated.person[lines].tolist()]
    amounts, weights = allocated.amount_minor[lines], allocated.weight[lines]
    shares = allocated.share_bp[lines]
    currency = encode(terms.currency)
    values = [  # as in `amount_value`
        encode_cached(str(amount))
        + currency
        + encode_cached(str(share))
        + encode_cached(str(weight))
        for amount, share, weight in zip(
            amounts.tolist(), shares.tolist(), weights.tolist(), strict=True
        )
    ]
    sealed, leaves, hashes = _seal_lines(assets, owners.tolist(), people, values, terms, salt)
    asset_rows = assets.take(owners)
    columns = {name: asset_rows[name] for name in ASSET_COLUMNS} | {
        "entry_index": np.arange(lines.start, lines.stop),
        "contributor_id": people,
        "share_bp": shares,
        "weight": weights,
        "amount_minor": amounts,
        "delivery": pa.repeat(terms.delivery, len(people)),
        "currency": pa.repeat(terms.currency, len(people)),
        "terms_sha256": pa.repeat(terms.terms_sha256, len(people)),
        "leaf_hash": [one.hex() for one in hashes],
        "person": allocated.person[lines],
        **sealed,
    }
    table = pa.table({name: columns[name] for name in SEALED_SCHEMA.names}, schema=SEALED_SCHEMA)
    return SealedEntries(table, leaves, hashes)


def _seal_lines(
    assets: pa.Table,
    owners: list[int],
    people: list[str],
    values: list[bytes],
    terms: DeliveryTerms,
    salt: bytes,
) -> tuple[dict[str, list[str] | list[bytes]], list[bytes], list[bytes]]:
    """Returns the columns of salts and commitments, the leaves, and their hashes.

    Values that an asset's lines have in common are computed once.

    Contributor and amount have a separate salt in each entry. With one salt per contributor, a
    buyer could tell which assets have the same contributor, and opening one line would open all.
    """
    asset_salts, contributor_salts, amount_salts = (
        domain_salts(salt, domain) for domain in (Domain.ASSET, Domain.CONTRIBUTOR, Domain.AMOUNT)
    )
    delivery = encode(terms.delivery)
    found: list[tuple[bytes, bytes, bytes, str, str, str, bytes, bytes]] = []
    rows = [values_of(assets[name], str) for name in ASSET_COLUMNS]
    previous_owner = -1
    for owner, person, value in zip(owners, people, values, strict=True):
        if owner != previous_owner:
            previous_owner = owner
            asset_id, shard, key, media, decision = (column[owner] for column in rows)
            asset_value = encode(asset_id)
            asset_item_salt = asset_salts.salt_for(asset_value)
            asset = commit(Domain.ASSET, asset_item_salt, asset_value)
            rest = leaf_suffix(terms.delivery, shard, key, media, decision, terms.terms_sha256)
        contributor_value = encode_cached(person)
        # The ids that identify the item, as `encode` writes them.
        item_ids = delivery + asset_value + contributor_value
        contributor_salt, amount_salt = (
            contributor_salts.salt_for(item_ids),
            amount_salts.salt_for(item_ids),
        )
        contributor_commitment = commit(Domain.CONTRIBUTOR, contributor_salt, contributor_value)
        amount_commitment = commit(Domain.AMOUNT, amount_salt, value)
        leaf = join_leaf(amount_commitment, asset, contributor_commitment, rest)
        hashed = leaf_hash(leaf)
        found.append(
            (
                asset_item_salt,
                contributor_salt,
                amount_salt,
                asset,
                contributor_commitment,
                amount_commitment,
                leaf,
                hashed,
            )
        )
    *columns, leaves, hashes = (list(column) for column in zip(*found, strict=True))
    return dict(zip(_SEALED_COLUMNS, columns, strict=True)), leaves, hashes


def asset_salt(salt: bytes, asset_id: str) -> bytes:
    """Returns the salt of an asset's commitment: one per deal, since notices use it too."""
    return commitments.item_salt(salt, Domain.ASSET, asset_id)


def asset_commitment(salt: bytes, asset_id: str) -> str:
    """Returns the commitment by which a deal's buyer identifies an asset, hex."""
    value = commitments.text_value(asset_id)
    return commitments.commit(Domain.ASSET, asset_salt(salt, asset_id), value)


def check_terms(terms: DeliveryTerms) -> None:
    """Refuses terms that the ledger cannot represent.

    Raises:
        InputError: If the digest is malformed.
    """
    if not _SHA256.fullmatch(terms.terms_sha256):
        raise InputError(
            "terms_sha256 is not a digest",
            repr(terms.terms_sha256),
            "It must be 64 lower-case hex digits.",
        )
