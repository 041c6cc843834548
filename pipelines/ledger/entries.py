"""From delivered assets to ledger entries: amounts, commitments and public leaves.

A leaf is what the log publishes about an entry: RFC 8785 canonical JSON of commitments and of
things that the buyer has anyway. It never holds a contributor id, an asset id or an amount.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import rfc8785

from pipelines.ledger import commitments
from pipelines.ledger.commitments import Domain
from pipelines.ledger.merkle import leaf_hash
from pipelines.ledger.split import agency_and_contributors, allocate, line_weight
from schemas.canonical import canonical_json
from schemas.errors import InputError
from schemas.ledger import FULL_SPLIT_BP, Allocation, Entry, Line
from schemas.money import exponent

#: Names the form of a leaf. A change of its fields is a new version.
LEAF_VERSION = "fairshard/entry/v1"

_INT64_MAX = 2**63 - 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DeliveredAsset:
    """One asset that is in a delivery.

    Args:
        asset_id: The agency's id of the asset.
        contributors: Pairs of contributor id and share in basis points, summing to 10,000.
        weight: The asset's integer weight in the catalogue.
        samples: How many samples of it are in the delivery.
        shard: Name of the shard with its first sample.
        key: Key of its first sample, unique in the delivery.
        media_sha256: Digest of the source media, hex.
        decision_sha256: Digest of the decision that cleared it, hex.
    """

    asset_id: str
    contributors: tuple[tuple[str, int], ...]
    weight: int
    samples: int
    shard: str
    key: str
    media_sha256: str
    decision_sha256: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a deal says about money, and which delivery it is said of.

    Args:
        delivery: Id of the delivery.
        pool_minor: What the buyer pays for this delivery, in minor units.
        currency: ISO 4217 code.
        rule: How the contributors' part is shared.
        agency_share: The agency's part, from 0 to 1.
        terms_sha256: Digest of the deal's terms, hex.
    """

    delivery: str
    pool_minor: int
    currency: str
    rule: Allocation
    agency_share: Decimal
    terms_sha256: str


def make_entries(
    assets: Sequence[DeliveredAsset], terms: Terms, salt: bytes, first_index: int = 0
) -> tuple[list[Entry], int]:
    """Work out every entry of a delivery.

    1. Check the rows.
    2. Divide the pool between agency and contributors.
    3. Order the lines by key, then contributor id.
    4. Share the contributors' part over the lines.
    5. Commit, and hash the leaves.

    Args:
        assets: What was delivered, in any order.
        terms: The money, the rule and the delivery.
        salt: The deal's salt, of `commitments.deal_salt`.
        first_index: Position in the log of the first entry.

    Returns:
        The entries in the order of the log, and the agency's minor units. Together they sum to
        the pool.

    Raises:
        InputError: Nothing was delivered, a split does not sum to 10,000, an id, key or digest is
            wrong, or a number does not fit the ledger's columns.
    """
    # 1. Check the rows.
    _check_terms(terms)
    _check_assets(assets)
    # 2. Divide the pool.
    agency_minor, shared_minor = agency_and_contributors(terms.pool_minor, terms.agency_share)
    # 3. Order the lines.
    claims = list(_claims(assets, terms.rule))
    # 4. Share the contributors' part.
    amounts = allocate([line for _, line in claims], shared_minor)
    # 5. Commit and hash.
    entries = [
        _entry(first_index + offset, asset, line, amount, terms, salt)
        for offset, ((asset, line), amount) in enumerate(zip(claims, amounts, strict=True))
    ]
    return entries, agency_minor


def leaf_bytes(entry: Entry) -> bytes:
    """The public leaf of an entry: what goes into the log's entry bundles.

    Returns:
        RFC 8785 canonical JSON, UTF-8, some 700 bytes.

    Raises:
        InputError: A name in it has no UTF-8 form.
    """
    leaf = {
        "version": LEAF_VERSION,
        "delivery": entry.delivery,
        "asset_commitment": entry.asset_commitment,
        "contributor_commitment": entry.contributor_commitment,
        "amount_commitment": entry.amount_commitment,
        "shard": entry.shard,
        "key": entry.key,
        "media_sha256": entry.media_sha256,
        "decision_sha256": entry.decision_sha256,
        "terms_sha256": entry.terms_sha256,
    }
    try:
        return canonical_json(leaf)
    except rfc8785.CanonicalizationError as error:
        raise InputError(
            "an entry cannot be written as JSON", ascii(entry.key), "Use valid Unicode in names."
        ) from error


def asset_salt(salt: bytes, asset_id: str) -> bytes:
    """The salt of an asset's commitment, one for the whole deal: notices name assets by it."""
    return commitments.item_salt(salt, Domain.ASSET, asset_id)


