"""Gated batches in the work area: their receipts, the verdict on them, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines import layout
from pipelines.catalogue.outcome import GateSummary
from pipelines.decisions import Counts
from pipelines.delivery.stores import Store

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class BatchReceipt:
    """One batch that was read, gated and put by.

    Attributes:
        name: Names the batch in the work area.
        counts: Rows that entered, passed and are dead letters.
        gate: What the expectations said.
    """

    name: str
    counts: Counts
    gate: GateSummary


@dataclass(frozen=True)
class Verdict:
    """What the gate says of the whole catalogue.

    Attributes:
        stopped: Whether the run ends here; the work area's `verdict.json` says why.
        repeated: Hashes of the asset ids that stand in more than one row, sorted.
    """

    stopped: bool
    repeated: Hashes


def hash_ids(asset_ids: Iterable[str]) -> Hashes:
    """The hash of each asset id, [n] uint64."""
    return np.fromiter((layout.asset_hash(text) for text in asset_ids), np.uint64)


def read_batch(store: Store, work: str, name: str) -> pa.Table:
    """A batch from the work area: schemas.catalogue.ASSETS_SCHEMA and the column `hash`."""
    data = store.read_bytes(f"{work}/batches/{name}.arrow")
    return pa.ipc.open_file(pa.BufferReader(data)).read_all()
