"""Fetches a unit's media a chunk at a time, each while the models work on the one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

from pipelines.features.assets import fetch_asset, recall_asset
from pipelines.features.extras import facts_text, store_members
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.unit_features import UnitFeatures
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import failed_asset
from pipelines.run.job import Job
from pipelines.steps.doubts import Doubts, objection_to
from pipelines.storage.store import Store
from schemas.reasons import Reason
from schemas.unit import ClearedRow

# Assets processed at once; this also determines which pictures share a model batch.
_CHUNK_ASSETS = 64
_FETCH_THREADS = 2
# The assets of a chunk, some of which are still being fetched.
_Fetching = list[FetchedAsset | Future[FetchedAsset]]


@dataclass(frozen=True)
class FetchAhead:
    """Fetches the media of a unit.

    Attributes:
        store: The output store.
        job: The run.
        unit_features: Features of the unit's media.
        origin_files: This run's cache of the files that servers publish beside their media.
        doubts: What this run found about servers that cannot be relied on.
        now_s: Returns the time before the first file is read.
    """

    store: Store
    job: Job
    unit_features: UnitFeatures
    origin_files: OriginFileCache
    doubts: Doubts
    now_s: Callable[[], float]

    def chunks(self, rows: Sequence[ClearedRow]) -> Iterator[list[FetchedAsset]]:
        """Yields the assets in chunks; the next one is fetched meanwhile."""
        starts = range(0, len(rows), _CHUNK_ASSETS)
        return _one_ahead(self._start(rows[start : start + _CHUNK_ASSETS]) for start in starts)

    def _start(self, rows: Sequence[ClearedRow]) -> _Fetching:
        """Starts to fetch assets; those that can be recalled are not fetched."""
        recalled = [recall_asset(row, self.job, self.unit_features) for row in rows]
        return [
            fetchers().submit(self._fetch, row) if item is None else item
            for row, item in zip(rows, recalled, strict=True)
        ]

    def _fetch(self, row: ClearedRow) -> FetchedAsset:
        """Fetches an asset unless this run found that its server cannot be relied on.

        The members that its profile adds are stored at once, since they may be large.
        """
        job = self.job
        objection = objection_to(row, job, self.doubts)
        if objection:
            detail = f"{one_line(row['media_uri'])}: {one_line(objection)}"
            decision = failed_asset(row["asset_id"], Reason.MEDIA_CHANGED, detail)
            return FetchedAsset(row, decision=decision)
        later = self.doubts.later_statements(row["asset_id"])
        asset = fetch_asset(row, job, self.unit_features, self.origin_files, self.now_s, later)
        if asset.made is None:
            return asset
        extras = store_members(self.store, job.work, asset.made)
        return replace(asset, made=None, extras=extras, extra_facts=facts_text(asset.made))


def _one_ahead(started: Iterator[_Fetching]) -> Iterator[list[FetchedAsset]]:
    """Waits for each chunk when the next one has been started, which is fetched meanwhile."""
    current = next(started, None)
    while current is not None:
        following = next(started, None)
        yield [item.result() if isinstance(item, Future) else item for item in current]
        current = following


@lru_cache(maxsize=1)
def fetchers() -> ThreadPoolExecutor:
    """Returns the process's fetch threads; kept because each owns a guarded decoder process."""
    return ThreadPoolExecutor(_FETCH_THREADS, "fetch")
