"""Surveys the feature store: what is in it, what of it is used, damaged, or in too many files.

A table is in use if the latest version of a deal was made with its model, or this release would
read it for any deal. Nothing else decides: features of a model that no delivery has are stale, and
would be computed again if a deal named the model once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from pipelines.accounts.published import find_versions
from pipelines.catalogue.memory import CHECKS_MODEL
from pipelines.features.file_names import FOREIGN, parse_feature_file
from pipelines.features.frame_vectors import FRAMES_VERSION
from pipelines.features.kept_frames import PICTURES_MODEL
from pipelines.features.store import (
    DIGEST_CACHE_MODEL,
    FACTS_MODEL,
    MEASURES_MODEL,
    FeaturesGoneError,
    read_feature_file,
    write_feature_file,
)
from pipelines.run.inspectors import prompts_model
from pipelines.run.job import RENDITIONS_VERSION
from pipelines.run.models import captions_model, scores_model, tags_model
from pipelines.signals.file.embedded import READER_VERSION, STRIPPER_VERSION
from pipelines.storage.store import ObjectInfo, Store
from pipelines.storage.tables import read_json
from pipelines.vision.faces import FACES_VERSION
from pipelines.vision.texts import TEXTS_VERSION
from schemas import layout
from schemas.deal_structure import EMBEDDED_PROFILES
from schemas.errors import InputError, RunError

# Tables that depend on nothing but the code, with what this release reads.
_OF_THIS_RELEASE = {
    "checks": CHECKS_MODEL,
    "facts": FACTS_MODEL,
    "measures": MEASURES_MODEL,
    "pictures": PICTURES_MODEL,
    "seen": DIGEST_CACHE_MODEL,
}

_FRAMES = "frames"

TableState = Literal["in use", "stale", "unknown"]


@dataclass(frozen=True)
class StoredTable:
    """A table of features.

    Attributes:
        prefix: Key prefix of its files.
        kind: What it has: `facts`, `measures`, `embeddings`, `captions`, `scores`, `readings`,
            `renditions`, `prompt-scores`, `faces`, `texts`, `frames` for embeddings of films'
            frames, `pictures` for frames of films, `seen` for the digests of local files, or
            `checks` for what was found in the catalogue's rows.
        model: Identity of the model or code that computed it; "" if its files do not say.
        files: Its files, by key.
        deals: The deals whose latest version was made with it, sorted.
        state: Whether it is used; `unknown` if its files do not say what computed them and no
            delivery has the model.
    """

    prefix: str
    kind: str
    model: str
    files: tuple[ObjectInfo, ...]
    deals: tuple[str, ...]
    state: TableState

    @property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(item.size_bytes for item in self.files)

    @property
    def written_s(self) -> float:
        """When it was last added to, in seconds since 1970 by the store's clock."""
        return max(item.modified_s for item in self.files)


@dataclass(frozen=True)
class TableContent:
    """What reading all files of a table found.

    Attributes:
        rows: Rows in sound files; a medium may have several.
        damaged: Keys of files that are damaged, with the reasons.
    """

    rows: int
    damaged: dict[str, str]


def survey_features(store: Store) -> list[StoredTable]:
    """Returns the tables of an output's feature store, by kind and prefix; no table is read.

    Raises:
        RunError: If the manifest of a published version, or the first file of a table, is damaged.
    """
    used = _tables_of_deals(store)
    folders: dict[str, list[ObjectInfo]] = defaultdict(list)
    for item in store.list(layout.FEATURES):
        prefix, _, name = item.key.rpartition("/")
        if name.endswith(".parquet"):
            folders[prefix].append(item)
    tables = []
    for prefix, files in sorted(folders.items()):
        kind = prefix.rpartition("/")[2].rpartition("-")[0]
        model = _model_of(store, files)
        deals = tuple(sorted(used.get(_used_prefix(prefix, kind, model), ())))
        state: TableState = "in use" if deals or _is_current(prefix, kind, model) else "stale"
        if state == "stale" and not model:
            state = "unknown"
        ordered = tuple(sorted(files, key=lambda item: item.key))
        tables.append(StoredTable(prefix, kind, model, ordered, deals, state))
    return tables


def read_content(store: Store, table: StoredTable) -> TableContent:
    """Reads all files of a table, and returns how many rows they have and which are damaged.

    Files of which a run reads nothing, because of their names, count as damaged.

    Raises:
        FeaturesGoneError: If one was removed since the survey.
    """
    rows, damaged = 0, {}
    for item in table.files:
        if parse_feature_file(item.key) is None:
            damaged[item.key] = FOREIGN
            continue
        try:
            rows += len(read_feature_file(store, item.key))
        except FeaturesGoneError:
            raise
        except RunError as error:
            damaged[item.key] = error.which.partition(": ")[2]
    return TableContent(rows, damaged)


