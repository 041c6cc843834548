"""Finds the rows of one asset in the catalogue, or suggests ids that are like its id."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.lookalikes import find_lookalikes
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.read import Catalogue, FailedRow, read_batches
from pipelines.rights.arrow import column, equals
from pipelines.rights.formatting import one_line
from pipelines.storage.columns import Column, text_scalar, values_of
from schemas.catalogue import ASSETS_SCHEMA
from schemas.errors import InputError

_MAX_SIMILAR_IDS = 2_000  # ids kept as candidates for suggestions
_SIMILAR_PREFIX_CHARS = 3
_MAX_TRACED_ROWS = 20  # rows traced for one id


@dataclass
class FoundRows:
    """The number of rows with one id, the first of them, and some similar ids."""

    row_count: int = 0
    table: pa.Table = field(default_factory=ASSETS_SCHEMA.empty_table)
    failed_rows: list[FailedRow] = field(default_factory=list)
    similar_ids: dict[str, None] = field(default_factory=dict)


def find_rows(asset_id: str, catalogue: Catalogue) -> FoundRows:
    """Finds an asset's rows in one scan of the whole table, with one batch in memory at a time.

    Args:
        asset_id: Its id, or the locator of a row whose id cannot be read.
        catalogue: The opened catalogue.

    Raises:
        InputError: If there is no such row; it suggests similar ids.
    """
    asset_id = _replace_surrogates(asset_id)
    found = FoundRows()
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            ids = column(batch.table, "asset_id")
            own_rows = batch.table.filter(pa.array(equals(ids, asset_id)))
            failed = [row for row in batch.failed_rows if row.asset_id == asset_id]
            found.row_count += len(own_rows) + len(failed)
            rows_left = _MAX_TRACED_ROWS - len(found.table) - len(found.failed_rows)
            found.table = pa.concat_tables([found.table, own_rows.slice(0, rows_left)])
            found.failed_rows += failed[: max(0, rows_left - len(own_rows))]
            if len(found.similar_ids) < _MAX_SIMILAR_IDS:
                found.similar_ids.update(dict.fromkeys(_similar_ids(ids, asset_id)))
    if not found.row_count:
        raise _unknown_asset(asset_id, found)
    return found


def _unknown_asset(asset_id: str, found: FoundRows) -> InputError:
    alike = find_lookalikes([asset_id], found.similar_ids)[asset_id]
    nearest = [one_line(name) for name in alike or close_matches(asset_id, found.similar_ids)]
    return InputError(
        "The catalogue has no such asset",
        one_line(asset_id),
        f"Did you mean {' or '.join(nearest)}?" if nearest else "Give an existing asset_id.",
    )


def _replace_surrogates(asset_id: str) -> str:
    """Replaces lone surrogates, by which Python passes non-UTF-8 bytes of arguments."""
    return asset_id.encode("utf-8", "replace").decode()


def _similar_ids(ids: Column, asset_id: str) -> list[str]:
    """Returns some ids that contain the given one, have the same start, or other leading zeros."""
    start = asset_id.strip()[:_SIMILAR_PREFIX_CHARS]
    chosen = pc.starts_with(ids, start, ignore_case=True)
    if asset_id.strip():
        chosen = pc.or_(chosen, pc.match_substring(ids, asset_id.strip(), ignore_case=True))
        bare = asset_id.strip().lstrip("0")
        chosen = pc.or_(chosen, pc.equal(pc.utf8_ltrim(ids, characters="0"), text_scalar(bare)))
    return values_of(ids.filter(chosen).slice(0, _MAX_SIMILAR_IDS), str)
