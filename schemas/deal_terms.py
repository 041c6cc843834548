"""The sections of a deal, with their keys and defaults."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from schemas.deal_values import (
    MAX_INTEGER,
    ByteSize,
    CalendarDate,
    ExactShare,
    Keyword,
    OneLine,
    refuse_repeats,
)
from schemas.errors import InputError
from schemas.money import exponent, format_amount, parse_amount
from schemas.rights import Purpose

# Stands for every contributor in an agreement.
ALL_CONTRIBUTORS = "all"
_MAX_POOL_MINOR = 2**63 - 1


class DealSection(BaseModel):
    """Base of all sections: no unknown keys, no type conversions, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_RefuseOrAccept = Literal["refuse", "accept"]


class RightsTerms(DealSection):
    """How strict the deal is. Every default but that of `personal_data` is the strict one."""

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
    dedupe: Literal["none", "exact", "near"] = "near"
    max_assets: int = Field(default=100_000, ge=1, le=MAX_INTEGER)


class ModelTerms(DealSection):
    """The models for embeddings and captions; docs/models.md explains their names."""

    clip: str = "demo"
    captioner: str = "demo"


class PriceTerms(DealSection):
    """What the buyer pays and how it is divided."""

    currency: str  # before the pool, whose decimals it decides
    pool: str  # in the currency's major unit, exact: "100000.00"
    agency_share: ExactShare = Decimal("0.40")
    allocation: Literal["per_asset", "weighted", "per_sample"] = "per_asset"
    # Contributors whose currency in the catalogue is another one. "hold": they are credited in the
    # deal's, and the money is marked as held. No term of the licence, so in no digest of the terms.
    other_currencies: Literal["refuse", "hold", "pay-in-deal-currency"] = "refuse"

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, value: str) -> str:
        try:
            exponent(value)
        except InputError as error:
            raise ValueError(f"{error.what}. {error.remedy}") from error
        return value

    @field_validator("pool")
    @classmethod
    def _check_pool(cls, value: str, info: ValidationInfo) -> str:
        if "currency" in info.data:
            try:
                amount = parse_amount(value, info.data["currency"])
            except InputError as error:
                raise ValueError(f"{error.what}. {error.remedy}") from error
            if amount > _MAX_POOL_MINOR:
                raise ValueError(
                    f"a pool is at most {format_amount(_MAX_POOL_MINOR, info.data['currency'])}: "
                    "the ledger holds minor units in 64 bits"
                )
        return value

    @property
    def pool_minor(self) -> int:
        """The pool in minor units of the currency."""
        return parse_amount(self.pool, self.currency)


class ShardTerms(DealSection):
    """How the delivery is divided into shards."""

    target_bytes: ByteSize = 512 * 2**20


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


class LimitTerms(DealSection):
    """Limits at which a run stops or a file fails."""

    dead_letter_share: ExactShare = Decimal("0.05")  # of the catalogue's rows
    max_pixels: int = Field(default=178_956_970, ge=1, le=MAX_INTEGER)
    max_media_bytes: ByteSize = 4 * 2**30
