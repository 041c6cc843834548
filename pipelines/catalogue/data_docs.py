"""Renders the Great Expectations data docs of a run's catalogue checks as one offline page.

Great Expectations renders the content. Its usual page frame loads styles and scripts from the
network, prints the current time and gives elements random ids, so this module uses its own frame.
"""

from __future__ import annotations

import functools
import html
import itertools
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import great_expectations as gx
from great_expectations.core import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from pipelines.catalogue.expectations import expectation_suite
from pipelines.catalogue.outcome import GateSummary, RuleOutcome
from pipelines.catalogue.suite import (
    DIVERT,
    REFERENCE_RULES,
    REPORT,
    STOP,
    Rule,
    RuleSuite,
)
from schemas.errors import counted

_EFFECTS = {
    STOP: "stops the run",
    DIVERT: "makes the row a failed asset",
    REPORT: "is reported only; screening decides",
}
_EXCEPTION_KEYS = ("exception_message", "exception_traceback")
_SUITE_LINK = re.compile(r'href="(\.\./)+expectations/[^"]*"')  # this page is not written
_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>{{ page_title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1, h2, h3, h4, h5 { line-height: 1.2; margin: 1rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid #ddd; padding: .4rem .6rem; text-align: left; vertical-align: top; }
nav ul { columns: 4 10rem; list-style: none; padding: 0; }
code, .badge, .badge-secondary { background: #eef1f5; border-radius: .3rem; padding: .1rem .35rem; }
.row, .col-12 { display: block; width: auto; }
h5 { font-size: 1.2rem; }
h6 { font-size: 1rem; }
a[data-toggle] { display: none; }
.fa-check-circle::before { color: #176f2c; content: "passes"; }
.fa-times::before, .fa-exclamation-triangle::before, .fa-info-circle::before {
  color: #a40e26; content: "fails"; }
.fail { color: #a40e26; }
td { overflow-wrap: break-word; }
.count { white-space: nowrap; }
@media (max-width: 40rem) {
  #rules thead { display: none; }
  #rules tr, #rules td { display: block; }
  #rules td { border: 0; overflow-wrap: anywhere; padding: .1rem 0; }
  #rules tr { border-top: 1px solid #ddd; padding: .6rem 0; }
}
</style>
</head>
<body>
<h1>{{ page_title }}</h1>
<p>{{ note }}</p>
{% if unstated %}<h2>Not stated</h2>
<ul id="unstated">{% for line in unstated %}
<li>{{ line }}</li>{% endfor %}
</ul>
{% endif %}{% if rows %}<table id="rules">
<thead><tr><th>Rule</th><th>Requirement</th><th>A failure</th><th>Result</th></tr></thead>
<tbody>{% for row in rows %}
<tr><td><code>{{ row.name }}</code></td><td>{{ row.sentence }}</td><td>{{ row.effect }}</td>
<td{% if row.failed %} class="fail"{% endif %}>\
<span class="count">{{ row.count }}</span>\
{% for line in row.lines %}<br>{{ line }}{% endfor %}</td></tr>{% endfor %}
</tbody>
</table>
{% endif %}{% if sections %}<nav><ul>{% for section in sections %}
<li><a href="#section-{{ loop.index }}">{{ section["section_name"] }}</a></li>{% endfor %}
</ul></nav>
{% endif %}{% for section in sections %}{% set section_loop = loop -%}
{% include 'section.j2' %}
{% endfor %}
</body>
</html>
"""


@dataclass(frozen=True)
class _RuleRow:
    """One rule in the table at the top of the page; `count` says how many values failed it."""

    name: str
    sentence: str
    effect: str
    count: str
    failed: int
    lines: tuple[str, ...]


_LOCK = threading.Lock()  # a view numbers the elements of one page at a time


class _OfflineView(DefaultJinjaPageView):
    """The Great Expectations page view, with sequential instead of random element ids."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        super().__init__()

    def generate_html_element_uuid(self, prefix: str | None = None) -> str:
        return f"{prefix or ''}{next(self._numbers)}"

    def page(
        self,
        document: dict[str, object],
        note: str,
        rows: list[_RuleRow],
        unstated: Sequence[str],
    ) -> str:
        """Renders a Great Expectations document as a page that starts with a table of rules."""
        self._numbers = itertools.count(1)
        template = self.env.from_string(_PAGE)
        page = template.render(
            document, note=note, rows=rows, unstated=unstated, policy=_CONTENT_POLICY
        )
        return _SUITE_LINK.sub('href="#rules"', page)


def render_page(
    summary: GateSummary, suite: RuleSuite, as_of: datetime, unstated: Sequence[str] = ()
) -> str:
    """Returns the data docs of a run as a page.

    Args:
        summary: The suite's results for the whole catalogue.
        suite: The suite.
        as_of: The run's instant, with a time zone; used instead of the current time.
        unstated: Lines about columns that say nothing.

    Returns:
        The page. The same summary and instant give the same text.
    """
    instant = as_of.astimezone(UTC)
    report = _validation_report(summary, suite, instant)
    document = ValidationResultsPageRenderer().render(report).to_json_dict()
    document["page_title"] = f"Catalogue checks: {suite.table} as of {instant:%Y-%m-%d %H:%M} UTC"
    if summary.rows == 0:  # of which Great Expectations says that all succeeded
        document["sections"] = []
    with _LOCK:
        return _page_view().page(document, _note(summary), _rule_rows(summary, suite), unstated)


def _note(summary: GateSummary) -> str:
    if summary.rows == 0:
        return "No row was checked, so nothing is known to hold. The run's error says why."
    return (
        f"{counted(summary.rows, 'row')} checked, "
        f"{counted(summary.diverted, 'failed asset')} among them. "
        f"Great Expectations {gx.__version__}."
    )


@functools.cache
def _page_view() -> _OfflineView:
    """Returns the process's one view, which caches its compiled templates."""
    return _OfflineView()


def _validation_report(
    summary: GateSummary, suite: RuleSuite, instant: datetime
) -> ExpectationSuiteValidationResult:
    """Returns the merged outcomes as a Great Expectations validation result."""
    outcomes = {outcome.rule: outcome for outcome in summary.rules}
    rules = {rule.name: rule for rule in suite.rules}
    results = []
    for configuration in expectation_suite(suite.source).expectation_configurations:
        rule = rules[configuration.meta["rule"]]
        outcome = outcomes.get(rule.name, RuleOutcome(rule.name, rule.on_failure, 0, 0, ()))
        results.append(
            ExpectationValidationResult(
                success=outcome.failed == 0,
                expectation_config=configuration,
                result=_result_counts(summary, outcome),
                exception_info=dict.fromkeys(_EXCEPTION_KEYS, None) | {"raised_exception": False},
                meta={},
            )
        )
    passed = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=suite.table,
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": _percent(passed, len(results)),
        },
        meta={
            "run_id": RunIdentifier("catalogue", instant),
            "great_expectations_version": gx.__version__,
        },
    )


def _rule_rows(summary: GateSummary, suite: RuleSuite) -> list[_RuleRow]:
    outcomes = {outcome.rule: outcome for outcome in summary.rules}
    rules = (*suite.rules, *REFERENCE_RULES)
    return [_rule_row(rule, outcomes[rule.name]) for rule in rules if rule.name in outcomes]


def _rule_row(rule: Rule, outcome: RuleOutcome) -> _RuleRow:
    lines = tuple(
        f"{example.row_id}: {rule.failure_text.replace('{value}', example.value)}"
        for example in outcome.examples
    )
    remedy = (rule.remedy,) if outcome.failed else ()
    effect = _EFFECTS[outcome.on_failure]
    return _RuleRow(
        rule.name, rule.sentence, effect, _count(outcome), outcome.failed, (*lines, *remedy)
    )


def _count(outcome: RuleOutcome) -> str:
    if outcome.rule in {rule.name for rule in REFERENCE_RULES}:
        return f"{outcome.failed:,} failed"  # what is sound is not counted
    if outcome.evaluated == 0:
        return "no value given"
    return f"{outcome.failed:,} of {outcome.evaluated:,} failed"


def _result_counts(summary: GateSummary, outcome: RuleOutcome) -> dict[str, object]:
    missing = summary.rows - outcome.evaluated
    return {
        "element_count": summary.rows,
        "unexpected_count": outcome.failed,
        "unexpected_percent": _percent(outcome.failed, outcome.evaluated),
        "unexpected_percent_total": _percent(outcome.failed, summary.rows),
        "unexpected_percent_nonmissing": _percent(outcome.failed, outcome.evaluated),
        "missing_count": missing,
        "missing_percent": _percent(missing, summary.rows),
        # The renderer inserts these into the page without escaping.
        "partial_unexpected_list": [html.escape(example.value) for example in outcome.examples],
    }


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0
