"""The deal: a buyer's licence, parsed once from TOML and refused if anything in it is invalid."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from schemas.canonical import canonical_json
from schemas.deal_agency import AgencyTerms
from schemas.deal_captions import CaptionTerms, EndpointTerms
from schemas.deal_clips import ClipTerms
from schemas.deal_render import RenderTerms
from schemas.deal_structure import EMBEDDED_PROFILES, StructureTerms
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
from schemas.deal_values import CalendarDate, OneLine, ProfileName, TerritoryCode, refuse_repeats
from schemas.price_terms import PriceTerms
from schemas.profiles import profile_media
from schemas.quality import QualityTerms
from schemas.rights import Purpose
from schemas.terms_file import parse_terms, read_terms
from schemas.territory import WORLD

# Keys of the price that are between the agency and its contributors: with others, it is still the
# same deal.
_CHANGEABLE = {"other_currencies"}
# Keys of later releases. A deal that leaves them at their defaults has the digest that it had
# before there were such keys.
_LATER_SELECT_KEYS = (
    *("blank", "semantic_cosine", "keep_both", "only"),
    *("max_black_share", "max_frozen_share", "max_silent_share"),
)
_LATER_RIGHTS_KEYS = ("faces", "missing_credit", "precedence")
_LATER_SHARD_KEYS = ("min_shards", "counts", "wids_md5")
_LATER_RENDER_KEYS = ("films", "film_codec", "film_longest_side")

# Sections of some profiles only, with these and what they say.
_Section = TypeVar("_Section", ClipTerms, StructureTerms)
_PROFILE_SECTIONS = {
    "clips": (("first-last-frame",), "clips are taken"),
    "structure": (EMBEDDED_PROFILES, "frames are embedded"),
}


class Deal(DealSection):
    """A deal as docs/deal.md describes it."""

    deal_id: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")
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

    @field_validator("deal_id")
    @classmethod
    def _check_deal_id(cls, value: str) -> str:
        if value == "agency":
            raise ValueError("is reserved for the agency's own folder")
        return value

    @field_validator("purposes", "territory", "media")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)

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
        if profile is None:
            return values
        media_profiles = profile_media(profile)
        for kind in values:
            if kind not in media_profiles:
                names = {"image": "pictures", "video": "films"}
                raise ValueError(f'profile "{profile}" does not support {names[kind]}')
        [own] = (kind for kind, name in media_profiles.items() if name == profile)
        if own not in values:
            raise ValueError(f'profile "{profile}" requires "{own}" in media')
        return values

    @field_validator("rights")
    @classmethod
    def _check_inference(cls, value: RightsTerms, info: ValidationInfo) -> RightsTerms:
        if value.inference == "pack-without" and Purpose.INFERENCE in info.data.get("purposes", ()):
            raise ValueError(
                'inference = "pack-without" contradicts purposes, which include inference'
            )
        profile = info.data.get("profile")
        if value.inference == "pack-without" and profile in EMBEDDED_PROFILES:
            raise ValueError(
                f'inference = "pack-without" contradicts profile "{profile}", whose samples '
                "have embeddings"
            )
        return value

    @field_validator("captions")
    @classmethod
    def _check_endpoint(cls, value: CaptionTerms, info: ValidationInfo) -> CaptionTerms:
        models = info.data.get("models")
        if models is None or models.captioner.startswith(("https://", "http://")):
            return value
        if value.endpoint != EndpointTerms():
            raise ValueError(
                "endpoint is used only if models.captioner is the address of one, "
                f"not {models.captioner!r}"
            )
        return value

    @field_validator("clips", "structure")
    @classmethod
    def _check_profile_section(cls, value: _Section, info: ValidationInfo) -> _Section:
        """Refuses a section of another profile than the deal's."""
        wanted, what = _PROFILE_SECTIONS[str(info.field_name)]
        profile = info.data.get("profile", wanted[0])
        if value != type(value)() and profile not in wanted:
            named = " or ".join(f'"{name}"' for name in wanted)
            raise ValueError(f'{what} only in the profile {named}, not in "{profile}"')
        return value

    @field_validator("agreements")
    @classmethod
    def _check_agreements(cls, values: list[Agreement]) -> list[Agreement]:
        refuse_repeats([agreement.ref for agreement in values])
        return values

    @field_validator("render")
    @classmethod
    def _check_render(cls, value: RenderTerms, info: ValidationInfo) -> RenderTerms:
        profile, select = info.data.get("profile"), info.data.get("select")
        if profile is None or select is None:
            return value
        images = resolve_images(value, profile)
        if not value.uses(images):
            said = f'"auto", which is "{images}" here' if value.images == "auto" else f'"{images}"'
            raise ValueError(
                f'images is {said}, so that no picture is rendered: use "flagged" or "all", or '
                "remove the other keys"
            )
        if "video" not in info.data.get("media", ["video"]):
            for key, setting in (("films", value.films), ("audio", value.audio)):
                if setting not in ("native", "keep"):
                    raise ValueError(f'{key} = "{setting}" is for films, and media has no "video"')
        for key in ("longest_side", "film_longest_side"):
            side = getattr(value, key)
            if 0 < side < select.min_short_side:
                raise ValueError(
                    f"{key} = {side} is less than select.min_short_side = "
                    f"{select.min_short_side}, so that every rendition would be too small"
                )
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
        identity_keys = {"deal_id", "buyer", "purposes", "territory", "starts", "ends", "price"}
        terms = self.model_dump(mode="json", include=identity_keys, exclude={"price": _CHANGEABLE})
        return hashlib.sha256(canonical_json(terms)).hexdigest()

    def terms_sha256(self) -> str:
        """Digest of `terms_json`, hex. It has no salt, so it is for the agency alone."""
        return hashlib.sha256(self.terms_json()).hexdigest()

    def terms_json(self) -> bytes:
        """The deal's terms as RFC 8785 JSON; the output location is not a term.

        Withdrawal and quality terms, `[agency]`, `[render]`, `[split]`, `[captions]`, `[clips]`,
        `[structure]`, the models' precision and device, and the later keys of `[rights]`,
        `[select]`, `[captions]`, `[shards]` and `[render]` are part of it unless they are the
        defaults: a deal that says nothing of them has the digest that it had before they existed.
        """
        excluded: dict[str, bool | set[str]] = {
            "output": True,
            "select": _at_defaults(self.select, SelectTerms(), _LATER_SELECT_KEYS),
            "render": _at_defaults(self.render, RenderTerms(), _LATER_RENDER_KEYS),
            "captions": _at_defaults(self.captions, CaptionTerms(), ("p_synthetic_bp",)),
            "shards": _at_defaults(self.shards, ShardTerms(), _LATER_SHARD_KEYS),
        }
        if self.withdrawal == WithdrawalTerms():
            excluded["withdrawal"] = True
        if self.render == RenderTerms():
            excluded["render"] = True
        if self.split == SplitTerms():
            excluded["split"] = True
        if self.quality == QualityTerms():
            excluded["quality"] = True
        excluded["rights"] = _at_defaults(self.rights, RightsTerms(), _LATER_RIGHTS_KEYS)
        if self.agency == AgencyTerms():
            excluded["agency"] = True
        if self.captions == CaptionTerms():
            excluded["captions"] = True
        if self.clips == ClipTerms():
            excluded["clips"] = True
        if self.structure == StructureTerms():
            excluded["structure"] = True
        excluded["models"] = _at_defaults(self.models, ModelTerms(), ("precision", "device"))
        return canonical_json(self.model_dump(mode="json", exclude=excluded))


def _at_defaults(terms: DealSection, default: DealSection, names: Sequence[str]) -> set[str]:
    return {name for name in names if getattr(terms, name) == getattr(default, name)}


def resolve_images(
    render: RenderTerms, profile: str
) -> Literal["native", "flagged", "all", "refuse"]:
    """Returns what `render.images` is for a deal's profile."""
    if render.images != "auto":
        return render.images
    return "flagged" if profile_media(profile).get("image") == "image-text" else "native"


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
