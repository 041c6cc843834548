"""Reasons: codes for why an asset is refused or could not be read, with texts that explain them.

The reasons of screening are defined with their rules, in `pipelines/rights/rules/`; those of every
other step are listed here. `pipelines.rights.rules.reasons.REASONS` has them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """What became of an asset."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "dead_letter"  # in tables and keys; people are told `in_words`

    @property
    def in_words(self) -> str:
        """What people are told."""
        return "failed asset" if self is Outcome.FAILED else self.value


class Stage(StrEnum):
    """The step that decided on an asset."""

    READ = "read"
    SCREEN = "screen"
    ENRICH = "enrich"
    SELECT = "select"
    WRITE = "write"


@dataclass(frozen=True)
class ReasonInfo:
    """The explanation of a reason.

    Attributes:
        stage: The step that gives it.
        outcome: Refused (a rule said no) or failed (the asset could not be read).
        sentence: What it means, in plain words.
        source: The column, table or signal at fault.
        remedy: How to fix it.
        governed_by: The keys of the deal that decide how strict the rule is, most relevant first;
            none if no deal lets such an asset pass.
    """

    stage: Stage
    outcome: Outcome
    sentence: str
    source: str
    remedy: str
    governed_by: tuple[str, ...] = ()


# The keys that decide which purposes an asset must be cleared for; and the same after the key of
# agreements, which may override a denial.
NEEDED_PURPOSE_KEYS = ("purposes", "rights.inference")
AGREEMENT_KEYS = ("agreements", *NEEDED_PURPOSE_KEYS)

_Entry = tuple[str, ReasonInfo]


def _read(code: str, sentence: str, remedy: str) -> _Entry:
    return code, ReasonInfo(Stage.READ, Outcome.FAILED, sentence, "assets", remedy)


def _media(code: str, sentence: str, remedy: str, *keys: str) -> _Entry:
    return code, ReasonInfo(
        Stage.ENRICH, Outcome.FAILED, sentence, "assets.media_uri", remedy, keys
    )


def _file(code: str, sentence: str, source: str, remedy: str, *keys: str) -> _Entry:
    return code, ReasonInfo(Stage.ENRICH, Outcome.REFUSED, sentence, source, remedy, keys)


def _profile(code: str, sentence: str, source: str, remedy: str, *keys: str) -> _Entry:
    return _file(code, sentence, source, remedy, "profile", *keys)


def _select(
    code: str, sentence: str, key: str, remedy: str, source: str = "", *other_keys: str
) -> _Entry:
    return code, ReasonInfo(
        Stage.SELECT, Outcome.REFUSED, sentence, source or key, remedy, (key, *other_keys)
    )


