"""`fairshard status`: shows the state of a run, from what it has written so far."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.report.prometheus import prometheus_text
from pipelines.report.status import show_status
from pipelines.run.status import RunStatus, read_status, unreadable
from pipelines.run.versions import version_number
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import FairshardError, InputError

EXAMPLES = """\
examples:
  fairshard status out/acme
  fairshard status s3://agency/out/acme/v0002 --json
  fairshard status out
  fairshard status out --prometheus > /var/lib/node_exporter/fairshard.prom

It reads the output alone, so it runs in another terminal or on another machine.

exit codes: 0 running or delivered, 1 any other state or damaged, 2 no such run
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "address",
        metavar="RUN",
        help="a deal in an output (its last version), a version, or an output (all deals)",
    )
    parser.add_argument(
        "--prometheus",
        action="store_true",
        help="print metrics in Prometheus's text format, for its node exporter",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    if options.prometheus and options.json:
        raise InputError("Two formats were requested", "--prometheus --json", "Give one of them.")
    results, _ = consoles(options)
    found = _read_all(*find_runs(options.address))
    if options.prometheus:
        sys.stdout.write(prometheus_text(found))
        for status in found:
            if status.fault is not None:  # metrics have no place for it
                sys.stderr.write(f"{status.deal_id}/{status.version}: {status.fault}\n")
    elif options.json:
        print_json([status.to_json() for status in found])
    else:
        for status in found:
            show_status(results, status)
    return 0 if all(status.is_well for status in found) else 1


def _read_all(store: Store, runs: Sequence[tuple[str, str]]) -> list[RunStatus]:
    """Reads the runs; of several, those that cannot be read do not keep the others back.

    Raises:
        FairshardError: If there is but one, and it cannot be read.
    """
    found = []
    for deal_id, version in runs:
        try:
            found.append(read_status(store, deal_id, version))
        except FairshardError as error:
            if len(runs) == 1:
                raise
            found.append(unreadable(deal_id, version, error))
    return found


def find_runs(given: str) -> tuple[Store, list[tuple[str, str]]]:
    """Returns the output and the deals and versions that an address means.

    Args:
        given: The address of an output, of a deal in it, or of a version.

    Raises:
        InputError: If there is none.
    """
    uri = given.rstrip("/")
    parent, _, name = uri.rpartition("/")
    if version_number(name):
        output, _, deal_id = parent.rpartition("/")
        runs = [(deal_id, name)] if name in _versions(open_store(parent), "") else []
        return _found(open_store(output or "."), runs, given)
    if versions := _versions(open_store(uri), ""):
        return _found(open_store(parent or "."), [(name, versions[-1])], given)
    store = open_store(uri)
    deals = [folder for folder in store.folders() if folder != layout.AGENCY]
    latest = [(deal_id, _versions(store, deal_id)) for deal_id in deals]
    return _found(store, [(deal_id, one[-1]) for deal_id, one in latest if one], given)


def _found(
    store: Store, runs: list[tuple[str, str]], given: str
) -> tuple[Store, list[tuple[str, str]]]:
    if runs:
        return store, runs
    raise InputError(
        "There is no run",
        given,
        "Give the output's folder or prefix and the deal's id, such as out/acme.",
    )


def _versions(store: Store, deal_id: str) -> list[str]:
    return sorted(filter(version_number, store.folders(deal_id)), key=version_number)
