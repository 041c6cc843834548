"""The agency's records of the files that were read, and of the rights statements found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from pipelines.features.fetched_asset import FetchedAsset
from schemas.media import MEDIA_SCHEMA
from schemas.signal import SIGNALS_SCHEMA, Origin, SignalRow

_NOTHING_SAID = SignalRow(
    asset_id="",
    kind="",
    origin="",
    purpose="",
    value="",
    said_by="",
    where="",
    said="",
    sha256="",
    when="",
    overridden_by="",
)


def signals_table(assets: Iterable[FetchedAsset], as_of: str) -> pa.Table:
    """Returns all statements of the assets' files and servers, and all overridden denials.

    Statements of the catalogue and the contributors are in their own tables; one appears here only
    if an agreement overrides it.

    Args:
        assets: The assets, in order.
        as_of: The run's instant, ISO 8601, used as the date of undated statements.
    """
    rows = [row for asset in assets for row in _rows(asset, as_of)]
    return pa.Table.from_pylist(rows, schema=SIGNALS_SCHEMA)


def _rows(asset: FetchedAsset, as_of: str) -> Iterator[SignalRow]:
    asset_fields: SignalRow = {**_NOTHING_SAID, "asset_id": asset.row["asset_id"]}
    resolution = asset.resolution
    overrides = {} if resolution is None else {o.signal: o.agreement for o in resolution.overrides}
    for signal in asset.reading.signals:
        if signal.origin is Origin.CATALOGUE and signal not in overrides:
            continue
        yield {
            **asset_fields,
            "kind": "signal",
            "origin": signal.origin,
            "purpose": signal.purpose,
            "value": signal.value,
            "said_by": signal.who,
            "where": signal.where,
            "said": signal.said,
            "sha256": signal.sha256,
            "when": signal.when or as_of,
            "overridden_by": overrides.get(signal, ""),
        }
    for assertion in asset.reading.claims:
        yield {
            **asset_fields,
            "kind": assertion.kind,
            "origin": Origin.FILE,
            "value": assertion.value,
            "where": assertion.where,
            "sha256": assertion.sha256,
            "when": as_of,
        }
    if asset.face_conflict:
        yield {
            **asset_fields,
            "kind": "faces",
            "origin": "picture",
            "said_by": asset.faces_by,
            "value": asset.face_conflict,
            "when": as_of,
        }
    for fault in asset.reading.faults:
        yield {
            **asset_fields,
            "kind": "fault",
            "origin": fault.origin,
            "where": fault.where,
            "said": fault.detail,
            "sha256": fault.sha256,
            "when": as_of,
        }


def media_table(assets: Iterable[FetchedAsset]) -> pa.Table:
    """Returns the digests of the assets' files and sidecars, by which later changes are noticed.

    Files that could not be read are left out.

    Args:
        assets: The assets, in order.
    """
    rows = [
        {
            "asset_id": asset.row["asset_id"],
            "media_uri": asset.row["media_uri"],
            "media_sha256": asset.digest,
            "sidecars_sha256": asset.sidecars_sha256,
        }
        for asset in assets
        if asset.digest
    ]
    return pa.Table.from_pylist(rows, schema=MEDIA_SCHEMA)
