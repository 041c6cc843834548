"""Makes a published delivery of any size, with real tars of tiny members.

Its files are those that `package` writes: tars, tables, embeddings, indexes, ledger, log, sums, the
pool and the record in the agency's log. Samples differ in their ids and digests alone, so a million
of them take minutes. One asset in eight has two contributors.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.accounts.deliveries import record_delivery
from pipelines.delivery.recheck import rechecking
from pipelines.delivery.sample import sample_json, sample_key
from pipelines.delivery.tables import metadata_table, rights_commitments, shard_row
from pipelines.format.indexes import index_files, open_samples
from pipelines.format.loader_files import shard_stats
from pipelines.format.manifest import manifest_bytes
from pipelines.format.tar import Member, TarWriter
from pipelines.format.terms_text import terms_text
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.signed_note import FileKey
from pipelines.ledger.terms import terms_file
from pipelines.profiles import profile_for
from pipelines.run.job import Job, Models
from pipelines.run.receipts import ShardReceipt
from pipelines.run.signing_key import log_key, save_key
from pipelines.steps.attribute import record_attribution
from pipelines.steps.publish import make_manifest, publish_delivery
from pipelines.storage.digests import object_sha256
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes, write_table
from schemas import layout
from schemas.deal import parse_deal
from schemas.deal_for_buyer import buyer_terms
from schemas.manifest import FileRecord, ShardRecord
from schemas.profiles.common import CommonSample
from schemas.sample import DELIVERED_ASSETS_SCHEMA
from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.deals import deal_text
from tests.profiles.rows import common_of, picture_row, with_values

DEAL, VERSION = "big", "v0001"
KEY = FileKey("agency.example", hashlib.sha256(b"the key of large deliveries").digest())
_FAMILY = "jpg"
_PER_CONTRIBUTOR = 200
_DIMENSIONS = 4


class _Asset(NamedTuple):
    """What tells a sample from the others."""

    asset_id: str
    commitment: str
    contributors: tuple[str, ...]
    weight: int
    medium: bytes
    media_sha256: str
    decision_sha256: str


class _NoTar:
    """A sink that keeps nothing."""

    def write(self, data: bytes | memoryview, /) -> int:
        return len(data)


def asset_name(number: int) -> str:
    """Returns the id of an asset by its number."""
    return f"asset-{number:09d}"


def make_delivery(
    store: Store, samples: int, shard_samples: int, *, key: Path, with_tars: bool = True
) -> None:
    """Publishes a delivery of `big`, and records it in the agency's log.

    Args:
        store: The output, a folder.
        samples: How many samples it has; each is an asset of its own.
        shard_samples: How many samples a shard has.
        key: Where the agency's key is saved.
        with_tars: Whether tars and the indexes of the whole, other than the table of samples, are
            written; finding reads neither.
    """
    save_key(key, KEY)
    job = _job(samples)
    order = np.random.default_rng(1).permutation(samples)
    receipts = []
    for number, first in enumerate(range(0, samples, shard_samples)):
        assets = [_asset(job, int(at), samples) for at in order[first : first + shard_samples]]
        assets.sort(key=lambda one: one.commitment)
        receipts.append(_write_shard(store, job, number, assets, with_tars))
    names = [receipt.shard.name for receipt in receipts]
    noted = NotedStore(store, job.delivery)
    attribution = record_attribution(noted, job, KEY, names)
    record = {"run_id": job.run_id, "deal_id": DEAL, "pool": job.pool, "replaces": ""}
    store.write_bytes(f"{job.agency}/{layout.RUN_RECORD}", json_bytes(record))
    if with_tars:
        with rechecking(store, job, receipts) as recheck:
            publish_delivery(noted, job, KEY, receipts, attribution, recheck)
    else:
        files = [file for receipt in receipts for file in receipt.files]
        shards = [(receipt.index, receipt.shard) for receipt in receipts]
        paths = {file.path for file in files}
        with open_samples(store, job.delivery, shards, paths) as made:
            for _ in index_files(store, job.delivery, [shard for _, shard in shards], made):
                pass
        key_of_table = f"{job.delivery}/{layout.SAMPLES_TABLE}"
        files.append(
            FileRecord(
                path=layout.SAMPLES_TABLE,
                bytes=store.size(key_of_table),
                sha256=object_sha256(store, key_of_table),
            )
        )
        manifest = make_manifest(job, KEY, receipts, attribution, files)
        store.write_bytes(f"{job.delivery}/{layout.MANIFEST}", manifest_bytes(manifest))
    store.delete_prefix(job.work)
    record_delivery(store, log_key(KEY, key), DEAL, VERSION, job.as_of, just_made=True)


def _job(samples: int) -> Job:
    """Returns what the ledger, the tables and the indexes need of a run; 1.00 per sample."""
    terms = deal_text(DEAL, f"{samples}.00") + 'allocation = "weighted"\n'
    deal = parse_deal(terms, "big.toml")
    work, version = layout.work_prefix("x"), layout.version_prefix(DEAL, VERSION)
    salt, text = deal_salt(KEY.secret, DEAL), terms_text(buyer_terms(deal))
    file = terms_file(salt, deal.terms_json(), buyer_terms(deal), text)
    job = SimpleNamespace(
        deal=deal,
        as_of=datetime(2026, 6, 30, tzinfo=UTC),
        models=Models("demo", "clip@1", "demo", "captioner@1", demonstration=True),
        version=VERSION,
        terms_sha256=hashlib.sha256(file).hexdigest(),
        terms_file=file,
        terms_text=text,
        salt=salt,
        run_id="x",
        pool="price",
        replaces="",
        progress_path="",
        work=work,
        agency=f"{version}/{layout.AGENCY}",
        delivery=f"{version}/{layout.DELIVERY}",
    )
    return cast(Job, job)


def _asset(job: Job, number: int, samples: int) -> _Asset:
    rng, people = random.Random(number), max(2, samples // _PER_CONTRIBUTOR)
    chosen = rng.sample(range(people), 1 + (rng.random() < 1 / 8))
    name, medium = asset_name(number), b"picture %d" % number
    return _Asset(
        name,
        asset_commitment(job.salt, name),
        tuple(f"c-{who:06d}" for who in sorted(chosen)),
        rng.randint(1, 9),
        medium,
        hashlib.sha256(medium).hexdigest(),
        hashlib.sha256(b"decision %d" % number).hexdigest(),
    )


def _write_shard(
    store: Store, job: Job, number: int, assets: Sequence[_Asset], with_tars: bool
) -> ShardReceipt:
    """Writes a shard, and the rows that the ledger is made from."""
    name, sample = layout.shard_name(DEAL, _FAMILY, number), _sample()
    path = layout.tar_path(name)
    if with_tars:
        with store.open_write(f"{job.delivery}/{path}") as sink, TarWriter(sink) as tar:
            members = _add_samples(tar, sample, assets)
    else:
        with TarWriter(_NoTar()) as tar:
            members = _add_samples(tar, sample, assets)
    table = _table(job, name, sample, assets, members)
    images = _vectors(number, len(assets))
    contents = {
        layout.shard_table_path(name): parquet_bytes(table),
        layout.shard_stats_path(name): json_bytes(shard_stats(table, tar.size)),
        layout.metadata_path(number): parquet_bytes(metadata_table(table)),
        layout.image_embeddings_path(number): _npy(images),
        layout.text_embeddings_path(number): _npy(_texts(images, sample.clip_score_bp / 10_000)),
    }
    files = []
    for name_of_file, data in contents.items():
        store.write_bytes(f"{job.delivery}/{name_of_file}", data)
        digest = hashlib.sha256(data).hexdigest()
        files.append(FileRecord(path=name_of_file, bytes=len(data), sha256=digest))
    write_table(store, f"{job.work}/delivered/{name}.parquet", _delivered(name, assets))
    shard = ShardRecord(
        name=name, family=_FAMILY, samples=len(assets), bytes=tar.size, sha256=tar.sha256
    )
    return ShardReceipt(shard, number, tar.md5, tuple(files))


def _sample() -> CommonSample:
    """Returns the sample that all others are like."""
    profile, row = profile_for("image-text", "image"), picture_row(title="", description="")
    assert profile is not None
    short = {"deal_id": DEAL, "keywords": "", "category": "", "licence_code": ""}
    return profile.make_sample({**common_of(row), **short}, row)


def _add_samples(tar: TarWriter, sample: CommonSample, assets: Sequence[_Asset]) -> list[Member]:
    text, data = sample.caption.encode(), sample_json(sample)
    for one in assets:
        key, own = sample_key(one.commitment), data
        for was, now in (
            (sample.asset, one.commitment),
            (sample.media_sha256, one.media_sha256),
            (sample.decision_sha256, one.decision_sha256),
            (sample.key, key),
        ):
            own = own.replace(f'"{was}"'.encode(), f'"{now}"'.encode())
        tar.add(f"{key}.{_FAMILY}", len(one.medium), [one.medium])
        tar.add(f"{key}.txt", len(text), [text])
        tar.add(f"{key}.json", len(own), [own])
    return tar.close()


def _table(
    job: Job,
    shard: str,
    sample: CommonSample,
    assets: Sequence[_Asset],
    members: Sequence[Member],
) -> pa.Table:
    """Returns a shard's table (SHARD_TABLE_SCHEMA)."""
    known: dict[str, Any] = {"asset_id": "", "contributors": [], "agreements": []}
    known |= {
        "release_ids": [],
        "phash": "",
        "stored_width": 640,
        "stored_height": 480,
        "motion_milli": 0,
    }
    row = with_values(picture_row(), **known)
    same = shard_row(job, shard, sample, row)
    delivery = layout.delivery_id(DEAL, VERSION)
    media, texts, data = (members[at::3] for at in range(3))
    own: dict[str, list[Any]] = {
        "key": [sample_key(one.commitment) for one in assets],
        "asset": [one.commitment for one in assets],
        "contributors": [
            rights_commitments(job.salt, delivery, with_values(row, **_people(one)))["contributors"]
            for one in assets
        ],
        "media_sha256": [one.media_sha256 for one in assets],
        "decision_sha256": [one.decision_sha256 for one in assets],
        "sha256": [one.sha256 for one in media],
        "media_member": [one.name for one in media],
    }
    for kind, found in (("media", media), ("txt", texts), ("json", data)):
        own[f"{kind}_offset"] = [one.offset for one in found]
        own[f"{kind}_length"] = [one.length for one in found]
        own[f"{kind}_sha256"] = [one.sha256 for one in found]
    columns = {
        field.name: pa.array(
            own.get(field.name) or [cast(Any, same)[field.name]] * len(assets), field.type
        )
        for field in SHARD_TABLE_SCHEMA
    }
    return pa.table(columns, schema=SHARD_TABLE_SCHEMA)


