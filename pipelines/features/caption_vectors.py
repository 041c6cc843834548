"""Reads the embeddings of recommended captions, which are stored by who wrote them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipelines.features.compute import score_key
from pipelines.features.store import FeatureStore, Vectors
from pipelines.storage.columns import values_of
from schemas.sample import CaptionSource


def caption_vectors(
    features: FeatureStore, low: int, high: int, digests: Sequence[str], samples: pa.Table
) -> Vectors:
    """Returns the embeddings of samples' recommended captions: [samples, dimensions].

    Args:
        features: The feature store.
        low: First hash of the units that the samples are in.
        high: Last hash.
        digests: The samples' media as they were read.
        samples: The samples' captions and their sources, in the same order: columns of the shard's
            table.
    """
    sources, texts = (values_of(samples[name], str) for name in ("caption_source", "caption"))
    is_model_s = np.array([source == CaptionSource.MODEL for source in sources])
    written = [digest for digest, by_model in zip(digests, is_model_s, strict=True) if by_model]
    scored = [
        score_key(digest, text)
        for digest, text, by_model in zip(digests, texts, is_model_s, strict=True)
        if not by_model
    ]
    parts: list[Vectors] = []
    if written:
        parts.append(features.captions.vectors(low, high, "text_embedding", written))
    if scored:
        parts.append(features.scores.vectors(low, high, "text_embedding", scored))
    joined: Vectors = np.concatenate(parts)
    # Rows by models came first; a stable sort says where each row's turn is.
    order = np.argsort(~is_model_s, kind="stable")
    vectors = np.empty_like(joined)
    vectors[order] = joined
    return vectors
