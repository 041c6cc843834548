"""`fairshard check`: validates a deal and a catalogue before anything runs."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from pipelines.catalogue.account import TableCount, account_for
from pipelines.catalogue.checks import no_assets_error, prepare_checks
from pipelines.catalogue.mapping import load_mapping
from pipelines.catalogue.outcome import GateSummary
from pipelines.catalogue.read import open_catalogue, read_batches
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
from pipelines.report.defaults import (
    personal_line,
    screen_catalogue,
    show_defaults,
    strict_defaults,
)
from pipelines.report.summary import show_unstated
from pipelines.rights.rules.personal import personal_texts
from pipelines.rights.rulings import check_rulings
from pipelines.run.prepare import resolve_models
from pipelines.run.receipts import Hashes
from pipelines.steps.read import count_passed, hash_ids, repeated_hashes
from pipelines.storage.columns import values_of
from schemas.deal import load_deal

EXAMPLES = """\
examples:
  fairshard check --catalogue library/ --deal acme.toml
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_deal_options(parser)
    add_as_of_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    deal = load_deal(options.deal)
    check_divert(load_suite("assets"), deal.gate.divert)
    mapping = load_mapping(Path(options.mapping)) if options.mapping else None
    catalogue = open_catalogue(options.catalogue, mapping)
    as_of_us = round(parse_as_of(options.as_of).timestamp() * 1_000_000)
    checks = prepare_checks(catalogue, deal, as_of_us)
    check_rulings(deal, checks.contributors)
    resolve_models(deal)
    unreadable, blank, excluded, notes = 0, 0, 0, checks.notes
    summaries: list[GateSummary] = []
    reached: list[ReachedReferences] = []
    empty: Counter[str] = Counter()
    hashes: list[Hashes] = []
    personal: Counter[str] = Counter()
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            unreadable += len(batch.failed_rows)
            blank += batch.blank_rows
            notes.add(batch.notes)
            checked, found = checks.check_batch(batch)
            summaries.append(checked.summary)
            personal.update(personal_texts(batch.table))
            reached.append(found)
            silent, with_keyword = count_passed(checked.table, deal)
            empty.update(silent)
            excluded += with_keyword
            lost = (row.asset_id for row in (*batch.failed_rows, *checked.failed_rows))
            hashes += [hash_ids(values_of(checked.table["asset_id"], str)), hash_ids(lost)]
    judgement = checks.judge(summaries, reached)
    if judgement.error is not None:
        raise judgement.error
    summary = judgement.summary
    if summary.rows + unreadable == 0:
        raise no_assets_error(catalogue)
    counts: dict[str, object] = {
        "assets": summary.rows + unreadable,
        "unreadable": unreadable,
        "diverted": summary.diverted,
        "ignored_columns": list(catalogue.ignored_columns),
        **notes.to_json(),
        "personal_texts": dict(sorted(personal.items())),
        "reported": judgement.reported,
        "other_references": {
            name: count for name, count in judgement.other_references.items() if count
        },
    }
    failed = unreadable + summary.diverted
    named = (
        ("repeated_ids", len(repeated_hashes(hashes))),
        ("with_excluded_keyword", excluded),
    )
    assets = TableCount(
        summary.rows - summary.diverted,
        failed,
        blank,
        empty=tuple(empty.items()),
        named=named,
    )
    rows = {"assets": assets, **checks.rows, **judgement.joined_rows}
    controls = dict(sorted(notes.control_characters.items()))
    reading = account_for(catalogue.files, catalogue.columns, rows, deal, controls)
    defaults = strict_defaults(deal, screen_catalogue(catalogue, deal, as_of_us))
    if options.json:
        listed = [item.to_json() for item in defaults]
        more = {"reading": reading.to_json(), "strict_defaults": listed}
        print_json({"deal_id": deal.deal_id, **counts, **more})
        return 0
    results.print(f"OK: deal {deal.deal_id} and catalogue {catalogue.uri}", soft_wrap=True)
    for name, value in counts.items():
        shown = _shown(value)
        results.print(f"  {name.replace('_', ' '):<16} {shown}", highlight=False, soft_wrap=True)
    for name, text in reading.lines():
        results.print(f"  {name:<16} {text}", markup=False, highlight=False, soft_wrap=True)
    for ours, theirs in catalogue.matched_columns:
        text = f"{ours} is read from {theirs!r}"
        results.print(f"  {'column':<16} {text}", markup=False, highlight=False, soft_wrap=True)
    show_unstated(results, reading)
    show_defaults(results, defaults)
    results.print(personal_line(deal), markup=False, highlight=False, soft_wrap=True)
    return 0


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
