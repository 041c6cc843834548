"""Opens ledger rows again: shows that a row is what its leaf in the published log commits to.

The agency can make every salt of a deal again from its key. So it can show that no asset, person or
amount in a ledger was changed since the log was signed.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.ledger.commitments import Domain, commit, domain_salts, encode, encode_cached
from pipelines.ledger.leaf import join_leaf, leaf_suffix
from pipelines.ledger.merkle import ProofError, leaf_hash
from pipelines.storage.columns import values_of

_LEAF_COLUMNS = ("delivery", "shard", "key", "media_sha256", "decision_sha256", "terms_sha256")
_COMMITMENTS = ("amount_commitment", "asset_commitment", "contributor_commitment")
_IDS = ("asset_id", "contributor_id", "currency")
_NUMBERS = ("amount_minor", "share_bp", "weight")


def reopen_rows(rows: pa.Table, salt: bytes | None) -> list[bytes]:
    """Checks ledger rows against their commitments and returns the hashes of their leaves.

    1. Asset, contributor and amount are what the row's commitments stand for.
    2. The leaf made of the commitments has the row's hash.

    Args:
        rows: Rows of a ledger, LEDGER_SCHEMA.
        salt: The deal's salt, from `commitments.deal_salt`; None if the log was signed with another
            key, whose salts cannot be made. Step 1 is left out then.

    Returns:
        A hash of 32 bytes for each row.

    Raises:
        ProofError: If a row was changed; it names the entry.
    """
    indices = values_of(rows["entry_index"], int)
    stated = values_of(rows["leaf_hash"], str)
    leaves = [values_of(rows[name], str) for name in _LEAF_COLUMNS]
    commitments = [values_of(rows[name], str) for name in _COMMITMENTS]
    if salt is not None:
        _check_openings(rows, salt, indices, commitments)  # 1
    hashes = []
    for index, wanted, fields, (amount, asset, person) in zip(
        indices,
        stated,
        zip(*leaves, strict=True),
        zip(*commitments, strict=True),
        strict=True,
    ):
        hashed = leaf_hash(join_leaf(amount, asset, person, leaf_suffix(*fields)))
        if hashed.hex() != wanted:  # 2
            raise ProofError("an entry is not the one that its leaf was made of", f"entry {index}")
        hashes.append(hashed)
    return hashes


def _check_openings(
    rows: pa.Table, salt: bytes, indices: list[int], commitments: list[list[str]]
) -> None:
    amounts, assets, people = (
        domain_salts(salt, domain) for domain in (Domain.AMOUNT, Domain.ASSET, Domain.CONTRIBUTOR)
    )
    texts = [values_of(rows[name], str) for name in ("delivery", *_IDS)]
    numbers = [values_of(rows[name], int) for name in _NUMBERS]
    for index, (delivery, asset_id, contributor_id, currency), figures, committed in zip(
        indices,
        zip(*texts, strict=True),
        zip(*numbers, strict=True),
        zip(*commitments, strict=True),
        strict=True,
    ):
        asset, person = encode(asset_id), encode_cached(contributor_id)
        item = encode_cached(delivery) + asset + person
        amount, share, weight = map(str, figures)
        value = encode_cached(amount) + encode_cached(currency) + encode(share, weight)
        expected = (
            commit(Domain.AMOUNT, amounts.salt_for(item), value),
            commit(Domain.ASSET, assets.salt_for(asset), asset),
            commit(Domain.CONTRIBUTOR, people.salt_for(item), person),
        )
        for name, made, found in zip(_COMMITMENTS, expected, committed, strict=True):
            if made != found:
                what = name.removesuffix("_commitment")
                raise ProofError(
                    f"the {what} of an entry is not the one that the log commits to",
                    f"entry {index}: asset {asset_id!r}, contributor {contributor_id!r}, "
                    f"{amount} minor units",
                )
