"""Who signed the model releases of assets, for profiles that are about people."""

from __future__ import annotations

import pyarrow as pa

from pipelines.rights.index import RightsIndex
from pipelines.rights.release_traits import IS_MODEL
from pipelines.storage.columns import Column
from schemas.deal import Deal


def people_of(assets: pa.Table, index: RightsIndex, deal: Deal) -> tuple[Column, Column]:
    """Returns the people who signed each asset's model releases, and the ids of the valid ones.

    People are named as `releases.subject_ref` does, written alike as when releases are counted.
    Releases that are not valid name people, too: who is shown does not depend on it.

    Args:
        assets: The rows (schemas.catalogue.ASSETS_SCHEMA).
        index: The index they were screened with.
        deal: The deal.

    Returns:
        Two columns of lists of texts, sorted; empty lists under other profiles.
    """
    kind = pa.list_(pa.string())
    people: list[set[str]] = [set() for _ in range(len(assets))]
    valid: list[set[str]] = [set() for _ in range(len(assets))]
    names = index.releases.subject_names
    if names is not None:
        named = index.releases.find(assets, deal)
        models, sound = named.has_trait(IS_MODEL), named.is_valid(IS_MODEL)
        ids = named.lists.values.to_pylist()
        for item, (row, position) in enumerate(zip(named.lists.rows, named.position, strict=True)):
            if models[item] and position >= 0:
                name = names[int(position)].as_py()
                people[row] |= {name} if name else set()
            if sound[item]:
                valid[row].add(ids[item])
    return pa.array(map(sorted, people), kind), pa.array(map(sorted, valid), kind)
