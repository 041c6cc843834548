"""Screens a whole catalogue for deals, in several processes, a part at a time; writes nothing.

The processes are forked, so that they share the indexes. Great Expectations, which takes seconds to
start, is asked only if a rule that stops a run fails, for what it says.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread
from typing import cast

import pyarrow as pa

from pipelines.catalogue.agreement_references import find_agreement_references
from pipelines.catalogue.joins import watch_joins
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.parts import Catalogue
from pipelines.catalogue.read import read_table
from pipelines.catalogue.references import watch_references
from pipelines.catalogue.suite import check_divert, load_suite
from pipelines.quote.count import DealTask
from pipelines.quote.reached import IndexedWatch
from pipelines.quote.recorded import Recorded
from pipelines.quote.repeats import Repeats, Run, find_repeats, forget_hashes, share_hashes
from pipelines.quote.scan_part import Scan, check_small_table, scan_part, shared
from pipelines.quote.stops import refuse_stopped
from pipelines.quote.tally import Tally
from pipelines.rights.rules.screen import build_rights_index
from pipelines.rights.text_hashes import new_secret
from schemas.catalogue import SMALL_TABLES
from schemas.deal import Deal
from schemas.removed import Removed

_FEW_ROWS = 200_000  # so many are counted in this process
_BY_WEIGHT = ("weighted", "two_factor")


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
    with shared(scan), _processes(count) as run:
        checked = run(check_small_table, SMALL_TABLES)
        results = list(run(scan_part, range(len(parts))))
        list(checked)
    tallies = [Tally() for _ in scan.tasks]
    for result in sorted(results, key=lambda one: one.number):
        for tally, own in zip(tallies, result.tallies, strict=True):
            tally.add(own)
    refuse_stopped(scan, tallies, results)
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
