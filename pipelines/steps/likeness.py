"""Reads what near-duplicates of a run are confirmed by, and records the pairs that were found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.features.store import open_feature_store
from pipelines.run.decisions import write_part
from pipelines.run.job import Job
from pipelines.selection.near import Frames, JudgedPair, Vectors
from pipelines.selection.perceptual_index import Indices
from pipelines.steps.units import read_unit
from pipelines.storage.columns import values_of
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import Store
from schemas.layout import unit_range
from schemas.likeness import LIKENESS_SCHEMA, LikenessRow
from schemas.reasons import Reason
from schemas.refused import owner_ids

_KEPT_BY_DEAL = "select.keep_both"
_UNCERTAIN = "uncertain"


class RunEvidence:
    """Looks and embeddings of a run's candidates; each unit's are read once for all that are asked.

    Args:
        store: The output store.
        job: The run.
        candidates: All candidates (CANDIDATES_SCHEMA), those of a unit in the order of its table.
    """

    def __init__(self, store: Store, job: Job, candidates: pa.Table) -> None:
        self._store = store
        self._job = job
        self._units = candidates["unit"].to_numpy()
        self._digests = candidates["media_sha256"]
        self._inference = candidates["inference"].to_numpy()

    def frames(self, assets: Indices) -> list[Frames]:
        """Returns the frames of candidates, in the order of `assets`."""
        found: dict[int, Frames] = {}

        def read(part: tuple[int, Indices]) -> tuple[Indices, pa.Table]:
            unit, places = part
            first = int(np.searchsorted(self._units, unit))
            rows = read_unit(self._store, self._job, unit, ["looks", "cells"])
            return places, rows.take(assets[places] - first)

        for places, chosen in in_parallel(self._store, read, self._by_unit(assets)):
            looks, cells = (values_of(chosen[name], list[bytes]) for name in ("looks", "cells"))
            for at, searches, shades in zip(places.tolist(), looks, cells, strict=True):
                found[at] = Frames(tuple(searches), tuple(shades))
        return [found[at] for at in range(len(assets))]

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Returns candidates' embeddings; see `pipelines.selection.near.Evidence`."""
        present: npt.NDArray[np.bool_] = self._inference[assets]
        allowed = assets[present]
        parts: list[tuple[Indices, Vectors]] = []
        if len(allowed):
            job = self._job
            # Opened when all units have ended, since it lists its files once.
            features = open_feature_store(
                self._store, job.models.clip_id, job.models.captioner_id, job.reader_id
            )
            for unit, places in self._by_unit(allowed):
                digests = self._digests.take(allowed[places])
                keys = [digest.hex() for digest in values_of(digests, bytes)]
                bounds = unit_range(unit, job.unit_bits)
                found = features.embeddings.vectors(*bounds, "embedding", keys)
                parts.append((places, found.astype(np.float16)))
        dimensions = parts[0][1].shape[1] if parts else 0
        embeddings: Vectors = np.zeros((len(allowed), dimensions), np.float16)
        for places, of_unit in parts:
            embeddings[places] = of_unit
        return present, embeddings

    def _by_unit(self, assets: Indices) -> Iterator[tuple[int, Indices]]:
        """Yields units with the places in `assets` of those that they hold."""
        units = self._units[assets]
        order = np.argsort(units, kind="stable")
        present, starts = np.unique(units[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        for unit, start, end in zip(present.tolist(), starts.tolist(), ends, strict=False):
            yield unit, order[start:end]


def write_likeness(
    store: Store, job: Job, candidates: pa.Table, pairs: Sequence[JudgedPair]
) -> None:
    """Writes the pairs to the agency's tables (LIKENESS_SCHEMA), in the order of ids."""
    rows = sorted(
        likeness_rows(candidates, pairs), key=lambda row: (row["asset_id"], row["other_asset_id"])
    )
    table = pa.Table.from_pylist(rows, schema=LIKENESS_SCHEMA)
    write_part(store, f"{job.work}/agency/likeness/select.parquet", table)


def likeness_rows(candidates: pa.Table, pairs: Sequence[JudgedPair]) -> list[LikenessRow]:
    """Returns pairs as rows of LIKENESS_SCHEMA.

    Of pairs that are not certain, those of different contributors: their agency may want to look.
    """
    rows: list[LikenessRow] = []
    for pair in pairs:
        owners = [owner_ids(candidates["owners"][at].as_py()) for at in (pair.kept, pair.other)]
        if not pair.is_certain and owners[0] == owners[1]:
            continue
        compared = pair.bits >= 0
        outcome: str = Reason.DUPLICATE_NEAR if compared else Reason.DUPLICATE_SEMANTIC
        if not pair.is_certain:
            outcome = _UNCERTAIN
        elif pair.by_deal:
            outcome = _KEPT_BY_DEAL
        rows.append(
            {
                "asset_id": candidates["asset_id"][pair.kept].as_py(),
                "other_asset_id": candidates["asset_id"][pair.other].as_py(),
                "outcome": outcome,
                "possible_copy": compared and owners[0] != owners[1],
                "contributors": owners[0],
                "other_contributors": owners[1],
                "hash_bits": pair.bits if compared else None,
                "agreement_milli": pair.agreement if compared else None,
                "difference": pair.difference if compared else None,
                "cosine_milli": pair.cosine,
            }
        )
    return rows


def likeness_record(
    candidates: pa.Table, pairs: Sequence[JudgedPair], keep_both: Collection[Sequence[str]]
) -> dict[str, object]:
    """Counts the pairs, and says which of the deal's pairs to keep were found alike."""
    rows = likeness_rows(candidates, pairs)
    used = {
        frozenset((row["asset_id"], row["other_asset_id"]))
        for row in rows
        if row["outcome"] == _KEPT_BY_DEAL
    }
    return {
        "pairs": len(rows),
        "possible_copies": sum(row["possible_copy"] for row in rows),
        "keep_both_used": [list(pair) for pair in keep_both if frozenset(pair) in used],
        "keep_both_without_effect": [
            list(pair) for pair in keep_both if frozenset(pair) not in used
        ],
    }
