"""Screens a whole catalogue for deals, in several processes, a part at a time; writes nothing.

The processes are forked, so that they share the indexes. Great Expectations, which takes seconds to
start, is asked only if a rule that stops a run fails, for what it says.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Thread
from typing import cast

import numpy as np
import pyarrow as pa

from pipelines.catalogue.agreement_references import find_agreement_references
from pipelines.catalogue.joins import watch_joins
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.parts import Catalogue, TablePart
from pipelines.catalogue.quick_gate import GATE_COLUMNS, failing_rows, passes
from pipelines.catalogue.quick_read import read_quickly
from pipelines.catalogue.read import read_table
from pipelines.catalogue.reference_verdict import reference_error
from pipelines.catalogue.references import (
    ReachedReferences,
    find_unreached,
    watch_references,
)
from pipelines.catalogue.suite import RuleSuite, check_divert, load_suite
from pipelines.quote.candidates import COVER_COLUMNS
from pipelines.quote.count import COUNTED_COLUMNS, DealTask, count_batch
from pipelines.quote.reached import IndexedWatch
from pipelines.quote.recorded import Recorded
from pipelines.quote.repeats import (
    IdHashes,
    Repeats,
    Run,
    find_repeats,
    forget_hashes,
    share_hashes,
)
from pipelines.quote.tally import Tally
from pipelines.rights.arrow import BoolArray
from pipelines.rights.lookup import hash_column, new_secret
from pipelines.rights.rules.attribution import ATTRIBUTION_COLUMNS
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.rule import NEEDED_GRANTS
from pipelines.rights.rules.screen import build_rights_index
from pipelines.storage.columns import Column
from schemas.catalogue import ASSETS_SCHEMA, SMALL_TABLES, grant_column
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.reasons import Reason
from schemas.removed import Removed

_FEW_ROWS = 200_000  # so many are counted in this process
_BY_WEIGHT = ("weighted", "two_factor")
# Columns that rules look at besides those that they name.
_MORE_COLUMNS = ("created_at", "exclusive_from", "exclusive_until", "exclusive_purposes", "minors")


@dataclass(frozen=True)
class Scan:
    """What all processes know.

    Attributes:
        catalogue: The catalogue.
        tables: The small tables, in the order of SMALL_TABLES.
        tasks: The deals.
        suite: The rules of single assets.
        watches: For each deal, the references that the assets must settle.
        as_of_us: The instant as of which rights are evaluated, µs since 1970, UTC.
        hashed: Hashes of the ids of all assets.
        repeats: Ids that stand in several rows.
    """

    catalogue: Catalogue
    tables: tuple[pa.Table, ...]
    tasks: tuple[DealTask, ...]
    suite: RuleSuite
    watches: tuple[IndexedWatch, ...]
    as_of_us: int
    hashed: IdHashes
    repeats: Repeats

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns of assets that are looked at; `asset_id` is the first."""
        names = {
            *GATE_COLUMNS,
            *COUNTED_COLUMNS,
            *_MORE_COLUMNS,
            "release_ids",
            *ATTRIBUTION_COLUMNS,
        }
        for task in self.tasks:
            names.update(COVER_COLUMNS if task.candidates else ())
            for rule in SCREENING_RULES:
                if rule.applies(task.deal):
                    names.update(rule.columns)
                    if rule.columns == (NEEDED_GRANTS,):
                        names.update(grant_column(name) for name in task.deal.judged_purposes)
                    if rule.code == "text.personal_data":
                        names.update(("title", "description", "keywords"))
        return tuple(name for name in ASSETS_SCHEMA.names if name in names)


@dataclass(frozen=True)
class Scanned:
    """What screening came to.

    Attributes:
        tables: The small tables, in the order of SMALL_TABLES.
        tasks: The deals, with what they were screened by.
        tallies: For each deal, what was counted.
    """

    tables: tuple[pa.Table, ...]
    tasks: tuple[DealTask, ...]
    tallies: list[Tally]


@dataclass
class PartResult:
    """What a part came to.

    Attributes:
        number: Its number among the catalogue's parts.
        tallies: For each deal.
        reached: For each deal, the references that are reached.
    """

    number: int
    tallies: list[Tally]
    reached: list[list[ReachedReferences]] = field(default_factory=list)


