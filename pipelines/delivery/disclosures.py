"""Writes the disclosures of a delivery: all of them from one table of facts, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipelines.delivery.disclosure_cyclonedx import cyclonedx
from pipelines.delivery.disclosure_dps import provenance
from pipelines.delivery.disclosure_facts import Facts, read_facts
from pipelines.delivery.disclosure_spdx import spdx
from pipelines.delivery.disclosures_text import california_summary, data_card, eu_summary
from pipelines.delivery.output_folder import check_free, read_manifest, unfinished
from pipelines.storage.open import open_store
from pipelines.storage.tables import json_bytes
from schemas import layout


def disclosures(facts: Facts) -> dict[str, bytes]:
    """Returns every disclosure by file name, and the facts themselves; equal facts, equal bytes."""
    return {
        "facts.json": json_bytes(facts.to_json()),
        "data-card.md": data_card(facts).encode(),
        "spdx.json": json_bytes(spdx(facts)),
        "cyclonedx.json": json_bytes(cyclonedx(facts)),
        "dps-provenance.json": json_bytes(provenance(facts)),
        "eu-ai-act-summary.md": eu_summary(facts).encode(),
        "california-ab-2013.md": california_summary(facts).encode(),
    }


def write_disclosures(
    uri: str, folder: Path, pinned: tuple[str, ...] | None, allow_unpinned: bool
) -> tuple[Facts, list[str]]:
    """Writes the disclosures of a delivery to a new folder; returns its facts and the files.

    Args:
        uri: The delivery: folder or s3:// prefix.
        folder: Where they go; it must not exist, or be empty.
        pinned: The agency's keys, if the reader gave any.
        allow_unpinned: Whether a key that the reader did not give is accepted.

    Raises:
        InputError: If there is no delivery, or it has no terms, or its signer is not known, or
            there is something at the destination.
        RunError: If the delivery is damaged, or the files could not be written.
    """
    manifest = read_manifest(uri, pinned, allow_unpinned)
    check_free(folder)
    store = open_store(uri)
    digest = hashlib.sha256(store.read_bytes(layout.MANIFEST)).hexdigest()
    facts = read_facts(store, manifest, digest)
    files = disclosures(facts)
    with unfinished(folder) as target:
        for name, data in files.items():
            (target / name).write_bytes(data)
    return facts, sorted(files)
