"""Screens one part of a catalogue's assets for deals, in any of the processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipelines.catalogue.parts import Catalogue
from pipelines.catalogue.quick_gate import GATE_COLUMNS, failing_rows, passes
from pipelines.catalogue.quick_read import read_quickly
from pipelines.catalogue.references import ReachedReferences
from pipelines.catalogue.suite import RuleSuite, load_suite
from pipelines.quote.candidates import COVER_COLUMNS
from pipelines.quote.count import COUNTED_COLUMNS, DealTask, count_batch
from pipelines.quote.reached import IndexedWatch
from pipelines.quote.repeats import IdHashes, Repeats
from pipelines.quote.tally import Tally
from pipelines.rights.arrow import BoolArray
from pipelines.rights.rules.attribution import ATTRIBUTION_COLUMNS
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.rule import NEEDED_GRANTS
from pipelines.rights.text_hashes import hash_column
from pipelines.storage.columns import Column
from schemas.catalogue import ASSETS_SCHEMA, SMALL_TABLES, grant_column
from schemas.reasons import Reason

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


_shared: list[Scan] = []


@contextmanager
def shared(scan: Scan) -> Iterator[None]:
    """Lets this process, and those that are forked from it meanwhile, know what is scanned."""
    _shared[:] = [scan]
    try:
        yield
    finally:
        _shared.clear()


def check_small_table(name: str) -> None:
    """Has Great Expectations judge a small table, if something about it may be wrong."""
    table = _shared[0].tables[SMALL_TABLES.index(name)]
    if not passes(table, load_suite(name)):
        from pipelines.catalogue.gate import check_table

        check_table(table, name)


def scan_part(number: int) -> PartResult:
    """Screens and counts the assets of a part for each of the deals."""
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
            hashes = hash_column(one_array(table, "asset_id"), scan.hashed.secret)
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


def one_array(table: pa.Table, name: str) -> Column:
    """Returns a table's column as one array."""
    return table.column(name).combine_chunks()