def scan_deals(
    catalogue: Catalogue,
    deals: Sequence[Deal],
    removed: Sequence[Removed],
    as_of_us: int,
    workers: int = 1,
    recorded: Sequence[Recorded | None] = (),
    candidates: int = 0,
) -> Scanned:
    """Screens and counts all assets of a catalogue for deals.

    Args:
        catalogue: The catalogue.
        deals: The deals.
        removed: For each of them, what notices of removal keep out.
        as_of_us: The instant as of which rights are evaluated, µs since 1970, UTC.
        workers: How many processes to use for more than a few rows.
        recorded: For each of the deals, what an earlier version found in files; or nothing.
        candidates: How many cleared assets to keep, of which some are chosen; 0 for none.

    Raises:
        InputError: If a run would be stopped by the catalogue's checks, or a deal names a rule that
            does not exist.
    """
    parts = catalogue.parts("assets")
    few = len(parts) < 2 or (catalogue.rows is not None and catalogue.rows < _FEW_ROWS)
    count = 1 if few else workers
    hashed = share_hashes(catalogue, new_secret())
    try:
        with _processes(count) as run:
            # Other processes hash ids while the small tables are indexed.
            found = _begin(partial(find_repeats, run, len(parts))) if count > 1 else None
            tables, tasks, watches = _prepare(catalogue, deals, removed, as_of_us)
            repeats = found.result() if found else find_repeats(run, len(parts))
    finally:
        forget_hashes()
    tasks = [
        replace(task, recorded=one, candidates=candidates)
        for task, one in zip(tasks, recorded or [None] * len(deals), strict=True)
    ]
    suite = load_suite("assets")
    scan = Scan(
        *(catalogue, tables, tuple(tasks), suite, tuple(watches), as_of_us, hashed, repeats)
    )
    _shared[:] = [scan]
    try:
        with _processes(count) as run:
            checked = run(_check_small_table, SMALL_TABLES)
            results = list(run(_scan_part, range(len(parts))))
            list(checked)
    finally:
        _shared.clear()
    tallies = [Tally() for _ in scan.tasks]
    for result in sorted(results, key=lambda one: one.number):
        for tally, own in zip(tallies, result.tallies, strict=True):
            tally.add(own)
    _judge(scan, tallies, results)
    return Scanned(scan.tables, scan.tasks, tallies)


@contextmanager
def _processes(count: int) -> Iterator[Run]:
    """Yields what runs a function on many arguments; the results come in any order."""
    if count < 2:
        yield cast("Run", map)
        return
    with multiprocessing.get_context("fork").Pool(count) as pool:
        yield cast("Run", pool.imap_unordered)


def _begin(work: Callable[[], Repeats]) -> Future[Repeats]:
    """Begins work that waits for other processes; nobody waits for it if the command is ended."""
    future: Future[Repeats] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # for the one who asks for the result
            future.set_exception(error)

    Thread(target=do, daemon=True).start()
    return future


def _prepare(
    catalogue: Catalogue,
    deals: Sequence[Deal],
    removed: Sequence[Removed],
    as_of_us: int,
) -> tuple[tuple[pa.Table, ...], list[DealTask], list[IndexedWatch]]:
    """Reads, checks and indexes the small tables, for each of the deals."""
    notes = CellNotes()
    tables = tuple(read_table(catalogue, name, notes) for name in SMALL_TABLES)
    contributors, consents, releases, agreements = tables
    suite = load_suite("assets")
    joins = watch_joins(catalogue, dict(zip(SMALL_TABLES, tables, strict=True)), notes)
    tasks, watches = [], []
    for deal, kept_out in zip(deals, removed, strict=True):
        index = build_rights_index(
            *(contributors, consents, releases, agreements), deal, as_of_us, kept_out
        )
        tasks.append(
            DealTask(
                deal,
                index,
                check_divert(suite, deal.gate.divert),
                deal.price.allocation in _BY_WEIGHT,
                deal.price.assets_in_levels,
            )
        )
        named = find_agreement_references(contributors, consents, agreements, deal)
        watch = watch_references(
            *(contributors, consents, releases, named, joins), deal.named_assets
        )
        watches.append(IndexedWatch.of(watch))
    return tables, tasks, watches


