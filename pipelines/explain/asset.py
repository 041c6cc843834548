"""Traces one asset through the pipeline's steps and records what each step saw.

The numbers mark these stages in the code: 1. find its rows in the catalogue, batch by batch;
2. catalogue checks of its rows; 3. read the small tables and check the whole catalogue;
4. screening; 5. its file, if the catalogue alone clears it and a run would fetch it. Rules that
depend on other assets (duplicates, the cap) are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from pipelines.explain.asset_rows import find_rows
from pipelines.explain.file import FileTrace, file_trace
from pipelines.explain.inputs import DecisionInputs, read_small
from pipelines.explain.trace import (
    RowTrace,
    ScreeningTables,
    add_file_trace,
    combined_outcome,
    trace_failed_row,
    trace_screened_row,
)
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.rules.screen import screen_batch
from pipelines.run.decisions import failed_asset
from schemas.deal import Deal
from schemas.unit import ClearedRow

if TYPE_CHECKING:
    from pipelines.features.fetched_asset import FetchedAsset


@dataclass(frozen=True)
class AssetTrace:
    """The complete trace of an asset.

    Attributes:
        asset_id: The asset.
        row_count: How many rows have its id.
        rows: The first of these rows: screened ones, then ones that could not be read.
        warnings: Problems that stop a run of this deal before it reaches this asset.
        no_file_reason: Why the file was not fetched; "" if it was.
        reported: Rules on references that failed and do not stop the run.
    """

    asset_id: str
    row_count: int
    rows: tuple[RowTrace, ...]
    warnings: tuple[str, ...] = ()
    no_file_reason: str = ""
    reported: tuple[dict[str, object], ...] = ()

    @property
    def file_not_read(self) -> bool:
        """Whether the catalogue clears the asset but its file, which may deny use, was not read."""
        return bool(self.no_file_reason) and combined_outcome(self.rows) == "cleared"


def explain_asset(
    asset_id: str,
    inputs: DecisionInputs,
    fetch: bool = True,
    screening_tables: ScreeningTables | None = None,
) -> AssetTrace:
    """Traces one asset.

    Args:
        asset_id: Its id, or the locator of a row whose id cannot be read.
        inputs: The inputs by which it is judged.
        fetch: Whether its file may be fetched.
        screening_tables: The tables it is joined to, if already read.

    Raises:
        InputError: If no row has the id, or an input is invalid.
        RunError: If a store fails.
    """
    found = find_rows(asset_id, inputs.catalogue)  # 1
    # Imported here because Great Expectations takes seconds to load and is not needed to report an
    # unknown id.
    from pipelines.catalogue.gate import gate_batch
    from pipelines.catalogue.suite import check_divert, load_suite

    suite = load_suite("assets")
    checked = gate_batch(found.table, suite, check_divert(suite, inputs.deal.gate.divert))  # 2
    screening_tables = screening_tables or read_small(inputs)  # 3
    failed = [
        trace_failed_row(failed_asset(row.asset_id, row.reason, row.detail))
        for row in (*found.failed_rows, *checked.failed_rows)
    ]
    screened = list(_trace_rows(checked.table, screening_tables, inputs.deal, found.row_count))  # 4
    stop = screening_tables.stop
    no_file_reason = _no_file_reason(screened, fetch, bool(stop))
    if not no_file_reason:
        screened = _trace_with_files(screened, inputs)  # 5
    warnings = (f"The catalogue checks stop a run of this deal: {stop}",) if stop else ()
    rows, reported = (*screened, *failed), screening_tables.reported
    return AssetTrace(asset_id, found.row_count, rows, warnings, no_file_reason, reported)


def _trace_rows(
    table: pa.Table, screening_tables: ScreeningTables, deal: Deal, rows: int
) -> Iterator[RowTrace]:
    mask = screen_batch(table, screening_tables.index, deal, np.full(len(table), rows > 1))
    for i, bits in enumerate(mask):
        one = table.slice(i, 1)
        if not bits:
            one = add_cleared_rights(one, screening_tables.index, deal)
        yield trace_screened_row(one, int(bits), screening_tables, deal, rows)


def _no_file_reason(screened: list[RowTrace], fetch: bool, stopped: bool) -> str:
    if not screened:
        return "The file was not fetched: the row cannot be read."
    if any(row_trace.decision is not None for row_trace in screened):
        return "The file was not fetched: the catalogue alone refuses the asset."
    if stopped:
        return "The file was not fetched: a run would stop before."
    return "" if fetch else "The file was not fetched because of --no-fetch; it may deny use."


def _trace_with_files(screened: list[RowTrace], inputs: DecisionInputs) -> list[RowTrace]:
    # Imported here: decoders take a while to load, and most refusals need none.
    from pipelines.features.assets import fetch_asset
    from pipelines.features.unit_features import UnitFeatures
    from pipelines.fetch.origin_files import OriginFileCache

    origin_files = OriginFileCache()
    traces = []
    for row_trace in screened:
        features = UnitFeatures({}, {}, {}, {}, {})
        row = cast("ClearedRow", row_trace.row)  # rows without a finding are cleared
        asset = fetch_asset(row, inputs, features, origin_files).without_pixels()
        traces.append(_with_file(row_trace, asset, inputs))
    return traces


def _with_file(row_trace: RowTrace, asset: FetchedAsset, inputs: DecisionInputs) -> RowTrace:
    file = FileTrace(asset.digest)
    if asset.resolution is not None:
        file = file_trace(
            asset.row,
            asset.digest,
            asset.reading,
            asset.resolution,
            inputs.deal,
            inputs.as_of.date(),
        )
    return add_file_trace(row_trace, file, asset.decision)
