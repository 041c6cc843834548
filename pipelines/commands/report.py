"""`fairshard report`: writes a page about a run, for the agency, and one for the buyer."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from pipelines.commands.common import (
    add_general_options,
    consoles,
    print_json,
    refuse_public_folder,
)
from pipelines.commands.status import find_runs
from pipelines.report.pages.agency import RunFacts
from pipelines.report.pages.buyer import DeliveryFacts
from pipelines.report.pages.gather import (
    ReportSettings,
    can_show_pictures,
    delivery_facts,
    run_facts,
)
from pipelines.report.pages.write import write_agency_copy, write_buyer_copy
from pipelines.report.progress import show_progress
from pipelines.report.wrapped import print_wrapped
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.verify.signer import read_pinned_keys
from schemas import layout
from schemas.errors import InputError

_THUMBNAILS = 500
_BOTH, _AGENCY, _BUYER = "both", "agency", "buyer"

EXAMPLES = """\
examples:
  fairshard report out/acme
  fairshard report s3://agency/out/acme/v0002 --to reports --thumbnails 2000
  for the buyer, from the delivery alone:
    fairshard report acme/v0001/delivery --to report --vkey agency.vkey

It writes agency/report.html and agency/decisions.csv, which name assets and
contributors, and buyer/report.html, which names nobody. Pages need no server
and no network.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "address",
        metavar="RUN",
        help="a deal in an output (its last version), a version, or a delivery",
    )
    parser.add_argument(
        "--to",
        default="report",
        metavar="FOLDER",
        help="local folder for the pages (default: report)",
    )
    parser.add_argument(
        "--copy",
        choices=(_BOTH, _AGENCY, _BUYER),
        default=_BOTH,
        help="for whom (default: both)",
    )
    parser.add_argument(
        "--thumbnails",
        type=_whole,
        metavar="N",
        help=f"the most pictures in a gallery, evenly spread (default: {_THUMBNAILS}, none on the "
        "base install)",
    )
    parser.add_argument(
        "--no-verify", action="store_true", help="do not read all of the delivery to verify it"
    )
    parser.add_argument(
        "--vkey",
        action="append",
        default=[],
        metavar="KEY|FILE",
        help="the agency's verifier key, as for verify",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    if options.to.startswith("s3://"):
        raise InputError(
            "Pages are written to a local folder",
            f"--to {options.to}",
            "Give a local folder, and copy it to the bucket afterwards.",
        )
    refuse_public_folder(options.to, "reports")
    is_delivery = open_store(options.address).exists(layout.MANIFEST)
    if is_delivery and options.copy == _AGENCY:
        raise InputError(
            "The agency's copy needs the output, not the delivery alone",
            options.address,
            "Give the version's folder, such as out/acme/v0001.",
        )
    folder = Path(options.to)
    written: dict[str, str] = {}
    facts: RunFacts | None = None
    delivery: DeliveryFacts | None
    with tempfile.TemporaryDirectory(prefix="fairshard-") as scratch:
        path = Path(scratch) / "progress"
        settings = ReportSettings(
            _most_pictures(options.thumbnails, progress),
            not options.no_verify,
            read_pinned_keys(options.vkey),
            str(path),
        )
        with show_progress(path, progress, options.quiet):
            if is_delivery:
                delivery = delivery_facts(options.address.rstrip("/"), settings)
            else:
                store, deal_id, version = _the_run(options.address)
                facts = run_facts(store, deal_id, version, settings)
                delivery = facts.delivery
                if options.copy != _BUYER:
                    written |= write_agency_copy(folder / _AGENCY, store, facts)
            if delivery is not None and options.copy != _AGENCY:
                written |= write_buyer_copy(folder / _BUYER, delivery)
    sound = delivery is None or delivery.report is None or delivery.report.sound
    if options.json:
        state = None if facts is None else facts.status.state.value
        print_json({"written": written, "state": state, "sound": sound})
        return 0 if sound else 1
    for name, where in written.items():
        results.print(f"{name:<15} {where}", markup=False, highlight=False, soft_wrap=True)
    if not sound:
        results.print("The delivery is damaged; the page says where.", style="red")
    return 0 if sound else 1


def _most_pictures(asked: int | None, progress: Console) -> int:
    """Returns how many pictures a gallery has at most, and says why if it has none."""
    if asked is not None:
        return asked
    if can_show_pictures():
        return _THUMBNAILS
    print_wrapped(
        progress, "The gallery has no pictures: they need pip install 'fairshard[package]'."
    )
    return 0


def _the_run(address: str) -> tuple[Store, str, str]:
    """Returns the output, the deal and the version that an address means.

    Raises:
        InputError: If it means none, or several.
    """
    store, runs = find_runs(address)
    if len(runs) > 1:
        raise InputError(
            "A report is about one deal",
            f"{address} holds {', '.join(name for name, _ in runs)}",
            f"Name one of them, such as {address.rstrip('/')}/{runs[0][0]}.",
        )
    return store, *runs[0]


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
