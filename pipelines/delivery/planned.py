"""What the plan says about samples, as the buyer sees it: ids become salted commitments."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ledger.commitments import Domain, commit, item_salt, text_value
from pipelines.storage.columns import values_of
from schemas import layout
from schemas.shard_table import PlannedColumns


def planned_columns(salt: bytes, shard: str, plan: pa.Table) -> dict[str, PlannedColumns]:
    """Returns what the plan says about each asset, by id.

    The commitments are the same in all versions of a deal, so that groups and clusters can be
    followed from one to the next.

    Args:
        salt: The deal's salt.
        shard: Base name of the shard.
        plan: The shard's plan: the columns asset_id, group and cluster.
    """

    def commitment(domain: Domain, text: str | None) -> str | None:
        if text is None:
            return None
        return commit(domain, item_salt(salt, domain, text), text_value(text))

    split = layout.shard_split(shard)
    columns = zip(
        values_of(plan["asset_id"], str),
        plan["group"].to_pylist(),
        plan["cluster"].to_pylist(),
        strict=True,
    )
    return {
        asset_id: PlannedColumns(
            split=split,
            group_id=commitment(Domain.GROUP, group),
            duplicate_cluster=commitment(Domain.CLUSTER, cluster),
        )
        for asset_id, group, cluster in columns
    }
