"""Writes the pages, and what lies beside them, to a local folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipelines.report.pages.agency import RunFacts, agency_page
from pipelines.report.pages.buyer import DeliveryFacts, buyer_page
from pipelines.report.pages.excluded import decisions_csv
from pipelines.storage.store import Store
from schemas import layout

PAGE, CSV, DATA_DOCS = "report.html", "decisions.csv", "catalogue-checks.html"
_CHECKS = "expectations/index.html"


def write_agency_copy(folder: Path, store: Store, facts: RunFacts) -> dict[str, str]:
    """Writes the agency's page, the decisions as CSV, and a copy of the catalogue checks.

    Args:
        folder: Where to.
        store: The output.
        facts: What is known about the run.

    Returns:
        What was written, by what it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    status = facts.status
    agency = layout.agency_prefix(status.deal_id, status.version)
    written = {}
    if facts.exclusions.outcomes:
        _write(folder / CSV, decisions_csv(store, f"{agency}/decisions"))
        written["decisions"] = str(folder / CSV)
    if store.exists(f"{agency}/{_CHECKS}"):
        _write(folder / DATA_DOCS, [store.read_bytes(f"{agency}/{_CHECKS}")])
        written["catalogue"] = str(folder / DATA_DOCS)
    page = agency_page(
        replace(
            facts,
            csv=CSV if "decisions" in written else "",
            data_docs=DATA_DOCS if "catalogue" in written else "",
        )
    )
    _write(folder / PAGE, [page])
    return {"for the agency": str(folder / PAGE), **written}


def write_buyer_copy(folder: Path, facts: DeliveryFacts) -> dict[str, str]:
    """Writes the buyer's page and returns where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / PAGE, [buyer_page(_without_owners(facts))])
    return {"for the buyer": str(folder / PAGE)}


def _without_owners(facts: DeliveryFacts) -> DeliveryFacts:
    """Leaves out whose each sample is."""
    columns = {
        name: column for name, column in facts.survey.columns.items() if name not in ("id", "who")
    }
    return replace(facts, survey=replace(facts.survey, columns=columns))


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    """Writes a file in full or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.writelines(pieces)
    part.replace(path)
