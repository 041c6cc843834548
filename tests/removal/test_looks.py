"""Looks of removed files are found in stores of this release and of earlier ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from pipelines.features.store import FACTS_MODEL, FORMER_FACTS_MODELS, FeatureTable
from pipelines.removal.looks import looks_of
from pipelines.removal.search import FoundVersion
from pipelines.storage.open import open_store
from schemas.features import FACTS_SCHEMA
from schemas.layout import asset_hash, unit_of, unit_range


def facts(digest: str, phash: str, *, former: bool) -> dict[str, Any]:
    empty = {"string": "", "bool": False, "list<element: binary>": []}
    row: dict[str, Any] = {
        field.name: [] if pa.types.is_list(field.type) else empty.get(str(field.type), 0)
        for field in FACTS_SCHEMA
        if not (former and field.name in ("looks", "cells"))
    }
    return {**row, "media_sha256": digest, "phash": phash, "colour": "c" * 96}


def test_looks_of_earlier_releases_are_found(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    without_cells = pa.schema(
        [field for field in FACTS_SCHEMA if field.name not in ("looks", "cells")]
    )
    bounds = unit_range(unit_of(asset_hash("a"), 3), 3)
    for model, schema, digest in (
        (FORMER_FACTS_MODELS[0], without_cells, "old"),
        (FACTS_MODEL, FACTS_SCHEMA, "new"),
    ):
        table: FeatureTable[Any] = FeatureTable(store, "facts", model, schema, dict)
        table.save(*bounds, [facts(digest, digest, former=digest == "old")])
    sample = SimpleNamespace(asset_id="a")
    found = SimpleNamespace(samples=(sample,), files=lambda _: {"old", "new", "unknown"})
    assert looks_of(store, [cast("FoundVersion", found)]) == {
        "old": ["old", "c" * 96],
        "new": ["new", "c" * 96],
    }
