"""Reasons: the closed list of codes for why an asset is refused or could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an asset."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "dead_letter"


class Stage(StrEnum):
    """The step of the walk that decided."""

    READ = "read"
    SCREEN = "screen"
    ENRICH = "enrich"
    SELECT = "select"
    WRITE = "write"


@dataclass(frozen=True)
class ReasonInfo:
    """What people are told about a reason.

    Attributes:
        stage: The step that gives it.
        outcome: Refused (a rule said no) or dead letter (we could not read it).
        sentence: What it means, in plain words.
        source: The column, table or signal at fault.
        remedy: What would clear it.
        governed_by: The keys of the deal that decide how strict the rule is, the first to look at
            first; none where no deal lets such an asset pass.
    """

    stage: Stage
    outcome: Outcome
    sentence: str
    source: str
    remedy: str
    governed_by: tuple[str, ...]


# Keys that say which purposes an asset must be cleared for, and what settles them besides.
_NEEDED_PURPOSES = ("purposes", "rights.inference")
_AGREEMENTS = ("agreements", *_NEEDED_PURPOSES)

_REFUSED = Outcome.REFUSED


_FAILED = Outcome.FAILED


_SCREEN = Stage.SCREEN


_ENRICH = Stage.ENRICH


class Reason(StrEnum):
    """Every reason an asset can be left out for. Codes are stable: they are in published tables."""

    ROW_UNREADABLE = "row.unreadable"
    ROW_INVALID = "row.invalid"

    ASSET_DUPLICATE_ID = "asset.duplicate_id"
    ASSET_WITHDRAWN = "asset.withdrawn"
    ASSET_LEGAL_HOLD = "asset.legal_hold"
    ASSET_STATUS_UNKNOWN = "asset.status_unknown"
    CLASS_EDITORIAL = "class.editorial"
    CLASS_UNKNOWN = "class.unknown"
    TERM_NOT_STARTED = "term.not_started"
    TERM_ENDS_EARLY = "term.ends_early"
    TERRITORY_NOT_COVERED = "territory.not_covered"
    TERRITORY_UNKNOWN_CODE = "territory.unknown_code"
    LICENCE_EXCLUSIVE = "licence.exclusive"
    LICENCE_NON_COMMERCIAL = "licence.non_commercial"
    LICENCE_NO_DERIVATIVES = "licence.no_derivatives"
    LICENCE_SHARE_ALIKE = "licence.share_alike"
    LICENCE_UNKNOWN_CODE = "licence.unknown_code"
    GRANT_DENIED = "grant.denied"
    GRANT_CONDITIONAL = "grant.conditional"
    GRANT_UNREADABLE = "grant.unreadable"
    CONTRIBUTOR_UNKNOWN = "contributor.unknown"
    SPLITS_NOT_WHOLE = "splits.not_whole"
    CONSENT_MISSING = "consent.missing"
    CONSENT_DENIED = "consent.denied"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_CONDITIONAL = "consent.conditional"
    PEOPLE_UNKNOWN_COUNT = "people.unknown_count"
    PEOPLE_REFUSED = "people.refused"
    MINORS_REFUSED = "minors.refused"
    MINORS_UNKNOWN = "minors.unknown"
    PROPERTY_UNKNOWN = "property.unknown"
    RELEASE_UNKNOWN_ID = "release.unknown_id"
    RELEASE_MODEL_MISSING = "release.model_missing"
    RELEASE_PROPERTY_MISSING = "release.property_missing"
    RELEASE_EXPIRED = "release.expired"
    RELEASE_REVOKED = "release.revoked"
    RELEASE_UNSIGNED = "release.unsigned"
    RELEASE_GUARDIAN_MISSING = "release.guardian_missing"
    RELEASE_PURPOSE_NOT_COVERED = "release.purpose_not_covered"
    RELEASE_BIOMETRIC_MISSING = "release.biometric_missing"
    RELEASE_SHOOT_RANGE = "release.shoot_range"
    RELEASE_BLANKET_RANGE = "release.blanket_range"
    RELEASE_WITNESS = "release.witness"
    SOURCE_AI_GENERATED = "source.ai_generated"
    SOURCE_UNSTATED = "source.unstated"
    SOURCE_UNKNOWN_TYPE = "source.unknown_type"
    SENSITIVE_REFUSED = "sensitive.refused"
    SELECT_MEDIA_TYPE = "select.media_type"
    SELECT_KEYWORDS = "select.keywords"

    MEDIA_NOT_ALLOWED = "media.not_allowed"
    MEDIA_UNAVAILABLE = "media.unavailable"
    MEDIA_EMPTY = "media.empty"
    MEDIA_TOO_LARGE = "media.too_large"
    MEDIA_DIGEST_MISMATCH = "media.digest_mismatch"
    MEDIA_UNSUPPORTED_FORMAT = "media.unsupported_format"
    MEDIA_TYPE_MISMATCH = "media.type_mismatch"
    MEDIA_UNDECODABLE = "media.undecodable"

    FILE_DENIED = "file.denied"
    FILE_CONDITIONAL = "file.conditional"
    FILE_UNREADABLE = "file.unreadable"
    FILE_AI_GENERATED = "file.ai_generated"
    SERVER_DENIED = "server.denied"
    SERVER_CONDITIONAL = "server.conditional"
    SERVER_UNREADABLE = "server.unreadable"
    CONFLICT_GRANT = "conflict.grant"
    CONFLICT_MODEL_RELEASE = "conflict.model_release"
    CONFLICT_PROPERTY_RELEASE = "conflict.property_release"
    CONFLICT_RELEASE_IDS = "conflict.release_ids"
    CONFLICT_MINORS = "conflict.minors"
    CONFLICT_SOURCE = "conflict.source"
    CONFLICT_COPYRIGHT = "conflict.copyright"

    PROFILE_NO_CAPTION = "profile.no_caption"
    PROFILE_NO_SHOT_CAPTIONS = "profile.no_shot_captions"
    PROFILE_TOO_MANY_SHOTS = "profile.too_many_shots"
    PROFILE_NOT_MOVING = "profile.not_moving"
    PROFILE_NO_FRAME_RATE = "profile.no_frame_rate"
    PROFILE_UNMET = "profile.unmet"

    SELECT_TOO_SMALL = "select.too_small"
    DUPLICATE_EXACT = "duplicate.exact"
    DUPLICATE_NEAR = "duplicate.near"
    SELECT_OVER_CAP = "select.over_cap"

    @property
    def info(self) -> ReasonInfo:
        """The reason's description for people."""
        return REASONS[self]


