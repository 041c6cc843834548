"""Reads a buyer's report of exposure for `fairshard pay`, and says what is in it."""

from __future__ import annotations

from pathlib import Path

from pipelines.accounts.log import AgencyLog
from pipelines.format.exposure import open_exposure
from pipelines.removal.buyer_keys import pinned_keys
from schemas.errors import InputError
from schemas.exposure import Exposure


def read_exposure(path: Path, key: Path, log: AgencyLog, deal_id: str) -> Exposure:
    """Reads a signed report, and checks that the buyer of the deal signed it.

    Args:
        path: The report, in a DSSE envelope.
        key: A file with the buyer's verifier key.
        log: The agency's log, which has the key that the buyer answers notices with, if any.
        deal_id: The deal.

    Raises:
        InputError: If a file cannot be read, or the buyer uses another key.
        ExposureError: If the report is forged or contradicts itself.
    """
    try:
        data, vkey = path.read_bytes(), key.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The report of exposure or the buyer's key cannot be read",
            str(error),
            "Nothing was recorded. Give their paths.",
        ) from error
    pinned = pinned_keys(log).get(deal_id)
    if pinned is not None and pinned.vkey != vkey:
        raise InputError(
            "The buyer of this deal has answered notices with another key",
            f"{pinned.vkey} since record {pinned.record.index}, not {vkey}",
            "Nothing was recorded. Ask the buyer through another channel.",
        )
    return open_exposure(data, vkey)


def exposure_json(exposure: Exposure) -> dict[str, object]:
    """Returns what a report counts, without its commitments."""
    return {
        "samples": exposure.samples,
        "assets": len(exposure.counts),
        "parts": [part.model_dump(mode="json") for part in exposure.parts],
    }


def exposure_in_words(exposure: Exposure) -> str:
    """Returns a sentence about what a report counts."""
    runs = sorted({part.run for part in exposure.parts})
    return (
        f"Shared per exposure: {exposure.samples:,} samples of {len(exposure.counts):,} assets, "
        f"by {len(exposure.parts):,} parts of {', '.join(runs)}."
    )
