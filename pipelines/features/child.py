"""The guarded child process, which decodes untrusted media. Run by `pipelines.features.guard`."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av

from pipelines.features.pipe_messages import (
    Channel,
    Header,
    PipeMessageError,
    SharedMemory,
    pack_image,
    unpack_images,
)
from pipelines.features.reading_json import reading_to_json
from pipelines.media.films import probe_film
from pipelines.media.formats import parse_format
from pipelines.media.images import decode_and_hash
from pipelines.process.identity import end_with_parent
from pipelines.process.priority import keep_ordinary_priority
from schemas.canonical import canonical_json
from schemas.errors import BadRecord
from schemas.reasons import Reason

if TYPE_CHECKING:
    from pipelines.signals.file.trust import TrustLists
    from schemas.profiles.tracks import Track
    from schemas.signal import Reading

_Answer = tuple[Header, list[bytes]]
# The parent kills a child that exceeds its time; this limit is for a child whose parent has died.
_GRACE_S = 30
# More statements than this suggest a hostile file; the parent accepts no longer messages.
_MAX_STATEMENTS = 5_000
_trust: dict[str, TrustLists] = {}


def _limit(request: Header, size_bytes: int, base_bytes: int) -> None:
    """Limits the resources that this one request may use.

    Args:
        request: The request.
        size_bytes: The size of the file.
        base_bytes: The memory that this process took up at its start.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = int(used.ru_utime + used.ru_stime) + int(request["cpu_s"]) + 1
    memory_bytes = base_bytes + int(request["memory_bytes"]) + 2 * size_bytes
    for kind, soft in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_AS, memory_bytes)):
        hard = resource.getrlimit(kind)[1]
        allowed = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(kind, (allowed, hard))
    signal.setitimer(signal.ITIMER_REAL, int(request["timeout_s"]) + 1 + _GRACE_S)