def asset_commitment(salt: bytes, asset_id: str) -> str:
    """The commitment by which a deal's buyer knows an asset, hex."""
    value = commitments.text_value(asset_id)
    return commitments.commit(Domain.ASSET, asset_salt(salt, asset_id), value)


def entry_salt(salt: bytes, domain: Domain, delivery: str, asset_id: str, person: str) -> bytes:
    """The salt of a contributor's or an amount's commitment, one for each entry.

    Were it one for each contributor, a buyer could tell which assets share a maker, and somebody
    who opens one line would open all.
    """
    return commitments.item_salt(salt, domain, delivery, asset_id, person)


def _claims(
    assets: Sequence[DeliveredAsset], rule: Allocation
) -> Iterator[tuple[DeliveredAsset, Line]]:
    for asset in sorted(assets, key=lambda asset: asset.key):
        weight = line_weight(rule, asset.weight, asset.samples)
        if weight > _INT64_MAX:
            raise InputError(
                "a weight does not fit in 64 bits", f"asset {asset.asset_id!r}: {weight}", "Scale."
            )
        for person, share_bp in sorted(asset.contributors):
            yield asset, Line(person, asset.key, weight, share_bp)


def _entry(
    index: int, asset: DeliveredAsset, line: Line, amount: int, terms: Terms, salt: bytes
) -> Entry:
    person = line.contributor_id
    where = (terms.delivery, asset.asset_id, person)
    person_salt = entry_salt(salt, Domain.CONTRIBUTOR, *where)
    money_salt = entry_salt(salt, Domain.AMOUNT, *where)
    money = commitments.amount_value(amount, terms.currency, line.share_bp, line.weight)
    unhashed = Entry(
        entry_index=index,
        delivery=terms.delivery,
        asset_id=asset.asset_id,
        contributor_id=person,
        share_bp=line.share_bp,
        weight=line.weight,
        amount_minor=amount,
        currency=terms.currency,
        shard=asset.shard,
        key=asset.key,
        media_sha256=asset.media_sha256,
        leaf_hash="",
        asset_commitment=asset_commitment(salt, asset.asset_id),
        contributor_commitment=commitments.commit(
            Domain.CONTRIBUTOR, person_salt, commitments.text_value(person)
        ),
        amount_commitment=commitments.commit(Domain.AMOUNT, money_salt, money),
        decision_sha256=asset.decision_sha256,
        terms_sha256=terms.terms_sha256,
    )
    return replace(unhashed, leaf_hash=leaf_hash(leaf_bytes(unhashed)).hex())


def _check_terms(terms: Terms) -> None:
    exponent(terms.currency)
    if terms.pool_minor > _INT64_MAX:
        raise InputError(
            "the pool does not fit in 64 bits of minor units", str(terms.pool_minor), "Divide it."
        )
    if not _SHA256.fullmatch(terms.terms_sha256):
        raise InputError("terms_sha256 is not a digest", repr(terms.terms_sha256), _HEX)


_HEX = "It must be 64 lower-case hex digits."


def _check_assets(assets: Sequence[DeliveredAsset]) -> None:
    if not assets:
        raise InputError(
            "nothing was delivered, so nobody can be paid",
            "0 assets",
            "Widen the deal's selection, or publish no delivery.",
        )
    for what, values in (
        ("asset id", [asset.asset_id for asset in assets]),
        ("key", [asset.key for asset in assets]),
    ):
        if len(set(values)) != len(values):
            repeated = next(name for name, times in Counter(values).items() if times > 1)
            raise InputError(
                f"two delivered assets have the same {what}", repr(repeated), "Merge the rows."
            )
    for asset in assets:
        _check_asset(asset)


def _check_asset(asset: DeliveredAsset) -> None:
    people = [person for person, _ in asset.contributors]
    total = sum(share for _, share in asset.contributors)
    if len(set(people)) != len(people) or not all(people):
        raise InputError(
            "an asset names a contributor twice or not at all",
            f"asset {asset.asset_id!r}: {people}",
            "Give every contributor of an asset one share.",
        )
    if total != FULL_SPLIT_BP or any(share < 0 for _, share in asset.contributors):
        raise InputError(
            "a split does not sum to 10000 basis points",
            f"asset {asset.asset_id!r}: {list(asset.contributors)}",
            "Correct the shares in the catalogue.",
        )
    for name, digest in (
        ("media_sha256", asset.media_sha256),
        ("decision_sha256", asset.decision_sha256),
    ):
        if not _SHA256.fullmatch(digest):
            raise InputError(
                f"{name} is not a digest", f"asset {asset.asset_id!r}: {digest!r}", _HEX
            )
