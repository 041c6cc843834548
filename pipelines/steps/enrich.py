"""Enriches one unit: fetches its cleared media and computes the features not yet stored.

The numbers mark these stages in the code: 1. skip a committed unit; 2. fetch and prepare the media,
read what the files state about rights and resolve it; 3. embed and caption new media where that is
allowed; 4. read the files of refused assets, by which selection recognises copies; 5. add to the
feature store; 6. refuse assets that lack what their profile needs, and write the unit's table;
7. commit, with its refusals and failed assets, and the rights statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import pyarrow as pa

from pipelines.features.face_conflict import with_face_conflict
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.inspect import InspectionStore
from pipelines.features.signals_table import media_table, signals_table
from pipelines.features.store import FeatureStore
from pipelines.features.tags import Tagger
from pipelines.features.unit_features import UnitFeatures
from pipelines.features.vision_models import VisionModels
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.run.costs import Cost, Stopwatch
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import (
    Decision,
    decisions_table,
    failed_assets_table,
)
from pipelines.run.job import Job
from pipelines.run.logs import log_excluded
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.receipts import UnitReceipt
from pipelines.steps.doubts import Doubts, read_doubts
from pipelines.steps.fetch_ahead import FetchAhead, fetchers
from pipelines.steps.frame_vectors import frame_vectors_adder
from pipelines.steps.personal import count_read, kinds_in_texts, without_personal_texts
from pipelines.steps.refused import (
    RefusedFiles,
    files_refused_here,
    is_refused_block,
    read_refused_files,
    refused_files_table,
)
from pipelines.steps.second_reading import statements_json
from pipelines.steps.unit_features import (
    captioned,
    compute_features,
    load_features,
    save_features,
)
from pipelines.steps.unit_parts import REFUSED, Record, commit, read_record
from pipelines.steps.unit_rows import row_or_refusal
from pipelines.steps.units import write_unit
from pipelines.storage.columns import rows_of
from pipelines.storage.progress import report_progress
from pipelines.storage.recent import RecentFiles
from pipelines.storage.row_blocks import read_blocks
from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock
from schemas import layout
from schemas.signal import PersonalKind
from schemas.unit import (
    UNIT_SCHEMA,
    ClearedRow,
    UnitRow,
)


def enrich_unit(
    store: Store,
    features: FeatureStore,
    vision: VisionModels,
    tagger: Tagger,
    origin_files: OriginFileCache,
    job: Job,
    unit: int,
    blocks: Iterable[RowBlock],
    recent: RecentFiles,
) -> UnitReceipt:
    """Enriches one unit and returns its receipt; a committed unit is not processed again.

    Args:
        store: The output store.
        features: Features computed earlier.
        vision: The models.
        tagger: Tags media by the run's vocabulary.
        origin_files: This run's cache of the files that servers publish beside their media.
        job: The run.
        unit: The unit's number.
        blocks: Locations of its rows.
        recent: Files with rows that were just read, for other units.
    """
    committed = read_record(store, job, unit)
    if committed is not None:  # 1
        return _receipt(unit, committed)
    watch, blocks = Stopwatch(), list(blocks)
    rows = _read_rows(store, [block for block in blocks if not is_refused_block(block)], recent)
    in_texts = {row["asset_id"]: kinds_in_texts(row) for row in rows}
    if job.deal.rights.strips_metadata:
        rows = [without_personal_texts(row) if in_texts[row["asset_id"]] else row for row in rows]
    low, high = layout.unit_range(unit, job.unit_bits)
    inspected = InspectionStore(store, job.inspectors)
    unit_features = load_features(features, inspected, job, low, high)
    doubts = read_doubts(store, job.work) if job.doubted else Doubts()
    now_s = cache(store.now_s)  # the store is asked once, before the first file is read
    fetch = FetchAhead(store, job, unit_features, origin_files, doubts, now_s)
    with_vectors = frame_vectors_adder(store, features.embeddings.store, job, unit_features, vision)
    fetched_assets: list[FetchedAsset] = []
    for chunk in fetch.chunks(rows):  # 2
        failures = compute_features(chunk, unit_features, vision, tagger, job, fetchers())  # 3
        # Dropping the pixels here keeps a unit's memory to that of two chunks.
        finished = (captioned(item.without_pixels(), failures) for item in chunk)
        fetched_assets += [
            with_vectors(with_face_conflict(item, unit_features, job.deal.rights))
            for item in finished
        ]
        report_progress(job.progress_path, "enrich", len(chunk))
    refused = read_refused_files(  # 4
        store,
        [block for block in blocks if is_refused_block(block)],
        recent,
        job,
        unit_features,
        now_s,
        fetchers(),
    )
    save_features(features, inspected, unit_features, refused, low, high)  # 5
    refused.files.extend(files_refused_here(fetched_assets, job, unit_features))
    return _commit(store, job, unit, fetched_assets, unit_features, in_texts, refused, watch)


def _read_rows(store: Store, blocks: Iterable[RowBlock], recent: RecentFiles) -> list[ClearedRow]:
    ordered = sorted(blocks, key=lambda block: (block.key, block.offset))
    if not ordered:
        return []
    table = pa.concat_tables(read_blocks(store, ordered, recent))
    return rows_of(table.sort_by([("hash", "ascending")]), ClearedRow)


def _commit(
    store: Store,
    job: Job,
    unit: int,
    fetched_assets: Sequence[FetchedAsset],
    unit_features: UnitFeatures,
    in_texts: Mapping[str, set[PersonalKind]],
    refused: RefusedFiles,
    watch: Stopwatch,
) -> UnitReceipt:
    decisions: list[Decision] = []
    rows: list[UnitRow] = []
    for item in fetched_assets:
        decision = item.decision
        if decision is None:
            row, decision = row_or_refusal(item, job, unit_features)
        if decision is None:
            rows.append(row)
        else:
            decisions.append(decision)
    log_excluded("enrich", decisions)
    counts = StepCounts(entered=len(fetched_assets), passed=len(fetched_assets) - len(decisions))
    for decision in decisions:
        counts.add_decision(decision)
    stated = {item.row["asset_id"]: item.server_reading for item in fetched_assets}
    write_unit(store, job, unit, pa.Table.from_pylist(rows, schema=UNIT_SCHEMA))  # 6
    tables = {
        REFUSED: refused_files_table(refused.files),
        "decisions": decisions_table(decisions),
        "dead_letters": failed_assets_table(decisions),
        "signals": signals_table(fetched_assets, job.as_of.isoformat()),
        layout.MEDIA: media_table(fetched_assets),
    }
    record = {
        "counts": counts.to_json(),
        **unit_features.count_new(),
        "personal": count_read(fetched_assets, in_texts).to_json(),
        "cost": watch.cost(counts.entered).to_json(),
    }
    commit(store, job, unit, record, statements_json(stated), tables)  # 7
    return _receipt(unit, record)


def _receipt(unit: int, record: Record) -> UnitReceipt:
    counts = StepCounts.from_json(record["counts"])
    personal = PersonalCounts.from_json(record["personal"])
    decoded, embedded, captioned = (record[name] for name in ("decoded", "embedded", "captioned"))
    # A unit that an earlier release committed has neither.
    inspected = record.get("inspected", 0)
    cost = Cost.from_json(record.get("cost", {}))
    return UnitReceipt(unit, counts, decoded, embedded, captioned, inspected, personal, cost)
