"""`fairshard verify --repair`: verifies a delivery and rebuilds its damaged files."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines.commands.common import parse_as_of
from pipelines.commands.job_request import job_request
from pipelines.format.manifest import ManifestError, open_manifest
from pipelines.repair.rebuild import repair_version
from pipelines.repair.version import PublishedVersion
from pipelines.run.prepare import prepare_job
from pipelines.run.signing_key import default_key_path, load_key
from pipelines.storage.open import open_store
from pipelines.storage.tables import read_json
from pipelines.verify.delivery import verify_delivery
from pipelines.verify.report import Problem, Report
from schemas import layout
from schemas.errors import InputError

_MAX_LISTED = 20


def verify_and_repair(
    options: argparse.Namespace, pinned: tuple[str, ...] | None, progress: Path
) -> Report:
    """Verifies a delivery and rebuilds its damaged files.

    Args:
        options: The command's options.
        pinned: The verifier keys that the reader trusts, if any were given.
        progress: The file that progress is reported to.

    Raises:
        InputError: If an input is missing, or differs from what the delivery was made from.
        RunError: If the delivery cannot be rebuilt as it was.
    """
    report = _verify_before_repair(options.delivery, pinned, progress)
    if report.sound:
        return _recognise_own_key(report, options.key)
    _refuse_patched(options.delivery, report)
    if not options.catalogue or not options.deal:
        damaged = sorted(report.damaged)
        more = f" and {len(damaged) - _MAX_LISTED:,} more" if len(damaged) > _MAX_LISTED else ""
        raise InputError(
            "Only the agency can rebuild a delivery, from its catalogue and deal",
            f"{options.delivery} is damaged in {', '.join(damaged[:_MAX_LISTED])}{more}",
            "As the agency, give --catalogue, --deal and --key. As a buyer, download these again.",
        )
    published = PublishedVersion.from_uri(options.delivery)
    if not options.key and not default_key_path(published.output).exists():
        raise InputError(
            "The key that signed the delivery is missing",
            f"there is none at {default_key_path(published.output)}",
            "Give --key FILE.",
        )
    request = replace(
        job_request(options, _repair_as_of(options, published, pinned)),
        output=published.output,
        key=options.key,
        workers=options.workers,
        debug=options.debug,
        progress_path=str(progress),
        made_before=layout.delivery_id(published.deal_id, published.version),
    )
    return repair_version(report, published, prepare_job(request), pinned, options.take_over)


def _refuse_patched(uri: str, report: Report) -> None:
    """Refuses a version that a removal made: it comes from another version, not from a catalogue.

    Raises:
        InputError: If it is such a version. It says how to get the version back.
    """
    before = report.patches.delivery if report.patches is not None else _patched_from(uri)
    if not before:
        return
    damaged = sorted(report.damaged)
    named = f"{', '.join(damaged[:_MAX_LISTED])}{' and more' if len(damaged) > _MAX_LISTED else ''}"
    raise InputError(
        "A version that a removal made is not rebuilt from a catalogue",
        f"{uri} was made from {before}, and is damaged in {named}",
        f"Nothing was changed. If it is the deal's newest version and {before} is sound, delete "
        f"its {layout.MANIFEST} and run the fairshard revoke that made it again: that writes the "
        "same bytes. Otherwise restore the files from a copy. As a buyer, download them again.",
    )


def _patched_from(uri: str) -> str:
    """Returns what a version without a manifest was to be made from by a removal, or ""."""
    try:
        published = PublishedVersion.from_uri(uri)
    except InputError:
        return ""
    store = open_store(published.output)
    key = f"{layout.agency_prefix(published.deal_id, published.version)}/{layout.RUN_RECORD}"
    version = read_json(store, key).get("patches", "") if store.exists(key) else ""
    return layout.delivery_id(published.deal_id, version) if version else ""


def _recognise_own_key(report: Report, key: str) -> Report:
    """Returns the report, with the signer pinned if the key in the file `key` signed it."""
    signer = report.signed_by
    if not key or signer is None or load_key(Path(key)).vkey != signer.vkey:
        return report
    return replace(report, signed_by=replace(signer, pinned=True))


def _verify_before_repair(uri: str, pinned: tuple[str, ...] | None, progress: Path) -> Report:
    """Returns what verification finds; a missing manifest is a finding, not an error."""
    if open_store(uri).exists(layout.MANIFEST):
        return verify_delivery(uri, pinned, str(progress))
    return Report(problems=[Problem(layout.MANIFEST, "missing")])


def _repair_as_of(
    options: argparse.Namespace, published: PublishedVersion, pinned: tuple[str, ...] | None
) -> datetime:
    """Returns the delivery's as-of instant, from its manifest or the options."""
    if options.as_of is not None:
        return parse_as_of(options.as_of)
    try:
        manifest = open_manifest(open_store(options.delivery).read_bytes(layout.MANIFEST), pinned)
        problem = f"it is signed for {manifest.delivery}"
        if manifest.delivery == f"{published.deal_id}/{published.version}":
            return parse_as_of(manifest.as_of)
    except FileNotFoundError:
        problem = "it is missing"
    except ManifestError as error:
        problem = str(error)
    raise InputError(
        "The manifest does not give the delivery's as-of instant",
        f"{options.delivery}/{layout.MANIFEST}: {problem}",
        "Give the run's day or instant, such as --as-of 2026-06-30.",
    )
