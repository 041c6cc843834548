"""The sections of a deal, with their keys and defaults; `[price]` is in `schemas.price_terms`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from schemas.deal_values import (
    MAX_INTEGER,
    AssetList,
    ByteSize,
    CalendarDate,
    ExactShare,
    IdPair,
    Keyword,
    OneLine,
    refuse_repeats,
)
from schemas.manifest import RemovalWay
from schemas.notice import MoneyEffect, RecurringEffect
from schemas.rights import Purpose

# Stands for every contributor in an agreement.
ALL_CONTRIBUTORS = "all"


class DealSection(BaseModel):
    """Base of all sections: no unknown keys, no type conversions, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_RefuseOrAccept = Literal["refuse", "accept"]


class RightsTerms(DealSection):
    """How strict the deal is. Every default is the strict one but three, as their keys say."""

    editorial: _RefuseOrAccept = "refuse"
    ai_generated: Literal["refuse", "label"] = "refuse"
    minors: Literal["refuse", "guardian-release"] = "refuse"
    people: Literal["release", "biometric-release", "refuse"] = "release"
    unknown_people_count: _RefuseOrAccept = "refuse"
    sensitive: _RefuseOrAccept = "refuse"
    # Captions and embeddings are inference. "require": every contributor must allow it;
    # "unless-denied": no answer is enough, but a denial still refuses; "pack-without": an asset
    # that does not allow it is delivered without captions and embeddings.
    inference: Literal["require", "unless-denied", "pack-without"] = "require"
    # "explicit": only a yes whose basis is explicit counts. Not the default, since few catalogues
    # state a basis; "any" still makes a yes by silence wait for the end of its window.
    consent_basis: Literal["any", "explicit"] = "any"
    unknown_property: _RefuseOrAccept = "refuse"
    unknown_source: _RefuseOrAccept = "refuse"
    non_commercial: _RefuseOrAccept = "refuse"
    no_derivatives: _RefuseOrAccept = "refuse"
    share_alike: _RefuseOrAccept = "refuse"
    # "until": rights that end within the deal's term are accepted, and each sample has the date.
    ends_early: Literal["refuse", "until"] = "refuse"
    shoot_range: Literal["required", "when-given"] = "required"
    max_shoot_days: int = Field(default=366, ge=1, le=MAX_INTEGER)
    # "independent": a named witness must be neither subject nor contributor; "required": there
    # must also be one.
    witness: Literal["independent", "required", "any"] = "independent"
    copyright_conflicts: _RefuseOrAccept = "refuse"
    # Pictures, films and bytes in a file that are not examined, such as anything after its end.
    unjudged_content: _RefuseOrAccept = "refuse"
    # Phrases in a file's text that deny, in addition to the built-in words (docs/signals.md).
    denial_phrases: list[Keyword] = []
    # Other assets with the file of a refused one. "refuse": the refused assets' own files are read
    # to recognise copies; "refuse-listed": only media_uri and sha256 are compared.
    copies_of_refused: Literal["refuse", "refuse-listed", "accept"] = "refuse"
    # Personal data in files and texts. "keep": files are delivered as they are; "rights-only": of
    # their metadata, only rights statements are delivered; "none": no metadata is; "refuse": an
    # asset with personal data is refused. Not the strictest, since files are delivered unchanged
    # unless the deal says otherwise.
    personal_data: Literal["keep", "rights-only", "none", "refuse"] = "keep"
    # Faces that are found in pictures, against the catalogue's people_count. "report": more faces
    # than people are reported to the agency; "refuse": the asset is refused. Not the strictest,
    # since a detector makes mistakes and is no part of the base install.
    faces: Literal["ignore", "report", "refuse"] = "ignore"
    # Assets under a licence that asks to name the author, where no name may be shown.
    missing_credit: _RefuseOrAccept = "refuse"
    # What rules for a sample where its licence code and the deal differ. "stricter": a use must be
    # permitted by both.
    precedence: Literal["stricter", "deal", "licence"] = "stricter"

    @property
    def demands_explicit(self) -> bool:
        """Whether a yes counts only if it is explicit."""
        return self.consent_basis == "explicit"

    @property
    def may_name_authors(self) -> bool:
        """Whether authors may be named to the buyer where a licence asks for it."""
        return self.personal_data in ("keep", "rights-only")

    @property
    def strips_metadata(self) -> bool:
        """Whether metadata is removed from files, so that other bytes are delivered."""
        return self.personal_data in ("rights-only", "none")


class Agreement(DealSection):
    """A signed agreement that the deal rests on; it overrides preferences, never contributors."""

    ref: OneLine
    signed_at: CalendarDate
    purposes: list[Annotated[Purpose, Field(strict=False)]] = Field(min_length=1)
    contributors: list[OneLine] = Field(min_length=1)  # ids, or "all" alone

    @field_validator("purposes", "contributors")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)

    @field_validator("contributors")
    @classmethod
    def _check_all(cls, values: list[str]) -> list[str]:
        if ALL_CONTRIBUTORS in values and len(values) > 1:
            raise ValueError(f'contributors are "{ALL_CONTRIBUTORS}" or a list of ids, not both')
        return values


