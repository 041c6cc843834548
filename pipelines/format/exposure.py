"""Reports of exposure: signed by the buyer, merged from those of many readers, and checked.

The checks of a report, numbered in the code: 1. the key signed it, and its form is right; 2. its
parts are sorted, and no sample is in two of them; 3. the counts sum to what the parts handed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from pydantic import ValidationError

from pipelines.ledger.dsse import envelope, open_envelope
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.signed_note import NoteError, Signer
from schemas.canonical import canonical_json
from schemas.errors import RunError
from schemas.exposure import EXPOSURE_TYPE, MAX_COUNT, Exposure, ExposurePart


class ExposureError(RunError):
    """Raised when a report of exposure is forged, contradicts itself, or counts samples twice."""


def sign_exposure(exposure: Exposure, signer: Signer) -> bytes:
    """Returns a report in a signed DSSE envelope, as one line of JSON."""
    body = canonical_json(exposure.model_dump(mode="json"))
    return envelope(signer, body, EXPOSURE_TYPE)


def open_exposure(data: bytes, vkey: str) -> Exposure:
    """Reads a signed report and checks it.

    Args:
        data: The file's bytes.
        vkey: The buyer's verifier key, which must be known from elsewhere.

    Raises:
        ExposureError: If it is not signed by the key, or contradicts itself; it says why.
        InputError: If the key is malformed.
    """
    try:  # 1
        exposure = Exposure.model_validate(open_envelope(data, vkey, EXPOSURE_TYPE))
    except (NoteError, ProofError) as error:
        raise ExposureError(
            "The report of exposure is not signed by the buyer's key, or is malformed",
            str(error)[:300],
            "Ask the buyer for a corrected report.",
        ) from error
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        where = ".".join(map(str, first["loc"]))
        raise ExposureError(
            "The report of exposure is malformed",
            f"{where}: {first['msg']}"[:200],
            "Ask the buyer for a corrected report.",
        ) from error
    check_exposure(exposure)
    return exposure


def check_exposure(exposure: Exposure) -> None:
    """Checks that a report does not contradict itself; raises ExposureError."""
    check_parts(exposure.parts)  # 2
    handed_over = sum(part.end - part.first for part in exposure.parts)
    counted = sum(exposure.counts.values())
    if counted > MAX_COUNT:
        raise ExposureError(
            "The report of exposure counts more samples than one report can",
            f"{counted:,}, and at most {MAX_COUNT:,}",
            "Report them in several reports.",
        )
    if not handed_over == counted == exposure.samples:  # 3
        raise ExposureError(
            "The report of exposure contradicts itself",
            f"its parts have {handed_over:,} samples, its counts {counted:,}, and it says "
            f"{exposure.samples:,}",
            "Ask the buyer for a corrected report.",
        )


def check_parts(parts: Sequence[ExposurePart]) -> None:
    """Checks that parts are sorted and no sample is in two of them; raises ExposureError.

    A run has one number of readers: with another, the same samples are divided otherwise, and
    nothing shows which of them were handed over twice.
    """
    first_of_run: dict[str, ExposurePart] = {}
    for part in parts:
        if part.end < part.first or part.consumer >= part.consumers:
            raise ExposureError(
                "A part of the report of exposure has impossible numbers",
                f"{in_words(part)}, reader {part.consumer} of {part.consumers}",
                "Ask the buyer for a corrected report.",
            )
        first = first_of_run.setdefault(part.run, part)
        if part.consumers != first.consumers:
            raise ExposureError(
                "The parts of one run have different numbers of readers",
                f"{in_words(first)}, of {first.consumers:,} readers, and {in_words(part)}, of "
                f"{part.consumers:,}",
                "Give a run with another number of readers a name of its own.",
            )
    for one, other in pairwise(parts):
        if _order(other) < _order(one):
            raise ExposureError("The parts of the report are not sorted", in_words(other))
        if (other.run, other.consumer) != (one.run, one.consumer):
            continue
        if other.first < one.end or other == one:
            raise ExposureError(
                "Samples are counted twice",
                f"{in_words(one)}, and {in_words(other)}",
                "Report every sample that a reader handed over once.",
            )


def merge_exposures(exposures: Iterable[Exposure]) -> Exposure:
    """Adds up the reports of several readers, in any order; the same report counts once.

    Raises:
        ExposureError: If they are about different deliveries, or two of them have samples in
            common and are not the same.
    """
    distinct: list[Exposure] = []
    for one in exposures:
        if one not in distinct:
            distinct.append(one)
    if not distinct:
        raise ExposureError("There is no report of exposure to be merged")
    [first, *others] = distinct
    counts, parts = Counter(first.counts), list(first.parts)
    for one in others:
        if (one.delivery, one.manifest_sha256) != (first.delivery, first.manifest_sha256):
            raise ExposureError(
                "The reports are about different deliveries",
                f"{first.delivery}, manifest {first.manifest_sha256}, and {one.delivery}, manifest "
                f"{one.manifest_sha256}",
                "Merge and sign the reports of each delivery apart.",
            )
        counts.update(one.counts)
        parts += one.parts
    parts.sort(key=_order)
    merged = first.model_copy(
        update={
            "parts": parts,
            "samples": sum(one.samples for one in distinct),
            "counts": dict(sorted(counts.items())),
        }
    )
    check_exposure(merged)
    return merged


def in_words(part: ExposurePart) -> str:
    """Returns what a part is about, for a message."""
    return f"run {part.run[:60]!a}, reader {part.consumer}: samples {part.first} to {part.end}"


def _order(part: ExposurePart) -> tuple[str, int, int, int, int]:
    return part.run, part.consumer, part.first, part.end, part.consumers
