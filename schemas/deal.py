"""The deal: a buyer's licence, parsed once from TOML and refused if anything in it is invalid."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from schemas import deal_contradictions as contradictions
from schemas.deal_agency import AgencyTerms
from schemas.deal_captions import CaptionTerms
from schemas.deal_clips import ClipTerms
from schemas.deal_digest import identity_json, terms_json
from schemas.deal_render import RenderTerms, resolve_images
from schemas.deal_structure import StructureTerms
from schemas.deal_terms import (
    Agreement,
    DealSection,
    GateTerms,
    LimitTerms,
    ModelTerms,
    OutputTerms,
    RightsTerms,
    Ruling,
    SelectTerms,
    ShardTerms,
    SourceTerms,
    SplitTerms,
    WithdrawalTerms,
)
from schemas.deal_values import (
    DEAL_ID_PATTERN,
    CalendarDate,
    OneLine,
    ProfileName,
    TerritoryCode,
    check_deal_id,
    refuse_repeats,
)
from schemas.price_terms import PriceTerms
from schemas.quality import QualityTerms
from schemas.rights import Purpose
from schemas.terms_file import parse_terms, read_terms
from schemas.territory import WORLD

_ProfileSection = TypeVar("_ProfileSection", ClipTerms, StructureTerms)


class Deal(DealSection):
    """A deal as docs/deal.md describes it."""

    deal_id: str = Field(pattern=f"^{DEAL_ID_PATTERN}$")
    buyer: OneLine
    purposes: list[Annotated[Purpose, Field(strict=False)]] = Field(min_length=1)
    territory: list[TerritoryCode] = Field(min_length=1)
    starts: CalendarDate
    ends: CalendarDate
    profile: ProfileName = "image-text"
    media: list[Literal["image", "video"]] = Field(
        default=["image"], min_length=1, validate_default=True
    )
    agency: AgencyTerms = AgencyTerms()
    rights: RightsTerms = RightsTerms()
    agreements: list[Agreement] = Field(default=[])
    rulings: list[Ruling] = Field(default=[])
    select: SelectTerms = SelectTerms()
    render: RenderTerms = Field(default=RenderTerms(), validate_default=True)
    quality: QualityTerms = QualityTerms()
    models: ModelTerms = ModelTerms()
    captions: CaptionTerms = CaptionTerms()
    clips: ClipTerms = ClipTerms()
    structure: StructureTerms = StructureTerms()
    price: PriceTerms
    shards: ShardTerms = ShardTerms()
    split: SplitTerms = Field(default=SplitTerms(), validate_default=True)
    output: OutputTerms = OutputTerms()
    sources: SourceTerms = SourceTerms()
    gate: GateTerms = GateTerms()
    limits: LimitTerms = LimitTerms()
    withdrawal: WithdrawalTerms = WithdrawalTerms()

    # Each contradiction is checked at the later of its keys, so that the error names that key and
    # all contradictions are reported at once.

    _check_deal_id = field_validator("deal_id", mode="before")(check_deal_id)

    @field_validator("purposes", "territory", "media")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)

    @field_validator("territory")
    @classmethod
    def _check_territory(cls, value: list[str]) -> list[str]:
        contradictions.check_territory(value)
        return value

    @field_validator("ends")
    @classmethod
    def _check_term(cls, value: date, info: ValidationInfo) -> date:
        if "starts" in info.data:
            contradictions.check_term(info.data["starts"], value)
        return value

    @field_validator("media")
    @classmethod
    def _check_media(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if "profile" in info.data:
            contradictions.check_media(value, info.data["profile"])
        return value

    @field_validator("rights")
    @classmethod
    def _check_inference(cls, value: RightsTerms, info: ValidationInfo) -> RightsTerms:
        purposes, profile = info.data.get("purposes", ()), info.data.get("profile", "")
        contradictions.check_inference(value, purposes, profile)
        return value

    @field_validator("captions")
    @classmethod
    def _check_endpoint(cls, value: CaptionTerms, info: ValidationInfo) -> CaptionTerms:
        if "models" in info.data:
            contradictions.check_endpoint(value, info.data["models"])
        return value

    @field_validator("clips", "structure")
    @classmethod
    def _check_profile_section(
        cls, value: _ProfileSection, info: ValidationInfo
    ) -> _ProfileSection:
        if "profile" in info.data:
            name, profile = str(info.field_name), info.data["profile"]
            contradictions.check_profile_section(name, value, profile)
        return value

    @field_validator("agreements")
    @classmethod
    def _check_agreements(cls, values: list[Agreement]) -> list[Agreement]:
        refuse_repeats([agreement.ref for agreement in values])
        return values

    @field_validator("render")
    @classmethod
    def _check_render(cls, value: RenderTerms, info: ValidationInfo) -> RenderTerms:
        if "profile" in info.data and "select" in info.data:
            media, profile = info.data.get("media", ["video"]), info.data["profile"]
            side = info.data["select"].min_short_side
            contradictions.check_render(value, media, profile, side)
        return value

    @property
    def render_images(self) -> Literal["native", "flagged", "all", "refuse"]:
        """What `render.images` is for this deal."""
        return resolve_images(self.render, self.profile)

    @property
    def renders_pictures(self) -> bool:
        """Whether pictures may be delivered as renditions."""
        return "image" in self.media and self.render_images in ("flagged", "all")

    @property
    def drops_sound(self) -> bool:
        """Whether films are delivered without their sound."""
        return "video" in self.media and self.render.audio == "drop"

    @property
    def renders_films(self) -> bool:
        """Whether films are copied into other files or encoded again."""
        return "video" in self.media and self.render.films != "native"

    @property
    def makes_other_files(self) -> bool:
        """Whether other bytes may be delivered than the agency's files have."""
        renders = self.renders_pictures or self.renders_films
        return self.rights.strips_metadata or renders or self.drops_sound

    @property
    def flagged_captions(self) -> Literal["keep", "drop", "refuse"]:
        """What is done with flagged captions: not delivered where the buyer gets no such data."""
        if self.captions.flagged == "keep" and self.rights.personal_data != "keep":
            return "drop"
        return self.captions.flagged

    @property
    def is_worldwide(self) -> bool:
        """Whether the deal covers every territory."""
        return self.territory == [WORLD]

    @property
    def judged_purposes(self) -> tuple[Purpose, ...]:
        """Purposes checked for every asset: the deal's, and inference for our own models."""
        return tuple(dict.fromkeys([*self.purposes, Purpose.INFERENCE]))

    @property
    def needed_purposes(self) -> tuple[Purpose, ...]:
        """Purposes an asset must be cleared for; without inference if the deal permits that."""
        if self.rights.inference == "pack-without":
            return tuple(self.purposes)
        return self.judged_purposes

    @property
    def named_assets(self) -> frozenset[str]:
        """The assets that the deal names: in levels, as works that look alike, as the only ones."""
        pairs = self.select.keep_both
        named = {name for pair in pairs for name in pair}.union(self.select.only)
        return self.price.assets_in_levels | named

    def identity_sha256(self) -> str:
        """Digest of what identifies the deal: buyer, purposes, territory, term and price."""
        return hashlib.sha256(identity_json(self)).hexdigest()

    def terms_sha256(self) -> str:
        """Digest of `terms_json`, hex. It has no salt, so it is for the agency alone."""
        return hashlib.sha256(self.terms_json()).hexdigest()

    def terms_json(self) -> bytes:
        """The deal's terms as RFC 8785 JSON, without the later keys that have their defaults."""
        return terms_json(self)


def parse_deal(text: str, origin: str) -> Deal:
    """Parses a deal.

    Args:
        text: TOML.
        origin: The path of the text, for messages.

    Raises:
        InputError: If it is not valid TOML, or a key or value is invalid; lists every fault.
    """
    remedy = "See the example and the list of keys in docs/deal.md."
    return parse_terms(Deal, text, origin, "deal", remedy)


def load_deal(path: Path) -> Deal:
    """Reads and parses a deal file.

    Raises:
        InputError: If the file cannot be read or the deal is refused.
    """
    return parse_deal(read_terms(path, "deal"), str(path))
