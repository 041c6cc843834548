"""`fairshard verify`: recomputes all that a delivery states and can rebuild damaged files."""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

from pipelines.commands.common import (
    OptionsParent,
    add_deal_options,
    add_evaluation_options,
    add_general_options,
    add_run_options,
    consoles,
    positive_int,
    print_json,
)
from pipelines.report.progress import show_progress
from pipelines.report.verification import show_report
from pipelines.verify.delivery import verify_delivery
from pipelines.verify.sample import DEFAULT_SEED, SampleDraw
from pipelines.verify.signer import read_pinned_keys
from pipelines.verify.state import IncrementalSettings
from schemas.errors import InputError

EXAMPLES = """\
examples:
  everything, with the agency's key:
    fairshard verify s3://bucket/acme-2026-01/v0001/delivery --vkey agency.vkey
  1,000 samples drawn from all shards, or 2 % of the samples:
    fairshard verify acme-2026-01/v0001/delivery --sample 1000
    fairshard verify acme-2026-01/v0001/delivery --sample 2% --seed 7
  files that are new or changed since the last check, and a tenth of the rest:
    fairshard verify acme-2026-01/v0001/delivery --state acme.state --reread 10%
  for the agency: rebuild damaged files from the catalogue, deal and key:
    fairshard verify s3://bucket/acme-2026-01/v0001/delivery --repair \\
        --catalogue library/ --deal acme.toml --key agency.key
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("delivery", metavar="DELIVERY", help="folder or s3:// prefix")
    parser.add_argument(
        "--vkey",
        action="append",
        default=[],
        metavar="KEY|FILE",
        help="pin the agency's verifier key: a key, or a file with one key per line, old and new; "
        "may be repeated. Get it from the agency itself, not with the delivery",
    )
    parser.add_argument(
        "--allow-unpinned",
        action="store_true",
        help="exit with 0 although no key is pinned: the files are then known to be undamaged, "
        "but not who made them",
    )
    _add_sample_options(parser.add_argument_group("a sample"))
    _add_incremental_options(parser.add_argument_group("incremental verification"))
    _add_repair_options(parser.add_argument_group("repair, by the agency"))
    add_general_options(parser)


def _add_sample_options(group: OptionsParent) -> None:
    """Adds the options of a check of some of the samples."""
    group.add_argument(
        "--sample",
        metavar="N|P%",
        help="check this number or share of the samples, by byte range; of all other files check "
        "only the sizes",
    )
    group.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help=f"seed of the random draw (default: {DEFAULT_SEED})",
    )


def _add_incremental_options(group: OptionsParent) -> None:
    """Adds the options of a check of what is new since the last one."""
    group.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="read only files that this state file does not record as valid, then update it; "
        "created if it does not exist",
    )
    group.add_argument(
        "--reread",
        metavar="P%",
        help="read this share of the files recorded as valid again, oldest first",
    )
    group.add_argument("--full", action="store_true", help="read all files recorded as valid again")


def _add_repair_options(group: OptionsParent) -> None:
    """Adds the options by which damaged files are rebuilt."""
    group.add_argument(
        "--repair",
        action="store_true",
        help="rebuild damaged files from the original catalogue, deal and key",
    )
    add_deal_options(group, required=False)
    add_evaluation_options(group)
    group.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )
    group.add_argument(
        "--take-over",
        action="store_true",
        help="even if a process on another machine holds the version's lease",
    )
    add_run_options(group)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    draw, incremental = _parse_draw(options), _parse_incremental(options)
    if draw is not None and incremental is not None:
        raise _exclusive_options_error("--sample", "--state")
    if options.repair and (draw is not None or incremental is not None):
        raise _exclusive_options_error("--repair", "--sample, --state")
    pinned = read_pinned_keys(options.vkey)
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        path = Path(folder) / "progress"
        with show_progress(path, progress, options.quiet):
            if options.repair:
                # Engines and models take seconds to import, and only a repair needs them.
                from pipelines.commands.verify_repair import verify_and_repair

                report = verify_and_repair(options, pinned, path)
            else:
                report = verify_delivery(
                    options.delivery, pinned, str(path), draw=draw, incremental=incremental
                )
    if options.json:
        print_json(report.to_json())
    else:
        show_report(results, options.delivery, report, options.allow_unpinned)
    accepted = options.allow_unpinned or report.signer_accepted
    return 0 if report.sound and accepted else 1


def _parse_draw(options: argparse.Namespace) -> SampleDraw | None:
    if options.sample is None:
        if options.seed is not None:
            raise _missing_option_error("--seed", "--sample")
        return None
    seed = DEFAULT_SEED if options.seed is None else options.seed
    if options.sample.endswith("%"):
        return SampleDraw(share=_parse_percentage("--sample", options.sample), seed=seed)
    try:
        return SampleDraw(count=positive_int(options.sample), seed=seed)
    except argparse.ArgumentTypeError as error:
        raise InputError(
            "Not a sample size", f"--sample {options.sample}", "Write 1000, or 2%."
        ) from error


def _parse_incremental(options: argparse.Namespace) -> IncrementalSettings | None:
    if options.state is None:
        for name, given in (("--reread", options.reread), ("--full", options.full)):
            if given:
                raise _missing_option_error(name, "--state")
        return None
    reread = _parse_percentage("--reread", options.reread) if options.reread else Fraction(0)
    return IncrementalSettings(options.state, reread, options.full)


def _parse_percentage(option: str, text: str) -> Fraction:
    """Reads a percentage as a share between 0 and 1."""
    try:
        share = Fraction(text.removesuffix("%")) / 100
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not text.endswith("%") or not 0 < share <= 1:
        raise InputError("Not a percentage", f"{option} {text}", "Write 0.5% or 10%; at most 100%.")
    return share


def _missing_option_error(option: str, other: str) -> InputError:
    return InputError(f"{option} has no effect without {other}", option, f"Give {other} as well.")


def _exclusive_options_error(one: str, other: str) -> InputError:
    return InputError("These options exclude each other", f"{one} and {other}", "Give one of them.")
