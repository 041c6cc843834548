"""The features of a unit's media: those loaded from the store, and those that are new."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.features.inspect import Inspection
from pipelines.features.kept_frames import PicturesRow
from pipelines.features.store import FeatureTable
from pipelines.run.inspectors import NO_INSPECTORS
from schemas.features import (
    CaptionRow,
    EmbeddingRow,
    FactsRow,
    ScoredCaption,
    ScoredText,
    ScoreRow,
    TagsRow,
)
from schemas.file_features import DigestCacheRow, ReadingRow, RenditionRow
from schemas.measures import MeasuresRow


@dataclass
class UnitFeatures:
    """Features of the unit's media: those loaded from the store, and those added by this unit."""

    facts: dict[str, FactsRow]
    embeddings: dict[str, EmbeddingRow]
    captions: dict[str, ScoredCaption]
    scores: dict[str, ScoredText]
    readings: dict[str, ReadingRow]
    digest_cache: dict[str, DigestCacheRow] = field(default_factory=dict)
    renditions: dict[str, RenditionRow] = field(default_factory=dict)
    tags: dict[str, TagsRow] = field(default_factory=dict)
    new_facts: list[FactsRow] = field(default_factory=list)
    new_embeddings: list[EmbeddingRow] = field(default_factory=list)
    new_captions: list[CaptionRow] = field(default_factory=list)
    new_scores: list[ScoreRow] = field(default_factory=list)
    new_readings: list[ReadingRow] = field(default_factory=list)
    new_renditions: list[RenditionRow] = field(default_factory=list)
    new_tags: list[TagsRow] = field(default_factory=list)
    new_digest_cache: list[DigestCacheRow] = field(default_factory=list)
    measures: dict[str, MeasuresRow] = field(default_factory=dict)
    new_measures: list[MeasuresRow] = field(default_factory=list)
    inspection: Inspection = field(default_factory=lambda: Inspection(NO_INSPECTORS))
    pictures: FeatureTable[PicturesRow] | None = None

    def count_new(self) -> dict[str, int]:
        """Counts the media that this unit decoded, embedded, captioned and looked at.

        Media whose facts were stored count as decoded too, if a model had to see them.
        """
        embedded = {row["media_sha256"] for row in self.new_embeddings}
        captioned = {row["media_sha256"] for row in self.new_captions}
        inspected = self.inspection.new_digests()
        probed = {row["media_sha256"] for row in (*self.new_facts, *self.new_measures)}
        return {
            "decoded": len(probed | embedded | captioned | inspected),
            "embedded": len(embedded),
            "captioned": len(captioned),
            "inspected": len(inspected),
        }

    def is_probed(self, digest: str) -> bool:
        """Whether all that needs no model is known of a media file."""
        return digest in self.facts and digest in self.measures

    def complete(self, digest: str) -> bool:
        """Whether all features of a media file are known."""
        known = digest in self.facts and digest in self.embeddings and digest in self.captions
        return known and self.inspection.complete(digest)
