"""The agency's record of what files and servers say of rights (SIGNALS_SCHEMA)."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from pipelines.features.gather import Gathered
from schemas.signal import SIGNALS_SCHEMA, Origin

Row = dict[str, str]


def signals_table(items: Iterable[Gathered], as_of: str) -> pa.Table:
    """Every statement of the assets' files and servers, and every no that was overridden.

    What the catalogue and the contributors say stands in their tables; a row of theirs is here only
    if an agreement overrides it.

    Args:
        items: The assets, in order.
        as_of: When undated statements were read: the run's instant, ISO 8601.
    """
    rows = [row for item in items for row in _rows(item, as_of)]
    return pa.Table.from_pylist(rows, schema=SIGNALS_SCHEMA)


def _rows(item: Gathered, as_of: str) -> Iterable[Row]:
    asset = dict.fromkeys(SIGNALS_SCHEMA.names, "") | {"asset_id": item.row["asset_id"]}
    resolution = item.resolution
    overrides = {} if resolution is None else {o.signal: o.agreement for o in resolution.overrides}
    for signal in item.reading.signals:
        if signal.origin is Origin.CATALOGUE and signal not in overrides:
            continue
        yield asset | {
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
    for claim in item.reading.claims:
        yield asset | {
            "kind": claim.kind,
            "origin": Origin.FILE,
            "value": claim.value,
            "where": claim.where,
            "sha256": claim.sha256,
            "when": as_of,
        }
    for fault in item.reading.faults:
        yield asset | {
            "kind": "fault",
            "origin": fault.origin,
            "where": fault.where,
            "said": fault.detail,
            "sha256": fault.sha256,
            "when": as_of,
        }
