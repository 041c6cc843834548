"""Evaluates the rules of a suite on some rows with Great Expectations.

Importing Great Expectations takes a third of the time that a command takes to start, so that this
module is imported only where rows are checked that no earlier run has checked.
"""

from __future__ import annotations

import functools
import json
import threading
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig

from pipelines.catalogue.expectation_speed import quick_identities, remembered_configurations
from pipelines.catalogue.memory import Found
from pipelines.catalogue.suite import RuleSuite

# Failures are counted first; the failing rows are requested only for rules that some row fails.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
_WITH_FAILING_ROWS = {"result_format": "COMPLETE", "partial_unexpected_count": 0}
_LOCK = threading.Lock()  # a Great Expectations context holds state, so one thread at a time


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


def evaluate(frame: pd.DataFrame, suite: RuleSuite) -> Found:
    """Returns, for each rule, how many values it evaluated and which rows failed.

    Args:
        frame: The rows, with the columns that rules are about.
        suite: The rules.

    Raises:
        RuntimeError: If an expectation could not be evaluated; this never counts as a pass.
    """
    with _LOCK, remembered_configurations(), quick_identities():
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
