"""Catalogue checks: runs Great Expectations on every batch and collects the results.

A row that fails a `divert` rule becomes a failed asset. Failures of a `stop` rule are counted over
all batches and end the run before any media is fetched, unless the deal's `gate.divert` names the
rule: then the rows stay, and screening refuses them with a reason of its own.
"""

from __future__ import annotations

import functools
import heapq
import json
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pyarrow as pa
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.derive import build_frame
from pipelines.catalogue.expectation_speed import remembered_configurations
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
from pipelines.storage.tables import table_digest
from schemas.catalogue import SMALL_TABLES
from schemas.faults import Faults
from schemas.reasons import Reason

# Failures are counted first; the failing rows are requested only for rules that some row fails.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
_WITH_FAILING_ROWS = {"result_format": "COMPLETE", "partial_unexpected_count": 0}
_MAX_CHECKED = 16
_checked: dict[tuple[str, str], GateSummary] = {}  # by suite and digest, oldest first
_LOCK = threading.Lock()  # a Great Expectations context holds state, so one thread at a time


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


@functools.cache
def _batch_definition() -> BatchDefinition[None]:
    """Creates the process's one in-memory context, which writes no files and makes no calls."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("catalogue").add_dataframe_asset("batch")
    return asset.add_batch_definition_whole_dataframe("whole")


@functools.lru_cache(maxsize=8)
def expectation_suite(source: str) -> gx.ExpectationSuite:
    """Returns the suite as a Great Expectations object."""
    return gx.ExpectationSuite(**json.loads(source))


@functools.lru_cache(maxsize=256)
def _minimal_suite(source: str, rule_names: frozenset[str] | None = None) -> gx.ExpectationSuite:
    """Returns some or all rules of a suite without `meta`, as it is copied for every metric."""
    suite = json.loads(source)
    rules = [{**entry, "meta": {"rule": entry["meta"]["rule"]}} for entry in suite["expectations"]]
    wanted = [entry for entry in rules if rule_names is None or entry["meta"]["rule"] in rule_names]
    return gx.ExpectationSuite(**{**suite, "expectations": wanted})


def _validate(frame: pd.DataFrame, suite: RuleSuite) -> dict[str, tuple[int, list[int]]]:
    """Returns, for each rule, how many values it evaluated and which rows failed.

    Raises:
        RuntimeError: If an expectation could not be evaluated; this never counts as a pass.
    """
    with _LOCK, remembered_configurations():
        batch = _batch_definition().get_batch(batch_parameters={"dataframe": frame})
        counted = _results_by_rule(
            batch.validate(_minimal_suite(suite.source), result_format=_COUNTS_ONLY)
        )
        if counted.keys() != {rule.name for rule in suite.rules}:
            raise RuntimeError("a rule of the suite was not evaluated")
        failed = frozenset(name for name, found in counted.items() if found["unexpected_count"])
        rows: dict[str, dict[str, Any]] = {}
        if failed:
            second_pass = batch.validate(
                _minimal_suite(suite.source, failed), result_format=_WITH_FAILING_ROWS
            )
            rows = _results_by_rule(second_pass)
    if rows.keys() != failed:
        raise RuntimeError("a rule that failed was not evaluated again")
    found = {}
    for name, result in counted.items():
        failing_rows = (
            [int(row) for row in rows[name]["unexpected_index_list"]] if name in failed else []
        )
        if len(failing_rows) != result["unexpected_count"]:
            raise RuntimeError(
                f"the rule {name} failed {result['unexpected_count']} rows: {failing_rows}"
            )
        found[name] = (int(result["element_count"] - result.get("missing_count", 0)), failing_rows)
    return found


def _results_by_rule(report: ExpectationSuiteValidationResult) -> dict[str, dict[str, Any]]:
    """Returns the results of Great Expectations, by rule name."""
    found = {}
    for entry in report.results:
        if entry.expectation_config is None:
            raise RuntimeError("a result of Great Expectations names no expectation")
        name = entry.expectation_config.meta["rule"]
        if (
            entry.exception_info.get("raised_exception", False)
            or "element_count" not in entry.result
        ):
            raise RuntimeError(f"the rule {name} could not be evaluated: {entry.exception_info}")
        found[name] = entry.result
    return found


def gate_batch(batch: pa.Table, suite: RuleSuite, divert: frozenset[str]) -> GateResult:
    """Evaluates a suite on a batch.

    Args:
        batch: Rows that conform to the suite's table.
        suite: From `load_suite`.
        divert: Stop rules that do not stop a run of this deal, from `check_divert`.

    Returns:
        The rows that passed, the failed rows, and the result of each rule.
    """
    if batch.num_rows == 0:
        empty_outcomes = (RuleOutcome(r.name, _effect(r, divert), 0, 0, ()) for r in suite.rules)
        summary = GateSummary(0, 0, sort_outcomes(empty_outcomes))
        return GateResult(batch, (), summary, batch)
    frame = build_frame(batch, [batch.schema.names[0], *(rule.column for rule in suite.rules)])
    ids = frame.iloc[:, 0].to_numpy(dtype=object)
    found = _validate(frame, suite)
    outcomes: list[RuleOutcome] = []
    failed_by_row: dict[int, FailedRow] = {}
    for rule in suite.rules:
        evaluated, rows = found[rule.name]
        values = frame[rule.column]
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


def _effect(rule: Rule, divert: frozenset[str]) -> str:
    return REPORT if rule.on_failure == STOP and rule.name in divert else rule.on_failure


def _value_text(value: object) -> str:
    """Returns a frame value as text; pandas stores integers with nulls as floats."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return shorten(value if isinstance(value, str) else str(value))


def _failure_detail(rule: Rule, value: str) -> str:
    return f"{rule.name}: {rule.column} = '{value}': {rule.failure_text.replace('{value}', value)}"


def check_table(table: pa.Table, name: str) -> GateSummary:
    """Checks a small table as a whole; the same rows are checked once in a process.

    A run reads the small tables before it begins and again while it runs.

    Args:
        table: The table as `read_table` returns it.
        name: One of SMALL_TABLES.

    Raises:
        InputError: If a stop rule fails.
    """
    suite = load_suite(name)
    key = (suite.source, table_digest(table))
    summary = _checked.get(key)
    if summary is None:
        summary = _checked[key] = gate_batch(table, suite, frozenset()).summary
        if len(_checked) > _MAX_CHECKED:
            _checked.pop(next(iter(_checked)))
    error = stop_error(summary, suite)
    if error is not None:
        raise error
    return summary


def read_small_tables(
    catalogue: Catalogue,
    notes: CellNotes | None = None,
    counts: dict[str, TableCount] | None = None,
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Reads and checks the tables of contributors, consents, releases and agreements.

    Args:
        catalogue: The catalogue.
        notes: Where to add what reading did to cells.
        counts: Where to add how many rows of each table were read.

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
            faults.attempt(partial(check_table, table, name))
    if faults:
        find_form_faults(catalogue.parts("assets"), catalogue.mapping, faults)
    faults.report()
    if counts is not None:
        people = count_people(tables["contributors"], tables["releases"])
        counts["releases"] = replace(counts["releases"], named=tuple(people.items()))
    contributors, consents, releases, agreements = (tables[name] for name in SMALL_TABLES)
    return contributors, consents, releases, agreements
