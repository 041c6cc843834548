"""Keeps the files of assets that were refused for their rights, so that no copy goes out instead.

Screening leaves the rows it refused in blocks of their own; enrichment adds what it refused by
files and servers, and keeps one table a unit, which selection reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.refused import place_of, read_refused
from pipelines.features.unit_features import UnitFeatures
from pipelines.media.looks import HASH_AND_COLOURS, main_look
from pipelines.rights.arrow import column
from pipelines.rights.rules.screen import (
    LASTING_BITS,
    REMOVED_BIT,
    TRAVELLING_BITS,
    ReasonMask,
    reasons_of,
)
from pipelines.run.job import Job
from pipelines.storage.columns import rows_of
from pipelines.storage.recent import RecentFiles
from pipelines.storage.row_blocks import read_blocks
from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock
from schemas.features import FactsRow
from schemas.file_features import DigestCacheRow
from schemas.reason_info import Outcome
from schemas.reasons import Reason
from schemas.refused import (
    REFUSED_FILES_SCHEMA,
    REFUSED_ROWS_SCHEMA,
    RefusedFile,
    RefusedRow,
    owners_text,
)

_CHUNK_ASSETS = 64
# Reasons that are about one asset's use or one file's metadata, and no no to the work itself.
_NOT_OF_THE_WORK = (
    "profile.",
    Reason.FACES_NOT_COUNTED,
    Reason.FILE_PERSONAL_DATA,
    Reason.METADATA_NOT_REMOVABLE,
    Reason.RENDITION_NOT_ALLOWED,  # as it is, the work may be delivered
    Reason.RENDITION_NOT_MADE,
    Reason.PICTURE_NOT_PLAIN,
    Reason.CONFLICT_KEEP_METADATA,
)


@dataclass(frozen=True)
class RefusedFiles:
    """The files of a unit's refused assets, and what was computed from them."""

    files: list[RefusedFile]
    facts: list[FactsRow]
    cache_rows: list[DigestCacheRow]


def blocks_key(job: Job, batch: str) -> str:
    """Returns the key of the blocks with a batch's refused rows."""
    return f"{job.work}/refused/{batch}.arrows"


def is_refused_block(block: RowBlock) -> bool:
    """Tells whether a block holds refused rows."""
    return block.key.rpartition("/")[0].endswith("/refused")


def refused_rows(batch: pa.Table, mask: ReasonMask, job: Job) -> pa.Table:
    """Returns the rows whose refusal also holds for copies (REFUSED_ROWS_SCHEMA), by hash.

    Args:
        batch: The screened batch.
        mask: Screening's verdict on each row.
        job: The run.
    """
    travelling = mask & TRAVELLING_BITS
    if job.deal.rights.copies_of_refused == "accept":
        travelling &= REMOVED_BIT
    chosen = np.flatnonzero(travelling)
    rows = batch.take(chosen)
    distinct, index = np.unique(travelling[chosen], return_inverse=True)
    texts = pa.array([", ".join(reasons_of(int(bits))) for bits in distinct], pa.string())
    columns = {
        **{
            name: column(rows, name)
            for name in REFUSED_ROWS_SCHEMA.names
            if name in rows.schema.names
        },
        "reasons": texts.take(index.astype(np.int64)),
        "lasting": pa.array((travelling[chosen] & LASTING_BITS) != 0),
    }
    table = pa.Table.from_arrays(
        [columns[name] for name in REFUSED_ROWS_SCHEMA.names], schema=REFUSED_ROWS_SCHEMA
    )
    return table.sort_by([("hash", "ascending")])


def read_refused_files(
    store: Store,
    blocks: Iterable[RowBlock],
    recent: RecentFiles,
    job: Job,
    features: UnitFeatures,
    now_s: Callable[[], float],
    threads: Executor,
) -> RefusedFiles:
    """Reads the files of the assets that screening refused, a chunk at a time."""
    found = RefusedFiles([], [], [])
    ordered = sorted(blocks, key=lambda block: (block.key, block.offset))
    if not ordered:
        return found
    table = pa.concat_tables(read_blocks(store, ordered, recent))
    rows = rows_of(table.sort_by([("hash", "ascending")]), RefusedRow)
    for start in range(0, len(rows), _CHUNK_ASSETS):
        chunk = rows[start : start + _CHUNK_ASSETS]
        for item in threads.map(lambda row: read_refused(row, job, features, now_s), chunk):
            found.files.append(item.file)
            if item.facts is not None and item.facts["media_sha256"] not in features.facts:
                found.facts.append(item.facts)
                features.facts[item.facts["media_sha256"]] = item.facts
            if (
                item.cache_row is not None
                and item.cache_row["state_key"] not in features.digest_cache
            ):
                found.cache_rows.append(item.cache_row)
                features.digest_cache[item.cache_row["state_key"]] = item.cache_row
    return found


def files_refused_here(
    assets: Sequence[FetchedAsset], job: Job, features: UnitFeatures
) -> list[RefusedFile]:
    """Returns the files of the assets that enrichment refused for what a file or server says."""
    if job.deal.rights.copies_of_refused == "accept":
        return []
    return [
        _refused_file(item, job, features)
        for item in assets
        if item.decision is not None
        and item.decision.outcome is Outcome.REFUSED
        and not all(code.startswith(_NOT_OF_THE_WORK) for code in item.decision.reasons)
    ]


def _refused_file(item: FetchedAsset, job: Job, features: UnitFeatures) -> RefusedFile:
    facts = features.facts.get(item.digest)
    return RefusedFile(
        asset_id=item.row["asset_id"],
        reasons=", ".join(item.decision.reasons) if item.decision else "",
        lasting=True,
        owners=owners_text(item.row["contributors"]),
        place=place_of(item.row["media_uri"], job),
        listed_sha256="",
        media_sha256=item.digest,
        phash=facts["phash"] if facts else "",
        colour=facts["colour"] if facts else "",
        look=main_look(facts["looks"])[:HASH_AND_COLOURS].hex() if facts else "",
    )


def refused_files_table(files: Sequence[RefusedFile]) -> pa.Table:
    """Returns refused files as a table (REFUSED_FILES_SCHEMA)."""
    return pa.Table.from_pylist(list(files), schema=REFUSED_FILES_SCHEMA)


def all_refused_files(job: Job, of_units: Sequence[pa.Table]) -> pa.Table:
    """Returns the refused files of all units (REFUSED_FILES_SCHEMA), in the order of ids.

    Files that were removed from deliveries are among them, for a copy may be left in the catalogue
    when the asset itself is not.

    Args:
        job: The run.
        of_units: The units' tables.
    """
    table = pa.concat_tables([*of_units, _removed_files(job)])
    return table.sort_by([("asset_id", "ascending"), ("place", "ascending")])


def _removed_files(job: Job) -> pa.Table:
    """Returns the files of removed assets; no key of a deal lets their copies pass."""
    looks = {digest: (phash, colour) for digest, phash, colour in job.removed.looks}
    files = [
        RefusedFile(
            asset_id=asset,
            reasons="asset.removed",
            lasting=True,
            owners="",
            place=place_of(f"removed {asset}", job),
            listed_sha256="",
            media_sha256=digest,
            phash=looks.get(digest, ("", ""))[0],
            colour=looks.get(digest, ("", ""))[1],
            look="",
        )
        for asset, digest in job.removed.files
        if digest
    ]
    return pa.Table.from_pylist(files, schema=REFUSED_FILES_SCHEMA)