def _people(asset: _Asset) -> dict[str, object]:
    people = [{"contributor_id": who} for who in asset.contributors]
    return {"asset_id": asset.asset_id, "contributors": people}


def _delivered(shard: str, assets: Sequence[_Asset]) -> pa.Table:
    """Returns the rows that the ledger needs (DELIVERED_ASSETS_SCHEMA)."""
    rows = [
        {
            "asset_id": one.asset_id,
            "contributor_ids": list(one.contributors),
            "shares_bp": [6_000, 4_000] if len(one.contributors) > 1 else [10_000],
            "weight": one.weight,
            "media_type": "image",
            "samples": 1,
            "shard": shard,
            "key": sample_key(one.commitment),
            "media_sha256": one.media_sha256,
            "decision_sha256": one.decision_sha256,
            "overrides": "",
        }
        for one in assets
    ]
    return pa.Table.from_pylist(rows, schema=DELIVERED_ASSETS_SCHEMA)


def _vectors(seed: int, rows: int) -> npt.NDArray[np.float64]:
    matrix = np.random.default_rng(seed).standard_normal((rows, _DIMENSIONS))
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def _texts(images: npt.NDArray[np.float64], score: float) -> npt.NDArray[np.float64]:
    """Returns vectors whose products with those of pictures are the samples' score."""
    across = np.roll(images, 1, axis=1)
    across -= (across * images).sum(axis=1, keepdims=True) * images
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.asarray(score * images + np.sqrt(1 - score**2) * across)


def _npy(matrix: npt.NDArray[np.float64]) -> bytes:
    sink = io.BytesIO()
    np.save(sink, matrix.astype(np.float16), allow_pickle=False)
    return sink.getvalue()
