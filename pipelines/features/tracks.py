"""Makes the members of profiles from the tracks that an agency gives for its films."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from pipelines.features.context import FetchContext
from pipelines.features.extras import ExtraRefusalError, ExtraSource, MadeExtras
from pipelines.features.guard import this_guard
from pipelines.features.renditions import find_frame_refusal
from pipelines.fetch.fetch import fetch
from pipelines.fetch.locate import resolve_media_uri
from pipelines.media.track_files import MAX_TRACK_BYTES, TrackedFilm, TrackKind
from pipelines.rights.formatting import one_line
from pipelines.signals.file.contact_texts import personal_kinds, without_personal_data
from schemas.canonical import canonical_json
from schemas.errors import BadRecord, counted
from schemas.profiles.tracks import (
    BOXES_MEMBER,
    MAX_PHRASE,
    POSES_MEMBER,
    REFERENCE_MEMBER,
    BoxTrack,
    PoseTrack,
)
from schemas.reasons import Reason

_Track = TypeVar("_Track", BoxTrack, PoseTrack)
_REFUSALS = (Reason.PROFILE_TRACK_INVALID, Reason.PROFILE_TRACK_MISMATCH)


def make_box_motion(source: ExtraSource) -> MadeExtras:
    """Makes the members of the profile `box-motion`.

    Raises:
        ExtraRefusalError: `profile.track_invalid`, `profile.track_mismatch` or
            `file.personal_data`.
        BadRecord: If the file with the boxes cannot be fetched.
    """
    member, _ = _read_track(source, "boxes")
    given = _parse(BoxTrack, member, source)
    track = _without_personal_phrases(given, source)
    if track is not given:
        member = canonical_json(track.model_dump(mode="json"))
    return MadeExtras(
        {BOXES_MEMBER: member},
        {
            **track.counts(),
            "boxes_source": track.source,
            "tracker": track.tracker,
            "tracker_version": track.tracker_version,
        },
    )


def make_human_motion(source: ExtraSource) -> MadeExtras:
    """Makes the members of the profile `human-motion`.

    Raises:
        ExtraRefusalError: `profile.track_invalid` or `profile.track_mismatch`, or
            `rendition.not_allowed` if no frame of the film may be a picture of its own.
        BadRecord: If the file with the poses cannot be fetched, or the frame cannot be read.
    """
    refusal = find_frame_refusal(source.row, source.resolution)
    if refusal is not None:
        raise ExtraRefusalError(*refusal)
    member, number = _read_track(source, "poses")
    track = _parse(PoseTrack, member, source)
    [frame] = source.frames([number])
    return MadeExtras(
        {POSES_MEMBER: member, REFERENCE_MEMBER: frame},
        {
            **track.counts(),
            "reference_frame": number,
            "skeleton": track.skeleton,
            "poses_source": track.source,
            "tracker": track.tracker,
            "tracker_version": track.tracker_version,
        },
    )


def _without_personal_phrases(track: BoxTrack, source: ExtraSource) -> BoxTrack:
    """Takes personal data out of the objects' phrases where the deal takes it out of texts.

    Raises:
        ExtraRefusalError: `file.personal_data`, where the deal refuses it.
    """
    found = [one.id for one in track.objects if personal_kinds(one.phrase)]
    if not found:
        return track
    terms = source.context.deal.rights.personal_data
    if terms == "keep":
        return track
    if terms == "refuse":
        detail = f"{one_line(source.row['boxes'] or '')}: the phrase of object {found[0]}"
        raise ExtraRefusalError(Reason.FILE_PERSONAL_DATA, detail)
    objects = [
        one.model_copy(update={"phrase": without_personal_data(one.phrase)[:MAX_PHRASE]})
        for one in track.objects
    ]
    return track.model_copy(update={"objects": objects})


def _parse(kind: type[_Track], member: bytes, source: ExtraSource) -> _Track:
    """Reads what the child made of a track file; a hostile file may have made the child its own."""
    try:
        track = kind.model_validate_json(member)
    except ValidationError as error:
        detail = (
            f"the answer about the track is not a track: {counted(error.error_count(), 'fault')}"
        )
        raise ExtraRefusalError(Reason.PROFILE_TRACK_INVALID, detail) from error
    film = (source.facts["frames"], source.width, source.height)
    if (track.frames, track.width, track.height) != film:
        detail = "the answer about the track is about another film"
        raise ExtraRefusalError(Reason.PROFILE_TRACK_INVALID, detail)
    return track


def _read_track(source: ExtraSource, kind: TrackKind) -> tuple[bytes, int]:
    """Reads the asset's track file, and returns its member and its reference frame."""
    uri = source.row[kind]
    if not uri:
        raise AssertionError("screening refuses films without a track")
    data = fetch_track(uri, source.context, MAX_TRACK_BYTES)
    film = TrackedFilm(
        source.facts["frames"],
        source.facts["width"],
        source.facts["height"],
        source.width,
        source.height,
        source.digest,
    )
    try:
        return this_guard().track(data, kind, film, source.context.limits)
    except BadRecord as bad:
        refusal = refusal_of(bad, kind, uri)
        if refusal is None:
            raise
        raise refusal from bad


def fetch_track(uri: str, context: FetchContext, max_bytes: int) -> bytes:
    """Fetches a track file by the rules for media.

    Args:
        uri: Where the catalogue says that it is.
        context: The inputs of the run.
        max_bytes: The largest file.

    Raises:
        ExtraRefusalError: `profile.track_invalid` if it is empty or too large.
        BadRecord: It cannot be fetched.
    """
    try:
        location = resolve_media_uri(uri, context.catalogue.uri, context.policy)
        return fetch(location, max_bytes)
    except BadRecord as bad:
        if bad.reason in (Reason.MEDIA_TOO_LARGE, Reason.MEDIA_EMPTY):
            detail = f"{one_line(uri)}: {bad.detail}"
            raise ExtraRefusalError(Reason.PROFILE_TRACK_INVALID, detail) from bad
        raise BadRecord(bad.reason, f"track {one_line(uri)}: {bad.detail}") from bad


def refusal_of(bad: BadRecord, kind: str, uri: str) -> ExtraRefusalError | None:
    """Returns the refusal for what is wrong with a track file, or None if it is something else.

    Args:
        bad: What reading it in the child found.
        kind: The column that names it.
        uri: Where it is.
    """
    reason = bad.reason
    if reason == Reason.MEDIA_UNDECODABLE:  # the child died of it
        reason = Reason.PROFILE_TRACK_INVALID
    if reason not in _REFUSALS:
        return None
    return ExtraRefusalError(Reason(reason), f"{kind} {one_line(uri)}: {bad.detail}")
