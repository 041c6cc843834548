"""Signed ledgers of a few given lines, without pools, shards or media."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.ledger.commitments import Domain, commit, deal_salt, encode, item_salt, text_value
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.leaf import join_leaf, leaf_suffix
from pipelines.ledger.merkle import RootBuilder, leaf_hash
from schemas.ledger import LEDGER_SCHEMA
from schemas.manifest import LedgerRecord
from tests.accounts.cases import SIGNER
from tests.format.test_manifest import unsigned

_DIGEST = "0" * 64


def sealed_table(
    rows: Sequence[Mapping[str, object]], deal_id: str, delivery: str, secret: bytes
) -> tuple[pa.Table, LedgerRecord]:
    """Returns lines as a ledger with their commitments, and what a manifest says of it.

    Args:
        rows: Values by column; `asset_id`, `contributor_id`, `share_bp` and `weight` must be given.
        deal_id: The deal.
        delivery: Id of the delivery.
        secret: The agency's secret.
    """
    salt, builder, made = deal_salt(secret, deal_id), RootBuilder(), []
    for at, given in enumerate(rows):
        row = {"shard": "s-00000", "key": f"{at:024d}", "media_sha256": _DIGEST, "amount_minor": 0}
        row |= {"decision_sha256": _DIGEST, "terms_sha256": _DIGEST, "currency": "USD", **given}
        asset, person = str(row["asset_id"]), str(row["contributor_id"])
        ids = delivery, asset, person
        texts = [str(row[name]) for name in ("amount_minor", "currency", "share_bp", "weight")]
        value = encode(*texts[:2]) + encode(*texts[2:])
        committed = (
            commit(Domain.AMOUNT, item_salt(salt, Domain.AMOUNT, *ids), value),
            asset_commitment(salt, asset),
            commit(
                Domain.CONTRIBUTOR, item_salt(salt, Domain.CONTRIBUTOR, *ids), text_value(person)
            ),
        )
        names = ("shard", "key", "media_sha256", "decision_sha256", "terms_sha256")
        suffix = leaf_suffix(delivery, *(str(row[name]) for name in names))
        hashed = leaf_hash(join_leaf(*committed, suffix))
        builder.add(hashed)
        row |= {"entry_index": at, "delivery": delivery, "leaf_hash": hashed.hex()}
        row["amount_commitment"], row["asset_commitment"], row["contributor_commitment"] = committed
        made.append(row)
    table = pa.Table.from_pylist(made, schema=LEDGER_SCHEMA)
    record = LedgerRecord(entries=builder.size, root=builder.root().hex(), origin="agency.example")
    return table, record


def write_ledger(out: Path, version: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """Writes the ledger and signed manifest of a version of acme; returns the ledger's path."""
    delivery = f"acme/{version}"
    table, record = sealed_table(rows, "acme", delivery, SIGNER.secret)
    path = out / delivery / "agency/ledger/ledger-00000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)
    manifest = unsigned(delivery=delivery, vkey=SIGNER.vkey, ledger=record)
    signed = out / delivery / "delivery/MANIFEST.json"
    signed.parent.mkdir()
    signed.write_bytes(manifest_bytes(sign_manifest(manifest, SIGNER)))
    return path