_shared: list[Scan] = []


def _check_small_table(name: str) -> None:
    """Has Great Expectations judge a small table, if something about it may be wrong."""
    table = _shared[0].tables[SMALL_TABLES.index(name)]
    if not passes(table, load_suite(name)):
        from pipelines.catalogue.gate import check_table

        check_table(table, name)


def _scan_part(number: int) -> PartResult:
    scan = _shared[0]
    part = scan.catalogue.parts("assets")[number]
    result = PartResult(number, [Tally() for _ in scan.tasks])
    first = 0
    is_known = number in scan.repeats.known
    checked = ("asset_id",) if is_known else ()
    for read in read_quickly(part, scan.catalogue.mapping, scan.wanted, checked):
        table = read if isinstance(read, pa.Table) else read.table
        if is_known:
            hashes = scan.hashed.of_part(number)[first : first + len(table)]
        else:
            hashes = hash_column(_one_array(table, "asset_id"), scan.hashed.secret)
        again = scan.repeats.where(hashes)
        for tally, task in zip(result.tallies, scan.tasks, strict=True):
            tally.add(_count(scan, task, table, again, (number, first)))
        unread = table.slice(0, 0)
        odd: tuple[str, ...] = ()
        if not isinstance(read, pa.Table):
            unread, odd = read.unread, tuple(read.notes.odd_asset_ids)
            for tally in result.tallies:
                for row in read.failed_rows:
                    tally.failed[row.reason] += 1
                    place = ((number, first), row.asset_id)
                    tally.failed_examples.setdefault(row.reason, place)
            first += len(read.failed_rows)
        first += len(table)
        result.reached.append([watch.reached_by(table, unread, odd) for watch in scan.watches])
    return result


def _one_array(table: pa.Table, name: str) -> Column:
    return table.column(name).combine_chunks()


def _count(
    scan: Scan, task: DealTask, table: pa.Table, again: BoolArray, place: tuple[int, int]
) -> Tally:
    failed, stops = failing_rows(table, scan.suite, task.divert)
    if not failed.any():
        tally = count_batch(table, task, again, place)
        tally.stops = stops
        return tally
    kept = pa.array(~failed)
    tally = count_batch(table.filter(kept), task, again[~failed], place)
    tally.stops = stops
    at = int(np.argmax(failed))
    asset = str(table["asset_id"][at].as_py() or "")
    tally.failed[Reason.ROW_INVALID] += int(failed.sum())
    tally.failed_examples[Reason.ROW_INVALID] = ((place[0], place[1] + at), asset)
    return tally


def _judge(scan: Scan, tallies: Sequence[Tally], results: Sequence[PartResult]) -> None:
    """Raises what would stop a run of one of the deals."""
    for at, (task, tally, indexed) in enumerate(
        zip(scan.tasks, tallies, scan.watches, strict=True)
    ):
        watch = indexed.watch
        if tally.stops:
            _judge_by_suite(scan, task)
        reached = [batch[at] for result in results for batch in result.reached]

        def asset_ids() -> Iterator[Column]:
            return _asset_ids(scan)

        unreached = find_unreached(watch, reached, asset_ids)
        error = reference_error(unreached, watch, asset_ids, task.divert)
        if error is not None:
            raise error
        if not tally.entered and not tally.failed:
            uri = scan.catalogue.uri
            raise InputError("The catalogue has no assets", uri, "Give a catalogue with rows.")


def _judge_by_suite(scan: Scan, task: DealTask) -> None:
    from pipelines.catalogue.checks import judge_whole, prepare_checks

    judgement = judge_whole(prepare_checks(scan.catalogue, task.deal, scan.as_of_us))
    if judgement.error is not None:
        raise judgement.error
    raise AssertionError("the suite and its quick form disagree")


def _asset_ids(scan: Scan) -> Iterator[Column]:
    for part in scan.catalogue.parts("assets"):
        yield from _ids_of(part, scan)


def _ids_of(part: TablePart, scan: Scan) -> Iterator[Column]:
    for read in read_quickly(part, scan.catalogue.mapping, ("asset_id",)):
        tables = [read] if isinstance(read, pa.Table) else [read.table, read.unread]
        for table in tables:
            yield _one_array(table, "asset_id").drop_null()
