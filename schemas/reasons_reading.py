"""Why a row or a media file could not be read."""

from __future__ import annotations

from schemas.reason_info import Outcome, ReasonInfo, Stage


def _read(sentence: str, remedy: str) -> ReasonInfo:
    return ReasonInfo(Stage.READ, Outcome.FAILED, sentence, "assets", remedy)


def _media(sentence: str, remedy: str, *keys: str) -> ReasonInfo:
    return ReasonInfo(Stage.ENRICH, Outcome.FAILED, sentence, "assets.media_uri", remedy, keys)


#: By code.
READING_TEXTS: dict[str, ReasonInfo] = {
    "row.unreadable": _read(
        "The row could not be read as an asset.",
        "Correct the value that could not be read.",
    ),
    "row.invalid": _read(
        "The row failed a rule of the catalogue's expectations.",
        "Correct the column that the rule names.",
    ),
    "media.not_allowed": _media(
        "The media is outside the roots and hosts that the run may access.",
        "List its root or host in the deal's [sources] or on the command line.",
        "sources.roots",
        "sources.hosts",
    ),
    "media.unavailable": _media(
        "The media could not be fetched.",
        "Put the file in place, or correct the URI.",
    ),
    "media.empty": _media(
        "The file has no bytes.",
        "Replace the file.",
    ),
    "media.too_large": _media(
        "The file has more bytes or pixels than the run accepts.",
        "Raise limits.max_pixels or limits.max_media_bytes, if the file is genuine.",
        "limits.max_pixels",
        "limits.max_media_bytes",
    ),
    "media.digest_mismatch": _media(
        "The file's sha256 is not the one that the catalogue states.",
        "Correct assets.sha256 or the file.",
    ),
    "media.not_as_described": _media(
        "The file's size, width, height or length is not what the catalogue says.",
        "Put the right file in place, or correct bytes, width, height or duration_ms.",
    ),
    "media.unsupported_format": _media(
        "The file is in a format, or has a codec, that is not accepted; the detail says which.",
        "Export it as the detail says: a picture as JPEG, PNG or TIFF, a film as MP4 or MOV.",
    ),
    "media.type_mismatch": _media(
        "The file's format is not what its name or media_type says.",
        "Correct the file's name or assets.media_type.",
    ),
    "media.undecodable": _media(
        "The file is damaged or truncated, or its decoder failed.",
        "Replace the file.",
    ),
    "media.changed": _media(
        "The server sent other bytes, or none, when the media was read a second time.",
        "Let the server send the same bytes each time, or put the file beside the catalogue.",
    ),
    "media.not_captioned": _media(
        "The captioner that the deal names did not caption the media; the detail says why.",
        "Let the captioner answer, and run again; other media keep their captions.",
        "models.captioner",
        "captions.endpoint.timeout_s",
        "captions.endpoint.max_tokens",
    ),
}
