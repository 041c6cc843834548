"""Scores, faces and text: what is measured, what is stored, and what counts as not measured."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.features import inspect as inspection_module
from pipelines.features.face_conflict import with_face_conflict
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.guard import Guard, this_guard
from pipelines.features.inspect import (
    Inspection,
    InspectionStore,
    inspect_media,
    score_by_prompts,
)
from pipelines.features.prepare import prepare_media
from pipelines.features.unit_features import UnitFeatures
from pipelines.rights.resolve import Resolution
from pipelines.run.inspectors import (
    Inspectors,
    check_inspectors,
    check_installed,
    check_prompts,
    prompts_model,
    resolve_inspectors,
)
from pipelines.storage.open import open_store
from pipelines.vision.faces import faces_model
from pipelines.vision.texts import texts_model
from schemas.deal import parse_deal
from schemas.deal_terms import RightsTerms
from schemas.errors import BadRecord, InputError, RunError
from schemas.unit import ClearedRow
from tests.deals import deal_text
from tests.media.media_samples import LIMITS, encode, picture

needs_faces = pytest.mark.skipif(not faces_model(), reason="the face detector is not installed")
needs_texts = pytest.mark.skipif(not texts_model(), reason="the text reader is not installed")
DIGEST, OTHER = "a" * 64, "b" * 64


class CountingTexts:
    """Embeds each text as a random vector that depends on the text alone."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        self.texts += texts
        found = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
        return np.array([one / np.linalg.norm(one) for one in found], np.float32)


def embedding(digest: str) -> Any:
    vector = np.random.default_rng(list(digest.encode())).normal(size=8)
    return {"media_sha256": digest, "embedding": (vector / np.linalg.norm(vector)).tolist()}


def test_scores_are_computed_once_from_the_stored_embedding(tmp_path: Path) -> None:
    model, wanted = CountingTexts(), Inspectors(prompts=prompts_model(f"clip@{tmp_path}"))
    store = InspectionStore(open_store(str(tmp_path)), wanted)
    found = store.load(0, 9)
    embeddings = {digest: embedding(digest) for digest in (DIGEST, OTHER)}
    score_by_prompts(found, [DIGEST], embeddings, model)
    embedded = len(model.texts)
    assert embedded > 0 and found.measures(DIGEST)["nsfw_milli"] is not None
    store.save(0, 9, found)
    again = store.load(0, 9)
    assert again.measures(DIGEST) == found.measures(DIGEST)
    score_by_prompts(again, [DIGEST, OTHER], embeddings, model)
    assert [row["media_sha256"] for row in again.new_scores] == [OTHER]
    assert len(model.texts) == embedded  # the prompts of a process are embedded once


def test_a_worker_with_other_prompts_ends_the_run() -> None:
    check_prompts(Inspectors(prompts=prompts_model("clip@1")))
    with pytest.raises(RunError, match="A worker's prompts differ"):
        check_prompts(Inspectors(prompts="clip@1 prompts 0123"))


def test_what_is_not_asked_for_is_not_measured(tmp_path: Path) -> None:
    found = InspectionStore(open_store(str(tmp_path)), Inspectors()).load(0, 9)
    model = CountingTexts()
    score_by_prompts(found, [DIGEST], {DIGEST: embedding(DIGEST)}, model)
    with ThreadPoolExecutor(1) as threads:
        inspect_media(found, [prepared()], LIMITS, threads)
    assert found.complete(DIGEST) and not model.texts
    assert set(found.measures(DIGEST).values()) == {None}


def prepared(image: Image.Image | None = None) -> Any:
    return prepare_media(encode(image or picture(), "PNG"), "a.png", "image", None, LIMITS)


def test_a_detector_that_fails_leaves_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise BadRecord("media.undecodable", "the child crashed")

    monkeypatch.setattr(Guard, "faces", fail)
    monkeypatch.setattr(inspection_module, "check_installed", lambda wanted: None)
    found, medium = Inspection(Inspectors(faces="f"), faces={}), prepared()
    with ThreadPoolExecutor(1) as threads:
        inspect_media(found, [medium], LIMITS, threads)
    assert not found.complete(medium.media_sha256) and not found.new_faces
    assert found.measures(medium.media_sha256)["faces"] is None


def test_detectors_do_not_use_the_memory_of_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Guard] = []

    def faces(guard: Guard, *_: object) -> int:
        asked.append(guard)
        return 0

    monkeypatch.setattr(Guard, "faces", faces)
    monkeypatch.setattr(inspection_module, "check_installed", lambda wanted: None)
    with ThreadPoolExecutor(1) as threads:
        decoder = threads.submit(this_guard).result()
        inspect_media(Inspection(Inspectors(faces="f"), faces={}), [prepared()], LIMITS, threads)
    assert len(asked) == 1 and asked[0] is not decoder


@pytest.mark.parametrize(
    "answer",
    [{}, {"faces": -1}, {"faces": "3"}, {"faces": True}, {"faces": 10**9}, {"faces": None}],
)
def test_an_invalid_answer_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    monkeypatch.setattr(Guard, "ask", lambda *_: (answer, []))
    with pytest.raises(BadRecord, match="invalid answer"):
        Guard().faces(picture(), LIMITS)


