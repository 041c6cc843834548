"""Rules 11 and 12: how an asset was made, and whether it is sensitive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.rights.arrow import BoolArray, DistinctTexts, as_bools, distinct_texts
from pipelines.rights.formatting import text_or, yes_or_no
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import Rule, Topic, TracedRow
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES


@dataclass(frozen=True)
class _Sources:
    """Digital source types of a batch; for each text, whether it names generated media."""

    texts: DistinctTexts
    generated: dict[str, bool | None]

    def where(self, generated: bool | None) -> BoolArray:
        """Where the text is one of generated media, or of others, or unknown to us (None)."""
        return self.texts.where(lambda text: self.generated[text] is generated)


def _sources(batch: AssetBatch) -> _Sources:
    texts = distinct_texts(batch.column("digital_source_type"))
    generated = {
        text: DIGITAL_SOURCE_TYPES.get(text.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX))
        for text in texts.values
    }
    return _Sources(texts, generated)


def _unstated(batch: AssetBatch) -> BoolArray:
    texts = batch.shared(_sources).texts
    return np.asarray(texts.codes == len(texts.values))


_SOURCE = Topic(
    11, "source", lambda traced: text_or(traced.row["digital_source_type"], "not stated")
)


def _sensitive_said(traced: TracedRow) -> str:
    return yes_or_no(traced.row["sensitive"], "yes", "no", "not marked")


SENSITIVE = Topic(12, "sensitive", _sensitive_said)

RULES = (
    Rule(
        code="source.ai_generated",
        topic=_SOURCE,
        where=lambda batch: batch.shared(_sources).where(generated=True),
        applies=lambda deal: deal.rights.ai_generated == "refuse",
        columns=("digital_source_type",),
        sentence="The asset is AI-generated, and the deal takes none.",
        remedy='Use a deal with rights.ai_generated = "label".',
        governed_by=("rights.ai_generated",),
    ),
    Rule(
        code="source.unstated",
        topic=_SOURCE,
        where=_unstated,
        applies=lambda deal: deal.rights.unknown_source == "refuse",
        columns=("digital_source_type",),
        sentence="It is not known whether the asset is AI-generated.",
        remedy="Set assets.digital_source_type, or use a deal with "
        'rights.unknown_source = "accept".',
        governed_by=("rights.unknown_source",),
    ),
    Rule(
        code="source.unknown_type",
        topic=_SOURCE,
        where=lambda batch: batch.shared(_sources).where(generated=None),
        columns=("digital_source_type",),
        sentence="The digital source type is not in the IPTC vocabulary.",
        remedy="Use a term of the vocabulary.",
    ),
    Rule(
        code="sensitive.refused",
        topic=SENSITIVE,
        where=lambda batch: as_bools(batch.column("sensitive")),
        applies=lambda deal: deal.rights.sensitive == "refuse",
        columns=("sensitive",),
        sentence="The asset is marked sensitive, and the deal takes none.",
        remedy='Use a deal with rights.sensitive = "accept".',
        governed_by=("rights.sensitive",),
    ),
)
