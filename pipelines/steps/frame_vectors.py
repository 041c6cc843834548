"""Adds the embeddings of frames, and their depth, to the films of a deal whose profile has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from pipelines.features.depth import make_depth
from pipelines.features.extras import ExtraRefusalError, MadeExtras, facts_text, store_members
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.frame_vectors import (
    embed_frames,
    frame_vectors_table,
    save_vectors,
    stored_vectors,
)
from pipelines.features.renditions import find_frame_refusal
from pipelines.features.unit_features import UnitFeatures
from pipelines.features.vision_models import VisionModels
from pipelines.fetch.fetch import fetch
from pipelines.fetch.locate import resolve_media_uri
from pipelines.format.npy import Halves, npy_bytes
from pipelines.profiles import profile_for
from pipelines.profiles.structure_video import EMBEDDINGS, MOST_ROWS
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import failed_asset, refused_asset
from pipelines.run.job import Job
from pipelines.storage.store import Store
from schemas.deal_structure import rows_of_film
from schemas.errors import BadRecord
from schemas.layout import asset_hash
from schemas.profiles.depth import DEPTH
from schemas.reasons import Reason

AddFrameVectors = Callable[[FetchedAsset], FetchedAsset]


def frame_vectors_adder(
    store: Store, feature_store: Store, job: Job, features: UnitFeatures, vision: VisionModels
) -> AddFrameVectors:
    """Returns what adds the embeddings of a film's frames to an asset, or leaves it as it is.

    Args:
        store: The output store, in whose work area the members wait.
        feature_store: Where features are stored.
        job: The run.
        features: The features of the unit.
        vision: The models.
    """
    every = job.deal.structure.every
    table = frame_vectors_table(feature_store, job.models.clip_id, every)

    def vectors_of(item: FetchedAsset, frames: int) -> Halves:
        key = (table, asset_hash(item.row["asset_id"]), item.digest)
        vectors = stored_vectors(*key, rows_of_film(frames, every))
        if vectors is None:
            vectors = embed_frames(_fetched(item, job), frames, every, vision, job.limits)
            save_vectors(*key, vectors)
        return vectors

    def add(item: FetchedAsset) -> FetchedAsset:
        profile = profile_for(job.deal.profile, item.row["media_type"])
        if item.decision is not None or profile is None or EMBEDDINGS not in profile.extras:
            return item
        asset_id, frames = item.row["asset_id"], features.facts[item.digest]["frames"]
        rows = rows_of_film(frames, every)
        if not item.inference or rows > MOST_ROWS:
            why = f"{rows} frames; at most {MOST_ROWS} are embedded: use a larger structure.every"
            why = why if item.inference else "the rights forbid a model to embed its frames"
            return replace(item, decision=refused_asset(asset_id, (Reason.PROFILE_UNMET,), why))
        try:
            depth = _depth(item, features, job) if DEPTH in profile.extras else None
            vectors = vectors_of(item, frames)
        except ExtraRefusalError as error:
            detail = one_line(error.detail)
            return replace(item, decision=refused_asset(asset_id, (error.reason,), detail))
        except BadRecord as bad:
            detail = f"{one_line(item.row['media_uri'])}: {one_line(bad.detail)}"
            return replace(item, decision=failed_asset(asset_id, bad.reason, detail))
        facts = {
            "embedding_every": every,
            "embedding_rows": vectors.shape[0],
            "embedding_dimensions": vectors.shape[1],
        }
        made = MadeExtras({EMBEDDINGS: npy_bytes(vectors)}, facts)
        if depth is not None:
            made = MadeExtras({**made.members, **depth.members}, {**made.facts, **depth.facts})
        extras = store_members(store, job.work, made)
        return replace(item, extras=extras, extra_facts=facts_text(made))

    return add


def _depth(item: FetchedAsset, features: UnitFeatures, job: Job) -> MadeExtras:
    """Makes the depth maps of a film, which are pictures of it.

    Raises:
        ExtraRefusalError: They may not be delivered, or the file with them is wrong.
        BadRecord: A file cannot be read.
    """
    uri = item.row["depth"]
    if not uri or item.resolution is None:
        raise AssertionError("screening refuses films without depth")
    refusal = find_frame_refusal(item.row, item.resolution)
    if refusal is not None:
        raise ExtraRefusalError(*refusal)
    facts = features.facts[item.digest]
    return make_depth(uri, item.digest, facts, job, lambda: _fetched(item, job))


def _fetched(item: FetchedAsset, job: Job) -> bytes:
    """Fetches a film again, since a unit does not hold its films.

    Raises:
        BadRecord: It cannot be fetched, or is not the file that was read before.
    """
    location = resolve_media_uri(item.row["media_uri"], job.catalogue.uri, job.policy)
    data = fetch(location, job.limits.max_bytes)
    digest = hashlib.sha256(data).hexdigest()
    if digest != item.digest:
        raise BadRecord(Reason.MEDIA_CHANGED, f"sha256 {digest}, was {item.digest}")
    return data