@needs_texts
@pytest.mark.slow
def test_text_and_watermarks_are_read_in_the_child() -> None:
    image = Image.new("RGB", (400, 300), (60, 90, 120))
    draw = ImageDraw.Draw(image)
    draw.text((40, 120), "shutterstock", fill=(255, 255, 255), font_size=48)
    guard = Guard()
    found = guard.texts(image, LIMITS)
    assert "shutterstock" in found.watermark.lower()
    assert found.boxes == 1 and 50 < found.area_milli < 300
    assert guard.texts(image, LIMITS) == found
    assert guard.texts(Image.new("RGB", (64, 64)), LIMITS).boxes == 0
    short = replace(LIMITS, decode_timeout_s=0.001)
    with pytest.raises(BadRecord, match="took longer"):
        guard.texts(image, short)
    guard.close()


@needs_faces
def test_no_face_is_found_in_a_pattern() -> None:
    guard = Guard()
    assert guard.faces(picture(), LIMITS) == guard.faces(Image.new("RGB", (9, 900)), LIMITS) == 0
    guard.close()


# --- faces against people_count ---


def asset(people: int | None, inference: bool = True) -> FetchedAsset:
    row = cast("ClearedRow", {"asset_id": "a-1", "people_count": people})
    resolution = Resolution((), "", (), inference, "", {})
    return FetchedAsset(row, DIGEST, resolution=resolution)


def features(faces: int | None) -> UnitFeatures:
    found = UnitFeatures({}, {}, {}, {}, {})
    rows = {} if faces is None else {DIGEST: {"media_sha256": DIGEST, "faces": faces}}
    found.inspection = Inspection(Inspectors(faces="detector"), faces=cast("Any", rows))
    return found


@pytest.mark.parametrize(
    ("faces", "people", "reason"),
    [
        (0, 0, ""),
        (0, None, ""),
        (1, 1, ""),
        (1, 3, ""),
        (1, 0, "conflict.faces"),
        (2, 1, "conflict.faces"),
        (1, None, "conflict.faces"),
        (None, 3, "faces.not_counted"),
    ],
)
def test_more_faces_than_people_are_a_conflict(
    faces: int | None, people: int | None, reason: str
) -> None:
    for setting in ("ignore", "report", "refuse"):
        terms = RightsTerms.model_validate({"faces": setting})
        found = with_face_conflict(asset(people), features(faces), terms)
        refused = found.decision.reasons[0] if found.decision else ""
        assert refused == (reason if setting == "refuse" else "")
        reported = reason == "conflict.faces" and setting != "ignore"
        assert bool(found.face_conflict) is reported
        assert found.faces_by == ("detector" if reported else "")


def test_faces_that_no_model_may_count_are_not_known_to_be_none() -> None:
    """Another asset may have had the same file looked at; this one may not."""
    terms = RightsTerms(faces="refuse")
    found = with_face_conflict(asset(0, inference=False), features(0), terms)
    assert found.decision and found.decision.reasons == ("faces.not_counted",)
    assert found.decision.detail == "no model may see the asset"


# --- what a deal may ask for ---


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ('quality.max_nsfw = "0.5"', "quality.max_nsfw needs a CLIP model"),
        ('quality.min_aesthetics = "0.5"', "quality.min_aesthetics needs a CLIP model"),
    ],
)
@pytest.mark.parametrize("clip", ["demo", "fairshard-demo:/models/a.safetensors"])
def test_the_demo_model_scores_nothing(term: str, said: str, clip: str) -> None:
    deal = parse_deal(f'{term}\nmodels.clip = "{clip}"\n{deal_text()}', "deal")
    with pytest.raises(InputError) as caught:
        check_inspectors(deal)
    assert said in caught.value.which
    assert resolve_inspectors(deal, "demo@1").prompts == ""


@pytest.mark.parametrize(
    ("term", "name", "key"),
    [
        ('rights.faces = "report"', "faces_model", "rights.faces"),
        ('quality.watermark = "refuse"', "texts_model", "quality.watermark"),
        ('quality.max_text_area = "0.5"', "texts_model", "quality.max_text_area"),
    ],
)
def test_a_detector_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, term: str, name: str, key: str
) -> None:
    deal = parse_deal(f"{term}\n{deal_text()}", "deal")
    monkeypatch.setattr(f"pipelines.run.inspectors.{name}", lambda: "found-v1")
    check_inspectors(deal)
    wanted = resolve_inspectors(deal, "demo@1")
    assert wanted.identity == {f"inspector_{name.removesuffix('_model')}": "found-v1"}
    check_installed(wanted)
    monkeypatch.setattr(f"pipelines.run.inspectors.{name}", lambda: "")
    with pytest.raises(InputError, match="not installed") as caught:
        check_inspectors(deal)
    assert caught.value.which == key and "fairshard[quality]" in caught.value.remedy
    with pytest.raises(RunError, match="A worker's detector differs"):
        check_installed(wanted)


def test_a_trained_model_is_asked_in_every_deal() -> None:
    text = 'models.clip = "ViT-B-32:laion2b_s34b_b79k"\n' + deal_text()
    found = resolve_inspectors(parse_deal(text, "deal"), "ViT-B-32@1")
    assert found.prompts.startswith("ViT-B-32@1 prompts ") and not found.faces
