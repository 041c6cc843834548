"""What removed files look like, as far as the output's features still have it.

A copy that was encoded again has other bytes. A run that compares looks recognises it by what the
notice keeps, also when the removed asset is no longer in the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from pipelines.features.store import FACTS_MODEL, FORMER_FACTS_MODELS, FeatureTable
from pipelines.removal.search import FoundVersion
from pipelines.storage.store import Store
from schemas import layout
from schemas.features import FACTS_SCHEMA, FactsRow

_RANGE_BITS = 10  # features are read for this many leading bits of assets' hashes at a time


class _Look(TypedDict):
    """Columns of FACTS_SCHEMA."""

    media_sha256: str
    phash: str
    colour: str


def looks_of(store: Store, found: Iterable[FoundVersion]) -> dict[str, list[str]]:
    """Returns perceptual hash and mean colours of samples' files, by the file's digest, hex.

    Args:
        store: The output.
        found: Versions with the samples that are removed.
    """
    wanted: dict[int, set[str]] = {}
    for version in found:
        for sample in version.samples:
            part = layout.unit_of(layout.asset_hash(sample.asset_id), _RANGE_BITS)
            wanted.setdefault(part, set()).update(version.files(sample))
    # An output may have been written by an earlier release; it has the same two columns.
    tables = [
        FeatureTable(store, "facts", model, FACTS_SCHEMA, FactsRow)
        for model in (*FORMER_FACTS_MODELS, FACTS_MODEL)
    ]
    looks: dict[str, list[str]] = {}
    for part, digests in sorted(wanted.items()):
        for facts in tables:
            known = facts.load_columns(*layout.unit_range(part, _RANGE_BITS), _Look)
            for digest in sorted(digests & known.keys()):
                looks[digest] = [known[digest]["phash"], known[digest]["colour"]]
    return looks
