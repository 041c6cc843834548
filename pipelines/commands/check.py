"""`fairshard check`: a dry run. It says what `package` would say, and writes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Console

from pipelines.catalogue.account import Reading, account_for
from pipelines.catalogue.checks import CatalogueChecks, Judgement, no_assets_error
from pipelines.catalogue.preset_needs import find_unknown
from pipelines.catalogue.read import Catalogue, read_batches
from pipelines.catalogue.reference_verdict import reported_text
from pipelines.commands.common import (
    add_deal_options,
    add_evaluation_options,
    add_general_options,
    consoles,
    parse_as_of,
    print_json,
)
from pipelines.commands.dry_look import Look, check_files_option, look_at_files
from pipelines.commands.job_request import job_request
from pipelines.commands.mapping_options import mapping_choice
from pipelines.report.defaults import personal_line, show_defaults, strict_defaults
from pipelines.report.next_steps import expiry_line, latest_command, planned_expiry
from pipelines.report.undelivered import show_undelivered
from pipelines.report.unstated import show_not_stated
from pipelines.report.wrapped import print_labelled, print_wrapped
from pipelines.run.input_faults import check_inputs, check_output
from pipelines.steps.checked_assets import CheckedAssets
from schemas.deal import Deal
from schemas.faults import Faults
from schemas.removed import NOTHING_REMOVED

_LABEL_WIDTH = 18
# What counts are called for people; the rows of assets are counted with those of other tables.
_LABELS = {
    "unreadable": "unreadable rows",
    "diverted": "failed checks",
    "failed_examples": "for example",
    "ignored_columns": "columns not read",
    "absent": "taken for empty",
    "respelled": "respelled values",
    "respelled_ids": "respelled ids",
    "control_characters": "control characters",
    "personal_texts": "personal texts",
    "reported": "report only",
    "other_references": "unused references",
}

EXAMPLES = """\
examples:
  fairshard check --catalogue library/ --deal acme.toml
  fairshard check --catalogue library/ --deal acme.toml --out out/
  fairshard check --catalogue s3://agency/cat --deal acme.toml --files 5000
  fairshard check --catalogue library/ --deal acme.toml --files all
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_deal_options(parser)
    add_evaluation_options(parser)
    parser.add_argument(
        "--out",
        default="",
        metavar="URI",
        help="also check that this output may hold the deal, and count the assets that its "
        "notices of removal keep out",
    )
    parser.add_argument(
        "--files",
        default="auto",
        metavar="WHICH",
        help="files of cleared assets: all (read and judged as package does), a number (whether "
        "so many exist), none, or auto (the default: all of up to 200, else whether 1,000 exist)",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    files = check_files_option(options.files)
    as_of = parse_as_of(options.as_of)
    as_of_us = round(as_of.timestamp() * 1_000_000)
    faults = Faults()
    mapping = mapping_choice(options)
    checked = check_inputs(options.deal, options.catalogue, mapping, as_of_us, faults)
    removed = NOTHING_REMOVED
    if checked is not None:
        removed = check_output(checked[0], options.out, faults)
    faults.report()
    if checked is None:  # then there was a fault, and it was reported
        raise AssertionError("inputs that cannot be checked have a fault")
    deal, checks = checked
    found = CheckedAssets(checks, deal, as_of_us, removed, files.most)
    for part in checks.catalogue.parts("assets"):
        for batch in read_batches(part, checks.catalogue.mapping):
            found.add(batch)
    judgement = checks.judge(found.summaries, found.reached)
    if judgement.error is not None:
        raise judgement.error
    screened = found.screened()
    if screened.steps["read"].entered == 0:
        raise no_assets_error(checks.catalogue)
    look = look_at_files(files, found, screened, job_request(options, as_of), progress)
    _say(options, results, as_of, found, judgement, look)
    if look.error is not None:
        raise look.error
    return 0


def _say(
    options: argparse.Namespace,
    results: Console,
    as_of: datetime,
    found: CheckedAssets,
    judgement: Judgement,
    look: Look,
) -> None:
    """Prints what was found."""
    checks = found.checks
    deal, catalogue = found.deal, checks.catalogue
    assets = found.row_counts(judgement.summary)
    rows = {"assets": assets, **checks.rows, **judgement.joined_rows}
    controls = dict(sorted(checks.notes.control_characters.items()))
    joined = catalogue.joined_columns
    reading = account_for(catalogue.files, catalogue.columns, rows, deal, controls, joined)
    defaults = strict_defaults(deal, look.ended)
    counts = _counts(checks, found, judgement)
    if options.json:
        more = {
            "reading": reading.to_json(),
            "strict_defaults": [item.to_json() for item in defaults],
            **look.to_json(deal),
            "latest_expires_at": planned_expiry(as_of).isoformat(),
        }
        if catalogue.mapping.preset:
            more["unknown"] = [fact.to_json() for fact in find_unknown(catalogue)]
        if options.out:
            more["refused_by_notice"] = dict(sorted(found.notices.items()))
        print_json({"deal_id": deal.deal_id, **counts, **more})
        return
    _show(results, catalogue, deal, counts, reading)
    show_undelivered(results, deal, look.ended, with_costliest=look.error is not None)
    show_defaults(results, defaults)
    for line in (personal_line(deal), *look.lines()):
        print_wrapped(results, line)
    if line := expiry_line(planned_expiry(as_of), datetime.now(UTC)):
        command = latest_command(options.out or "OUT")
        print_wrapped(results, f"After a run with this --as-of: {line} Run then: {command}")
    if look.error is None:
        ending = "" if look.is_complete else ", as far as checked"
        results.print(
            f"OK{ending}: deal {deal.deal_id} and catalogue {catalogue.uri}", soft_wrap=True
        )


def _counts(
    checks: CatalogueChecks, found: CheckedAssets, judgement: Judgement
) -> dict[str, object]:
    return {
        "assets": judgement.summary.rows - judgement.summary.diverted + found.failed.total(),
        "unreadable": found.failed.total() - judgement.summary.diverted,
        "diverted": judgement.summary.diverted,
        "failed_examples": list(found.examples.values()),
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
    results.print(f"Deal {deal.deal_id} and catalogue {catalogue.uri}:", soft_wrap=True)
    counted = [
        (_LABELS.get(name, name), _shown(value))
        for name, value in counts.items()
        if value and name != "assets"
    ]
    matched = [("column", f"{ours} is read from {n!r}") for ours, n in catalogue.matched_columns]
    print_labelled(results, [*counted, *reading.lines(), *matched], _LABEL_WIDTH)
    show_not_stated(results, reading, find_unknown(catalogue))


def _shown(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        texts = (
            reported_text(item, ", ".join(item["examples"]))
            if isinstance(item, dict)
            else str(item)
            for item in value
        )
        return ", ".join(texts) or "none"
    return str(value)
