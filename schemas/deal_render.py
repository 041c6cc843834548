"""The section `[render]` of a deal: which media are delivered as other files than the agency's.

What is done with metadata is said by `rights.personal_data`, for renditions as for other files.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from schemas.deal_terms import DealSection
from schemas.deal_values import Colour, PixelLimit
from schemas.profiles import profile_media

DEFAULT_QUALITY = 95


class RenderTerms(DealSection):
    """Which pictures are rendered, and how: upright, in sRGB, of eight bits, without transparency.

    `images`: "native", none; "flagged", those that stock loaders show otherwise than they are
    displayed; "all", every picture; "refuse": the flagged ones are refused. "auto" is "flagged" for
    samples of the profile image-text, for which loaders take what `Image.open` gives them, and
    "native" for others.
    """

    images: Literal["auto", "native", "flagged", "all", "refuse"] = "auto"
    # Larger pictures are reduced, and so rendered; smaller ones are not enlarged. Pixels.
    longest_side: PixelLimit = 0
    format: Literal["jpg", "webp", "png"] = "jpg"
    quality: int = Field(default=DEFAULT_QUALITY, ge=1, le=100)
    # What transparent areas show, in sRGB.
    background: Colour = "#ffffff"

    # "native": films stay as they are; "remux": their pictures are copied into an MP4 whose index
    # comes first; "transcode": they are encoded again as displayed.
    films: Literal["native", "remux", "transcode"] = "native"
    # Of films that are encoded again.
    film_codec: Literal["vp9", "av1"] = "vp9"
    film_longest_side: PixelLimit = 0
    # Films' sound. "drop": its track is removed; in native films in place.
    audio: Literal["keep", "drop"] = "keep"

    @field_validator("film_codec", "film_longest_side")
    @classmethod
    def _check_films(cls, value: str | int, info: ValidationInfo) -> str | int:
        films = info.data.get("films")
        if films in ("native", "remux") and value not in ("vp9", 0):
            raise ValueError(f'is used only with films = "transcode", not "{films}"')
        return value

    @field_validator("quality")
    @classmethod
    def _check_quality(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("format") == "png" and value != DEFAULT_QUALITY:
            raise ValueError('is not used with format = "png", which keeps every pixel')
        return value

    @property
    def background_colour(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, of 255."""
        red, green, blue = bytes.fromhex(self.background.removeprefix("#"))
        return red, green, blue

    def uses(self, images: str) -> bool:
        """Whether the other keys for pictures are used with a value of `images`."""
        of_pictures = {"longest_side", "format", "quality", "background"}
        default = RenderTerms()
        return images in ("flagged", "all") or all(
            getattr(self, name) == getattr(default, name) for name in of_pictures
        )

    def settings(self) -> str:
        """Returns the settings of a rendition as a sample states them."""
        quality = "" if self.format == "png" else f" quality={self.quality}"
        side = f" longest_side={self.longest_side}" if self.longest_side else ""
        return f"{self.format}{quality}{side} background={self.background}"

    def film_settings(self) -> str:
        """Returns the settings of a film's rendition as a sample states them."""
        said = [f"films={self.films}"]
        if self.films == "transcode":
            said.append(f"codec={self.film_codec}")
            said += [f"longest_side={self.film_longest_side}"] if self.film_longest_side else []
        return " ".join([*said, *(["audio=drop"] if self.audio == "drop" else [])])


def resolve_images(
    render: RenderTerms, profile: str
) -> Literal["native", "flagged", "all", "refuse"]:
    """Returns what `images` is in a deal of a profile."""
    if render.images != "auto":
        return render.images
    return "flagged" if profile_media(profile).get("image") == "image-text" else "native"
