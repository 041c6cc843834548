"""Small signed deliveries to pull: made from bytes here, not by the code that packages."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.format.signed_record import signed_bytes
from pipelines.ledger.signed_note import FileKey
from pipelines.pull.download import DownloadSettings
from schemas.latest import Latest
from schemas.manifest import FileRecord, Manifest, ShardRecord
from tests.format.test_manifest import OTHER, SIGNER, unsigned

__all__ = ["NOW", "OTHER", "QUICKLY", "SIGNER", "content", "publish", "say_latest", "tree"]

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PART = 64 << 10
#: Small parts and short waits.
QUICKLY = DownloadSettings(lanes=4, stall_s=1.0, part_bytes=PART, wait_unit_s=0.01)


def content(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def publish(
    deal: Path,
    version: str,
    contents: Mapping[str, bytes],
    signer: FileKey = SIGNER,
    families: Mapping[str, str] | None = None,
    **changes: Any,
) -> Manifest:
    """Writes a version; tars in shards/ become the manifest's shards."""
    folder = deal / version / "delivery"
    records, shards = [], []
    for path, data in sorted(contents.items()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        records.append(FileRecord(path=path, bytes=len(data), sha256=digest))
        if path.endswith(".tar"):
            name = path.removeprefix("shards/").removesuffix(".tar")
            family = (families or {}).get(name, "jpg")
            shards.append(
                ShardRecord(name=name, family=family, samples=1, bytes=len(data), sha256=digest)
            )
    values: dict[str, Any] = {
        "delivery": f"{deal.name}/{version}",
        "deal": {**unsigned().deal.model_dump(), "deal_id": deal.name},
        "shards": [shard.model_dump() for shard in shards],
        "files": [record.model_dump() for record in records],
        "vkey": signer.vkey,
        "end": {
            "shards": len(shards),
            "samples": len(shards),
            "files": len(records),
            "bytes": sum(record.bytes for record in records),
        },
    }
    signed = sign_manifest(unsigned(**{**values, **changes}), signer)
    (folder / "MANIFEST.json").write_bytes(manifest_bytes(signed))
    return signed


def say_latest(
    deal: Path,
    sequence: int,
    version: str = "",
    signer: FileKey = SIGNER,
    expires_at: str = "2026-12-28T00:00:00+00:00",
    **changes: Any,
) -> Latest:
    """Writes `latest.json` over all versions that are there."""
    versions = []
    for path in sorted(deal.glob("v*/delivery/MANIFEST.json")):
        data = path.read_bytes()
        versions.append(
            {
                "version": path.parts[-3],
                "manifest_sha256": hashlib.sha256(data).hexdigest(),
                "manifest_bytes": len(data),
            }
        )
    value: dict[str, Any] = {
        "fairshard_latest": 1,
        "deal_id": deal.name,
        "sequence": sequence,
        "version": version or versions[-1]["version"],
        "versions": versions,
        "notices": [],
        "issued_at": "2026-11-28T00:00:00+00:00",
        "expires_at": expires_at,
        "vkey": signer.vkey,
    }
    latest = Latest.model_validate({**value, **changes})
    (deal / "latest.json").write_bytes(signed_bytes(latest, "latest", signer))
    return latest


def tree(folder: Path) -> dict[str, bytes]:
    """Returns the files below a folder, with their bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