def _memory_bytes() -> int:
    """Returns the size of this process's address space; 0 on a system without /proc."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _film(request: Header, data: bytes) -> _Answer:
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


def _clips(request: Header, data: bytes) -> _Answer:
    from pipelines.media.clips import cut_clips

    ranges = [(int(first), int(end)) for first, end in request["ranges"]]
    made = list(cut_clips(data, str(request["format"]), ranges, request["way"]))
    facts = [{name: value for name, value in vars(clip).items() if name != "data"} for clip in made]
    return {"clips": facts}, [clip.data for clip in made]


def _frames(request: Header, data: bytes) -> _Answer:
    from pipelines.media.exact_frames import png_bytes, read_frames

    size = request["size"] and (int(request["size"][0]), int(request["size"][1]))
    max_pixels, side = int(request["max_pixels"]), int(request["frame_side"])
    images = (one for _, one in read_frames(data, request["numbers"], max_pixels, size, side))
    if request["as_files"]:
        return {}, [png_bytes(image) for image in images]
    packed = [pack_image(image) for image in images]
    return {"sizes": [size for size, _ in packed]}, [blob for _, blob in packed]


def _track(request: Header, data: bytes) -> _Answer:
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


def _depth(request: Header, data: bytes) -> _Answer:
    from pipelines.media.depth_tracks import read_depth
    from pipelines.media.track_files import TrackedFilm

    member, facts, times = read_depth(data, TrackedFilm(**request["film"]), int(request["every"]))
    return {"facts": facts.model_dump(mode="json"), "times": times}, [member]


def _times(request: Header, data: bytes) -> _Answer:
    from pipelines.media.exact_frames import frame_times

    return {"times": frame_times(data, int(request["max_pixels"]))}, []


def _image(request: Header, data: bytes) -> _Answer:
    fmt = parse_format(request["format"])
    decoded = decode_and_hash(data, fmt, int(request["max_pixels"]), int(request["side"]))
    size, blob = pack_image(decoded.image)
    header = {
        "facts": vars(decoded.facts),
        "signature": {"phash": decoded.signature.phash, "colour": decoded.signature.colour},
        "look": {"search": decoded.look.search.hex(), "cells": decoded.look.cells.hex()},
        "sizes": [size],
    }
    return header, [blob]


def _signals(request: Header, data: bytes) -> _Answer:
    # Imported here because the readers' libraries take a quarter of a second to load, and decoding
    # films does not need them.
    from pipelines.signals.file.embedded import read_embedded

    reading = read_embedded(data, parse_format(request["format"]), _trust_lists(request))
    return _statements(reading)


def _sidecar(request: Header, data: bytes) -> _Answer:
    from pipelines.signals.file.embedded import read_sidecar

    return _statements(read_sidecar(data, str(request["name"]), _trust_lists(request)))


def _describe(request: Header, data: bytes) -> _Answer:
    from pipelines.signals.file.description import describe_file, describe_packet

    name = str(request["name"])
    described = describe_packet(data, name) if name else describe_file(data)
    return {"description": described.to_json()}, []


def _strip(request: Header, data: bytes) -> _Answer:
    from pipelines.signals.strip.kept import CannotStripError
    from pipelines.signals.strip.strip import strip_metadata

    fmt, setting = parse_format(request["format"]), str(request["setting"])
    try:
        stripped = strip_metadata(
            data, fmt, setting, int(request["orientation"]), _trust_lists(request)
        )
    except CannotStripError as error:
        raise BadRecord(Reason.METADATA_NOT_REMOVABLE, str(error)) from error
    return {}, [stripped]


def _render(request: Header, data: bytes) -> _Answer:
    from pipelines.media.render import RenderSettings, render_picture
    from pipelines.signals.strip.carry import carry_metadata
    from pipelines.signals.strip.kept import CannotStripError

    fmt, target = parse_format(request["format"]), parse_format(request["target"])
    red, green, blue = map(int, request["background"])
    settings = RenderSettings(
        target, int(request["quality"]), int(request["side"]), (red, green, blue)
    )
    rendered = render_picture(data, fmt, int(request["max_pixels"]), settings)
    try:
        setting = str(request["setting"])
        carried = carry_metadata(data, fmt, rendered, target, setting, _trust_lists(request))
    except CannotStripError as error:
        raise BadRecord(Reason.RENDITION_NOT_MADE, str(error)) from error
    return {}, [carried]


def _render_film(request: Header, data: bytes) -> _Answer:
    from pipelines.media.render_film import FilmSettings, render_film
    from pipelines.signals.strip.carry_film import finish_film
    from pipelines.signals.strip.kept import CannotStripError

    fmt, setting = parse_format(request["format"]), str(request["setting"])
    film = render_film(data, int(request["max_pixels"]), FilmSettings(**request["settings"]))
    try:
        finished = finish_film(data, fmt, film.data, setting, _trust_lists(request))
    except CannotStripError as error:
        raise BadRecord(Reason.RENDITION_NOT_MADE, str(error)) from error
    facts = {name: value for name, value in vars(film).items() if name != "data"}
    return {"facts": facts}, [finished]


def _faces(request: Header, data: bytes) -> _Answer:
    from pipelines.vision.faces import find_faces

    return {"faces": len(find_faces(unpack_images([request["size"]], [data])[0]))}, []


def _texts(request: Header, data: bytes) -> _Answer:
    from pipelines.vision.texts import find_texts, text_area_milli, watermark_in

    [image] = unpack_images([request["size"]], [data])
    found = find_texts(image)
    return {
        "boxes": len(found),
        "area_milli": text_area_milli(found, image.size),
        "watermark": watermark_in([one.text for one in found]),
    }, []


def _silence(request: Header, data: bytes) -> _Answer:
    from pipelines.media.picture_track import picture_track
    from pipelines.signals.file.embedded import read_embedded
    from pipelines.signals.strip.kept import CannotStripError
    from pipelines.signals.strip.sound import strip_sound
    from pipelines.signals.strip.strip import check_rights, strip_metadata

    fmt, setting, trust = parse_format(request["format"]), request["setting"], _trust_lists(request)
    try:
        silent = strip_sound(data)
        if picture_track(silent) != (picture_track(data)[0], False):
            raise CannotStripError("sound and picture of the film cannot be told apart")
        if setting in ("none", "rights-only"):
            silent = strip_metadata(silent, fmt, setting, 1, trust)
        else:
            before, after = (read_embedded(one, fmt, trust) for one in (data, silent))
            check_rights(before, after, removes_personal=False)
    except CannotStripError as error:
        raise BadRecord(Reason.RENDITION_NOT_MADE, str(error)) from error
    return {}, [silent]


def _trust_lists(request: Header) -> TrustLists:
    from pipelines.signals.file.trust import TrustLists

    if "trust" in request:
        _trust.clear()
        _trust[request["trust_sha256"]] = TrustLists(**request["trust"])
    return _trust[request["trust_sha256"]]


def _statements(reading: Reading) -> _Answer:
    if len(reading.signals) + len(reading.claims) + len(reading.faults) > _MAX_STATEMENTS:
        raise BadRecord(Reason.FILE_UNREADABLE, f"over {_MAX_STATEMENTS} statements about rights")
    return {"reading": reading_to_json(reading)}, []


_ANSWERS = {
    "film": _film,
    "clips": _clips,
    "frames": _frames,
    "times": _times,
    "track": _track,
    "depth": _depth,
    "image": _image,
    "signals": _signals,
    "sidecar": _sidecar,
    "describe": _describe,
    "strip": _strip,
    "render": _render,
    "render_film": _render_film,
    "faces": _faces,
    "texts": _texts,
    "silence": _silence,
}


def _answer(request: Header, data: bytes) -> _Answer:
    try:
        return _ANSWERS[request["what"]](request, data)
    except BadRecord as bad:
        return {"bad": [str(bad.reason), bad.detail]}, []
    except MemoryError:
        return {"bad": [Reason.MEDIA_UNDECODABLE, "the decoder ran out of memory"]}, []
    # Any exception that hostile bytes provoke counts as the file's fault; see images.py.
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"[:200].replace("\n", " ")
        return {"bad": [Reason.MEDIA_UNDECODABLE, detail]}, []


def main() -> None:
    """Answers requests until the parent closes the pipe or ends, even in the middle of a file."""
    end_with_parent()
    keep_ordinary_priority()
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries that print would damage the messages
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, resource.getrlimit(kind)[1]))
    av.logging.set_level(av.logging.PANIC)
    shared = SharedMemory(int(sys.argv[1])) if len(sys.argv) > 1 else None
    channel = Channel(0, answers, shared)
    base_bytes = _memory_bytes()
    channel.send({"ready": True})
    while True:
        try:
            request = channel.receive_header()
        except PipeMessageError:
            return
        _limit(request, sum(request["blobs"]), base_bytes)
        (blob,) = channel.receive_blobs(request, sum(request["blobs"]))
        header, blobs = _answer(request, bytes(blob))
        del blob
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(header, blobs)