def _screen(sentence: str, source: str, remedy: str, *governed_by: str) -> ReasonInfo:
    return ReasonInfo(_SCREEN, _REFUSED, sentence, source, remedy, governed_by)


def _profile(sentence: str, source: str, remedy: str) -> ReasonInfo:
    return ReasonInfo(_ENRICH, _REFUSED, sentence, source, remedy, ("profile",))


def _media(sentence: str, remedy: str, *governed_by: str) -> ReasonInfo:
    return ReasonInfo(_ENRICH, _FAILED, sentence, "assets.media_uri", remedy, governed_by)


def _signal(sentence: str, source: str, remedy: str, *governed_by: str) -> ReasonInfo:
    return ReasonInfo(_ENRICH, _REFUSED, sentence, source, remedy, governed_by)


def _select(sentence: str, source: str, remedy: str, *governed_by: str) -> ReasonInfo:
    return ReasonInfo(Stage.SELECT, _REFUSED, sentence, source, remedy, governed_by)


REASONS: dict[Reason, ReasonInfo] = {
    Reason.ROW_UNREADABLE: ReasonInfo(
        Stage.READ,
        _FAILED,
        "The row could not be read as an asset.",
        "assets",
        "Correct the value named in the detail.",
        (),
    ),
    Reason.ROW_INVALID: ReasonInfo(
        Stage.READ,
        _FAILED,
        "The row failed a rule of the catalogue's expectations.",
        "assets",
        "Correct the column that the rule names.",
        (),
    ),
    Reason.ASSET_DUPLICATE_ID: _screen(
        "Another row of the catalogue has the same asset_id.",
        "assets.asset_id",
        "Leave one row per asset.",
    ),
    Reason.ASSET_WITHDRAWN: _screen(
        "The asset is withdrawn.", "assets.status", "None, unless it was withdrawn in error."
    ),
    Reason.ASSET_LEGAL_HOLD: _screen(
        "The asset is under a legal hold.", "assets.status", "Have counsel lift the hold."
    ),
    Reason.ASSET_STATUS_UNKNOWN: _screen(
        "The status is none of active, withdrawn, legal_hold.",
        "assets.status",
        "Set the status, or map the agency's value onto one of the three.",
    ),
    Reason.CLASS_EDITORIAL: _screen(
        "Editorial material, and the deal takes none.",
        "assets.licence_class",
        'A deal with rights.editorial = "accept".',
        "rights.editorial",
    ),
    Reason.CLASS_UNKNOWN: _screen(
        "The licence model or class is none of RF, RM, creative, editorial.",
        "assets.licence_model, assets.licence_class",
        "Set them, or map the agency's values.",
    ),
    Reason.TERM_NOT_STARTED: _screen(
        "The agency's rights begin after the deal does.",
        "assets.valid_from",
        "A deal that starts later, or an earlier grant.",
        "starts",
    ),
    Reason.TERM_ENDS_EARLY: _screen(
        "The agency's rights end before the deal does.",
        "assets.valid_until",
        "Renew the asset's term, or shorten the deal's.",
        "rights.ends_early",
        "ends",
    ),
    Reason.TERRITORY_NOT_COVERED: _screen(
        "The asset's territory does not cover the deal's.",
        "assets.territories_in, assets.territories_out",
        "A wider grant, or a narrower deal.",
        "territory",
    ),
    Reason.TERRITORY_UNKNOWN_CODE: _screen(
        "A territory is no ISO 3166-1 alpha-2 code.",
        "assets.territories_in, assets.territories_out",
        "Correct the code.",
    ),
    Reason.LICENCE_EXCLUSIVE: _screen(
        "The asset is licensed exclusively elsewhere.",
        "assets.exclusive",
        "None before the exclusive licence ends.",
        "purposes",
        "starts",
        "ends",
    ),
    Reason.LICENCE_NON_COMMERCIAL: _screen(
        "The licence code forbids commercial use.",
        "assets.licence_code",
        "A commercial licence from the contributor.",
        "rights.non_commercial",
    ),
    Reason.LICENCE_NO_DERIVATIVES: _screen(
        "The licence code forbids derivatives.",
        "assets.licence_code",
        "A licence that allows derivatives.",
        "rights.no_derivatives",
    ),
    Reason.LICENCE_SHARE_ALIKE: _screen(
        "The licence code asks derivatives to be shared alike; that wants a review.",
        "assets.licence_code",
        'Counsel\'s review, then a deal with rights.share_alike = "accept".',
        "rights.share_alike",
    ),
    Reason.LICENCE_UNKNOWN_CODE: _screen(
        "The licence code is not an SPDX identifier.",
        "assets.licence_code",
        "Use an SPDX identifier, or leave it empty for the agency's own licence.",
    ),
    Reason.GRANT_DENIED: _screen(
        "The catalogue denies a purpose that the deal needs.",
        "assets.grant_*",
        "A grant for the purpose.",
        *_AGREEMENTS,
    ),
    Reason.GRANT_CONDITIONAL: _screen(
        "The catalogue's grant for a needed purpose is conditional.",
        "assets.grant_*",
        "Settle the condition and record a grant.",
        *_AGREEMENTS,
    ),
    Reason.GRANT_UNREADABLE: _screen(
        "A needed grant is none of allow, deny, conditional, unknown.",
        "assets.grant_*",
        "Use one of the four values.",
        *_AGREEMENTS,
    ),
    Reason.CONTRIBUTOR_UNKNOWN: _screen(
        "A contributor of the asset is not in the contributors table.",
        "assets.contributors",
        "Add the contributor.",
    ),
    Reason.SPLITS_NOT_WHOLE: _screen(
        "The contributors' shares are not positive or do not sum to 10000.",
        "assets.contributors",
        "Correct the shares.",
    ),
    Reason.CONSENT_MISSING: _screen(
        "A contributor has not consented to a purpose that is needed.",
        "consents",
        "Ask for consent.",
        *_NEEDED_PURPOSES,
    ),
    Reason.CONSENT_DENIED: _screen(
        "A contributor said no to a purpose that is needed.",
        "consents",
        "None without the contributor's change of mind.",
        *_NEEDED_PURPOSES,
    ),
    Reason.CONSENT_WITHDRAWN: _screen(
        "A contributor withdrew consent to a purpose that is needed.",
        "consents",
        "None without a new consent.",
        *_NEEDED_PURPOSES,
    ),
    Reason.CONSENT_CONDITIONAL: _screen(
        "A contributor's consent to a needed purpose is conditional.",
        "consents",
        "Settle the condition and record a consent.",
        *_NEEDED_PURPOSES,
    ),
    Reason.PEOPLE_UNKNOWN_COUNT: _screen(
        "It is not known how many people are shown.",
        "assets.people_count",
        "Count them, zero included.",
        "rights.unknown_people_count",
    ),
    Reason.PEOPLE_REFUSED: _screen(
        "People are shown, and the deal takes none.",
        "assets.people_count",
        'A deal with rights.people = "release".',
        "rights.people",
    ),
    Reason.MINORS_REFUSED: _screen(
        "A minor is shown, and the deal takes none.",
        "assets.minors, releases.minor",
        'A deal with rights.minors = "guardian-release".',
        "rights.minors",
    ),
    Reason.MINORS_UNKNOWN: _screen(
        "People are shown, and it is not known whether one is a minor.",
        "assets.minors",
        "Set assets.minors.",
    ),
    Reason.PROPERTY_UNKNOWN: _screen(
        "It is not known whether protected property is shown.",
        "assets.property",
        'Set assets.property, or a deal with rights.unknown_property = "accept".',
        "rights.unknown_property",
    ),
    Reason.RELEASE_UNKNOWN_ID: _screen(
        "A release named by the asset is not in the releases table.",
        "assets.release_ids",
        "Add the release or remove the id.",
    ),
    Reason.RELEASE_MODEL_MISSING: _screen(
        "There are fewer valid model releases than people shown.",
        "assets.release_ids, releases",
        "A valid release of every person.",
    ),
    Reason.RELEASE_PROPERTY_MISSING: _screen(
        "Protected property is shown without a valid property release.",
        "assets.release_ids, releases",
        "A valid property release.",
    ),
    Reason.RELEASE_EXPIRED: _screen(
        "A needed release ends before the deal does.",
        "releases.valid_until",
        "Renew it.",
        "rights.ends_early",
        "ends",
    ),
    Reason.RELEASE_REVOKED: _screen(
        "A needed release was revoked.", "releases.revoked_at", "A new release."
    ),
    Reason.RELEASE_UNSIGNED: _screen(
        "A needed release lacks a date or a signature.",
        "releases.signed_at, subject_signed, photographer_signed",
        "Have it signed and dated.",
    ),
    Reason.RELEASE_GUARDIAN_MISSING: _screen(
        "A minor's release lacks the guardian's signature.",
        "releases.guardian_signed",
        "Have the guardian sign.",
    ),
    Reason.RELEASE_PURPOSE_NOT_COVERED: _screen(
        "A needed release has no machine-learning clause that allows the use.",
        "releases.ml_use",
        "A release whose clause allows it.",
    ),
    Reason.RELEASE_BIOMETRIC_MISSING: _screen(
        "The deal asks for a biometric rider that a needed release lacks.",
        "releases.biometric_rider",
        "Have the rider signed.",
        "rights.people",
    ),
    Reason.RELEASE_SHOOT_RANGE: _screen(
        "The asset was not made within a needed release's shoot dates.",
        "releases.shoot_from, shoot_until, assets.created_at",
        "The release of that shoot.",
        "rights.shoot_range",
    ),
    Reason.RELEASE_BLANKET_RANGE: _screen(
        "A needed release covers more days than the deal accepts.",
        "releases.shoot_from, shoot_until",
        "A release of the shoot alone, or a larger rights.max_shoot_days.",
        "rights.max_shoot_days",
    ),
    Reason.RELEASE_WITNESS: _screen(
        "A needed release lacks an independent witness.",
        "releases.witness_ref",
        "A witness who is neither the subject nor a contributor.",
        "rights.witness",
    ),
    Reason.SOURCE_AI_GENERATED: _screen(
        "The asset is AI-generated, and the deal takes none.",
        "assets.digital_source_type",
        'A deal with rights.ai_generated = "label".',
        "rights.ai_generated",
    ),
    Reason.SOURCE_UNSTATED: _screen(
        "It is not known whether the asset is AI-generated.",
        "assets.digital_source_type",
        'Set assets.digital_source_type, or a deal with rights.unknown_source = "accept".',
        "rights.unknown_source",
    ),
    Reason.SOURCE_UNKNOWN_TYPE: _screen(
        "The digital source type is not in the IPTC vocabulary.",
        "assets.digital_source_type",
        "Use a term of the vocabulary.",
    ),
    Reason.SENSITIVE_REFUSED: _screen(
        "The asset is marked sensitive, and the deal takes none.",
        "assets.sensitive",
        'A deal with rights.sensitive = "accept".',
        "rights.sensitive",
    ),
    Reason.SELECT_MEDIA_TYPE: _screen(
        "The deal does not ask for this kind of media.",
        "assets.media_type",
        "A deal that does.",
        "media",
    ),
    Reason.SELECT_KEYWORDS: _screen(
        "The keywords do not fit the deal's selection.",
        "assets.keywords",
        "A wider selection.",
        "select.keywords_any",
        "select.keywords_none",
    ),
    Reason.MEDIA_NOT_ALLOWED: _media(
        "The media lies outside the roots and hosts that the run may reach.",
        "List its root or host in the deal's [sources] or on the command line.",
        "sources.roots",
        "sources.hosts",
    ),
    Reason.MEDIA_UNAVAILABLE: _media(
        "The media could not be fetched.", "Put the file in place, or correct the URI."
    ),
    Reason.MEDIA_EMPTY: _media("The file has no bytes.", "Replace the file."),
    Reason.MEDIA_TOO_LARGE: _media(
        "The file has more bytes or pixels than the run accepts.",
        "Raise limits.max_pixels or limits.max_media_bytes, if the file is honest.",
        "limits.max_pixels",
        "limits.max_media_bytes",
    ),
    Reason.MEDIA_DIGEST_MISMATCH: _media(
        "The bytes are not those the catalogue describes.",
        "Correct assets.sha256 or the file.",
    ),
    Reason.MEDIA_UNSUPPORTED_FORMAT: _media(
        "The bytes are none of JPEG, PNG, WebP, MP4.", "Convert the file."
    ),
    Reason.MEDIA_TYPE_MISMATCH: _media(
        "The bytes are not what the file's name or media_type says.",
        "Name the file for what it is.",
    ),
    Reason.MEDIA_UNDECODABLE: _media(
        "The file is damaged or cut, or its decoder failed.", "Replace the file."
    ),
    Reason.FILE_DENIED: _signal(
        "The file's own metadata deny a purpose that is needed.",
        "XMP, C2PA",
        "A signed agreement with every contributor that covers the purpose.",
        *_AGREEMENTS,
    ),
    Reason.FILE_CONDITIONAL: _signal(
        "The file's own metadata allow a needed purpose on a condition only.",
        "XMP, C2PA",
        "A signed agreement with every contributor that covers the purpose.",
        *_AGREEMENTS,
    ),
    Reason.FILE_UNREADABLE: _signal(
        "The file carries rights metadata that cannot be read.",
        "XMP, EXIF, C2PA",
        "Write the metadata anew, or take it out.",
    ),
    Reason.FILE_AI_GENERATED: _signal(
        "The file says that it is AI-generated, and the deal takes none.",
        "Iptc4xmpExt:DigitalSourceType, C2PA",
        'A deal with rights.ai_generated = "label".',
        "rights.ai_generated",
    ),
    Reason.SERVER_DENIED: _signal(
        "The server that the media comes from denies a purpose that is needed.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "A signed agreement with every contributor that covers the purpose.",
        *_AGREEMENTS,
    ),
    Reason.SERVER_CONDITIONAL: _signal(
        "The server that the media comes from allows a needed purpose on a condition only.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "A signed agreement with every contributor that covers the purpose.",
        *_AGREEMENTS,
    ),
    Reason.SERVER_UNREADABLE: _signal(
        "The server's statement of rights cannot be read.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Mend the server's file, or sign an agreement that covers every needed purpose.",
        "agreements",
        "purposes",
    ),
    Reason.CONFLICT_GRANT: _signal(
        "The catalogue allows a purpose that the file or its server does not.",
        "assets.grant_*, XMP, C2PA, HTTP headers, robots.txt, tdmrep.json, RSL",
        "Find out which is right, and correct the other.",
        *_AGREEMENTS,
    ),
    Reason.CONFLICT_MODEL_RELEASE: _signal(
        "The file's model release status is not what the catalogue says.",
        "plus:ModelReleaseStatus, assets.people_count",
        "Find out which is right, and correct the other.",
    ),
    Reason.CONFLICT_PROPERTY_RELEASE: _signal(
        "The file's property release status is not what the catalogue says.",
        "plus:PropertyReleaseStatus, assets.property",
        "Find out which is right, and correct the other.",
    ),
    Reason.CONFLICT_RELEASE_IDS: _signal(
        "The file names a release that the catalogue does not.",
        "plus:ModelReleaseID, plus:PropertyReleaseID, assets.release_ids",
        "Add the release to the catalogue, or correct the file.",
    ),
    Reason.CONFLICT_MINORS: _signal(
        "The age that the file gives for the youngest person is not what the catalogue says.",
        "plus:MinorModelAgeDisclosure, assets.minors",
        "Find out which is right, and correct the other.",
    ),
    Reason.CONFLICT_SOURCE: _signal(
        "The file's digital source type contradicts the catalogue's.",
        "Iptc4xmpExt:DigitalSourceType, C2PA, assets.digital_source_type",
        "Find out which is right, and correct the other.",
    ),
    Reason.CONFLICT_COPYRIGHT: _signal(
        "The file names different owners of the copyright.",
        "EXIF, IIM, XMP",
        'Correct the file, or a deal with rights.copyright_conflicts = "accept".',
        "rights.copyright_conflicts",
    ),
    Reason.PROFILE_NO_CAPTION: _profile(
        "There is no caption: the contributor wrote none, and no model may, or did.",
        "assets.title, assets.description",
        "Write a title, or get consent to inference.",
    ),
    Reason.PROFILE_NO_SHOT_CAPTIONS: _profile(
        "The film has several shots, which no model may caption, and the deal's profile needs a "
        "caption of each.",
        "consents, assets.media_uri",
        "Get consent to inference, or cut the film into its shots.",
    ),
    Reason.PROFILE_TOO_MANY_SHOTS: _profile(
        "The film has more shots than are captioned.",
        "assets.media_uri",
        "Cut the film into shorter ones.",
    ),
    Reason.PROFILE_NOT_MOVING: _profile(
        "The film has one frame, or no length.", "assets.media_uri", "Deliver it as a picture."
    ),
    Reason.PROFILE_NO_FRAME_RATE: _profile(
        "The film does not say its frame rate, and it cannot be guessed.",
        "assets.media_uri",
        "Write the film anew with times of its frames.",
    ),
    Reason.PROFILE_UNMET: _profile(
        "The asset cannot give what the deal's profile needs; the detail says what.",
        "assets.media_uri",
        "Another profile, or another original.",
    ),
    Reason.SELECT_TOO_SMALL: _select(
        "The shorter side has fewer pixels than the deal asks.",
        "select.min_short_side",
        "A larger original.",
        "select.min_short_side",
    ),
    Reason.DUPLICATE_EXACT: _select(
        "Another asset of the delivery has the same bytes.",
        "select.dedupe",
        "None needed.",
        "select.dedupe",
    ),
    Reason.DUPLICATE_NEAR: _select(
        "Another asset of the delivery shows nearly the same picture.",
        "select.dedupe",
        "None needed.",
        "select.dedupe",
    ),
    Reason.SELECT_OVER_CAP: _select(
        "The deal's cap was reached by other assets.",
        "select.max_assets",
        "A larger cap.",
        "select.max_assets",
    ),
}


# Reasons given while screening the catalogue, in the order of their bits in a screening mask.
SCREEN_REASONS: tuple[Reason, ...] = tuple(r for r in Reason if REASONS[r].stage is Stage.SCREEN)
