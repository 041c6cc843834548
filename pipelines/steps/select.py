"""Selects samples over all units of a run and plans the shards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.run.costs import Stopwatch, total_cost
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import Decision, decisions_of, write_part
from pipelines.run.job import Job
from pipelines.run.logs import log_excluded
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.receipts import ShardSpec, UnitReceipt
from pipelines.selection.dedupe import CANDIDATES_SCHEMA, UNIT_COLUMNS, candidates_of
from pipelines.selection.measured import MEASURED_COLUMNS, Unmet, find_unmet, is_judged
from pipelines.selection.near import near_pairs
from pipelines.selection.perceptual_index import Indices
from pipelines.selection.plan import PlannedShard, plan_shards
from pipelines.selection.select import Selection, refusals_in_order, select_samples
from pipelines.selection.splits import PARTS_FIELDS, divide
from pipelines.steps.likeness import RunEvidence, likeness_record, write_likeness
from pipelines.steps.refused import all_refused_files
from pipelines.steps.unit_parts import join_tables_of_units
from pipelines.steps.units import read_unit
from pipelines.storage.columns import values_of
from pipelines.storage.mapped_table import join_tables
from pipelines.storage.parallel import do_in_parallel, in_parallel
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json, write_table
from schemas.deal_terms import Ruling
from schemas.reasons import Reason
from schemas.removed import Removed

_PLAN_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string(), nullable=False),
    pa.field("unit", pa.int32(), nullable=False),
    *PARTS_FIELDS,
]
PLAN_SCHEMA = pa.schema(_PLAN_FIELDS)
#: Up to so many candidates, 276 bytes each, are held in memory.
ROWS_IN_MEMORY = 1_000_000
_LOG_ROWS = 4_096


@dataclass
class _Outcome:
    """What the selection came to; the records are empty if the run ends before it."""

    counts: StepCounts
    planned: list[ShardSpec] = field(default_factory=list)
    copies: dict[str, object] = field(default_factory=dict)
    likeness: dict[str, object] = field(default_factory=dict)
    faces: dict[str, int] = field(default_factory=dict)


def plan_run(store: Store, job: Job, receipts: list[UnitReceipt]) -> list[ShardSpec]:
    """Selects samples among all units' assets and writes one plan per shard to the work area.

    Returns:
        The shards to write; none if the run ends here because too many assets failed.
    """
    watch = Stopwatch()
    counts, personal = StepCounts(), PersonalCounts()
    for receipt in receipts:
        counts.add(receipt.counts)
        personal.add(receipt.personal)
    looks = ("inspected",) if job.inspectors.looks else ()
    computed = {
        name: sum(getattr(receipt, name) for receipt in receipts)
        for name in ("decoded", "embedded", "captioned", *looks)
    }
    refused_of_units = join_tables_of_units(store, job, [receipt.unit for receipt in receipts])
    read_counts = StepCounts.from_json(read_json(store, f"{job.work}/verdict.json")["counts"])
    failed = read_counts.failed_assets + counts.failed_assets
    stopped = failed > job.deal.limits.dead_letter_share * read_counts.entered
    outcome = _Outcome(StepCounts(entered=counts.passed))
    if not stopped:
        _select(store, job, receipts, refused_of_units, outcome)
    record = {
        "enrich": counts.to_json(),
        "select": outcome.counts.to_json(),
        "computed": computed,
        "copies": outcome.copies,
        "likeness": outcome.likeness,
        "faces": outcome.faces,
        "personal": personal.to_json(),
        "dead_letters": failed,
        "stopped": stopped,
        "shards": len(outcome.planned),
        "costs": {
            "enrich": total_cost((one.cost for one in receipts), job.begun_s).to_json(),
            "select": watch.cost(counts.passed).to_json(),
        },
    }
    store.write_bytes(f"{job.work}/plan.json", json_bytes(record))
    report_progress(job.progress_path, "select", counts.passed, counts.passed)
    report_progress(job.progress_path, "write", 0, outcome.counts.passed)
    return outcome.planned


def _select(
    store: Store,
    job: Job,
    receipts: list[UnitReceipt],
    refused_of_units: list[pa.Table],
    outcome: _Outcome,
) -> None:
    """Selects samples, writes the decisions on the others, and plans the shards."""
    terms, rulings = job.deal.select, job.deal.rulings
    candidates = _candidates(store, job, receipts)
    refused = all_refused_files(job, refused_of_units)
    evidence = RunEvidence(store, job, candidates)
    unmet = _unmet(store, job, receipts)
    outcome.faces = _count_faces(store, job, receipts)
    selection = select_samples(candidates, terms, evidence, refused, rulings, unmet)
    write_likeness(store, job, candidates, selection.pairs)
    outcome.likeness = likeness_record(candidates, selection.pairs, terms.keep_both)
    outcome.copies = _copies_record(refused, rulings, selection.rulings_used)
    _count_selected(outcome.counts, job, candidates, selection)
    _write_refusals(store, job, candidates, selection)
    parts = _divide(job, candidates, selection, evidence)
    outcome.planned = _plan(store, job, candidates, selection.chosen, parts)


def _count_selected(
    counts: StepCounts, job: Job, candidates: pa.Table, selection: Selection
) -> None:
    counts.passed = len(selection.chosen)
    for decision in selection.refusals:
        counts.add_decision(decision)
    if len(selection.over_cap):
        counts.add_refusals([Reason.SELECT_OVER_CAP], len(selection.over_cap))
    counts.notices = _notices_of_copies(candidates, selection.refusals, job.removed)


def _write_refusals(store: Store, job: Job, candidates: pa.Table, selection: Selection) -> None:
    refusals = refusals_in_order(candidates, selection, job.deal.select)
    batches = refusals.to_batches(_LOG_ROWS)
    log_excluded("select", (one for batch in batches for one in decisions_of(batch)))
    write_part(store, f"{job.work}/agency/decisions/select.parquet", refusals)


def _divide(
    job: Job, candidates: pa.Table, selection: Selection, evidence: RunEvidence
) -> pa.Table:
    """Returns which split, group and cluster each chosen asset is in."""
    terms, pairs = job.deal.split, None
    if job.deal.select.compares_looks:
        pairs = selection.pairs
    elif terms.validation_bp or terms.groups == "publish":
        # What selection kept although it shows the same is not divided between splits either.
        pairs = tuple(near_pairs(candidates, selection.chosen, evidence))
    return divide(candidates, selection.chosen, pairs, terms, job.salt)


def _notices_of_copies(
    candidates: pa.Table, refusals: Sequence[Decision], removed: Removed
) -> Counter[str]:
    """Counts, by notice of removal, the refused assets that have a removed asset's file."""
    notices = removed.notices("asset")
    by_digest: dict[str, set[str]] = defaultdict(set)
    for asset, listed in removed.files:
        by_digest[listed].update(notices.get(asset, ()))
    copies = [one.asset_id for one in refusals if Reason.DUPLICATE_OF_REFUSED in one.reasons]
    if not by_digest or not copies:
        return Counter()
    rows = candidates.filter(pc.is_in(candidates["asset_id"], pa.array(copies, pa.string())))
    found: Counter[str] = Counter()
    for digest in values_of(rows["media_sha256"], bytes):
        found.update(by_digest.get(digest.hex(), ()))
    return found


