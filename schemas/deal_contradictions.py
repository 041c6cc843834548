"""Refuses keys of a deal that contradict each other.

Every function raises ValueError with the rest of a sentence that starts with the key and its value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from schemas.deal_captions import CaptionTerms, EndpointTerms
from schemas.deal_clips import ClipTerms
from schemas.deal_render import RenderTerms, resolve_images
from schemas.deal_structure import EMBEDDED_PROFILES, StructureTerms
from schemas.deal_terms import ModelTerms, RightsTerms
from schemas.profiles import profile_media
from schemas.rights import Purpose
from schemas.territory import WORLD

# The profiles in which a section is used, and what it says.
_PROFILE_SECTIONS = {
    "clips": (("first-last-frame",), "clips are taken"),
    "structure": (EMBEDDED_PROFILES, "frames are embedded"),
}


def check_territory(territory: Sequence[str]) -> None:
    """Refuses the whole world together with single countries."""
    if WORLD in territory and len(territory) > 1:
        raise ValueError("a territory is WORLD or a list of countries, not both")


def check_term(starts: date, ends: date) -> None:
    """Refuses a term that ends before it starts, or on the same day."""
    if ends <= starts:
        raise ValueError(f"ends must come after starts ({starts})")


def check_media(media: Collection[str], profile: str) -> None:
    """Refuses media that the profile does not support, and media without the profile's own."""
    profiles = profile_media(profile)
    for kind in media:
        if kind not in profiles:
            names = {"image": "pictures", "video": "films"}
            raise ValueError(f'profile "{profile}" does not support {names[kind]}')
    [own] = (kind for kind, name in profiles.items() if name == profile)
    if own not in media:
        raise ValueError(f'profile "{profile}" requires "{own}" in media')


def check_inference(rights: RightsTerms, purposes: Collection[Purpose], profile: str) -> None:
    """Refuses samples without embeddings where a purpose or the profile needs them."""
    if rights.inference != "pack-without":
        return
    if Purpose.INFERENCE in purposes:
        raise ValueError('inference = "pack-without" contradicts purposes, which include inference')
    if profile in EMBEDDED_PROFILES:
        raise ValueError(
            f'inference = "pack-without" contradicts profile "{profile}", whose samples '
            "have embeddings"
        )


def check_endpoint(captions: CaptionTerms, models: ModelTerms) -> None:
    """Refuses settings of an endpoint where the captioner is not one."""
    if models.captioner.startswith(("https://", "http://")):
        return
    if captions.endpoint != EndpointTerms():
        raise ValueError(
            "endpoint is used only if models.captioner is the address of one, "
            f"not {models.captioner!r}"
        )


def check_profile_section(name: str, section: ClipTerms | StructureTerms, profile: str) -> None:
    """Refuses a section that only other profiles use."""
    profiles, use = _PROFILE_SECTIONS[name]
    if section != type(section)() and profile not in profiles:
        named = " or ".join(f'"{each}"' for each in profiles)
        raise ValueError(f'{use} only in the profile {named}, not in "{profile}"')


def check_render(
    render: RenderTerms, media: Collection[str], profile: str, min_short_side: int
) -> None:
    """Refuses settings of renditions that no file gets, or that would make every one too small."""
    images = resolve_images(render, profile)
    if not render.uses(images):
        said = f'"auto", which is "{images}" here' if render.images == "auto" else f'"{images}"'
        raise ValueError(
            f'images is {said}, so that no picture is rendered: use "flagged" or "all", or '
            "remove the other keys"
        )
    if "video" not in media:
        for key, setting in (("films", render.films), ("audio", render.audio)):
            if setting not in ("native", "keep"):
                raise ValueError(f'{key} = "{setting}" is for films, and media has no "video"')
    for key in ("longest_side", "film_longest_side"):
        side = getattr(render, key)
        if 0 < side < min_short_side:
            raise ValueError(
                f"{key} = {side} is less than select.min_short_side = {min_short_side}, so that "
                "every rendition would be too small"
            )
