"""Small published outputs, made by the product's own ledger, without packaging media."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.signed_note import FileKey
from pipelines.ledger.statement_form import Payee
from pipelines.run.job import Job
from pipelines.steps.attribute import record_attribution
from pipelines.storage.store import Store
from pipelines.storage.tables import parquet_bytes, write_table
from schemas.deal_terms import WithdrawalTerms
from schemas.manifest import EndRecord, FileRecord, LedgerRecord, Manifest, ShardRecord
from schemas.money import format_amount
from schemas.price_terms import PriceTerms
from tests.format.test_manifest import unsigned
from tests.ledger.ledger_cases import DeliveredAsset, delivered, digest

SIGNER = FileKey("agency.example/log", bytes(range(32)))
_SHARD_ROWS = 40


def facts(number: int) -> dict[str, Any]:
    """What a sample's row says of its file: the same for the same number."""
    film = number % 5 == 0
    return {
        "media_type": "video" if film else "image",
        "licence_model": "RM" if number % 3 else "RF",
        "licence_class": "creative",
        "licence_code": "CC-BY-4.0" if number % 7 == 0 else "",
        "media_length": 1_000 + 37 * number,
        "duration_ms": 1_001 * number if film else 0,
    }


def job_of(
    deal_id: str, version: str, pool_minor: int, currency: str, share: str, **rule: str
) -> Job:
    terms = {"currency": currency, "pool": format_amount(pool_minor, currency)}
    terms |= {"allocation": "weighted", "agency_share": share, **rule}
    price = PriceTerms.model_validate(terms)
    job = SimpleNamespace(
        deal=SimpleNamespace(deal_id=deal_id, price=price, withdrawal=WithdrawalTerms()),
        as_of=datetime(2026, 6, 30, tzinfo=UTC),
        version=version,
        pool="price",
        replaces="",
        terms_sha256=digest("terms"),
        salt=deal_salt(SIGNER.secret, deal_id),
        work=f"agency/work/{deal_id}-{version}",
        agency=f"{deal_id}/{version}/agency",
        delivery=f"{deal_id}/{version}/delivery",
    )
    return cast(Job, job)


def publish(
    store: Store,
    rows: Sequence[DeliveredAsset],
    deal_id: str = "acme",
    version: str = "v0001",
    as_of: str = "2026-06-30T23:59:59.999999+00:00",
    pool_minor: int = 1_000_003,
    currency: str = "USD",
    share: str = "0.40",
    payees: Mapping[str, Payee] | None = None,
    **rule: str,
) -> Manifest:
    """Publishes a version: shards' tables, ledger, log, statements, sums and a signed manifest."""
    job = job_of(deal_id, version, pool_minor, currency, share, **rule)
    shards, files = [], []
    for at in range(0, len(rows), _SHARD_ROWS):
        part, name = rows[at : at + _SHARD_ROWS], f"{deal_id}-jpg-{at // _SHARD_ROWS:05d}"
        write_table(store, f"{job.work}/delivered/{name}.parquet", delivered(part))
        table = pa.Table.from_pylist(
            [
                {"asset": asset_commitment(job.salt, row.asset_id), **facts(at + number)}
                for number, row in enumerate(part)
            ]
        )
        data = parquet_bytes(table)
        store.write_bytes(f"{job.delivery}/shards/{name}.parquet", data)
        found = hashlib.sha256(data).hexdigest()
        files.append(FileRecord(path=f"shards/{name}.parquet", bytes=len(data), sha256=found))
        shards.append(
            ShardRecord(name=name, family="jpg", samples=len(part), bytes=1, sha256=digest("a tar"))
        )
    names = [shard.name for shard in shards]
    made = record_attribution(store, job, SIGNER, names, payees=payees)
    manifest = unsigned(
        delivery=f"{deal_id}/{version}",
        as_of=as_of,
        shards=shards,
        files=files,
        vkey=SIGNER.vkey,
        ledger=LedgerRecord(entries=made.entries, root=made.root.hex(), origin=made.origin),
        end=EndRecord(
            shards=len(shards),
            samples=len(rows),
            files=len(files),
            bytes=sum(file.bytes for file in files),
        ),
    )
    signed = sign_manifest(manifest, SIGNER)
    store.write_bytes(f"{job.delivery}/MANIFEST.json", manifest_bytes(signed))
    store.delete_prefix(job.work)
    return signed
