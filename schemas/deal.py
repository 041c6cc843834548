"""The deal: a buyer's licence, parsed once from TOML and refused whole if anything is off."""

from __future__ import annotations

import hashlib
import re
import tomllib
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from schemas.errors import InputError
from schemas.money import parse_amount
from schemas.rights import Purpose
from schemas.territory import COUNTRIES, WORLD

_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB|KiB|MiB|GiB)?")
_UNITS = {
    None: 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def parse_size(value: object) -> int:
    """Reads a size such as `512MiB`, or a whole number of bytes.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a size is a whole number of bytes, or text such as "512MiB"')
    return int(match[1]) * _UNITS[match[2]]


def _share(value: object) -> Decimal:
    """Reads a share between 0 and 1; text, because a TOML float is not exact."""
    if not isinstance(value, str):
        raise ValueError('a share is text such as "0.40", so that it is exact')
    try:
        share = Decimal(value)
    except InvalidOperation as error:
        raise ValueError('a share is text such as "0.40"') from error
    if not share.is_finite() or not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    return share


def _territory_code(value: object) -> str:
    if isinstance(value, str) and (value == WORLD or value in COUNTRIES):
        return value
    raise ValueError("a territory is an ISO 3166-1 alpha-2 code in capitals, or WORLD")


def _calendar_date(value: object) -> date:
    """Takes a TOML date. A date with a time is refused: a term is counted in whole days."""
    if type(value) is date:
        return value
    raise ValueError("a date is written as 2026-01-31, without quotes and without a time")


Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Share = Annotated[Decimal, BeforeValidator(_share)]
Territory = Annotated[str, BeforeValidator(_territory_code)]
CalendarDate = Annotated[date, BeforeValidator(_calendar_date)]


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

    min_short_side: int = Field(default=512, ge=1)  # pixels
    keywords_any: list[str] = []
    keywords_none: list[str] = []
    dedupe: Literal["none", "exact", "near"] = "near"
    max_assets: int = Field(default=100_000, ge=1)


class ModelTerms(_Section):
    """Which models embed and caption; see docs/models.md for how they are named."""

    clip: str = "demo"
    captioner: str = "demo"


class PriceTerms(_Section):
    """What the buyer pays and how it is shared."""

    pool: str  # in the currency's major unit, exact: "100000.00"
    currency: str
    agency_share: Share = Decimal("0.40")
    allocation: Literal["per_asset", "weighted", "per_sample"] = "per_asset"

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
    max_pixels: int = Field(default=178_956_970, ge=1)
    max_media_bytes: Size = 4 * 2**30


class Deal(_Section):
    """A deal as docs/deal.md describes it."""

    deal_id: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")
    buyer: str = Field(min_length=1)
    purposes: list[Annotated[Purpose, Field(strict=False)]] = Field(min_length=1)
    territory: list[Territory] = Field(min_length=1)
    starts: CalendarDate
    ends: CalendarDate
    profile: Literal["image-text", "video-text"] = "image-text"
    media: list[Literal["image", "video"]] = Field(default=["image"], min_length=1)
    rights: RightsTerms = RightsTerms()
    select: SelectTerms = SelectTerms()
    models: ModelTerms = ModelTerms()
    price: PriceTerms
    shards: ShardTerms = ShardTerms()
    output: OutputTerms = OutputTerms()
    sources: SourceTerms = SourceTerms()
    gate: GateTerms = GateTerms()
    limits: LimitTerms = LimitTerms()

    @model_validator(mode="after")
    def _check_contradictions(self) -> Deal:
        if self.ends <= self.starts:
            raise ValueError(f"ends ({self.ends}) must come after starts ({self.starts})")
        for name in ("purposes", "territory", "media"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names a value twice: {[str(v) for v in values]}")
        if WORLD in self.territory and len(self.territory) > 1:
            raise ValueError(
                f"territory is WORLD or a list of countries, not both: {self.territory}"
            )
        if self.profile == "image-text" and "video" in self.media:
            raise ValueError('profile "image-text" carries no films; use "video-text"')
        if self.profile == "video-text" and "video" not in self.media:
            raise ValueError('profile "video-text" needs "video" among media')
        if self.deal_id == "agency":
            raise ValueError('deal_id "agency" is taken: the agency\'s own folder has that name')
        _ = self.price.pool_minor
        return self

    @property
    def world(self) -> bool:
        """Whether the deal covers every territory."""
        return self.territory == [WORLD]

    @property
    def needed_purposes(self) -> tuple[Purpose, ...]:
        """Purposes an asset must be cleared for: the deal's, and inference for our own models."""
        return tuple(dict.fromkeys([*self.purposes, Purpose.INFERENCE]))

    def terms_sha256(self) -> str:
        """Digest of the deal's terms as RFC 8785 JSON; where output goes is not a term of it."""
        terms = self.model_dump(mode="json", exclude={"output"})
        return hashlib.sha256(rfc8785.dumps(terms)).hexdigest()


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the deal"


def _allowed(name: str) -> str:
    """The keys that a section takes, for the message about an unknown one."""
    model: type[BaseModel] = Deal
    for part in name.split(".")[:-1]:
        field = model.model_fields.get(part)
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return ", ".join(model.model_fields)


def _explain(error: Any) -> str:
    name = _where(error["loc"])
    seen = repr(error["input"])
    seen = seen if len(seen) <= 80 else seen[:77] + "..."
    if error["type"] == "extra_forbidden":
        return f"{name} = {seen}: unknown key; allowed here: {_allowed(name)}"
    if error["type"] == "missing":
        return f"{name}: required, and missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if not error["loc"] else f"{name} = {seen}: {message}"


def parse_deal(text: str, origin: str) -> Deal:
    """Parses a deal.

    Args:
        text: TOML.
        origin: Where the text comes from, for messages.

    Raises:
        InputError: If it is no TOML, or a key or value is off; every fault is listed.
    """
    try:
        return Deal.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError("The deal is not valid TOML", f"{origin}: {error}", "") from error
    except ValidationError as error:
        lines = "".join(f"\n  {_explain(fault)}" for fault in error.errors(include_url=False))
        raise InputError(
            "The deal is refused", f"{origin}{lines}\n", "docs/deal.md lists every key"
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
