"""Finds local media files, and their sidecars, that are not what a complete version read."""

from __future__ import annotations

import hashlib

from pipelines.features.digest_cache import file_state, load_digest_cache
from pipelines.features.store import open_feature_store
from pipelines.fetch.fetch import MediaStream
from pipelines.fetch.locate import FileLocation, resolve_media_uri
from pipelines.fetch.sidecar_names import ObjectFolders
from pipelines.fetch.sidecars import read_sidecars, sidecars_digest
from pipelines.run.job import Job
from pipelines.steps.unit_parts import units_of
from pipelines.storage.columns import rows_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, tables_under
from schemas import layout
from schemas.errors import BadRecord
from schemas.file_features import DigestCacheRow
from schemas.media import MediaRow

_UNREADABLE = "unreadable"


def changed_files(store: Store, job: Job) -> tuple[dict[str, str], set[str]]:
    """Compares the files that the run's first version read with what they are now.

    A file is read only if its state (path, size, times, inode, device) is not one that an earlier
    run has digested. Files that cannot be read any more count as changed.

    Args:
        store: The output.
        job: The complete run, whose version was made first.

    Returns:
        The assets whose files changed, with their digests; and all assets that were compared.
    """
    models = job.models
    cache = open_feature_store(
        store, models.clip_id, models.captioner_id, job.reader_id, job.rendition_id
    ).digest_cache
    changed: dict[str, str] = {}
    compared: set[str] = set()
    for part in tables_under(store, f"{job.agency}/{layout.MEDIA}"):
        rows = rows_of(read_parquet(store, part.key), MediaRow)
        first, last = units_of(part.key)
        low, _ = layout.unit_range(first, job.unit_bits)
        _, high = layout.unit_range(last, job.unit_bits)
        known = load_digest_cache(cache, low, high)
        for row in rows:
            compared.add(row["asset_id"])
            now = _digest_now(row, job, known)
            if now not in ("", f"{row['media_sha256']} {row['sidecars_sha256']}"):
                changed[row["asset_id"]] = now
    return changed, compared


def _digest_now(row: MediaRow, job: Job, known: dict[str, DigestCacheRow]) -> str:
    """Returns the digests of a local file and of its sidecars; "" for a file elsewhere."""
    try:
        location = resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy)
        if not isinstance(location, FileLocation):
            return ""
        state = file_state(location)
        cached = known.get(state.key) if state is not None else None
        digest = cached["media_sha256"] if cached is not None else ""
        if not digest:
            found = hashlib.sha256()
            for chunk in MediaStream(location, job.limits.max_bytes):
                found.update(chunk)
            digest = found.hexdigest()
    except BadRecord:
        return _UNREADABLE
    return f"{digest} {sidecars_digest(read_sidecars(location, ObjectFolders()))}"
