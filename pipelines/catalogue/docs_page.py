"""Takes the data docs of a catalogue that was checked before from memory, as of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from pipelines.catalogue.memory import CheckMemory, page_key
from pipelines.catalogue.outcome import GateSummary
from pipelines.catalogue.suite import RuleSuite

# Pages are kept as of an instant that no run has.
_KEPT_AS_OF = datetime(1904, 5, 6, 7, 8, 9, tzinfo=UTC)
_TITLE, _RUN_TIME = "as of %Y-%m-%d %H:%M UTC", ">%Y-%m-%dT%H:%M:%SZ<"
_TIMES = {_TITLE: 2, _RUN_TIME: 1}  # how often a page has each form


def data_docs(
    summary: GateSummary,
    suite: RuleSuite,
    as_of: datetime,
    unstated: Sequence[str],
    memory: CheckMemory,
) -> str:
    """Returns the page that `data_docs.render_page` makes, which imports Great Expectations.

    Args:
        summary: The suite's results for the whole catalogue.
        suite: The suite.
        as_of: The run's instant, with a time zone.
        unstated: Lines about columns that say nothing.
        memory: Pages that were made before.
    """
    key = page_key(suite, [asdict(summary), list(unstated)]) if memory.is_used else ""
    page = memory.recall_page(key) if key else None
    if page is not None:
        return _dated(page, as_of)
    from pipelines.catalogue.data_docs import render_page  # takes long to import

    if not key:
        return render_page(summary, suite, as_of, unstated)
    page = render_page(summary, suite, _KEPT_AS_OF, unstated)
    if any(page.count(f"{_KEPT_AS_OF:{form}}") != count for form, count in _TIMES.items()):
        return render_page(summary, suite, as_of, unstated)  # a row has that very instant
    memory.keep_page(key, page)
    return _dated(page, as_of)


def _dated(page: str, as_of: datetime) -> str:
    instant = as_of.astimezone(UTC)
    for form in _TIMES:
        page = page.replace(f"{_KEPT_AS_OF:{form}}", f"{instant:{form}}")
    return page
