"""Catalogue checks: has Great Expectations check every batch and collects the results.

A row that fails a `divert` rule becomes a failed asset. Failures of a `stop` rule are counted over
all batches and end the run before any media is fetched, unless the deal's `gate.divert` names the
rule: then the rows stay, and screening refuses them with a reason of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.derive import build_frame
from pipelines.catalogue.memory import NO_MEMORY, CheckMemory, Found, check_key
from pipelines.catalogue.named_people import count_people
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.outcome import (
    MAX_EXAMPLES,
    GateSummary,
    RuleExample,
    RuleOutcome,
    sort_outcomes,
    stop_error,
)
from pipelines.catalogue.read import Catalogue, FailedRow, find_form_faults, read_table
from pipelines.catalogue.suite import DIVERT, REPORT, STOP, Rule, RuleSuite, load_suite
from pipelines.catalogue.values import shorten
from pipelines.process.no_garbage import collecting_no_garbage
from pipelines.storage.tables import table_digest
from schemas.catalogue import SMALL_TABLES
from schemas.faults import Faults
from schemas.reasons import Reason

if TYPE_CHECKING:
    import pandas as pd

_MAX_CHECKED = 16
_checked: dict[str, Found] = {}  # what was found in small tables, by key, oldest first


@dataclass(frozen=True)
class GateResult:
    """A checked batch; `table.num_rows + len(failed_rows)` rows were checked.

    Attributes:
        table: The rows that passed.
        failed_rows: What is said of the others.
        summary: The result of each rule.
        diverted: The rows that did not pass.
    """

    table: pa.Table
    failed_rows: tuple[FailedRow, ...]
    summary: GateSummary
    diverted: pa.Table


def gate_batch(
    batch: pa.Table,
    suite: RuleSuite,
    divert: frozenset[str],
    memory: CheckMemory = NO_MEMORY,
) -> GateResult:
    """Evaluates a suite on a batch.

    Args:
        batch: Rows that conform to the suite's table.
        suite: From `load_suite`.
        divert: Stop rules that do not stop a run of this deal, from `check_divert`.
        memory: What was found in batches before.

    Returns:
        The rows that passed, the failed rows, and the result of each rule.
    """
    if batch.num_rows == 0:
        empty_outcomes = (RuleOutcome(r.name, _effect(r, divert), 0, 0, ()) for r in suite.rules)
        summary = GateSummary(0, 0, sort_outcomes(empty_outcomes))
        return GateResult(batch, (), summary, batch)
    columns = (batch.schema.names[0], *(rule.column for rule in suite.rules))
    # Built only if rows are evaluated or have failed: it needs pandas, which takes long to import.
    frame = cache(partial(build_frame, batch, columns))
    found = _found(batch, frame, suite, memory)
    outcomes: list[RuleOutcome] = []
    failed_by_row: dict[int, FailedRow] = {}
    for rule in suite.rules:
        evaluated, rows = found[rule.name]
        if not rows:
            outcomes.append(RuleOutcome(rule.name, _effect(rule, divert), evaluated, 0, ()))
            continue
        ids, values = frame().iloc[:, 0].to_numpy(dtype=object), frame()[rule.column]
        first = heapq.nsmallest(MAX_EXAMPLES, ((str(ids[row]), row) for row in rows))
        examples = tuple(
            sorted(RuleExample(name, _value_text(values.iloc[row])) for name, row in first)
        )
        effect = _effect(rule, divert)
        outcomes.append(RuleOutcome(rule.name, effect, evaluated, len(rows), examples))
        if effect == DIVERT:
            for row in rows:
                detail = _failure_detail(rule, _value_text(values.iloc[row]))
                failed_by_row.setdefault(
                    row, FailedRow(str(ids[row] or ""), Reason.ROW_INVALID, detail)
                )
    summary = GateSummary(batch.num_rows, len(failed_by_row), sort_outcomes(outcomes))
    if not failed_by_row:
        return GateResult(batch, (), summary, batch.slice(0, 0))
    passing = np.ones(batch.num_rows, np.bool_)
    passing[sorted(failed_by_row)] = False
    failed_rows = tuple(failed_by_row[row] for row in sorted(failed_by_row))
    diverted = batch.filter(pa.array(~passing))
    return GateResult(batch.filter(pa.array(passing)), failed_rows, summary, diverted)


def _found(
    batch: pa.Table, frame: Callable[[], pd.DataFrame], suite: RuleSuite, memory: CheckMemory
) -> Found:
    """Returns what each rule found in a batch: what was found before, or by evaluating it now."""
    key = check_key(suite, table_digest(batch)) if memory.is_used or suite.table != "assets" else ""
    found = memory.recall(key) if key else None
    if found is not None and not _is_possible(found, suite, batch.num_rows):
        found = None  # altered where it was kept
    if found is None and (found := _checked.get(key)) is None:
        with collecting_no_garbage():  # it takes long to import
            from pipelines.catalogue.expectations import evaluate

        found = evaluate(frame(), suite)
        if suite.table != "assets":  # a run reads the small tables before it begins, and again
            _checked[key] = found
            if len(_checked) > _MAX_CHECKED:
                _checked.pop(next(iter(_checked)))
    if key:
        memory.keep(key, found)
    return found


def _is_possible(found: Found, suite: RuleSuite, rows: int) -> bool:
    """Returns whether the rules of a suite can have found this in so many rows."""
    return found.keys() == {rule.name for rule in suite.rules} and all(
        evaluated <= rows and len(set(failed)) == len(failed) and set(failed) <= set(range(rows))
        for evaluated, failed in found.values()
    )


def _effect(rule: Rule, divert: frozenset[str]) -> str:
    return REPORT if rule.on_failure == STOP and rule.name in divert else rule.on_failure


def _value_text(value: object) -> str:
    """Returns a frame value as text; pandas stores integers with nulls as floats."""
    import pandas as pd  # after the check of a frame, which has imported it

    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return shorten(value if isinstance(value, str) else str(value))


def _failure_detail(rule: Rule, value: str) -> str:
    return f"{rule.name}: {rule.column} = '{value}': {rule.failure_text.replace('{value}', value)}"


def check_table(table: pa.Table, name: str, memory: CheckMemory = NO_MEMORY) -> GateSummary:
    """Checks a small table as a whole; the same rows are checked once in a process.

    A run reads the small tables before it begins and again while it runs.

    Args:
        table: The table as `read_table` returns it.
        name: One of SMALL_TABLES.
        memory: What was found in tables before.

    Raises:
        InputError: If a stop rule fails.
    """
    suite = load_suite(name)
    summary = gate_batch(table, suite, frozenset(), memory).summary
    error = stop_error(summary, suite)
    if error is not None:
        raise error
    return summary


def read_small_tables(
    catalogue: Catalogue,
    notes: CellNotes | None = None,
    counts: dict[str, TableCount] | None = None,
    memory: CheckMemory = NO_MEMORY,
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Reads and checks the tables of contributors, consents, releases and agreements.

    Args:
        catalogue: The catalogue.
        notes: Where to add what reading did to cells.
        counts: Where to add how many rows of each table were read.
        memory: What was found in tables before.

    Raises:
        InputError: If a row cannot be read or fails a stop rule. A lost row here could be a
            lost withdrawal of consent, so no row is left out.
    """
    tables: dict[str, pa.Table] = {}
    faults = Faults()
    for name in SMALL_TABLES:
        table = faults.attempt(partial(read_table, catalogue, name, notes, counts))
        if table is not None:
            tables[name] = table
            faults.attempt(partial(check_table, table, name, memory))
    if faults:
        find_form_faults(catalogue.parts("assets"), catalogue.mapping, faults)
    faults.report()
    if counts is not None:
        people = count_people(tables["contributors"], tables["releases"])
        counts["releases"] = replace(counts["releases"], named=tuple(people.items()))
    contributors, consents, releases, agreements = (tables[name] for name in SMALL_TABLES)
    return contributors, consents, releases, agreements
