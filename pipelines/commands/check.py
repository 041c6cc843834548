"""`fairshard check`: validates a deal and a catalogue before anything runs."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console

from pipelines.accounts.removed import read_removed
from pipelines.catalogue.account import Reading, TableCount, account_for
from pipelines.catalogue.checks import (
    CatalogueChecks,
    Judgement,
    no_assets_error,
    prepare_checks,
)
from pipelines.catalogue.outcome import GateSummary
from pipelines.catalogue.preset_needs import find_unknown
from pipelines.catalogue.read import Catalogue, TableBatch, open_catalogue, read_batches
from pipelines.catalogue.references import ReachedReferences
from pipelines.catalogue.suite import check_divert, load_suite
from pipelines.commands.common import (
    add_as_of_option,
    add_deal_options,
    add_general_options,
    consoles,
    parse_as_of,
    print_json,
)
from pipelines.commands.mapping_options import mapping_choice
from pipelines.ledger.payees import check_payees
from pipelines.report.defaults import (
    personal_line,
    screen_catalogue,
    show_defaults,
    strict_defaults,
)
from pipelines.report.funnel import notice_lines
from pipelines.report.summary import show_unstated
from pipelines.rights.rules.personal import personal_texts
from pipelines.rights.rulings import check_rulings
from pipelines.run.inspectors import check_inspectors
from pipelines.run.models import check_models
from pipelines.run.receipts import Hashes
from pipelines.run.renderers import check_renderers
from pipelines.steps.read import count_passed, hash_ids, repeated_hashes
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from schemas.deal import Deal, load_deal
from schemas.removed import NOTHING_REMOVED

EXAMPLES = """\
examples:
  fairshard check --catalogue library/ --deal acme.toml
  fairshard check --catalogue library/ --deal acme.toml --out out/
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_deal_options(parser)
    add_as_of_option(parser)
    parser.add_argument(
        "--out",
        default="",
        metavar="URI",
        help="also count the assets that notices of removal in this output keep out",
    )
    add_general_options(parser)


