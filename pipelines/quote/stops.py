"""Raises what would stop a run of a deal, once all parts of the catalogue are screened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.catalogue.parts import TablePart
from pipelines.catalogue.quick_read import read_quickly
from pipelines.catalogue.reference_verdict import reference_error
from pipelines.catalogue.references import find_unreached
from pipelines.quote.count import DealTask
from pipelines.quote.scan_part import PartResult, Scan, one_array
from pipelines.quote.tally import Tally
from pipelines.storage.columns import Column
from schemas.errors import InputError


def refuse_stopped(scan: Scan, tallies: Sequence[Tally], results: Sequence[PartResult]) -> None:
    """Raises what would stop a run of one of the deals.

    Raises:
        InputError: If the catalogue's checks would, or there are no assets.
    """
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
            yield one_array(table, "asset_id").drop_null()
