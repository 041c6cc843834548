"""Reasons: codes for why an asset is refused or could not be read.

The reasons of screening are defined with their rules, in `pipelines/rights/rules/`; those of every
other step are listed here, and what people are told about these in `schemas/reasons_*.py`.
`pipelines.rights.rules.reasons.REASONS` has them all.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from schemas.reason_info import ReasonInfo
from schemas.reasons_file import FILE_TEXTS
from schemas.reasons_profile import PROFILE_TEXTS
from schemas.reasons_reading import READING_TEXTS
from schemas.reasons_selection import SELECTION_TEXTS

#: What people are told about each reason, by its code.
TEXTS: dict[str, ReasonInfo] = {**READING_TEXTS, **FILE_TEXTS, **PROFILE_TEXTS, **SELECTION_TEXTS}


class Reason(StrEnum):
    """Every reason that a step other than screening gives.

    Codes are stable, because they are in published tables.
    """

    _value_: str
    info: ReasonInfo

    def __new__(cls, code: str) -> Self:
        """Makes a member from its code. Its value is the code, so `Reason(code)` returns it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.info = TEXTS[code]
        return member

    ROW_UNREADABLE = "row.unreadable"
    ROW_INVALID = "row.invalid"

    MEDIA_NOT_ALLOWED = "media.not_allowed"
    MEDIA_UNAVAILABLE = "media.unavailable"
    MEDIA_EMPTY = "media.empty"
    MEDIA_TOO_LARGE = "media.too_large"
    MEDIA_DIGEST_MISMATCH = "media.digest_mismatch"
    MEDIA_NOT_AS_DESCRIBED = "media.not_as_described"
    MEDIA_UNSUPPORTED_FORMAT = "media.unsupported_format"
    MEDIA_TYPE_MISMATCH = "media.type_mismatch"
    MEDIA_UNDECODABLE = "media.undecodable"
    MEDIA_CHANGED = "media.changed"
    MEDIA_NOT_CAPTIONED = "media.not_captioned"

    FILE_DENIED = "file.denied"
    FILE_CONDITIONAL = "file.conditional"
    FILE_UNREADABLE = "file.unreadable"
    FILE_AI_GENERATED = "file.ai_generated"
    FILE_UNJUDGED = "file.unjudged_content"
    FILE_PERSONAL_DATA = "file.personal_data"
    METADATA_NOT_REMOVABLE = "metadata.not_removable"
    RENDITION_NOT_ALLOWED = "rendition.not_allowed"
    RENDITION_NOT_MADE = "rendition.not_made"
    PICTURE_NOT_PLAIN = "picture.not_plain"
    SERVER_DENIED = "server.denied"
    SERVER_CONDITIONAL = "server.conditional"
    SERVER_UNREADABLE = "server.unreadable"
    CONFLICT_GRANT = "conflict.grant"
    CONFLICT_KEEP_METADATA = "conflict.keep_metadata"
    CONFLICT_MODEL_RELEASE = "conflict.model_release"
    CONFLICT_PROPERTY_RELEASE = "conflict.property_release"
    CONFLICT_RELEASE_IDS = "conflict.release_ids"
    CONFLICT_MINORS = "conflict.minors"
    CONFLICT_PEOPLE = "conflict.people"
    CONFLICT_FACES = "conflict.faces"
    FACES_NOT_COUNTED = "faces.not_counted"
    CONFLICT_LICENCE = "conflict.licence"
    LICENCE_ATTRIBUTION = "licence.attribution"
    CONFLICT_SOURCE = "conflict.source"
    CONFLICT_COPYRIGHT = "conflict.copyright"
    CAPTION_FLAGGED = "caption.flagged"

    PROFILE_NO_CAPTION = "profile.no_caption"
    PROFILE_NO_SHOT_CAPTIONS = "profile.no_shot_captions"
    PROFILE_TOO_MANY_SHOTS = "profile.too_many_shots"
    PROFILE_NOT_MOVING = "profile.not_moving"
    PROFILE_NO_FRAME_RATE = "profile.no_frame_rate"
    PROFILE_NO_CLIP = "profile.no_clip"
    PROFILE_TRACK_INVALID = "profile.track_invalid"
    PROFILE_TRACK_MISMATCH = "profile.track_mismatch"
    PROFILE_UNMET = "profile.unmet"

    DUPLICATE_OF_REFUSED = "duplicate.of_refused"
    DUPLICATE_LIKE_REFUSED = "duplicate.like_refused"
    DUPLICATE_CONTESTED = "duplicate.contested"
    DUPLICATE_PLACEHOLDER = "duplicate.placeholder"
    SELECT_TOO_SMALL = "select.too_small"
    SELECT_BLANK = "select.blank"
    SELECT_TOO_BLACK = "select.too_black"
    SELECT_TOO_FROZEN = "select.too_frozen"
    SELECT_TOO_SILENT = "select.too_silent"
    SELECT_BLURRED = "select.blurred"
    SELECT_EXPOSURE = "select.exposure"
    SELECT_ASPECT = "select.aspect"
    SELECT_NSFW = "select.nsfw"
    SELECT_AESTHETICS = "select.aesthetics"
    SELECT_TEXT = "select.text"
    SELECT_WATERMARK = "select.watermark"
    SELECT_NOT_MEASURED = "select.not_measured"
    DUPLICATE_EXACT = "duplicate.exact"
    DUPLICATE_NEAR = "duplicate.near"
    DUPLICATE_SEMANTIC = "duplicate.semantic"
    SELECT_OVER_CAP = "select.over_cap"
