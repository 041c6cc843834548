"""Checks the tracks that samples carry against the samples, for verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from pipelines.profiles.base import fault_summary
from schemas.canonical import canonical_json
from schemas.profiles.common import CommonSample
from schemas.profiles.tracks import BoxTrack, PoseTrack


def find_track_faults(
    sample: CommonSample,
    ending: str,
    form: type[BoxTrack] | type[PoseTrack],
    members: Mapping[str, bytes],
    source: str,
) -> Iterator[tuple[str, str]]:
    """Yields what is wrong with a track: its form, its coordinates, or the fields of its sample.

    Args:
        sample: The sample.
        ending: The member's ending.
        form: What it must be.
        members: The sample's extra members.
        source: The sample's field with the track's source.
    """
    try:
        track = form.model_validate_json(members[ending])
    except ValidationError as error:
        yield ending, f"it is not a valid track: {fault_summary(error)}"
        return
    if canonical_json(track.model_dump(mode="json")) != members[ending]:
        yield ending, "it is not canonical JSON"
    said = sample.model_dump(include={"frames", "width", "height"})
    found: dict[str, object] = {name: getattr(track, name) for name in said}
    found |= {**track.counts(), source: track.source}
    found |= {"tracker": track.tracker, "tracker_version": track.tracker_version}
    if isinstance(track, PoseTrack):
        found |= {"skeleton": track.skeleton}
    for name, value in found.items():
        if getattr(sample, name) != value:
            yield ending, f"its {name} is {value!r}, but its sample says {getattr(sample, name)!r}"
