"""Tags and captions from a vocabulary: the file, the arithmetic, and the demonstration model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.demo.scenes.scene import PLACES
from pipelines.vision.demo_network import TAG_VOCABULARY
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import ModelRef
from pipelines.vision.vocabulary import GENERAL, Vocabulary, fill, load_vocabulary
from pipelines.vision.zero_shot import ConceptVectors, Tag, Vectors, concept_key, embed_concepts
from schemas.errors import InputError

SMALL = """\
name = "small"
language = "en"
caption = "a photo of {}"
caption_parts = 2
most = 3
[[categories]]
name = "animal"
phrase = "{a}"
most = 2
min_score = "0.5"
prompts = ["{a}", "a photo of {a}"]
concepts = ["dog", "eel", "cat"]
[[categories]]
name = "place"
phrase = "in {a}"
most = 1
min_score = "0.25"
prompts = ["in {a}"]
concepts = ["lake", "oak wood"]
[[categories]]
name = "mood"
most = 1
min_score = "0"
prompts = ["{}"]
concepts = ["calm"]
"""


def small(tmp_path: Path, text: str = SMALL) -> Vocabulary:
    path = tmp_path / "words.toml"
    path.write_text(text, encoding="utf-8")
    return load_vocabulary(path)


def vectors(scores: dict[str, float]) -> dict[str, list[float]]:
    """Vectors of concepts whose cosine with [1, 0] is their score."""
    return {key: [score, (1 - score**2) ** 0.5] for key, score in scores.items()}


SCORES = {
    "animal: dog": 0.6,
    "animal: eel": 0.9,
    "animal: cat": 0.6,
    "place: lake": 0.2,
    "place: oak wood": 0.7,
    "mood: calm": 0.1,
}


def test_tags_are_the_best_above_the_threshold(tmp_path: Path) -> None:
    concepts = ConceptVectors.of(small(tmp_path), vectors(SCORES))
    tags = concepts.tags([1.0, 0.0])
    # Of each category at most so many, ties in the file's order, and three in all.
    assert [(tag.name, tag.category) for tag in tags] == [
        ("eel", "animal"),
        ("oak wood", "place"),
        ("dog", "animal"),
    ]
    assert [tag.score for tag in tags] == pytest.approx([0.9, 0.7, 0.6])
    assert concepts.caption(tags) == "a photo of an eel in an oak wood"
    assert [tag.name for tag in concepts.tags([0.0, -1.0])] == []
    assert concepts.caption([]) == ""
    assert concepts.caption([Tag("calm", "mood", 0.9)]) == ""  # a category without a phrase


def test_a_caption_has_the_best_parts_in_the_files_order(tmp_path: Path) -> None:
    one = small(tmp_path, SMALL.replace("caption_parts = 2", "caption_parts = 1"))
    concepts = ConceptVectors.of(one, vectors({**SCORES, "place: lake": 0.95}))
    assert concepts.caption(concepts.tags([1.0, 0.0])) == "a photo of in a lake"


def test_a_concepts_vector_is_the_mean_of_its_prompts(tmp_path: Path) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> Vectors:
        asked.extend(texts)
        shown = [[1.0, 0.0] if "photo" in text else [0.0, 1.0] for text in texts]
        return np.array(shown, np.float32)

    vocabulary = small(tmp_path)
    found = embed_concepts(vocabulary, embed)
    assert asked[:2] == ["a dog", "a photo of a dog"] and len(asked) == 9
    assert found[concept_key(vocabulary.categories[0], "dog")] == pytest.approx([0.5**0.5] * 2)
    assert found["mood: calm"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("concept", "text"),
    [
        ("dog", "a dog"),
        ("eel", "an eel"),
        ("solar panels", "solar panels"),
        ("bouquet of flowers", "a bouquet of flowers"),
        ("glass", "a glass"),
        ("Easter", "Easter"),
    ],
)
def test_articles(concept: str, text: str) -> None:
    assert fill("see {a}", concept) == f"see {text}"
    assert fill("see {}", concept) == f"see {concept}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('concepts = ["calm"]', "concepts = []", "categories.2.concepts"),
        ('concepts = ["calm"]', 'concepts = ["calm", "calm"]', "names a value twice"),
        ('concepts = ["calm"]', 'concepts = ["a; b"]', "semicolon"),
        ('concepts = ["calm"]', 'concepts = ["calm"]\nweight = 2', "categories.2.weight"),
        ('name = "mood"', 'name = "place"', "names a value twice"),
        ('prompts = ["{}"]', 'prompts = ["mood"]', 'must have one "{}"'),
        ('prompts = ["{}"]', 'prompts = ["{0} {}"]', 'must have one "{}"'),
        ('min_score = "0"', "min_score = 0.5", 'must be text such as "0.40"'),
        ('name = "small"', 'name = "Small one"', "name"),
        ('language = "en"', 'language = "English!"', "language"),
        ('name = "mood"', 'name = "mood: low"', "colon"),
        ('name = "mood"', 'phrase = "so\\n{}"\nname = "mood"', "categories.2.phrase"),
        ("most = 3", "most = ", "words.toml"),
        ("most = 3", f"most = {'[' * 9000}{']' * 9000}", "recursion"),
    ],
)
def test_a_faulty_vocabulary_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        small(tmp_path, SMALL.replace(old, new))
    assert said in str(caught.value) and "words.toml" in str(caught.value)


def test_a_vocabulary_that_is_absent_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The vocabulary cannot be used"):
        load_vocabulary(tmp_path / "none.toml")
    with pytest.raises(InputError, match="1,048,576 are read"):
        small(tmp_path, SMALL + "# " + "x" * (1 << 20))


def test_the_identity_depends_on_all_that_counts_and_on_nothing_else(tmp_path: Path) -> None:
    one = small(tmp_path)
    assert one.identity.startswith("small@sha256-")
    assert small(tmp_path, SMALL.replace("most = 3", "most   =  3 # so")).identity == one.identity
    for old, new in [('"0.25"', '"0.26"'), ('"dog"', '"dogs"'), ('"in {a}"', '"at {a}"')]:
        assert small(tmp_path, SMALL.replace(old, new, 1)).identity != one.identity


def test_the_vocabularies_of_the_package() -> None:
    general = load_vocabulary(GENERAL)
    concepts = [one for category in general.categories for one in category.concepts]
    assert len(concepts) > 500 and len(general.categories) >= 10
    assert load_vocabulary(TAG_VOCABULARY).name == "demo"


def test_the_demonstration_models_tags(demo_model: ModelRef) -> None:
    """docs/models.md has the figures on 300 scenes."""
    encoder = load_encoder(demo_model)
    vocabulary = load_vocabulary(TAG_VOCABULARY)
    concepts = ConceptVectors.of(vocabulary, embed_concepts(vocabulary, encoder.embed_texts))
    scenes = [draw_scene_spec(31_000_000 + number) for number in range(100)]
    seen = encoder.embed_images([render(scene, 96, 72) for scene in scenes])
    named = coloured = places = 0
    for scene, vector in zip(scenes, seen, strict=True):
        tags = {tag.category: tag.name for tag in concepts.tags(vector.tolist())}
        named += tags.get("object") == f"{scene.colour} {scene.kind}"
        coloured += tags.get("object", "").startswith(scene.colour)
        places += tags.get("place", "") == PLACES.get(scene.background.kind, "")
    assert named >= 55 and coloured >= 90 and places >= 60, (named, coloured, places)