class Reason(StrEnum):
    """Every reason that a step other than screening gives.

    Codes are stable, because they are in published tables.
    """

    _value_: str
    info: ReasonInfo

    def __new__(cls, code: str, *info: ReasonInfo) -> Self:
        """Makes a member from an entry. Its value is the code, so `Reason(code)` returns it."""
        member = str.__new__(cls, code)
        member._value_ = code
        [member.info] = info
        return member

    ROW_UNREADABLE = _read(
        "row.unreadable",
        "The row could not be read as an asset.",
        "Correct the value named in the detail.",
    )
    ROW_INVALID = _read(
        "row.invalid",
        "The row failed a rule of the catalogue's expectations.",
        "Correct the column that the rule names.",
    )

    MEDIA_NOT_ALLOWED = _media(
        "media.not_allowed",
        "The media is outside the roots and hosts that the run may access.",
        "List its root or host in the deal's [sources] or on the command line.",
        "sources.roots",
        "sources.hosts",
    )
    MEDIA_UNAVAILABLE = _media(
        "media.unavailable",
        "The media could not be fetched.",
        "Put the file in place, or correct the URI.",
    )
    MEDIA_EMPTY = _media("media.empty", "The file has no bytes.", "Replace the file.")
    MEDIA_TOO_LARGE = _media(
        "media.too_large",
        "The file has more bytes or pixels than the run accepts.",
        "Raise limits.max_pixels or limits.max_media_bytes, if the file is genuine.",
        "limits.max_pixels",
        "limits.max_media_bytes",
    )
    MEDIA_DIGEST_MISMATCH = _media(
        "media.digest_mismatch",
        "The file's sha256 is not the one that the catalogue states.",
        "Correct assets.sha256 or the file.",
    )
    MEDIA_NOT_AS_DESCRIBED = _media(
        "media.not_as_described",
        "The file's size, width, height or length is not what the catalogue says.",
        "Put the right file in place, or correct bytes, width, height or duration_ms.",
    )
    MEDIA_UNSUPPORTED_FORMAT = _media(
        "media.unsupported_format",
        "The file is in a format, or has a codec, that is not accepted; the detail says which.",
        "Export it as the detail says: a picture as JPEG, PNG or TIFF, a film as MP4 or MOV.",
    )
    MEDIA_TYPE_MISMATCH = _media(
        "media.type_mismatch",
        "The file's format is not what its name or media_type says.",
        "Correct the file's name or assets.media_type.",
    )
    MEDIA_UNDECODABLE = _media(
        "media.undecodable",
        "The file is damaged or truncated, or its decoder failed.",
        "Replace the file.",
    )

    MEDIA_CHANGED = _media(
        "media.changed",
        "The server sent other bytes, or none, when the media was read a second time.",
        "Let the server send the same bytes each time, or put the file beside the catalogue.",
    )

    MEDIA_NOT_CAPTIONED = _media(
        "media.not_captioned",
        "The captioner that the deal names did not caption the media; the detail says why.",
        "Let the captioner answer, and run again; other media keep their captions.",
        "models.captioner",
        "captions.endpoint.timeout_s",
        "captions.endpoint.max_tokens",
    )

    FILE_DENIED = _file(
        "file.denied",
        "The file's own metadata denies a purpose that is needed.",
        "XMP, C2PA",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    )
    FILE_CONDITIONAL = _file(
        "file.conditional",
        "The file's own metadata allows a needed purpose only on a condition.",
        "XMP, C2PA",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    )
    FILE_UNREADABLE = _file(
        "file.unreadable",
        "The file contains rights metadata that cannot be read.",
        "XMP, EXIF, C2PA",
        "Write the metadata again, or remove it.",
    )
    FILE_AI_GENERATED = _file(
        "file.ai_generated",
        "The file says that it is AI-generated, which the deal does not accept.",
        "Iptc4xmpExt:DigitalSourceType, C2PA",
        'Use a deal with rights.ai_generated = "label".',
        "rights.ai_generated",
    )
    FILE_UNJUDGED = _file(
        "file.unjudged_content",
        "The file contains a picture, a film or bytes that are not examined.",
        "file contents",
        'Export the file again without it, or use a deal with rights.unjudged_content = "accept".',
        "rights.unjudged_content",
    )
    FILE_PERSONAL_DATA = _file(
        "file.personal_data",
        "The file's metadata, or a phrase of its boxes, holds personal data, which the deal does "
        "not accept.",
        "EXIF, IIM, XMP, C2PA, file contents, assets.boxes",
        'Remove it from the file, or use a deal with rights.personal_data = "rights-only".',
        "rights.personal_data",
    )
    METADATA_NOT_REMOVABLE = _file(
        "metadata.not_removable",
        "The deal removes metadata, and from this file it cannot be removed for certain.",
        "file contents",
        'Export the file again without metadata, or use a deal with rights.personal_data = "keep".',
        "rights.personal_data",
    )
    RENDITION_NOT_ALLOWED = _file(
        "rendition.not_allowed",
        "The deal needs a rendition, and the licence or the file forbids to make one.",
        "assets.licence_code, plus:ImageFileConstraints, plus:ImageAlterationConstraints",
        "Export pictures as upright sRGB JPEG, or use a deal in which render.images or "
        'render.films is "native".',
        "render.images",
        "render.longest_side",
        "render.format",
        "render.films",
        "render.audio",
    )
    RENDITION_NOT_MADE = _file(
        "rendition.not_made",
        "The deal needs a rendition, and none can be made that shows the same and states the same "
        "rights.",
        "file contents",
        "Export pictures as upright sRGB JPEG, films as plain MP4, or use a deal in which "
        'render.images or render.films is "native".',
        "render.images",
        "render.films",
        "render.audio",
        "rights.personal_data",
    )
    PICTURE_NOT_PLAIN = _file(
        "picture.not_plain",
        "Stock loaders show another picture than the one that is displayed; the detail says why.",
        "file contents",
        'Export the file as upright sRGB JPEG, or use a deal with render.images = "flagged".',
        "render.images",
    )
    SERVER_DENIED = _file(
        "server.denied",
        "The server that the media comes from denies a purpose that is needed.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    )
    SERVER_CONDITIONAL = _file(
        "server.conditional",
        "The server that the media comes from allows a needed purpose only on a condition.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    )
    SERVER_UNREADABLE = _file(
        "server.unreadable",
        "The server's statement of rights cannot be read.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Fix the server's file, or sign an agreement that covers every needed purpose.",
        "agreements",
        "purposes",
    )
    CONFLICT_GRANT = _file(
        "conflict.grant",
        "The catalogue allows a purpose that the file or its server does not.",
        "assets.grant_*, XMP, C2PA, HTTP headers, robots.txt, tdmrep.json, RSL",
        "Find out which is right, and correct the other.",
        *AGREEMENT_KEYS,
    )
    CONFLICT_KEEP_METADATA = _file(
        "conflict.keep_metadata",
        "The deal removes metadata, and the file says that its metadata must be kept.",
        "plus:ImageFileConstraints",
        'Use a deal with rights.personal_data = "keep".',
        "rights.personal_data",
    )
    CONFLICT_MODEL_RELEASE = _file(
        "conflict.model_release",
        "The file's model release status is not what the catalogue says.",
        "plus:ModelReleaseStatus, assets.people_count",
        "Find out which is right, and correct the other.",
    )
    CONFLICT_PROPERTY_RELEASE = _file(
        "conflict.property_release",
        "The file's property release status is not what the catalogue says.",
        "plus:PropertyReleaseStatus, assets.property",
        "Find out which is right, and correct the other.",
    )
    CONFLICT_RELEASE_IDS = _file(
        "conflict.release_ids",
        "The file names a release that the catalogue does not.",
        "plus:ModelReleaseID, plus:PropertyReleaseID, assets.release_ids",
        "Add the release to the catalogue, or correct the file.",
    )
    CONFLICT_MINORS = _file(
        "conflict.minors",
        "The age that the file gives for the youngest person is not what the catalogue says.",
        "plus:MinorModelAgeDisclosure, Iptc4xmpExt:ModelAge, assets.minors",
        "Find out which is right, and correct the other.",
    )
    CONFLICT_PEOPLE = _file(
        "conflict.people",
        "The file names or marks more people than the catalogue counts.",
        "Iptc4xmpExt:PersonInImage, ModelAge, face regions, assets.people_count",
        "Count the people shown and add their releases, or correct the file.",
    )
    CONFLICT_FACES = _file(
        "conflict.faces",
        "The picture shows more faces than the catalogue counts people.",
        "assets.media_uri, assets.people_count",
        "Count the people shown and add their releases; if none is shown, look at the picture and "
        'use a deal with rights.faces = "report".',
        "rights.faces",
    )
    FACES_NOT_COUNTED = _file(
        "faces.not_counted",
        "The deal needs the faces counted, and no model may see the asset, or the detector failed.",
        "consents, assets.media_uri",
        'Get consent to inference, or use a deal with rights.faces = "report".',
        "rights.faces",
    )
    CONFLICT_LICENCE = _file(
        "conflict.licence",
        "The file names a licence that the catalogue does not.",
        "cc:license, xmpRights:WebStatement, UsageTerms, assets.licence_code",
        "Find out which is right, or sign an agreement that covers every needed purpose.",
        "agreements",
        "purposes",
    )
    LICENCE_ATTRIBUTION = _file(
        "licence.attribution",
        "The licence asks to name the author, and no name may be shown, or the source is not a "
        "web address.",
        "assets.licence_code, assets.credit, assets.source_url",
        "Give the author's name as the licence lets it be shown in assets.credit, and a web "
        "address or nothing in assets.source_url; or use a deal with "
        'rights.missing_credit = "accept".',
        "rights.missing_credit",
        "rights.personal_data",
    )
    CONFLICT_SOURCE = _file(
        "conflict.source",
        "The file's digital source type contradicts the catalogue's.",
        "Iptc4xmpExt:DigitalSourceType, C2PA, assets.digital_source_type",
        "Find out which is right, and correct the other.",
    )
    CONFLICT_COPYRIGHT = _file(
        "conflict.copyright",
        "The file names different owners of the copyright.",
        "EXIF, IIM, XMP",
        'Correct the file, or use a deal with rights.copyright_conflicts = "accept".',
        "rights.copyright_conflicts",
    )

    CAPTION_FLAGGED = _file(
        "caption.flagged",
        "The model's caption names a person, an e-mail address or a phone number that the "
        "contributor's texts do not.",
        "assets.title, assets.description",
        'Use a deal with captions.flagged = "drop", or another captioner.',
        "captions.flagged",
    )

    PROFILE_NO_CAPTION = _profile(
        "profile.no_caption",
        "There is no caption: the contributor wrote none, and no model was allowed to or did.",
        "assets.title, assets.description",
        "Write a title, or get consent to inference.",
    )
    PROFILE_NO_SHOT_CAPTIONS = _profile(
        "profile.no_shot_captions",
        "The film has several shots, which no model is allowed to caption, and the deal's profile "
        "needs a caption for each.",
        "consents, assets.media_uri",
        "Get consent to inference, or split the film into its shots.",
    )
    PROFILE_TOO_MANY_SHOTS = _profile(
        "profile.too_many_shots",
        "The film has more shots than can be captioned.",
        "assets.media_uri",
        "Split the film into shorter ones.",
    )
    PROFILE_NOT_MOVING = _profile(
        "profile.not_moving",
        "The film has only one frame, or no duration.",
        "assets.media_uri",
        "Deliver it as a picture.",
    )
    PROFILE_NO_FRAME_RATE = _profile(
        "profile.no_frame_rate",
        "The film does not state its frame rate, and it cannot be inferred.",
        "assets.media_uri",
        "Export the film again with a time for each frame.",
    )
    PROFILE_NO_CLIP = _profile(
        "profile.no_clip",
        "No shot of the film is as long as the clips that the deal wants.",
        "assets.media_uri",
        "Use a deal with a smaller clips.min_frames, or supply a longer film.",
        "clips.min_frames",
    )
    PROFILE_TRACK_INVALID = _profile(
        "profile.track_invalid",
        "The file with the film's boxes, poses or depth says something impossible; the detail says "
        "what.",
        "assets.boxes, assets.poses, assets.depth",
        "Correct the file; docs/profiles.md says what is in it.",
    )
    PROFILE_TRACK_MISMATCH = _profile(
        "profile.track_mismatch",
        "The boxes, poses or depth are of a film of another size, or with other frames.",
        "assets.boxes, assets.poses, assets.depth",
        "Draw them over the film as it is displayed: turned, in square pixels, and with the frames "
        "that its edit list shows.",
    )
    PROFILE_UNMET = _profile(
        "profile.unmet",
        "The asset lacks something that the deal's profile needs; the detail says what.",
        "assets.media_uri",
        "Use another profile, or supply another original.",
    )

    DUPLICATE_OF_REFUSED = _select(
        "duplicate.of_refused",
        "Another asset with the same file is refused for its rights.",
        "rights.copies_of_refused",
        'Clear the other asset, or use a deal with rights.copies_of_refused = "accept".',
        "assets.media_uri, sha256",
        "rulings",
    )
    DUPLICATE_LIKE_REFUSED = _select(
        "duplicate.like_refused",
        "It shows nearly the same picture as an asset which is refused.",
        "rights.copies_of_refused",
        'Clear the other asset, or use a deal with rights.copies_of_refused = "accept".',
        "assets.media_uri, sha256",
        "select.dedupe",
    )
    DUPLICATE_CONTESTED = _select(
        "duplicate.contested",
        "Another contributor offers the same bytes; nobody is paid until the agency decides whose.",
        "rulings",
        "Name the owner in a [[rulings]] entry of the deal.",
        "assets.media_uri, contributors",
    )
    DUPLICATE_PLACEHOLDER = _select(
        "duplicate.placeholder",
        "Three or more contributors offer the same bytes, so the file is taken for a placeholder.",
        "rulings",
        "Put the assets' own files in place, or name the owner in the deal's [[rulings]].",
        "assets.media_uri, contributors",
    )

    SELECT_TOO_SMALL = _select(
        "select.too_small",
        "The shorter side has fewer pixels than the deal requires.",
        "select.min_short_side",
        "Supply a larger original.",
    )
    SELECT_BLANK = _select(
        "select.blank",
        "There is nothing to see: one shade, or nearly.",
        "select.blank",
        "Replace the file; a white drawing on transparency needs a background that shows it.",
        "assets.media_uri",
    )
    SELECT_TOO_BLACK = _select(
        "select.too_black",
        "The film is black for a larger share of its length than the deal accepts.",
        "select.max_black_share",
        "Supply a film without the black stretches.",
    )
    SELECT_TOO_FROZEN = _select(
        "select.too_frozen",
        "The film shows still pictures for a larger share of its length than the deal accepts.",
        "select.max_frozen_share",
        "Supply a film without the still stretches.",
    )
    SELECT_TOO_SILENT = _select(
        "select.too_silent",
        "The film's sound is silent for a larger share of its length than the deal accepts, or "
        "cannot be decoded.",
        "select.max_silent_share",
        "Supply a film with sound, or without a sound track.",
    )
    SELECT_BLURRED = _select(
        "select.blurred",
        "The picture is less sharp than the deal requires.",
        "quality.min_sharpness",
        "Supply a sharper original.",
        "assets.media_uri",
    )
    SELECT_EXPOSURE = _select(
        "select.exposure",
        "The picture is darker or brighter than the deal accepts, or too much of it is clipped.",
        "quality.max_clipped",
        "Supply a better exposed original.",
        "assets.media_uri",
        "quality.min_brightness",
        "quality.max_brightness",
    )
    SELECT_ASPECT = _select(
        "select.aspect",
        "The aspect ratio is none of those that the deal lists.",
        "quality.aspects",
        "Add the ratio to the deal's list.",
        "assets.media_uri",
    )
    SELECT_NSFW = _select(
        "select.nsfw",
        "The picture is more like nudity or gore than the deal accepts.",
        "quality.max_nsfw",
        "Look at the picture; raise the limit if it is harmless.",
        "assets.media_uri",
    )
    SELECT_AESTHETICS = _select(
        "select.aesthetics",
        "The picture looks less good than the deal requires.",
        "quality.min_aesthetics",
        "Supply a better original, or lower the limit.",
        "assets.media_uri",
    )
    SELECT_TEXT = _select(
        "select.text",
        "More of the picture is covered by text than the deal accepts.",
        "quality.max_text_area",
        "Supply an original without text.",
        "assets.media_uri",
    )
    SELECT_WATERMARK = _select(
        "select.watermark",
        "The picture has a watermark, or what looks like one.",
        "quality.watermark",
        "Supply the original without the watermark.",
        "assets.media_uri",
    )
    SELECT_NOT_MEASURED = _select(
        "select.not_measured",
        "The deal requires a measure that the asset does not have: no model may see it, or failed.",
        "quality.max_nsfw",
        "Get consent to inference, or leave the key out of the deal.",
        "consents, assets.media_uri",
        "quality.min_aesthetics",
        "quality.max_text_area",
        "quality.watermark",
    )
    DUPLICATE_EXACT = _select(
        "duplicate.exact",
        "Another asset in the delivery has the same bytes.",
        "select.dedupe",
        "None needed.",
    )
    DUPLICATE_NEAR = _select(
        "duplicate.near",
        "Another asset in the delivery shows nearly the same picture.",
        "select.dedupe",
        "None needed; if they are different works, name both in the deal's select.keep_both.",
        "assets.media_uri",
        "select.keep_both",
    )
    DUPLICATE_SEMANTIC = _select(
        "duplicate.semantic",
        "Another asset in the delivery shows nearly the same, judged by their embeddings.",
        "select.dedupe",
        "None needed; if both are wanted, name them in the deal's select.keep_both.",
        "assets.media_uri",
        "select.semantic_cosine",
        "select.keep_both",
    )
    SELECT_OVER_CAP = _select(
        "select.over_cap",
        "Other assets already fill the deal's cap.",
        "select.max_assets",
        "Raise the cap.",
    )
