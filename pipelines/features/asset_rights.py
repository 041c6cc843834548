"""Reads what an asset's file and sidecars state about rights, and resolves all statements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from pipelines.features.context import FetchContext
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.guard import this_guard
from pipelines.features.reading_json import reading_from_json, reading_to_json
from pipelines.features.unit_features import UnitFeatures
from pipelines.fetch.fetch import FetchedFile
from pipelines.fetch.sidecars import Sidecar
from pipelines.media.formats import Format
from pipelines.rights.resolve import resolve_rights
from pipelines.run.decisions import refused_asset
from pipelines.signals.catalogue import read_grants
from pipelines.signals.file.metadata_blocks import file_fault
from schemas.file_features import ReadingRow
from schemas.signal import Reading, merge_readings


def read_statements(
    digest: str, fetched: FetchedFile, fmt: Format, context: FetchContext, features: UnitFeatures
) -> ReadingRow:
    """Returns the file's own rights statements, as a row of READINGS_SCHEMA."""
    if digest in features.readings:
        return features.readings[digest]
    file_reading = this_guard().signals(fetched.data, fmt, context.trust, context.limits)
    text = json.dumps(reading_to_json(file_reading), ensure_ascii=False, sort_keys=True)
    return {"media_sha256": digest, "reading": text}


def sidecar_reading(sidecars: Sequence[Sidecar], context: FetchContext) -> Reading:
    """Returns what the medium's sidecars state; they are read again by every run."""
    readings = []
    for sidecar in sidecars:
        if sidecar.fault:
            fault = file_fault(f"sidecar {sidecar.name}", sidecar.fault, sidecar.data)
            readings.append(Reading(faults=(fault,)))
        else:
            guard = this_guard()
            limits = context.limits
            readings.append(guard.sidecar(sidecar.data, sidecar.name, context.trust, limits))
    return merge_readings(readings)


def resolve_asset(
    asset: FetchedAsset, file_reading: ReadingRow, other_reading: Reading, context: FetchContext
) -> FetchedAsset:
    """Resolves what catalogue, file, and sidecars and server (`other_reading`) say."""
    row = asset.row
    reading = merge_readings(
        (read_grants(row), _parse_reading(file_reading["reading"]), other_reading)
    )
    resolution = resolve_rights(row, reading, context.deal, context.as_of.date())
    decision = None
    if resolution.reasons:
        decision = refused_asset(row["asset_id"], resolution.reasons, resolution.detail)
    return replace(
        asset,
        file_reading=file_reading,
        reading=reading,
        resolution=resolution,
        decision=decision,
    )


@lru_cache(maxsize=256)
def _parse_reading(text: str) -> Reading:
    """Parses a stored reading; cached, since most files have the same (empty) reading."""
    return reading_from_json(json.loads(text))
