"""Attributions of a shard's samples: who is named for works whose licence asks for it."""

from __future__ import annotations

from typing import cast

import pyarrow as pa

from pipelines.format.attribution import attribution_table, display_text, listed_samples
from pipelines.storage.columns import values_of
from schemas.attribution import AttributionRow
from schemas.deal_terms import RightsTerms


def shard_attributions(rows: pa.Table, samples: pa.Table, rights: RightsTerms) -> pa.Table:
    """Returns a shard's attributions (schemas.attribution.ATTRIBUTION_SCHEMA), in tar order.

    Args:
        rows: The assets' rows (schemas.unit.UNIT_SCHEMA).
        samples: Their samples, in the same order: columns of the shard's table.
        rights: The deal's; where it forbids personal data, nobody is named.
    """
    keys = values_of(samples["key"], str)
    shown = {
        key: (display_text(credit or "") if rights.may_name_authors else "", source or "")
        for key, credit, source in zip(
            keys, rows["credit"].to_pylist(), rows["source_url"].to_pylist(), strict=True
        )
    }
    attributions = []
    for listed in listed_samples(samples):
        author, source = shown[listed["key"]]
        attributions.append(cast("AttributionRow", {**listed, "author": author, "source": source}))
    return attribution_table(attributions)
