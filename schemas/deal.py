"""The deal: a buyer's licence, parsed once from TOML and refused whole if anything is off."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import rfc8785
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from schemas.deal_faults import explain
from schemas.deal_values import MOST, CalendarDate, Share, Size, Territory, Word, not_twice
from schemas.errors import InputError
from schemas.money import exponent, parse_amount
from schemas.rights import Purpose
from schemas.territory import WORLD


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RightsTerms(_Section):
    """How strict the deal is. Every default is the strict one."""

    editorial: Literal["refuse", "accept"] = "refuse"
    ai_generated: Literal["refuse", "label"] = "refuse"
    minors: Literal["refuse", "guardian-release"] = "refuse"
    people: Literal["release", "biometric-release", "refuse"] = "release"
    unknown_people_count: Literal["refuse", "accept"] = "refuse"
    sensitive: Literal["refuse", "accept"] = "refuse"
    # Captions and embeddings are inference. "require": every contributor allows it;
    # "unless-denied": silence is enough, a no is still a no.
    inference: Literal["require", "unless-denied"] = "require"


class SelectTerms(_Section):
    """Which of the cleared assets the buyer takes."""

    min_short_side: int = Field(default=512, ge=1, le=MOST)  # pixels
    keywords_any: list[Word] = []
    keywords_none: list[Word] = []
    dedupe: Literal["none", "exact", "near"] = "near"
    max_assets: int = Field(default=100_000, ge=1, le=MOST)


class ModelTerms(_Section):
    """Which models embed and caption; see docs/models.md for how they are named."""

    clip: str = "demo"
    captioner: str = "demo"


class PriceTerms(_Section):
    """What the buyer pays and how it is shared."""

    currency: str  # before the pool, whose decimals it decides
    pool: str  # in the currency's major unit, exact: "100000.00"
    agency_share: Share = Decimal("0.40")
    allocation: Literal["per_asset", "weighted", "per_sample"] = "per_asset"

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
                parse_amount(value, info.data["currency"])
            except InputError as error:
                raise ValueError(f"{error.what}. {error.remedy}") from error
        return value

    @property
    def pool_minor(self) -> int:
        """The pool in minor units of the currency."""
        return parse_amount(self.pool, self.currency)


class ShardTerms(_Section):
    """How the delivery is cut."""

    target_bytes: Size = 512 * 2**20


class OutputTerms(_Section):
    """Where deliveries go: a folder or an s3:// prefix."""

    uri: str = "out/"


class SourceTerms(_Section):
    """What a media_uri may reach besides the catalogue's own folder or prefix."""

    roots: list[str] = []  # folders, file:// or s3://bucket/prefix
    hosts: list[str] = []  # host or host:port; a private address only if it is listed here


class GateTerms(_Section):
    """Rules of the catalogue's expectations that divert rows here instead of stopping the run."""

    divert: list[str] = []


class LimitTerms(_Section):
    """Where a run gives up."""

    dead_letter_share: Share = Decimal("0.05")  # of the catalogue's rows
    max_pixels: int = Field(default=178_956_970, ge=1, le=MOST)
    max_media_bytes: Size = 4 * 2**30


class Deal(_Section):
    """A deal as docs/deal.md describes it."""

    deal_id: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")
    buyer: str
    purposes: list[Annotated[Purpose, Field(strict=False)]] = Field(min_length=1)
    territory: list[Territory] = Field(min_length=1)
    starts: CalendarDate
    ends: CalendarDate
    profile: Literal["image-text", "video-text"] = "image-text"
    media: list[Literal["image", "video"]] = Field(
        default=["image"], min_length=1, validate_default=True
    )
    rights: RightsTerms = RightsTerms()
    select: SelectTerms = SelectTerms()
    models: ModelTerms = ModelTerms()
    price: PriceTerms
    shards: ShardTerms = ShardTerms()
    output: OutputTerms = OutputTerms()
    sources: SourceTerms = SourceTerms()
    gate: GateTerms = GateTerms()
    limits: LimitTerms = LimitTerms()

    # Contradictions are looked for where the later key stands, so that each is named with its key
    # and all of them are found at once.

    @field_validator("deal_id")
    @classmethod
    def _check_deal_id(cls, value: str) -> str:
        if value == "agency":
            raise ValueError("is taken: the agency's own folder has that name")
        return value

    @field_validator("buyer")
    @classmethod
    def _check_buyer(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("a buyer's name is one line of text")
        return value

    @field_validator("purposes", "territory", "media")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return not_twice(values)

    @field_validator("territory")
    @classmethod
    def _check_world(cls, values: list[str]) -> list[str]:
        if WORLD in values and len(values) > 1:
            raise ValueError("a territory is WORLD or a list of countries, not both")
        return values

    @field_validator("ends")
    @classmethod
    def _check_term(cls, value: date, info: ValidationInfo) -> date:
        starts = info.data.get("starts")
        if starts is not None and value <= starts:
            raise ValueError(f"ends must come after starts ({starts})")
        return value

    @field_validator("media")
    @classmethod
    def _check_media(cls, values: list[str], info: ValidationInfo) -> list[str]:
        profile = info.data.get("profile")
        if profile == "image-text" and "video" in values:
            raise ValueError('profile "image-text" carries no films; use "video-text"')
        if profile == "video-text" and "video" not in values:
            raise ValueError('profile "video-text" needs "video" among media')
        return values

    @property
    def world(self) -> bool:
        """Whether the deal covers every territory."""
        return self.territory == [WORLD]

    @property
    def needed_purposes(self) -> tuple[Purpose, ...]:
        """Purposes an asset must be cleared for: the deal's, and inference for our own models."""
        return tuple(dict.fromkeys([*self.purposes, Purpose.INFERENCE]))

    def core_sha256(self) -> str:
        """Digest of what makes it this deal and no other: buyer, purposes, where, when, price."""
        core = {"deal_id", "buyer", "purposes", "territory", "starts", "ends", "price"}
        terms = self.model_dump(mode="json", include=core)
        return hashlib.sha256(rfc8785.dumps(terms)).hexdigest()

    def terms_sha256(self) -> str:
        """Digest of the deal's terms as RFC 8785 JSON; where output goes is not a term of it."""
        terms = self.model_dump(mode="json", exclude={"output"})
        return hashlib.sha256(rfc8785.dumps(terms)).hexdigest()


def parse_deal(text: str, origin: str) -> Deal:
    """Parses a deal.

    Args:
        text: TOML.
        origin: Where the text comes from, for messages.

    Raises:
        InputError: If it is no TOML, or a key or value is off; every fault is listed.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers too long, lists too deep
        raise InputError(
            "The deal is not valid TOML", f"{origin}: {error}", "docs/deal.md has an example."
        ) from error
    try:
        return Deal.model_validate(values)
    except ValidationError as error:
        faults = (explain(Deal, fault) for fault in error.errors(include_url=False))
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise InputError(
            "The deal is refused", f"{origin}{lines}", "docs/deal.md lists every key."
        ) from error


def load_deal(path: Path) -> Deal:
    """Reads and parses a deal file.

    Raises:
        InputError: If the file cannot be read or the deal is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The deal cannot be read", f"{path}: {error}", "Give the path of a deal in TOML."
        ) from error
    return parse_deal(text, str(path))
