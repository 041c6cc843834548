"""What the guarded child does with films."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pipelines.features.pipe_messages import Answer, Header, pack_image
from pipelines.media.films import probe_film
from schemas.canonical import canonical_json

if TYPE_CHECKING:
    from schemas.profiles.tracks import Track


def _film(request: Header, data: bytes) -> Answer:
    film = probe_film(
        data, int(request["max_pixels"]), int(request["sample_frames"]), int(request["side"])
    )
    packed = [pack_image(image) for image in (*film.samples, *film.shot_samples)]
    facts = {
        field.name: getattr(film, field.name)
        for field in dataclasses.fields(film)
        if field.name
        not in ("fps", "pixel_aspect", "shots", "stretches", "samples", "shot_samples")
    }
    facts["fps"] = [film.fps.numerator, film.fps.denominator]
    facts["pixel_aspect"] = [film.pixel_aspect.numerator, film.pixel_aspect.denominator]
    facts["shots"] = [dataclasses.astuple(shot) for shot in film.shots]
    facts["stretches"] = [dataclasses.astuple(stretch) for stretch in film.stretches]
    sizes = [size for size, _ in packed]
    header = {"facts": facts, "sizes": sizes, "samples": len(film.samples)}
    return header, [blob for _, blob in packed]


def _clips(request: Header, data: bytes) -> Answer:
    from pipelines.media.clips import cut_clips

    ranges = [(int(first), int(end)) for first, end in request["ranges"]]
    made = list(cut_clips(data, str(request["format"]), ranges, request["way"]))
    facts = [{name: value for name, value in vars(clip).items() if name != "data"} for clip in made]
    return {"clips": facts}, [clip.data for clip in made]


def _frames(request: Header, data: bytes) -> Answer:
    from pipelines.media.exact_frames import png_bytes, read_frames

    size = request["size"] and (int(request["size"][0]), int(request["size"][1]))
    max_pixels, side = int(request["max_pixels"]), int(request["frame_side"])
    images = (one for _, one in read_frames(data, request["numbers"], max_pixels, size, side))
    if request["as_files"]:
        return {}, [png_bytes(image) for image in images]
    packed = [pack_image(image) for image in images]
    return {"sizes": [size for size, _ in packed]}, [blob for _, blob in packed]


def _times(request: Header, data: bytes) -> Answer:
    from pipelines.media.exact_frames import frame_times

    return {"times": frame_times(data, int(request["max_pixels"]))}, []


def _track(request: Header, data: bytes) -> Answer:
    from pipelines.media.box_tracks import read_boxes
    from pipelines.media.pose_tracks import read_poses
    from pipelines.media.track_files import TrackedFilm

    film, reference = TrackedFilm(**request["film"]), 0
    track: Track
    if request["kind"] == "boxes":
        track = read_boxes(data, film)
    else:
        track, reference = read_poses(data, film)
    return {"reference_frame": reference}, [canonical_json(track.model_dump(mode="json"))]


def _depth(request: Header, data: bytes) -> Answer:
    from pipelines.media.depth_tracks import read_depth
    from pipelines.media.track_files import TrackedFilm

    member, facts, times = read_depth(data, TrackedFilm(**request["film"]), int(request["every"]))
    return {"facts": facts.model_dump(mode="json"), "times": times}, [member]


FILM_ANSWERS = {
    "film": _film,
    "clips": _clips,
    "frames": _frames,
    "times": _times,
    "track": _track,
    "depth": _depth,
}
