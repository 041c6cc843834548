"""An asset's captions: where each comes from, what flagged ones give way to, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from pipelines.features.caption_vectors import caption_vectors
from pipelines.features.captions import (
    contributor_texts,
    flagged_texts,
    scored_texts,
    unit_captions,
    unit_tags,
    without_flagged,
)
from pipelines.features.compute import score_key
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.store import open_feature_store
from pipelines.features.tags import Tagger
from pipelines.features.unit_features import UnitFeatures
from pipelines.features.vision_models import Vectors, VisionModels
from pipelines.rights.resolve import Resolution
from pipelines.run.job import Models
from pipelines.storage.open import open_store
from pipelines.vision.demo_network import TAG_VOCABULARY
from pipelines.vision.vocabulary import load_vocabulary
from schemas.catalogue import AssetDescription
from schemas.features import EmbeddingRow, ScoredCaption, ScoredText, TagFields
from schemas.unit import ClearedRow, UnitRow
from tests.profiles.rows import caption, film_row, picture_row

MODELS = Models("clip", "clip@1", "coca", "coca@2@fp32", False)
OWN = {
    "title": " A red boat ",
    "description": None,
    "keywords": ["boat", " ", " red"],
    "language": "nb",
}
TEXTS = {"title": "A red boat", "keywords": "boat, red"}


def asset(*, inference: bool = True, **row: Any) -> FetchedAsset:
    resolution = Resolution((), "", (), inference, "", {})
    return FetchedAsset(cast("ClearedRow", {**OWN, **row}), "d1", resolution=resolution)


def features(by_model: str = "a boat") -> UnitFeatures:
    scores: dict[str, ScoredText] = {}
    for at, text in enumerate(TEXTS.values()):
        key = score_key("d1", text)
        scores[key] = {"score_key": key, "clip_score": 0.1 + at / 10}
    made: ScoredCaption = {
        "media_sha256": "d1",
        "caption": by_model,
        "clip_score": 0.4,
        "shots": [],
    }
    return UnitFeatures({}, {}, {"d1": made}, scores, {})


def test_captions_are_in_the_order_of_their_sources() -> None:
    assert [
        (one["source"], one["text"], one["model"], one["language"], one["score"], one["flags"])
        for one in unit_captions(asset(), features(), MODELS)
    ] == [
        ("title", "A red boat", "", "nb", 0.1, []),
        ("keywords", "boat, red", "", "nb", 0.2, []),
        ("model", "a boat", "coca@2@fp32", "en", 0.4, []),
    ]


def test_an_asset_that_no_model_saw_has_the_contributors_captions_without_scores() -> None:
    nothing = UnitFeatures({}, {}, {}, {}, {})
    found = unit_captions(asset(inference=False), nothing, MODELS)
    assert [(one["source"], one["score"]) for one in found] == [("title", 0.0), ("keywords", 0.0)]
    blank: Any = {"title": " ", "description": "", "keywords": None}
    assert contributor_texts(cast("AssetDescription", blank)) == {}


def test_a_model_that_wrote_nothing_has_no_caption() -> None:
    found = unit_captions(asset(), features(""), MODELS)
    assert [one["source"] for one in found] == ["title", "keywords"]


def test_a_name_is_flagged_unless_the_contributor_says_it() -> None:
    told = features("angela merkel on a boat")
    assert unit_captions(asset(), told, MODELS)[-1]["flags"] == ["person"]
    own = asset(description="Merkel, Angela")
    key = score_key("d1", "Merkel, Angela")
    told.scores[key] = {"score_key": key, "clip_score": 0.0}
    assert unit_captions(own, told, MODELS)[-1]["flags"] == []


def flagged_film(*sources: str) -> UnitRow:
    """A film whose second shot names somebody, with captions of some sources."""
    row = film_row(captions=[caption(source, f"by {source}", 0.2) for source in sources])
    row["shots"][1]["caption"] = "angela merkel on a boat"
    row["captions"] += [caption("model", "angela merkel", 0.9, flags=["person"])]
    return row


@pytest.mark.parametrize("flagged", ["keep", "drop"])
def test_the_films_caption_stands_in_for_a_flagged_one_of_a_shot(flagged: str) -> None:
    row = without_flagged(asset(), flagged_film("title"), flagged)
    assert [shot["caption"] for shot in row["shots"]] == ["a red boat", "by title"]
    assert row["shots"][1]["clip_score"] == 0.2
    kept = ["title", "model"] if flagged == "keep" else ["title"]
    assert [one["source"] for one in row["captions"]] == kept
    assert row["dropped_flags"] == ([] if flagged == "keep" else ["person"])
    assert flagged_texts(asset(), flagged_film("title")) == ["model: person", "shot 1: person"]


def test_without_another_caption_a_flagged_one_is_kept_or_dropped() -> None:
    kept = without_flagged(asset(), flagged_film(), "keep")
    assert kept == {**flagged_film(), "dropped_flags": []}
    dropped = without_flagged(asset(), flagged_film(), "drop")
    assert dropped["captions"] == []
    assert dropped["dropped_flags"] == ["person"]
    assert [shot["caption"] for shot in dropped["shots"]] == ["a red boat", ""]
    assert dropped["shots"][1]["clip_score"] == 0.0
    row = picture_row(shots=[])
    plain = without_flagged(asset(), row, "drop")
    assert plain == {**row, "dropped_flags": []} and flagged_texts(asset(), row) == []


@pytest.mark.parametrize("sources", [["model", "title", "model"], ["title"], ["model"]])
def test_vectors_are_those_of_the_recommended_captions(tmp_path: Path, sources: list[str]) -> None:
    store = open_feature_store(open_store(str(tmp_path)), "clip@1", "coca@2", "reader")
    digests = [f"d{at}" for at in range(len(sources))]
    for at, digest in enumerate(digests):
        store.captions.save(
            0,
            9,
            [
                {
                    "media_sha256": digest,
                    "caption": "x",
                    "text_embedding": [float(at), 0.0],
                    "clip_score": 0.5,
                    "shots": [],
                }
            ],
        )
        store.scores.save(
            0,
            9,
            [
                {
                    "score_key": score_key(digest, "x"),
                    "clip_score": 0.5,
                    "text_embedding": [float(at), 1.0],
                }
            ],
        )
    samples = pa.table({"caption_source": sources, "caption": ["x"] * len(sources)})
    found = caption_vectors(store, 0, 9, digests, samples)
    expected = [[at, float(source != "model")] for at, source in enumerate(sources)]
    assert np.array_equal(found, np.array(expected, np.float32))


VOCABULARY = load_vocabulary(TAG_VOCABULARY)


def tagged(text: str) -> UnitFeatures:
    """The features of a medium with one tag, and the caption that it makes."""
    told = features()
    tag: TagFields = {"name": "red boat", "category": "object", "score": 0.6}
    told.tags["d1"] = {"media_sha256": "d1", "caption": text, "tags": [tag]}
    key = score_key("d1", text)
    told.scores[key] = {"score_key": key, "clip_score": 0.7}
    return told


def test_tags_make_a_caption_of_their_own_source() -> None:
    models = replace(MODELS, vocabulary=VOCABULARY)
    told = tagged("a red boat")
    assert scored_texts(asset(), told) == [*TEXTS.values(), "a red boat"]
    last = unit_captions(asset(), told, models)[-1]
    assert (last["source"], last["text"], last["score"]) == ("zero-shot", "a red boat", 0.7)
    assert last["model"] == f"{VOCABULARY.identity} by clip@1" and last["language"] == "en"
    assert [tag["name"] for tag in unit_tags(asset(), told)] == ["red boat"]
    unseen = asset(inference=False)
    assert unit_tags(unseen, told) == []
    assert [one["source"] for one in unit_captions(unseen, told, models)] == ["title", "keywords"]
    silent = unit_captions(asset(), tagged(""), models)
    assert [one["source"] for one in silent] == ["title", "keywords", "model"]


class _Texts:
    """A model that embeds texts as one of two vectors, and counts how often it is asked."""

    asked = 0

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += 1
        return np.array([[1.0, 0.0] if "red" in one else [0.0, 1.0] for one in texts], np.float32)


def test_a_vocabularys_vectors_are_computed_once_and_stored(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    opened = open_feature_store(store, "clip@1", "coca", "r", "", VOCABULARY.identity)
    texts = _Texts()
    seen: dict[str, EmbeddingRow] = {"d1": {"media_sha256": "d1", "embedding": [1.0, 0.0]}}
    vision = cast("VisionModels", texts)
    found = Tagger(VOCABULARY, opened.concepts, vision).tag(["d1"], seen)
    assert found[0]["caption"] == "a red ball in a meadow" and texts.asked == 1
    later = open_feature_store(store, "clip@1", "coca", "r", "", VOCABULARY.identity)
    assert Tagger(VOCABULARY, later.concepts, vision).tag(["d1", "d1"], seen) == found * 2
    assert texts.asked == 1
    for clip, vocabulary in [("clip@2", VOCABULARY.identity), ("clip@1", "other@1")]:
        other = open_feature_store(store, clip, "coca", "r", "", vocabulary)
        assert other.concepts.load(0, 2**64 - 1) == {}
    assert Tagger(None, later.concepts, vision).tag(["d1"], seen) == []
    assert Tagger(VOCABULARY, other.concepts, vision).tag([], seen) == [] and texts.asked == 1