@dataclass
class _CheckedAssets:
    """What was counted of all batches of assets.

    Attributes:
        unreadable: Rows that could not be read.
        blank: Rows without any value, which were skipped.
        excluded: Assets with a keyword that the deal excludes.
        summaries: The results of every rule, by batch.
        reached: What each batch reaches of the references that are watched.
        empty: How many rows say nothing in a column.
        hashes: Hashes of all ids.
        personal: Texts with personal data, by kind.
    """

    unreadable: int = 0
    blank: int = 0
    excluded: int = 0
    summaries: list[GateSummary] = field(default_factory=list)
    reached: list[ReachedReferences] = field(default_factory=list)
    empty: Counter[str] = field(default_factory=Counter)
    hashes: list[Hashes] = field(default_factory=list)
    personal: Counter[str] = field(default_factory=Counter)

    def add(self, batch: TableBatch, checks: CatalogueChecks, deal: Deal) -> None:
        """Checks a batch and counts it."""
        self.unreadable += len(batch.failed_rows)
        self.blank += batch.blank_rows
        checks.notes.add(batch.notes)
        checked, found = checks.check_batch(batch)
        self.summaries.append(checked.summary)
        self.reached.append(found)
        self.personal.update(personal_texts(batch.table))
        silent, with_keyword = count_passed(checked.table, deal)
        self.empty.update(silent)
        self.excluded += with_keyword
        lost = (row.asset_id for row in (*batch.failed_rows, *checked.failed_rows))
        self.hashes += [hash_ids(values_of(checked.table["asset_id"], str)), hash_ids(lost)]

    def row_counts(self, summary: GateSummary) -> TableCount:
        """Returns what was read and used of the table."""
        return TableCount(
            summary.rows - summary.diverted,
            self.unreadable + summary.diverted,
            self.blank,
            empty=tuple(self.empty.items()),
            named=(
                ("repeated_ids", len(repeated_hashes(self.hashes))),
                ("with_excluded_keyword", self.excluded),
            ),
        )


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    deal = load_deal(options.deal)
    check_divert(load_suite("assets"), deal.gate.divert)
    catalogue = open_catalogue(options.catalogue, mapping_choice(options))
    as_of_us = round(parse_as_of(options.as_of).timestamp() * 1_000_000)
    checks = prepare_checks(catalogue, deal, as_of_us)
    check_rulings(deal, checks.contributors)
    check_payees(deal.price, checks.contributors)
    check_models(deal)
    check_inspectors(deal)
    check_renderers(deal)
    removed = NOTHING_REMOVED
    if options.out:
        removed = read_removed(open_store(options.out), deal, secrets=None)
    found = _CheckedAssets()
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            found.add(batch, checks, deal)
    judgement = checks.judge(found.summaries, found.reached)
    if judgement.error is not None:
        raise judgement.error
    if judgement.summary.rows + found.unreadable == 0:
        raise no_assets_error(catalogue)
    assets = found.row_counts(judgement.summary)
    rows = {"assets": assets, **checks.rows, **judgement.joined_rows}
    controls = dict(sorted(checks.notes.control_characters.items()))
    reading = account_for(catalogue.files, catalogue.columns, rows, deal, controls)
    screened = screen_catalogue(catalogue, deal, as_of_us, removed)
    defaults = strict_defaults(deal, screened)
    counts = _counts(checks, found, judgement)
    if options.json:
        listed = [item.to_json() for item in defaults]
        more = {"reading": reading.to_json(), "strict_defaults": listed}
        if catalogue.mapping.preset:
            more["unknown"] = [fact.to_json() for fact in find_unknown(catalogue)]
        if options.out:
            more["refused_by_notice"] = dict(sorted(screened.steps["screen"].notices.items()))
        print_json({"deal_id": deal.deal_id, **counts, **more})
        return 0
    _show(results, catalogue, deal, counts, reading)
    for line in notice_lines(screened.steps):
        results.print(line, markup=False, highlight=False, soft_wrap=True)
    show_defaults(results, defaults)
    results.print(personal_line(deal), markup=False, highlight=False, soft_wrap=True)
    return 0


def _counts(
    checks: CatalogueChecks, found: _CheckedAssets, judgement: Judgement
) -> dict[str, object]:
    return {
        "assets": judgement.summary.rows + found.unreadable,
        "unreadable": found.unreadable,
        "diverted": judgement.summary.diverted,
        "ignored_columns": list(checks.catalogue.ignored_columns),
        **checks.notes.to_json(),
        **checks.notes.captions_json(),
        "personal_texts": dict(sorted(found.personal.items())),
        "reported": judgement.reported,
        "other_references": {
            name: count for name, count in judgement.other_references.items() if count
        },
    }


def _show(
    results: Console,
    catalogue: Catalogue,
    deal: Deal,
    counts: Mapping[str, object],
    reading: Reading,
) -> None:
    results.print(f"OK: deal {deal.deal_id} and catalogue {catalogue.uri}", soft_wrap=True)
    for name, value in counts.items():
        shown = _shown(value)
        results.print(f"  {name.replace('_', ' '):<18} {shown}", highlight=False, soft_wrap=True)
    for name, text in reading.lines():
        results.print(f"  {name:<18} {text}", markup=False, highlight=False, soft_wrap=True)
    for ours, theirs in catalogue.matched_columns:
        text = f"{ours} is read from {theirs!r}"
        results.print(f"  {'column':<18} {text}", markup=False, highlight=False, soft_wrap=True)
    show_unstated(results, reading)
    for fact in find_unknown(catalogue):
        text = f"  {'unknown':<18} {fact.line}"
        results.print(text, markup=False, highlight=False, soft_wrap=True)


def _shown(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        texts = (
            f"{item['rule']} {item['failed']:,} ({', '.join(item['examples'])})"
            if isinstance(item, dict)
            else str(item)
            for item in value
        )
        return ", ".join(texts) or "none"
    return str(value)