class Ruling(DealSection):
    """The agency's ruling on who made a work that several contributors offer as their own."""

    ref: OneLine
    owner: OneLine  # a contributor's id
    # sha256 of files in hex, or the ids of all the assets that have a file
    files: list[OneLine] = Field(min_length=1)

    @field_validator("files")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)


class SelectTerms(DealSection):
    """Which cleared assets to deliver."""

    min_short_side: int = Field(default=512, ge=1, le=MAX_INTEGER)  # pixels
    keywords_any: list[Keyword] = []
    keywords_none: list[Keyword] = []
    # "near": also assets that show the same; "semantic": also those whose embeddings are nearly the
    # same, whatever the pixels are.
    dedupe: Literal["none", "exact", "near", "semantic"] = "near"
    # Pictures and films in which there is nothing to see. They are no duplicates of one another,
    # but usually files that went wrong.
    blank: _RefuseOrAccept = "refuse"
    # The largest share of a film's length that may be black, frozen or silent; 1 accepts all.
    max_black_share: ExactShare = Decimal(1)
    max_frozen_share: ExactShare = Decimal(1)
    max_silent_share: ExactShare = Decimal(1)
    # Least cosine of the embeddings of semantic duplicates.
    semantic_cosine: ExactShare = Decimal("0.95")
    # Pairs of asset ids that are different works, however alike they look: both are kept.
    keep_both: list[IdPair] = []
    # The only assets that may be delivered, if any are listed; in order, without repeats.
    only: AssetList = []
    max_assets: int = Field(default=100_000, ge=1, le=MAX_INTEGER)

    @field_validator("keep_both")
    @classmethod
    def _check_pairs(cls, values: list[list[str]]) -> list[list[str]]:
        for pair in values:
            refuse_repeats(pair)
        refuse_repeats([frozenset(pair) for pair in values])
        return values

    @field_validator("semantic_cosine")
    @classmethod
    def _check_cosine(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        dedupe = info.data.get("dedupe", "semantic")
        # A deal that is read back from a manifest states the default, too.
        if dedupe != "semantic" and value != cls.model_fields["semantic_cosine"].default:
            raise ValueError(f'is not used with dedupe = "{dedupe}", only with "semantic"')
        return value

    @property
    def compares_looks(self) -> bool:
        """Whether assets are compared by what they show, not only by their bytes."""
        return self.dedupe in ("near", "semantic")


class ModelTerms(DealSection):
    """The models for embeddings and captions; docs/models.md explains their names."""

    clip: str = "demo"
    captioner: str = "demo"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    # "auto": a GPU where torch has one, else the processor.
    device: Literal["auto", "cpu", "cuda"] = "auto"


class ShardTerms(DealSection):
    """How the delivery is divided into shards."""

    target_bytes: ByteSize = 512 * 2**20
    # Of each family and split, as far as there are so many samples: ranks, times workers of each.
    min_shards: int = Field(default=1, ge=1, le=100_000)
    # "equal": all shards of a family have the same number of samples, or one more, and their number
    # is a multiple of `min_shards`.
    counts: Literal["by-bytes", "equal"] = "by-bytes"
    # Whether wids' index has the MD5 of each tar. Nothing else uses it, and it takes more processor
    # time than a SHA-256, for which processors have units.
    wids_md5: Literal["give", "omit"] = "give"


class SplitTerms(DealSection):
    """How samples are divided into training and validation, and what stays together."""

    validation_bp: int = Field(default=0, ge=0, le=5_000)
    # "publish": each sample says its group, so that buyers can divide samples themselves. It tells
    # which samples share a contributor, which they cannot know otherwise.
    groups: Literal["private", "publish"] = "private"
    # What is never in both: all samples of a contributor, or those that one made on a day.
    together: Literal["contributor", "shoot"] = "contributor"

    @field_validator("together")
    @classmethod
    def _check_together(cls, value: str, info: ValidationInfo) -> str:
        used = info.data.get("validation_bp") or info.data.get("groups") == "publish"
        if value != "contributor" and not used:
            raise ValueError('is used only with validation_bp above 0 or groups = "publish"')
        return value


class OutputTerms(DealSection):
    """Where deliveries go: a folder or an s3:// prefix."""

    uri: str = "out/"


class SourceTerms(DealSection):
    """What a media_uri may refer to in addition to the catalogue's own folder or prefix."""

    roots: list[str] = []  # folders, file:// or s3://bucket/prefix
    hosts: list[str] = []  # host or host:port; a private address only if it is listed here
    trust_lists: list[str] = []  # PEM files of certificates that C2PA signers are trusted by


class GateTerms(DealSection):
    """Catalogue check rules that do not stop the run; screening refuses their rows instead."""

    divert: list[str] = []


class WithdrawalTerms(DealSection):
    """What a removal does, unless options of `fairshard revoke` say otherwise."""

    money: MoneyEffect = "keep"
    recurring: RecurringEffect = "stop"
    way: RemovalWay = "patch"
    deadline_days: int = Field(default=30, ge=1, le=3_650)
    reinstated: list[str] = []  # ids of notices whose assets may be delivered again


class LimitTerms(DealSection):
    """Limits at which a run stops or a file fails."""

    dead_letter_share: ExactShare = Decimal("0.05")  # of the catalogue's rows
    max_pixels: int = Field(default=178_956_970, ge=1, le=MAX_INTEGER)
    max_media_bytes: ByteSize = 4 * 2**30
