"""What a sample carries whatever its profile: the fields that every profile's schema has.

Loaders infer a data set's fields from its first samples. So every field is always there and of one
type: unknown text is "", an unknown number 0, a list stands only where it is never empty, and what
may have a fraction is counted in a smaller unit (`_bp` ten-thousandths, `_milli` thousandths),
because 1.0 is written 1 in canonical JSON, which a loader takes for a whole number.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.profiles.described import DescribedModel
from schemas.profiles.file_fields import PictureFileFields

Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Pixels = Annotated[int, Field(ge=1, le=2**31 - 1)]
NonEmptyText = Annotated[str, Field(min_length=1)]
ScoreBp = Annotated[int, Field(ge=-10_000, le=10_000)]
OptionalDate = Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
PlusCodes = Annotated[str, Field(pattern=r"^([A-Z]{2}-[A-Z]{3}(; [A-Z]{2}-[A-Z]{3})*)?$")]
AspectBucket = Literal["9:21", "9:16", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "21:9"]
Milli = Annotated[int, Field(ge=0, le=1_000)]
OptionalMilli = Annotated[int, Field(ge=-1, le=1_000)]
PictureFormat = Literal["jpg", "png", "webp", "tif", "gif", "avif"]


class SampleFields(DescribedModel):
    """A part of a sample: every field required, of one type, and no other field."""


CaptionSourceName = Literal["title", "description", "keywords", "model", "zero-shot"]


class Caption(SampleFields):
    """One caption; captions of different sources are never mixed."""

    source: CaptionSourceName
    """Whose words it is; `title`, `description` and `keywords` are the contributor's."""
    text: NonEmptyText
    model: str
    """Name of the model that wrote it; "" for the contributor's."""
    version: str
    """The model's digest and settings; "" for the contributor's."""
    language: str
    """BCP 47; "" if it is not known."""
    score_bp: ScoreBp
    """Cosine of caption and medium, in ten-thousandths; 0 where it was not computed."""
    flags: Annotated[str, Field(pattern=r"^((person|email|phone)(; (email|phone)){0,2})?$")]
    """What a model's caption names that the contributor's texts do not: person, email, phone."""


class CommonSample(SampleFields):
    """Everything a buyer may know about one sample, whatever its profile.

    Names and ids of contributors and assets are never here, only commitments.
    """

    # The profile that media of another kind carry, where a deal takes them beside this one's.
    companion_profile: ClassVar[str] = ""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    """Unique in the delivery."""
    profile: str
    """The profile whose schema this is."""
    asset: Hex64
    """Salted commitment to the asset's id."""
    media_sha256: Hex64
    """Digest of the media member's bytes."""
    media_type: str
    format: str
    """The media member's extension."""
    width: Pixels
    """As displayed, in pixels."""
    height: Pixels
    """As displayed, in pixels."""
    duration_ms: Count
    """0 for pictures, as `fps_num` and `frames`."""
    fps_num: Count
    """Frames a second are `fps_num` / `fps_den`."""
    fps_den: Annotated[int, Field(ge=1, le=2**31 - 1)]
    frames: Count
    caption: NonEmptyText
    """The recommended caption, as in the text member."""
    caption_source: CaptionSourceName
    """Whose words `caption` is: one of `captions`, of a kind that was drawn, the best by score."""
    captions: Annotated[list[Caption], Field(min_length=1)]
    """All of the sample's captions, each with its source; the contributor's come first."""
    tags: str
    """Concepts of a vocabulary that the medium shows, best first, separated by "; "."""
    tag_scores_bp: Annotated[str, Field(pattern=r"^(-?[0-9]{1,5}(; -?[0-9]{1,5})*)?$")]
    """The cosine of each of the tags and the medium, in ten-thousandths, separated by "; "."""
    tag_vocabulary: str
    """Name and digest of the vocabulary; "" where the rights forbid models."""
    caption_model: str
    """Name, digest and settings of the captioner; "" where the rights forbid it."""
    clip_model: str
    """Of what computed scores and embeddings; "" where the rights forbid it."""
    clip_score_bp: ScoreBp
    """Cosine of medium and `caption`, in ten-thousandths."""
    title: str
    """The contributor's, as the five next."""
    description: str
    keywords: str
    """The contributor's tags, separated by "; "."""
    language: str
    category: str
    created_at: OptionalDate
    licence_model: Literal["RF", "RM"]
    licence_class: Literal["creative", "editorial"]
    licence_code: str
    """SPDX."""
    digital_source_type: str
    """IPTC NewsCode."""
    ai_generated: Literal["yes", "no", "unknown"]
    """What the source type says; unknown where there is none, or none that is known."""
    alteration_constraints: PlusCodes
    """What the file's owner asks of whoever uses it: AL-CRP, AL-FLP …, separated by "; "."""
    file_constraints: PlusCodes
    duplication_constraints: PlusCodes
    usable_until: OptionalDate
    """Where the rights end within the deal's term."""
    sharpness_milli: Milli
    """How sharp it is, as the next three in thousandths; docs/media.md says how it is measured."""
    brightness_milli: Milli
    """The mean: 0 is black, 1000 white."""
    shadows_milli: Milli
    """The share that is black without detail."""
    highlights_milli: Milli
    """The share that is white without detail."""
    nsfw_milli: OptionalMilli
    """Score for nudity and gore; -1, as in the next four, where it was not measured."""
    aesthetics_milli: OptionalMilli
    faces: Annotated[int, Field(ge=-1, le=2**31 - 1)]
    """Faces found."""
    text_boxes: Annotated[int, Field(ge=-1, le=2**31 - 1)]
    """Lines of text found."""
    text_area_milli: OptionalMilli
    """The share of the picture that text covers."""
    watermark: Literal["yes", "no", "unknown"]
    deal_id: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
    decision_sha256: Hex64


class PictureSample(CommonSample, PictureFileFields):
    """A picture, whatever its profile."""

    media_type: Literal["image"]
    format: PictureFormat
