"""Traces one asset through the pipeline's steps and records what each step saw.

The numbers mark these stages in the code: 1. find its rows in the catalogue, batch by batch;
2. catalogue checks of its rows; 3. read the small tables and check the whole catalogue;
4. screening; 5. its file, if the catalogue alone clears it and a run would fetch it. Rules that
depend on other assets (duplicates, the cap) are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.choice import AS_FOUND, MappingChoice
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.read import (
    Catalogue,
    FailedRow,
    open_catalogue,
    read_batches,
    read_table,
)
from pipelines.explain.file import FileTrace, file_trace
from pipelines.explain.trace import (
    RowTrace,
    ScreeningTables,
    add_file_trace,
    combined_outcome,
    trace_failed_row,
    trace_screened_row,
)
from pipelines.fetch.locate import SourcePolicy, media_limits, source_policy
from pipelines.fetch.pacing import DEFAULT_CLIENT, HttpClient
from pipelines.media.limits import MediaLimits
from pipelines.rights.arrow import column, equals
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.formatting import one_line
from pipelines.rights.rules.screen import build_rights_index, screen_batch
from pipelines.rights.rulings import check_rulings
from pipelines.run.decisions import failed_asset
from pipelines.signals.file.trust import NO_TRUST, TrustLists, load_trust_lists
from pipelines.storage.columns import Column, values_of
from schemas.catalogue import ASSETS_SCHEMA, SMALL_TABLES
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.removed import NOTHING_REMOVED, Removed
from schemas.unit import ClearedRow

if TYPE_CHECKING:
    from pipelines.features.assets import FetchedAsset

_MAX_SIMILAR_IDS = 2_000  # ids kept as candidates for suggestions
_SIMILAR_PREFIX_CHARS = 3
_MAX_TRACED_ROWS = 20  # rows traced for one id


@dataclass(frozen=True)
class DecisionInputs:
    """All inputs of a run that an asset's decision depends on.

    Attributes:
        deal: The deal.
        catalogue: The opened catalogue.
        as_of: The instant at which rights are judged, UTC.
        policy: The places that media URIs may point to.
        limits: Limits on size and decoding cost of media.
        trust: The signers whose C2PA signatures are trusted.
        removed: What notices of removal keep out of deliveries.
    """

    deal: Deal
    catalogue: Catalogue
    as_of: datetime
    policy: SourcePolicy
    limits: MediaLimits
    trust: TrustLists = NO_TRUST
    removed: Removed = NOTHING_REMOVED

    @property
    def as_of_us(self) -> int:
        """`as_of` in µs since 1970."""
        return round(self.as_of.timestamp() * 1_000_000)


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


@dataclass
class _FoundRows:
    """The number of rows with one id, the first of them, and some similar ids."""

    row_count: int = 0
    table: pa.Table = field(default_factory=ASSETS_SCHEMA.empty_table)
    failed_rows: list[FailedRow] = field(default_factory=list)
    similar_ids: dict[str, None] = field(default_factory=dict)


def open_decision_inputs(
    catalogue: str,
    deal: Deal,
    as_of: datetime,
    mapping: MappingChoice = AS_FOUND,
    roots: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
    client: HttpClient = DEFAULT_CLIENT,
) -> DecisionInputs:
    """Opens the inputs by which an asset is judged, without writing anything.

    Args:
        catalogue: Folder or s3:// prefix.
        deal: The deal.
        as_of: The instant at which rights are judged, UTC.
        mapping: How the columns of the catalogue are mapped.
        roots: Further roots that media may lie under.
        hosts: Further hosts that they may come from.
        client: How web servers are asked.

    Raises:
        InputError: If an input is invalid; it names the first one.
    """
    media_root = [mapping.media_root] if mapping.media_root else []
    return DecisionInputs(
        deal=deal,
        catalogue=open_catalogue(catalogue, mapping),
        as_of=as_of,
        policy=source_policy(deal, (*roots, *media_root), hosts, client),
        limits=media_limits(deal),
        trust=load_trust_lists(
            [Path(path).absolute() for path in deal.sources.trust_lists],
            denial_phrases=deal.rights.denial_phrases,
        ),
    )


def read_small(inputs: DecisionInputs) -> ScreeningTables:
    """Reads the tables that assets are joined to, and checks the catalogue as a run does.

    Raises:
        InputError: If a table breaks a rule that stops a run.
    """
    from pipelines.catalogue.checks import judge_whole, prepare_checks

    checks = prepare_checks(inputs.catalogue, inputs.deal, inputs.as_of_us)
    check_rulings(inputs.deal, checks.contributors)
    judgement = judge_whole(checks)
    contributors, consents, releases, agreements = (
        read_table(inputs.catalogue, name) for name in SMALL_TABLES
    )
    index = build_rights_index(
        contributors,
        consents,
        releases,
        agreements,
        inputs.deal,
        inputs.as_of_us,
        inputs.removed,
    )
    stop = "" if judgement.error is None else str(judgement.error)
    return ScreeningTables(
        consents, releases, index, inputs.as_of_us, stop, tuple(judgement.reported)
    )


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
    found = _find_rows(_replace_surrogates(asset_id), inputs.catalogue)  # 1
    # Imported here and in `read_small` because Great Expectations takes seconds to load and is not
    # needed to report an unknown id.
    from pipelines.catalogue.gate import gate_batch
    from pipelines.catalogue.suite import check_divert, load_suite

    suite = load_suite("assets")
    checked = gate_batch(found.table, suite, check_divert(suite, inputs.deal.gate.divert))  # 2
    screening_tables = screening_tables or read_small(inputs)  # 3
    dead = [
        trace_failed_row(failed_asset(row.asset_id, row.reason, row.detail))
        for row in (*found.failed_rows, *checked.failed_rows)
    ]
    screened = list(_trace_rows(checked.table, screening_tables, inputs.deal, found.row_count))  # 4
    stop = screening_tables.stop
    no_file_reason = _no_file_reason(screened, fetch, bool(stop))
    if not no_file_reason:
        screened = _trace_with_files(screened, inputs)  # 5
    warnings = (f"The catalogue checks stop a run of this deal: {stop}",) if stop else ()
    rows, reported = (*screened, *dead), screening_tables.reported
    return AssetTrace(asset_id, found.row_count, rows, warnings, no_file_reason, reported)


def _find_rows(asset_id: str, catalogue: Catalogue) -> _FoundRows:
    """Scans the whole table once, one batch in memory at a time."""
    found = _FoundRows()
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            ids = column(batch.table, "asset_id")
            own_rows = batch.table.filter(pa.array(equals(ids, asset_id)))
            dead = [row for row in batch.failed_rows if row.asset_id == asset_id]
            found.row_count += len(own_rows) + len(dead)
            rows_left = _MAX_TRACED_ROWS - len(found.table) - len(found.failed_rows)
            found.table = pa.concat_tables([found.table, own_rows.slice(0, rows_left)])
            found.failed_rows += dead[: max(0, rows_left - len(own_rows))]
            if len(found.similar_ids) < _MAX_SIMILAR_IDS:
                found.similar_ids.update(dict.fromkeys(_similar_ids(ids, asset_id)))
    if not found.row_count:
        suggestions = ", ".join(
            one_line(name) for name in close_matches(asset_id, found.similar_ids)
        )
        raise InputError(
            "The catalogue has no such asset",
            one_line(asset_id),
            f"Did you mean one of {suggestions}?" if suggestions else "Give an existing asset_id.",
        )
    return found


def _replace_surrogates(asset_id: str) -> str:
    """Replaces lone surrogates, by which Python passes non-UTF-8 bytes of arguments."""
    return asset_id.encode("utf-8", "replace").decode()


def _similar_ids(ids: Column, asset_id: str) -> list[str]:
    """Returns some ids that contain the given one or have the same start."""
    start = asset_id.strip()[:_SIMILAR_PREFIX_CHARS]
    chosen = pc.starts_with(ids, start, ignore_case=True)
    if asset_id.strip():
        chosen = pc.or_(chosen, pc.match_substring(ids, asset_id.strip(), ignore_case=True))
    return values_of(ids.filter(chosen).slice(0, _MAX_SIMILAR_IDS), str)


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
    from pipelines.features.assets import UnitFeatures, fetch_asset
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
