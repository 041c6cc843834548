"""Small signed deliveries, made without packaging: what a reader reads of one, and no more."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.format.tar import TarWriter
from pipelines.ledger.signed_note import FileKey
from pipelines.storage.local_store import LocalStore
from pipelines.storage.tables import parquet_bytes
from schemas.manifest import EndRecord, FileRecord, ShardRecord
from tests.format.test_manifest import unsigned

AGENCY = FileKey("agency.example/log", bytes(range(32)))
BUYER = FileKey("buyer.example", bytes(range(1, 33)))


def asset_of(key: str) -> str:
    """The commitment of a sample's asset."""
    return hashlib.sha256(key.encode()).hexdigest()


def make_copy(folder: Path, shards: Sequence[int], media_bytes: int = 700, seed: int = 0) -> Path:
    """Makes a delivery with these numbers of samples in its shards, `acme/v0001`."""
    store, draw = LocalStore(str(folder)), random.Random(seed)
    files, records = [], []
    media = [draw.randbytes(media_bytes + number) for number in range(8)]
    for number, samples in enumerate(shards):
        name, rows, keys = f"acme-jpg-{number:05d}", [], []
        with store.open_write(f"shards/{name}.tar") as sink, TarWriter(sink) as tar:
            for at in range(samples):
                key = f"{draw.getrandbits(96):024x}"
                keys.append(key)
                parts = {
                    "jpg": draw.choice(media),
                    "txt": f"picture {at} of {name}".encode(),
                    "json": b'{"key":"%s"}' % key.encode(),
                }
                for end, data in parts.items():
                    tar.add(f"{key}.{end}", len(data), [data])
            members = tar.close()
        for at, key in enumerate(keys):
            own = members[3 * at : 3 * at + 3]
            row: dict[str, object] = {
                "key": key,
                "asset": asset_of(key),
                "status": "success",
                "media_member": own[0].name,
            }
            for kind, member in zip(("media", "txt", "json"), own, strict=True):
                row |= {
                    f"{kind}_offset": member.offset,
                    f"{kind}_length": member.length,
                    f"{kind}_sha256": member.sha256,
                }
            rows.append(row)
        table = parquet_bytes(pa.Table.from_pylist(rows))
        store.write_bytes(f"shards/{name}.parquet", table)
        files += [
            FileRecord(
                path=f"shards/{name}.parquet",
                bytes=len(table),
                sha256=hashlib.sha256(table).hexdigest(),
            ),
            FileRecord(path=f"shards/{name}.tar", bytes=tar.size, sha256=tar.sha256),
        ]
        records.append(
            ShardRecord(name=name, family="jpg", samples=samples, bytes=tar.size, sha256=tar.sha256)
        )
    manifest = unsigned(
        shards=records,
        files=sorted(files, key=lambda file: file.path),
        vkey=AGENCY.vkey,
        end=EndRecord(
            shards=len(records),
            samples=sum(shards),
            files=len(files),
            bytes=sum(file.bytes for file in files),
        ),
    )
    store.write_bytes("MANIFEST.json", manifest_bytes(sign_manifest(manifest, AGENCY)))
    return folder
