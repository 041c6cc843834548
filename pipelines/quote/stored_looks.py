"""Reads what an output knows of how assets look: the embeddings that earlier runs stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.features.file_names import parse_feature_file
from pipelines.features.store import read_feature_file
from pipelines.quote.candidates import Candidate
from pipelines.quote.looks import Looks, Whole, to_whole
from pipelines.storage.columns import list_items, values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, tables_under
from schemas import layout
from schemas.deal import Deal
from schemas.errors import InputError, RunError

_TABLES = f"{layout.FEATURES}/embeddings-"
_KEY, _VECTOR = "media_sha256", "embedding"


def read_looks(store: Store, deal: Deal, candidates: Sequence[Candidate]) -> Looks:
    """Reads the embeddings of candidates, by the model that looked at most of them.

    An asset's file is the one that the latest version to read it found, or else the one whose
    digest the catalogue states.

    Raises:
        InputError: If the deal takes assets that no model may look at, or no candidate has an
            embedding.
        RunError: If stored features are damaged.
    """
    if deal.rights.inference == "pack-without":
        raise InputError(
            "Assets cannot be chosen by embeddings for a deal that takes some without consent to "
            "them",
            'rights.inference is "pack-without"',
            "Choose by labels, or give another rights.inference.",
        )
    digests = {one.asset_id: one.sha256 for one in candidates if one.sha256}
    digests.update(_recorded_digests(store, {one.asset_id for one in candidates}))
    wanted = set(digests.values())
    tables = _tables(store)
    counts = {prefix: len(wanted & _keys(store, files)) for prefix, files in tables.items()}
    prefix = max(sorted(counts), key=lambda one: counts[one], default="")
    if not prefix or not counts[prefix]:
        raise InputError(
            "No cleared asset has a stored embedding",
            store.uri,
            "fairshard package computes embeddings of the assets that it reads. Give the --out of "
            "such a run, or choose by labels.",
        )
    model, rows, whole = _read(store, tables[prefix], wanted)
    return Looks(model, digests, rows, whole)


def _recorded_digests(store: Store, asset_ids: Collection[str]) -> dict[str, str]:
    """Returns digests of assets' files, as the versions of all deals found them: the latest counts.

    Of versions of several deals, the one counts whose deal comes last; a digest that is out of
    date has an embedding of what the asset was, or none.
    """
    found: dict[str, str] = {}
    for deal_id in sorted(store.folders()):
        if deal_id == layout.AGENCY:
            continue
        for version in sorted(store.folders(deal_id), key=lambda name: (len(name), name)):
            prefix = f"{layout.agency_prefix(deal_id, version)}/{layout.MEDIA}"
            for part in tables_under(store, prefix):
                table = read_parquet(store, part.key, ["asset_id", _KEY])
                pairs = zip(
                    values_of(table["asset_id"], str), values_of(table[_KEY], str), strict=True
                )
                found.update((asset, digest) for asset, digest in pairs if asset in asset_ids)
    return found


def _tables(store: Store) -> dict[str, list[str]]:
    """Returns the files of each table of embeddings, by its prefix."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in store.list(layout.FEATURES):
        if item.key.startswith(_TABLES) and parse_feature_file(item.key):
            found[item.key.rpartition("/")[0]].append(item.key)
    return {prefix: sorted(keys) for prefix, keys in found.items()}


def _keys(store: Store, files: Sequence[str]) -> set[str]:
    return {
        digest
        for key in files
        for digest in values_of(read_feature_file(store, key, [_KEY])[_KEY], str)
    }


def _read(
    store: Store, files: Sequence[str], wanted: Collection[str]
) -> tuple[str, dict[str, int], Whole]:
    """Returns a table's model, the rows of media in its embeddings, and the embeddings."""
    rows: dict[str, int] = {}
    parts: list[Whole] = []
    models: dict[str, None] = {}
    for key in files:
        table = read_feature_file(store, key, [_KEY, _VECTOR])
        said = table.schema.metadata or {}
        models[said.get(b"fairshard.model", b"").decode()] = None
        digests = values_of(table[_KEY], str)
        new = {one: n for n, one in enumerate(digests) if one in wanted and one not in rows}
        at = list(new.values())
        if not at:
            continue
        vectors = table[_VECTOR].combine_chunks().take(pa.array(at))
        lengths = set(pc.list_value_length(vectors).to_pylist())
        if len(lengths) != 1 or (parts and lengths != {parts[0].shape[1]}):
            raise RunError(
                "Stored embeddings have different lengths",
                f"{store.uri}/{key}",
                "Remove the file: what was in it is computed again.",
            )
        values = list_items(vectors).to_numpy(zero_copy_only=False)
        parts.append(to_whole(values.reshape(len(at), -1)))
        rows.update({digest: n for n, digest in enumerate(new, start=len(rows))})
    [model, *_] = [name for name in models if name] or ["an unnamed model"]
    return model, rows, np.concatenate(parts)
