"""Tags of media and the vectors of the vocabulary, both kept in the feature store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipelines.features.store import FeatureTable
from pipelines.features.vision_models import VisionModels
from pipelines.vision.vocabulary import Vocabulary
from pipelines.vision.zero_shot import ConceptVectors, embed_concepts
from schemas.features import ConceptRow, EmbeddingRow, TagsRow

# A vocabulary belongs to no range of assets.
_ALL = (0, 2**64 - 1)


@dataclass(frozen=True)
class Tagger:
    """Tags media by a vocabulary whose vectors are computed once and then stored.

    Attributes:
        vocabulary: The vocabulary, or None if nothing is tagged.
        stored: The table of its vectors.
        vision: The models.
    """

    vocabulary: Vocabulary | None
    stored: FeatureTable[ConceptRow]
    vision: VisionModels

    @cached_property
    def _concepts(self) -> ConceptVectors | None:
        if self.vocabulary is None:
            return None
        vectors: Mapping[str, Sequence[float]] = {
            key: row["embedding"] for key, row in self.stored.load(*_ALL).items()
        }
        if not vectors:
            vectors = embed_concepts(self.vocabulary, self.vision.embed_texts)
            rows: list[ConceptRow] = [
                {"concept": key, "embedding": list(vector)} for key, vector in vectors.items()
            ]
            self.stored.save(*_ALL, rows)
        return ConceptVectors.of(self.vocabulary, vectors)

    def tag(self, digests: Sequence[str], embeddings: Mapping[str, EmbeddingRow]) -> list[TagsRow]:
        """Returns the tags of media, and the captions that they make.

        Args:
            digests: The media.
            embeddings: Their embeddings, by digest.
        """
        if not digests or (concepts := self._concepts) is None:
            return []
        rows: list[TagsRow] = []
        for digest in digests:
            tags = concepts.tags(embeddings[digest]["embedding"])
            rows.append(
                {
                    "media_sha256": digest,
                    "caption": concepts.caption(tags),
                    "tags": [
                        {"name": tag.name, "category": tag.category, "score": tag.score}
                        for tag in tags
                    ],
                }
            )
        return rows
