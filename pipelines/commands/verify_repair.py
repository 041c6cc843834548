"""`fairshard verify --repair`: from the options to a repair."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines.commands.common import parse_as_of
from pipelines.format.manifest import ManifestError, open_manifest
from pipelines.repair.rebuild import repair_version
from pipelines.repair.version import PublishedVersion
from pipelines.run.prepare import JobRequest, prepare_job
from pipelines.run.signing_key import default_key_path, load_key
from pipelines.storage.open import open_store
from pipelines.verify.delivery import verify_delivery
from pipelines.verify.report import Problem, Report
from schemas import layout
from schemas.errors import InputError

_MAX_LISTED = 20


def verify_and_repair(
    options: argparse.Namespace, pinned: tuple[str, ...] | None, progress: Path
) -> Report:
    """Verifies a delivery, and where something is wrong with it, makes that anew.

    Args:
        options: The command's.
        pinned: The verifier keys that the reader trusts, if any were given.
        progress: Where progress is reported to.

    Raises:
        InputError: If what is needed for it is not given, or is not what the delivery was made of.
        RunError: If it cannot be made again as it was.
    """
    report = _verify_before_repair(options.delivery, pinned, progress)
    if report.sound:
        return _recognise_own_key(report, options.key)
    if not options.catalogue or not options.deal:
        damaged = sorted(report.damaged)
        more = f" and {len(damaged) - _MAX_LISTED:,} more" if len(damaged) > _MAX_LISTED else ""
        raise InputError(
            "Only the agency can make a delivery anew, from its catalogue and deal",
            f"{options.delivery} is bad in {', '.join(damaged[:_MAX_LISTED])}{more}",
            "As the agency, give --catalogue, --deal and --key. As a buyer, pull these again.",
        )
    published = PublishedVersion.from_uri(options.delivery)
    if not options.key and not default_key_path(published.output).exists():
        raise InputError(
            "The key that signed the delivery is needed",
            f"there is none at {default_key_path(published.output)}",
            "Give --key FILE.",
        )
    request = JobRequest(
        catalogue=options.catalogue,
        deal=options.deal,
        as_of=_repair_as_of(options, published, pinned),
        output=published.output,
        mapping=options.mapping,
        key=options.key,
        roots=tuple(options.allow_root),
        hosts=tuple(options.allow_host),
        workers=options.workers,
        debug=options.debug,
        progress_path=str(progress),
    )
    return repair_version(report, published, prepare_job(request), pinned, options.take_over)


def _recognise_own_key(report: Report, key: str) -> Report:
    """The report, with the signer pinned if it is the agency's own key, of the file `key`."""
    signer = report.signed_by
    if not key or signer is None or load_key(Path(key)).vkey != signer.vkey:
        return report
    return replace(report, signed_by=replace(signer, pinned=True))


def _verify_before_repair(uri: str, pinned: tuple[str, ...] | None, progress: Path) -> Report:
    """What verification finds; a manifest that is not there is found, not refused."""
    if open_store(uri).exists(layout.MANIFEST):
        return verify_delivery(uri, pinned, str(progress))
    return Report(problems=[Problem(layout.MANIFEST, "missing")])


def _repair_as_of(
    options: argparse.Namespace, published: PublishedVersion, pinned: tuple[str, ...] | None
) -> datetime:
    """The instant that the delivery was made as of: by its manifest, or as the options say."""
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
        "The manifest cannot say as of when the delivery was made",
        f"{options.delivery}/{layout.MANIFEST}: {problem}",
        "Give the day or instant of the run: --as-of 2026-06-30.",
    )
