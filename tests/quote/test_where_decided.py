"""Where each reason is decided, by what, and whether a quote counts it: a closed list.

A new reason must be put somewhere here, so that nobody adds one silently that the tables alone
decide and a quote does not count.
"""

from __future__ import annotations

from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.reasons import REASONS
from schemas.catalogue import ASSETS_SCHEMA
from schemas.reason_info import Stage
from schemas.reasons import Reason

# Decided when the tables are read; a quote counts them as failed assets.
READ = {"row.unreadable", "row.invalid"}
# By the tables, after the file, which may say something graver; a quote counts it.
AFTER_FILE = {"licence.attribution"}
# By the bytes of the asset's own file: that they come, that they decode, what is in them.
FILE = {
    *("media.unavailable", "media.empty", "media.unsupported_format", "media.undecodable"),
    *("media.changed", "media.digest_mismatch", "media.not_as_described", "media.type_mismatch"),
    *("file.denied", "file.conditional", "file.unreadable", "file.ai_generated"),
    *("file.unjudged_content", "file.personal_data", "metadata.not_removable"),
    *("rendition.not_made", "rendition.not_allowed", "picture.not_plain", "select.blank"),
    *("conflict.grant", "conflict.keep_metadata", "conflict.model_release", "conflict.minors"),
    *("conflict.property_release", "conflict.release_ids", "conflict.people", "conflict.licence"),
    *("conflict.source", "conflict.copyright", "profile.not_moving", "profile.no_frame_rate"),
    *(
        "profile.unmet",
        "profile.no_clip",
        "profile.too_many_shots",
        "select.too_black",
        "select.too_frozen",
    ),
    *("select.too_silent", "select.blurred", "select.exposure"),
}
# By what a server says when it is asked.
SERVER = {"server.denied", "server.conditional", "server.unreadable"}
# By what a model sees.
MODEL = {
    *("media.not_captioned", "caption.flagged", "conflict.faces", "faces.not_counted"),
    *("select.nsfw", "select.aesthetics", "select.text", "select.watermark", "select.not_measured"),
}
# By several files: bytes or looks, and which of the assets the others leave in.
FILES_OF_OTHERS = {
    *("duplicate.of_refused", "duplicate.like_refused", "duplicate.contested"),
    *("duplicate.placeholder", "duplicate.exact", "duplicate.near", "duplicate.semantic"),
    "select.over_cap",
}
# By the file with a film's boxes or poses.
TRACK = {"profile.track_invalid", "profile.track_mismatch"}
# By the file; but a catalogue that states the columns, and states them rightly, foretells them. A
# quote does not count them, unless an earlier version of the deal did. The file is read all the
# same, since a no that it says holds for its copies, too, and one that cannot be read is a failed
# asset, of which a run bears only a share.
FORETOLD = {
    "media.not_allowed": ("media_uri",),
    "media.too_large": ("bytes", "width", "height"),
    "select.too_small": ("width", "height"),
    "select.aspect": ("width", "height"),
    "profile.no_caption": ("title", "description"),
    "profile.no_shot_captions": ("media_type",),
}


def test_every_reason_has_one_place() -> None:
    screened = {rule.code for rule in SCREENING_RULES}
    places = [
        screened,
        READ,
        AFTER_FILE,
        FILE,
        SERVER,
        MODEL,
        TRACK,
        FILES_OF_OTHERS,
        set(FORETOLD),
    ]
    assert set().union(*places) == set(REASONS)
    assert sum(map(len, places)) == len(REASONS)


def test_quotes_count_what_the_tables_decide() -> None:
    """A quote counts the stages Read and Screen, so these must have all that tables decide."""
    early = {code for code, info in REASONS.items() if info.stage in (Stage.READ, Stage.SCREEN)}
    assert early == READ | {rule.code for rule in SCREENING_RULES}


def test_what_is_decided_later_has_a_source_besides_the_tables() -> None:
    """Of a later reason, a source of nothing but columns tells that screening could decide it."""
    columns = {f"assets.{name}" for name in ASSETS_SCHEMA.names} - {"assets.media_uri"}
    only_tables = {
        reason.value
        for reason in Reason
        if reason.info.stage is not Stage.READ
        and set(reason.info.source.split(", ")) <= columns | {"consents", "releases"}
    }
    # A caption that no model may write; which words a model writes.
    assert only_tables <= {"profile.no_caption", "caption.flagged"} | AFTER_FILE | TRACK
