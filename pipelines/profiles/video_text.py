"""`video-text`: films in their native form, with captions of the film and its shots, and motion.

Films keep their length, size and aspect ratio, which is better for training than square crops.
Pictures in the same deal use the profile `image-text`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pipelines.profiles.base import Profile
from pipelines.profiles.films import FilmSample, film_fields, find_unmet_film


class VideoText(FilmSample):
    """A film, unmodified, with its shots."""

    companion_profile: ClassVar[str] = "image-text"

    profile: Literal["video-text"]


PROFILE = Profile(
    name="video-text",
    sample=VideoText,
    find_unmet=find_unmet_film,
    fields=film_fields,
    card=(
        "Films are native: sizes, lengths and rates differ. `shots` cuts each into captioned\n"
        "ranges of frames."
    ),
)
