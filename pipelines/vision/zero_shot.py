"""Tags pictures with the concepts of a vocabulary, and makes a caption of the best tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.vision.vocabulary import Category, Vocabulary, fill

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tag:
    """A concept that a picture shows.

    Attributes:
        name: The concept.
        category: The name of its category.
        score: Its cosine with the picture.
    """

    name: str
    category: str
    score: float


@dataclass(frozen=True)
class ConceptVectors:
    """A vocabulary with the vectors of its concepts, by category and in its order."""

    vocabulary: Vocabulary
    by_category: Sequence[Vectors]  # [concepts, d] each, of length one

    @classmethod
    def of(cls, vocabulary: Vocabulary, vectors: Mapping[str, Sequence[float]]) -> ConceptVectors:
        """Returns the vocabulary with vectors that are stored by `concept_key`."""
        return cls(
            vocabulary,
            [
                np.array(
                    [vectors[concept_key(category, concept)] for concept in category.concepts],
                    np.float32,
                )
                for category in vocabulary.categories
            ],
        )

    def tags(self, vector: Sequence[float]) -> list[Tag]:
        """Returns a picture's tags, best first; equal scores in the vocabulary's order.

        Args:
            vector: The picture's, [d], of length one.
        """
        picture = np.asarray(vector, np.float64)
        found: list[Tag] = []
        for category, concepts in zip(self.vocabulary.categories, self.by_category, strict=True):
            scores = concepts.astype(np.float64) @ picture
            best = np.argsort(-scores, kind="stable")[: category.most]
            found += [
                Tag(category.concepts[at], category.name, float(np.float32(scores[at])))
                for at in best
                if scores[at] >= category.threshold
            ]
        return sorted(found, key=lambda tag: -tag.score)[: self.vocabulary.most]

    def caption(self, tags: Sequence[Tag]) -> str:
        """Returns the caption that the best tags make; "" if none of them appears in one."""
        best: dict[str, Tag] = {}
        for tag in tags:
            best.setdefault(tag.category, tag)
        spoken = [one for one in self.vocabulary.categories if one.phrase and one.name in best]
        spoken.sort(key=lambda one: -best[one.name].score)
        chosen = {one.name for one in spoken[: self.vocabulary.caption_parts]}
        phrases = [
            fill(one.phrase, best[one.name].name)
            for one in self.vocabulary.categories
            if one.name in chosen
        ]
        return fill(self.vocabulary.caption, " ".join(phrases)) if phrases else ""


def concept_key(category: Category, concept: str) -> str:
    """Returns the key under which a concept's vector is stored."""
    return f"{category.name}: {concept}"


def prompts_of(vocabulary: Vocabulary) -> list[str]:
    """Returns the texts that `embed_concepts` embeds."""
    return [text for _, text in _keyed_prompts(vocabulary)]


def embed_concepts(
    vocabulary: Vocabulary, embed_texts: Callable[[Sequence[str]], Vectors]
) -> dict[str, list[float]]:
    """Returns each concept's vector by `concept_key`: the mean of its prompts', of length one."""
    keyed = _keyed_prompts(vocabulary)
    vectors = embed_texts([text for _, text in keyed]).astype(np.float64)
    sums: dict[str, npt.NDArray[np.float64]] = {}
    for (key, _), vector in zip(keyed, vectors, strict=True):
        sums[key] = sums[key] + vector if key in sums else vector
    return {
        key: (total / np.linalg.norm(total)).astype(np.float32).tolist()
        for key, total in sums.items()
    }


def _keyed_prompts(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    return [
        (concept_key(category, concept), text)
        for category in vocabulary.categories
        for concept in category.concepts
        for text in category.texts(concept)
    ]
