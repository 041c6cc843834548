"""Fields of a sample on its media file by which loaders differ: `schemas.file_facts` in samples."""

from __future__ import annotations

from typing import Annotated, TypedDict, cast

from pydantic import BaseModel, Field

from schemas.profiles.described import DescribedModel

_MOST = 2**31 - 1


class FileFields(DescribedModel):
    """What both pictures and films say."""

    original_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the agency's file; `media_sha256` if it is delivered as it is."""
    rendition: str
    """How the medium was made from that file's pixels; "" if they were not changed."""
    mode: str
    """Layout of the stored pixels: Pillow's name, such as RGBA, or for a film FFmpeg's."""
    bits: Annotated[int, Field(ge=1, le=64)]
    """Of a channel, as stored."""
    has_alpha: bool
    """Whether pixels can be transparent."""
    orientation: Annotated[int, Field(ge=1, le=8)]
    """EXIF's code; 6 is shown a quarter turn clockwise. For a film, that of its display matrix."""


class PictureFileFields(FileFields):
    """What a picture says."""

    icc: str
    """The embedded profile: sRGB if it changes no colour by more than 2 of 255, another well-known
    name, or "other"; "" without one."""
    animated: bool
    """Whether frames follow the first, which is the picture."""
    plain_differences: Annotated[
        str,
        Field(pattern=r"^((format|orientation|profile|alpha|depth|cmyk)(; |$))*$"),
    ]
    """Why `Image.open(…).convert("RGB")` does not give the picture as displayed, separated by
    "; "; "" where both are the same within 2 of 255."""


class FilmFileFields(FileFields):
    """What a film says."""

    codec: Annotated[str, Field(min_length=1)]
    """FFmpeg's name."""
    bitrate_bps: Annotated[int, Field(ge=0, le=2**53 - 1)]
    """Bits a second of the picture track."""
    audio_codec: str
    """FFmpeg's name; "" without sound."""
    pixel_aspect_num: Annotated[int, Field(ge=1, le=_MOST)]
    """A stored pixel is `pixel_aspect_num` / `pixel_aspect_den` times as wide as high; `width`
    and `height` are in square pixels."""
    pixel_aspect_den: Annotated[int, Field(ge=1, le=_MOST)]


class FileColumns(TypedDict):
    """These fields as columns of a shard's table."""

    original_sha256: str
    rendition: str
    mode: str
    bits: int
    has_alpha: bool
    orientation: int
    icc: str
    animated: bool
    plain_differences: str
    codec: str
    bitrate_bps: int
    audio_codec: str
    pixel_aspect_num: int
    pixel_aspect_den: int


PICTURE_FILE_FIELDS = ("icc", "animated", "plain_differences")
FILM_FILE_FIELDS = ("codec", "bitrate_bps", "audio_codec", "pixel_aspect_num", "pixel_aspect_den")
SHARED_FILE_FIELDS = (
    *("original_sha256", "rendition", "mode", "bits", "has_alpha", "orientation"),
)


def file_columns(sample: BaseModel) -> FileColumns:
    """Returns a sample's columns in its shard's table; what its medium does not have is empty."""
    found = sample.model_dump(
        include={*SHARED_FILE_FIELDS, *PICTURE_FILE_FIELDS, *FILM_FILE_FIELDS}
    )
    neutral: dict[str, object] = {
        **dict.fromkeys(("icc", "plain_differences", "codec", "audio_codec"), ""),
        "animated": False,
        "bitrate_bps": 0,
        **dict.fromkeys(("pixel_aspect_num", "pixel_aspect_den"), 1),
    }
    return cast("FileColumns", neutral | found)


def is_encoded_film(rendition: str) -> bool:
    """Whether a rendition, as samples state it, is of a film that was encoded again."""
    return rendition.startswith("films=transcode ")
