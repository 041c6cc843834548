"""`fairshard check`: validates a deal and a catalogue before anything runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.catalogue.gate import gate_batch, read_small_tables
from pipelines.catalogue.mapping import load_mapping
from pipelines.catalogue.outcome import merge_summaries, stop_error
from pipelines.catalogue.read import open_catalogue, read_batches
from pipelines.catalogue.suite import check_divert, load_suite
from pipelines.commands.common import add_deal_options, add_general_options, consoles, print_json
from pipelines.rights.rulings import check_rulings
from pipelines.run.prepare import resolve_models
from schemas.deal import load_deal

EXAMPLES = """\
examples:
  fairshard check --catalogue library/ --deal acme.toml
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_deal_options(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    deal = load_deal(options.deal)
    suite = load_suite("assets")
    divert = check_divert(suite, deal.gate.divert)
    mapping = load_mapping(Path(options.mapping)) if options.mapping else None
    catalogue = open_catalogue(options.catalogue, mapping)
    contributors, *_ = read_small_tables(catalogue)
    check_rulings(deal, contributors)
    resolve_models(deal)
    unreadable, summaries = 0, []
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            unreadable += len(batch.failed_rows)
            summaries.append(gate_batch(batch.table, suite, divert).summary)
    summary = merge_summaries(summaries)
    error = stop_error(summary, suite)
    if error is not None:
        raise error
    counts: dict[str, int | list[str]] = {
        "assets": summary.rows + unreadable,
        "unreadable": unreadable,
        "diverted": summary.diverted,
        "ignored_columns": list(catalogue.ignored_columns),
    }
    if options.json:
        print_json({"deal_id": deal.deal_id, **counts})
        return 0
    results.print(f"OK: deal {deal.deal_id} and catalogue {catalogue.uri}", soft_wrap=True)
    for name, value in counts.items():
        shown = f"{value:,}" if isinstance(value, int) else ", ".join(value) or "none"
        results.print(f"  {name.replace('_', ' '):<16} {shown}", highlight=False, soft_wrap=True)
    return 0
