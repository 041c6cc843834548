"""Locates a shard's members without its table, from Energon's index and the ledger."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pipelines.format.tar import BLOCK
from pipelines.format.tar_comparison import EXTRA, MemberPlace
from pipelines.storage.store import Store
from schemas.manifest import Manifest

_PLACES_SQL = """
SELECT samples.sample_key, part_name, content_byte_offset, content_byte_size
FROM sample_parts JOIN samples USING (tar_file_id, sample_index)
WHERE tar_file_id = ? ORDER BY content_byte_offset
"""


def places_without_table(
    store: Store, manifest: Manifest, name: str, index: str, media: Mapping[str, tuple[str, str]]
) -> list[MemberPlace]:
    """Returns the places of a shard's members, from Energon's index, with digests from the ledger.

    Args:
        store: The delivery.
        manifest: Its manifest.
        name: Base name of the shard.
        index: Path of a sound copy of the index, or "" if there is none.
        media: Shard and digest of the media by key, as far as the ledger is sound.

    Returns:
        The places; only those of media have a digest. Empty if there is no index or it cannot
        be that of a tar.
    """
    if not index:
        return []
    number = sorted(shard.name for shard in manifest.shards).index(name)
    places: list[MemberPlace] = []
    at = 0
    for key, part, offset, length in _rows(store, index, number):
        is_first = not places or places[-1].key != key
        kind = "media" if is_first else part if part in ("txt", "json") else EXTRA
        shard, digest = media.get(key, ("", ""))
        known = digest if kind == "media" and shard == name else ""
        place = MemberPlace(key, kind, f"{key}.{part}", offset, length, known)
        if offset != at + BLOCK:
            return []
        places.append(place)
        at = place.end
    return places


def _rows(store: Store, index: str, number: int) -> list[tuple[str, str, int, int]]:
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        path = Path(folder, "index.sqlite")
        path.write_bytes(store.read_bytes(index))
        with closing(sqlite3.connect(path)) as database:
            return database.execute(_PLACES_SQL, (number,)).fetchall()
