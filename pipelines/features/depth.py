"""Makes the member with depth maps of films, from the file that an agency gives for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.features.context import FetchContext
from pipelines.features.extras import ExtraRefusalError, MadeExtras
from pipelines.features.guard import this_guard
from pipelines.features.tracks import fetch_track, refusal_of
from pipelines.format.npy import depth_maps_fault
from pipelines.media.track_files import TrackedFilm
from pipelines.rights.formatting import one_line
from schemas.deal_structure import rows_of_film
from schemas.errors import BadRecord
from schemas.features import FactsRow
from schemas.profiles.depth import DEPTH
from schemas.reasons import Reason

_MAX_FILE_BYTES = 1 << 30
# Files state times in whole milliseconds, rounded or cut.
_TIME_TOLERANCE_MS = 1


def make_depth(
    uri: str, digest: str, facts: FactsRow, context: FetchContext, fetch_film: Callable[[], bytes]
) -> MadeExtras:
    """Makes the member with the depth maps of a film.

    A rendition has the same member: maps cover the whole picture, whatever its size.

    Args:
        uri: The file that the catalogue names.
        digest: sha256 of the agency's film, hex.
        facts: The facts of that film.
        context: The inputs of the run.
        fetch_film: Returns the film, which is read only if the file says when its frames are shown.

    Raises:
        ExtraRefusalError: `profile.track_invalid` or `profile.track_mismatch`.
        BadRecord: If the file, or a film that is needed, cannot be read.
    """
    every, frames = context.deal.structure.every, facts["frames"]
    size = facts["width"], facts["height"]
    film = TrackedFilm(frames, *size, *size, digest)
    data = fetch_track(uri, context, _MAX_FILE_BYTES)
    guard = this_guard()
    try:
        member, said, times = guard.depth(data, film, every, context.limits)
    except BadRecord as bad:
        refusal = refusal_of(bad, "depth", uri)
        if refusal is None:
            raise
        raise refusal from bad
    # A hostile file may have made the child its own.
    fault = depth_maps_fault(
        member, rows_of_film(frames, every), said.depth_height, said.depth_width
    )
    if fault:
        detail = f"the answer about depth {one_line(uri)} {fault}"
        raise ExtraRefusalError(Reason.PROFILE_TRACK_INVALID, detail)
    if times is not None:
        shown = guard.frame_times(fetch_film(), context.limits)[:-1][::every]
        _check_times(times, shown, uri)
    return MadeExtras({DEPTH: member}, said.model_dump(mode="json"))


def _check_times(stated: Sequence[int], shown: Sequence[int], uri: str) -> None:
    pairs = list(zip(stated, shown, strict=False))
    if len(stated) != len(shown):
        detail = f"{len(stated)} times for {len(shown)} frames"
    else:
        other = [pair for pair in pairs if abs(pair[0] - pair[1]) > _TIME_TOLERANCE_MS]
        if not other:
            return
        detail = (
            f"{len(other)} of {len(pairs)} times are not the film's: {other[0][0]} ms, but the "
            f"frame is shown at {other[0][1]} ms"
        )
    raise ExtraRefusalError(Reason.PROFILE_TRACK_MISMATCH, f"depth {one_line(uri)}: {detail}")
