"""A batch of assets as the rules of screening see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import pyarrow as pa

from pipelines.rights.arrow import BoolArray, DistinctTexts, column, distinct_texts
from pipelines.rights.index import RightsIndex
from pipelines.storage.columns import Column
from schemas.deal import Deal

_Shared = TypeVar("_Shared")


@dataclass(frozen=True)
class AssetBatch:
    """Assets to be screened, and all that they are screened with.

    Attributes:
        assets: The rows (schemas.catalogue.ASSETS_SCHEMA).
        index: The other tables.
        deal: The deal.
        repeated: Where an asset id is in more than one row of the whole catalogue, [rows].
    """

    assets: pa.Table
    index: RightsIndex
    deal: Deal
    repeated: BoolArray
    _shared: dict[object, object] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.assets)

    def column(self, name: str) -> Column:
        """One column as a single array."""
        return column(self.assets, name)

    def texts(self, name: str) -> DistinctTexts:
        """The distinct texts of a column, computed once for the batch."""
        if name not in self._shared:
            self._shared[name] = distinct_texts(self.column(name))
        return cast("DistinctTexts", self._shared[name])

    def shared(self, compute: Callable[[AssetBatch], _Shared]) -> _Shared:
        """What several rules look at, computed once for the batch."""
        if compute not in self._shared:
            self._shared[compute] = compute(self)
        return cast("_Shared", self._shared[compute])