def _copies_record(
    refused: pa.Table, rulings: Sequence[Ruling], used: Container[str]
) -> dict[str, object]:
    """Counts the refused assets whose copies were looked for, and by what."""
    unread = len(refused.filter(pc.equal(refused["media_sha256"], pa.scalar(""))))
    return {
        "refused_assets": len(refused),
        "refused_files_read": len(refused) - unread,
        "refused_files_not_read": unread,
        "rulings_used": [ruling.ref for ruling in rulings if ruling.ref in used],
        "rulings_without_effect": [ruling.ref for ruling in rulings if ruling.ref not in used],
    }


def _candidates(store: Store, job: Job, receipts: list[UnitReceipt]) -> pa.Table:
    """Returns all units' assets (CANDIDATES_SCHEMA), each column as a single chunk."""

    def read(unit: int) -> pa.Table:
        return candidates_of(read_unit(store, job, unit, UNIT_COLUMNS), unit)

    units = in_parallel(store, read, sorted(receipt.unit for receipt in receipts))
    return join_tables(units, CANDIDATES_SCHEMA, ROWS_IN_MEMORY)


def _unmet(store: Store, job: Job, receipts: list[UnitReceipt]) -> dict[int, Unmet]:
    """Returns the candidates whose measures are not what the deal requires, by index."""
    unmet: dict[int, Unmet] = {}
    if not is_judged(job.deal.quality):
        return unmet
    first = 0
    for receipt in sorted(receipts, key=lambda item: item.unit):
        rows = read_unit(store, job, receipt.unit, MEASURED_COLUMNS)
        for at, found in find_unmet(rows, job.deal.quality).items():
            unmet[first + at] = found
        first += len(rows)
    return unmet


def _count_faces(store: Store, job: Job, receipts: list[UnitReceipt]) -> dict[str, int]:
    """Counts the remaining assets by the number of their faces; empty if the deal ignores faces."""
    if job.deal.rights.faces == "ignore":
        return {}
    found = {"counted": 0, "not_counted": 0, "more_than_declared": 0}
    for receipt in receipts:
        rows = read_unit(store, job, receipt.unit, ["faces", "people_count"])
        faces, people = rows["faces"], pc.fill_null(rows["people_count"], pa.scalar(0, pa.int32()))
        found["counted"] += len(rows) - faces.null_count
        found["not_counted"] += faces.null_count
        found["more_than_declared"] += len(rows.filter(pc.greater(faces, people)))
    return found


def _plan(
    store: Store, job: Job, candidates: pa.Table, chosen: Indices, parts: pa.Table
) -> list[ShardSpec]:
    """Plans the shards, and writes each one's plan (PLAN_SCHEMA)."""
    cut = job.deal.shards
    judged = candidates.select(["hash", "family", "bytes"]).take(chosen)
    planned = plan_shards(
        job.deal.deal_id,
        judged.append_column("split", parts["split"]),
        cut.target_bytes,
        cut.min_shards,
        cut.counts == "equal",
    )
    named = candidates.select(["asset_id", "unit"])

    def write(shard: PlannedShard) -> None:
        """Takes a shard's rows only now, since all of them together need much memory."""
        table, own = named.take(chosen[shard.rows]), parts.take(shard.rows)
        for part in PARTS_FIELDS:
            table = table.append_column(part, own[part.name])
        key = f"{job.work}/plan/{shard.spec.name}.parquet"
        write_table(store, key, table.select(PLAN_SCHEMA.names))

    do_in_parallel(store, [partial(write, shard) for shard in planned])
    return [shard.spec for shard in planned]
