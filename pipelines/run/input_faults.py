"""Checks the inputs of a run, and collects every fault instead of the first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.accounts.removed import read_removed
from pipelines.catalogue.checks import CatalogueChecks, prepare_checks
from pipelines.catalogue.choice import MappingChoice
from pipelines.catalogue.gate import read_small_tables
from pipelines.catalogue.memory import NO_MEMORY, CheckMemory
from pipelines.catalogue.read import open_catalogue
from pipelines.catalogue.suite import check_divert, load_suite
from pipelines.ledger.payees import check_payees
from pipelines.rights.rulings import check_rulings
from pipelines.run.inspectors import check_inspectors
from pipelines.run.models import check_models
from pipelines.run.renderers import check_renderers
from pipelines.run.versions import find_version
from pipelines.signals.file.trust import load_trust_lists
from pipelines.storage.open import open_store
from schemas.deal import Deal, load_deal
from schemas.deal_terms import GateTerms
from schemas.faults import Faults
from schemas.removed import NOTHING_REMOVED, Removed


def check_inputs(
    path: Path,
    uri: str,
    mapping: MappingChoice,
    as_of_us: int,
    faults: Faults,
    recall: Callable[[Deal], CheckMemory] = lambda _: NO_MEMORY,
) -> tuple[Deal, CatalogueChecks] | None:
    """Reads and checks a deal, and the tables of a catalogue except for its assets.

    Args:
        path: The deal's file.
        uri: The catalogue's folder or s3:// prefix.
        mapping: How its columns are mapped.
        as_of_us: The instant as of which rights are evaluated, µs since 1970, UTC.
        faults: Where faults are kept.
        recall: Opens what earlier runs of a deal found in the catalogue's rows.

    Returns:
        The deal and the checks of the assets; None if a fault prevents these.
    """
    deal = faults.attempt(lambda: load_deal(path))
    if deal is None:
        catalogue = faults.attempt(lambda: open_catalogue(uri, mapping))
        if catalogue is not None:
            faults.attempt(lambda: read_small_tables(catalogue))
        return None
    deal = check_deal(deal, faults)
    checks = check_tables(deal, uri, mapping, as_of_us, faults, recall(deal))
    return None if checks is None else (deal, checks)


def check_deal(deal: Deal, faults: Faults) -> Deal:
    """Checks what a deal says without its catalogue: rules, models, detectors, encoders, lists.

    Returns:
        The deal, without names of rules that do not exist: with them, no table can be checked.
    """
    sources, phrases = deal.sources, deal.rights.denial_phrases
    paths = [Path(path).absolute() for path in sources.trust_lists]
    diverted = faults.attempt(lambda: check_divert(load_suite("assets"), deal.gate.divert))
    faults.attempt(lambda: load_trust_lists(paths, denial_phrases=phrases))
    faults.attempt(lambda: check_models(deal))
    faults.attempt(lambda: check_inspectors(deal))
    faults.attempt(lambda: check_renderers(deal))
    return deal if diverted is not None else deal.model_copy(update={"gate": GateTerms()})


def check_tables(
    deal: Deal,
    uri: str,
    mapping: MappingChoice,
    as_of_us: int,
    faults: Faults,
    memory: CheckMemory,
) -> CatalogueChecks | None:
    """Opens a catalogue and checks its small tables.

    Args:
        deal: The deal.
        uri: The catalogue's folder or s3:// prefix.
        mapping: How its columns are mapped.
        as_of_us: The instant as of which rights are evaluated, µs since 1970, UTC.
        faults: Where faults are kept.
        memory: What was found in the same rows before.

    Returns:
        The checks of its assets; None if a fault of the tables prevents them.
    """
    catalogue = faults.attempt(lambda: open_catalogue(uri, mapping))
    if catalogue is None:
        return None
    checks = faults.attempt(lambda: prepare_checks(catalogue, deal, as_of_us, memory))
    if checks is None:
        return None
    contributors = checks.contributors
    faults.attempt(lambda: check_rulings(deal, contributors))
    faults.attempt(lambda: check_payees(deal.price, contributors))
    return checks


def check_output(deal: Deal, output: str, faults: Faults) -> Removed:
    """Checks that an output may hold the deal; returns what notices of removal keep out of it."""
    if not output:
        return NOTHING_REMOVED
    store = faults.attempt(lambda: open_store(output))
    if store is None:
        return NOTHING_REMOVED
    faults.attempt(lambda: find_version(store, deal, ""))
    removed = faults.attempt(lambda: read_removed(store, deal, secrets=None))
    return NOTHING_REMOVED if removed is None else removed