def compact_table(store: Store, table: StoredTable) -> int:
    """Joins files of a table that cover the same range of hashes; returns how many are left.

    Rows are joined in the order in which they are read, without repeats, so that later runs find
    the same ones. The joined file is written before the others are removed: a process that is
    killed leaves rows twice, which changes nothing.

    Raises:
        RunError: If a file is damaged or was removed since the survey.
    """
    left = 0
    for (low, high), keys in _by_range(table.files):
        left += 1
        if len(keys) == 1:
            continue
        parts = [read_feature_file(store, key) for key in keys]
        joined = _without_repeats(pa.concat_tables(parts))
        said = {"fairshard.kind": table.kind, "fairshard.model": table.model}
        made = write_feature_file(store, table.prefix, low, high, joined, said)
        for key in keys:
            if key != made:
                store.delete(key)
    return left


def _by_range(files: Sequence[ObjectInfo]) -> Iterator[tuple[tuple[int, int], list[str]]]:
    ranges: dict[tuple[int, int], list[str]] = defaultdict(list)
    for item in files:
        if name := parse_feature_file(item.key):
            ranges[name.low, name.high].append(item.key)
    yield from sorted(ranges.items())


def _without_repeats(table: pa.Table) -> pa.Table:
    """Returns a table without rows that are equal to a later one; the order stays."""
    seen: set[str] = set()
    kept = []
    for at, row in reversed(list(enumerate(table.to_pylist()))):
        text = repr(row)
        if text not in seen:
            seen.add(text)
            kept.append(at)
    return table.take(pa.array(kept[::-1], pa.int64())).combine_chunks()


def _model_of(store: Store, files: Sequence[ObjectInfo]) -> str:
    """Returns what a table's files say of their model; those of earlier releases say nothing."""
    own = (item for item in files if parse_feature_file(item.key))
    for item in sorted(own, key=lambda item: (-item.modified_s, item.key))[:1]:
        try:
            said = read_feature_file(store, item.key).schema.metadata or {}
        except RunError:
            return ""
        return said.get(b"fairshard.model", b"").decode()
    return ""


def _used_prefix(prefix: str, kind: str, model: str) -> str:
    """Returns what a table is named in `_tables_of_deals`.

    A delivery does not say at the top which frames are embedded, so that those of its model count.
    """
    if kind != _FRAMES or not model.startswith(f"{FRAMES_VERSION} "):
        return prefix
    return layout.features_prefix(_FRAMES, model.split(" ", 2)[-1])


def _is_current(prefix: str, kind: str, model: str) -> bool:
    """Returns whether this release would read a table for some deal, whatever its models."""
    if kind in _OF_THIS_RELEASE:
        return prefix == layout.features_prefix(kind, _OF_THIS_RELEASE[kind])
    if kind == "renditions":  # as `Job.rendition_id` writes them; what the deal says is between
        table, stripper, _, reader, *_ = [*model.split(" "), "", "", "", ""]
        return (table, stripper, reader) == (RENDITIONS_VERSION, STRIPPER_VERSION, READER_VERSION)
    starts = {
        "readings": f"{READER_VERSION} ",
        "faces": f"{FACES_VERSION} ",
        "texts": f"{TEXTS_VERSION} ",
    }
    return kind in starts and model.startswith(starts[kind])


def _tables_of_deals(store: Store) -> dict[str, set[str]]:
    """Returns the deals whose latest version was made with a table, by the table's prefix."""
    try:
        latest = {one.deal_id: one for one in find_versions(store)}
    except InputError:  # nothing is published
        return {}
    used: dict[str, set[str]] = defaultdict(set)
    for deal_id, one in latest.items():
        clip, captioner = one.manifest.models.clip, one.manifest.models.captioner
        for kind, model in (
            ("embeddings", clip),
            ("scores", scores_model(clip)),
            ("prompt-scores", prompts_model(clip)),
            ("captions", captions_model(captioner, clip)),
        ):
            used[layout.features_prefix(kind, model)].add(deal_id)
        if one.manifest.deal.profile in EMBEDDED_PROFILES:
            used[layout.features_prefix(_FRAMES, clip)].add(deal_id)
        record = f"{layout.agency_prefix(deal_id, one.version)}/{layout.RUN_RECORD}"
        vocabulary = read_json(store, record).get("vocabulary") if store.exists(record) else None
        if vocabulary:
            for kind in ("tags", "concepts"):
                used[layout.features_prefix(kind, tags_model(vocabulary, clip))].add(deal_id)
    return used
