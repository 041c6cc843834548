"""Makes the members of the profile `first-last-frame`: the frames at the ends of a film's clip."""

from __future__ import annotations

from pipelines.features.extras import ExtraRefusalError, ExtraSource, MadeExtras
from pipelines.features.guard import this_guard
from pipelines.features.renditions import find_frame_refusal
from pipelines.profiles.clip_bounds import ClipBounds, choose_clip, find_clips
from pipelines.profiles.first_last_frame import ENDINGS, LAST
from schemas.errors import BadRecord
from schemas.reasons import Reason


def make_first_last_frames(source: ExtraSource) -> MadeExtras:
    """Finds a film's clips by its shots, and reads the frames at the ends of one of them.

    Frames are of the agency's file, in the size in which the film is delivered; a rendition shows
    the same frames at the same times.

    Raises:
        ExtraRefusalError: No shot is long enough, or no frame may be delivered as a picture.
        BadRecord: `media.undecodable`.
    """
    if refusal := find_frame_refusal(source.row, source.resolution):
        raise ExtraRefusalError(*refusal)
    limits, terms = source.context.limits, source.context.deal.clips
    shots = source.facts["shots"]
    clips = find_clips(shots, terms)
    if not clips:
        longest = max((shot["end_frame"] - shot["first_frame"] for shot in shots), default=0)
        detail = (
            f"the longest of {len(shots)} shots has {longest} frames; "
            f"clips.min_frames = {terms.min_frames}"
        )
        raise ExtraRefusalError(Reason.PROFILE_NO_CLIP, detail)
    times = this_guard().frame_times(source.data, limits)
    if len(times) != source.facts["frames"] + 1:
        detail = f"{len(times) - 1} of {source.facts['frames']} frames have a time"
        raise BadRecord(Reason.MEDIA_UNDECODABLE, detail)
    chosen = choose_clip(clips, shots)
    ends = range(chosen.end_frame - len(LAST), chosen.end_frame)
    files = source.frames([chosen.first_frame, *ends])
    return MadeExtras(
        dict(zip(ENDINGS, files, strict=True)),
        {"clip": clips.index(chosen), "clips": [_with_times(clip, times) for clip in clips]},
    )


def _with_times(clip: ClipBounds, times: list[int]) -> dict[str, int]:
    start, end = times[clip.first_frame], times[clip.end_frame]
    return {**vars(clip), "start_ms": start, "end_ms": end}
