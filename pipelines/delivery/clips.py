"""Cuts the films of a delivery at their shots, into a WebDataset tar of clips for each shard.

A delivery itself has one sample for each asset, three members for each sample and one entry in the
ledger for each asset; readers, verification, removals and payment rely on that. So clips are
derived from a delivery and are no part of it. The key of a clip is its film's key and the number of
the shot: what a notice of removal says about a key holds for all its clips.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import BinaryIO

from pipelines.features.guard import this_guard
from pipelines.features.renditions import HARMLESS_ALTERATIONS, KEEP_FILE_TYPE, KEEP_METADATA
from pipelines.format.tar import TarWriter
from pipelines.media.clips import Clip, Way
from pipelines.media.limits import MediaLimits
from pipelines.profiles.base import SampleError
from pipelines.profiles.films import Shot
from pipelines.profiles.video_text import PROFILE, VideoText
from pipelines.rights.spdx import licence_parts
from pipelines.storage.store import Store
from schemas.canonical import canonical_json
from schemas.errors import BadRecord, RunError

#: Fields of the film's sample that its clips have unchanged.
_OF_THE_FILM = (
    "asset profile caption_model clip_model title description keywords language category "
    "created_at licence_model licence_class licence_code digital_source_type ai_generated "
    "alteration_constraints file_constraints duplication_constraints usable_until deal_id "
    "decision_sha256"
).split()
TOO_SHORT = "shorter than the least length"
TOO_LONG = "longer than the greatest length"
_CLIPS = re.compile(r"clips-[^/]+\.tar")


@dataclass(frozen=True)
class ClipTerms:
    """Which clips to cut.

    Attributes:
        way: How to cut.
        min_ms: The shortest shot that becomes a clip.
        max_ms: The longest.
    """

    way: Way
    min_ms: int
    max_ms: int


@dataclass
class ClipCounts:
    """What became of the shots.

    Attributes:
        films: Films read.
        clips: Clips written.
        skipped: Shots without a clip, by the reason.
    """

    films: int = 0
    clips: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, why: str, shots: int = 1) -> None:
        """Counts shots without a clip."""
        self.skipped[why] = self.skipped.get(why, 0) + shots

    def to_json(self) -> dict[str, object]:
        """Returns the counts as JSON."""
        return asdict(self)


def cut_shard(
    delivery: Store, key: str, target: Store, name: str, terms: ClipTerms, limits: MediaLimits
) -> ClipCounts:
    """Cuts the films of one shard; writes a tar only if there are clips.

    Args:
        delivery: The delivery.
        key: The shard's tar in it.
        target: Where the clips go.
        name: The name of their tar.
        terms: Which clips to cut.
        limits: Limits on decoding.

    Raises:
        RunError: The shard is damaged, or a film is not the one that its sample names.
    """
    counts = ClipCounts()
    with delivery.open_read(key) as source:
        made = _clips_of(_samples(source, key), terms, limits, counts)
        first = next(made, None)
        if first is None:
            return counts
        with target.open_write(name) as sink, TarWriter(sink) as tar:
            while first is not None:
                _add(tar, *first)
                counts.clips += 1
                first = next(made, None)
            tar.close()
    return counts


def remove_stale(target: Store, written: Collection[str]) -> list[str]:
    """Removes tars of clips of an earlier call that this one did not write, and returns their keys.

    Their films may have been removed from the delivery since.
    """
    stale = [
        found.key
        for found in target.list()
        if _CLIPS.fullmatch(found.key) and found.key not in written
    ]
    for key in stale:
        target.delete(key)
    return stale


def clips_name(key: str) -> str:
    """Returns the name of the tar of clips of a shard, by the shard's key."""
    return f"clips-{key.rpartition('/')[2]}"


def _samples(source: BinaryIO, key: str) -> Iterator[tuple[VideoText, bytes]]:
    """Yields the JSON and the medium of each film in a tar."""
    try:
        with tarfile.open(fileobj=source, mode="r:") as tar:
            films: dict[str, bytes] = {}
            for member in tar:
                stem, _, extension = member.name.partition(".")
                data = tar.extractfile(member)
                if data is None:
                    continue
                if extension in ("mp4", "mov"):
                    films[stem] = data.read()
                elif extension == "json" and stem in films:
                    yield _parsed(data.read()), films.pop(stem)
            if films:
                raise SampleError(f"{min(films)} has a film, but no JSON behind it")
    except (tarfile.TarError, SampleError, EOFError) as error:
        raise _damaged(key, str(error)) from error


def _parsed(data: bytes) -> VideoText:
    sample = PROFILE.parse_sample(data)
    if not isinstance(sample, VideoText):
        raise SampleError(f"a sample of the profile {sample.profile} has no shots")
    return sample


def _damaged(key: str, detail: str) -> RunError:
    return RunError(
        "A shard is damaged", f"{key}: {detail}", "Run fairshard verify, and fetch it again."
    )


def _clips_of(
    samples: Iterator[tuple[VideoText, bytes]],
    terms: ClipTerms,
    limits: MediaLimits,
    counts: ClipCounts,
) -> Iterator[tuple[dict[str, object], str, bytes]]:
    """Yields the JSON, caption and file of each clip."""
    for sample, data in samples:
        if hashlib.sha256(data).hexdigest() != sample.media_sha256:
            raise _damaged(sample.key, "its film has another sha256 than its sample says")
        counts.films += 1
        forbidden = _forbidden(sample, terms.way)
        if forbidden:
            counts.skip(forbidden, len(sample.shots))
            continue
        for number, shot in enumerate(sample.shots):
            length = shot.end_ms - shot.start_ms
            if length < terms.min_ms:
                counts.skip(TOO_SHORT)
            elif length > terms.max_ms:
                counts.skip(TOO_LONG)
            else:
                clip = _clip(data, sample, shot, terms.way, limits)
                if isinstance(clip, str):
                    counts.skip(clip)
                else:
                    described = _clip_sample(sample, number, shot, clip, terms.way)
                    yield described, shot.caption, clip.data


def _clip(data: bytes, sample: VideoText, shot: Shot, way: Way, limits: MediaLimits) -> Clip | str:
    """Returns the clip of a shot, or why there is none.

    The child cuts one at a time, so that the limits on time and memory are of one clip.
    """
    wanted = (shot.first_frame, shot.end_frame)
    try:
        [clip] = this_guard().clips(data, sample.format, [wanted], way, limits)
    except BadRecord as bad:
        return bad.detail
    return clip.problem or clip


def _forbidden(sample: VideoText, way: Way) -> str:
    """Returns why no clip of a film may be made, or ""; the rules are those of renditions."""
    file_codes = set(sample.file_constraints.split("; "))
    if KEEP_METADATA in file_codes:
        return f"the file's owner asks that its metadata stay in it ({KEEP_METADATA})"
    if KEEP_FILE_TYPE in file_codes and _format_of(sample, way) != sample.format:
        return f"the file's owner asks that its type stay ({KEEP_FILE_TYPE})"
    alterations = set(sample.alteration_constraints.split("; ")) - HARMLESS_ALTERATIONS - {""}
    if alterations:
        return f"the file's owner forbids to alter it ({', '.join(sorted(alterations))})"
    code = sample.licence_code
    if "ND" in (licence_parts(code) or code.split("-")):
        return f"its licence forbids derivatives ({code})"
    return ""


def _format_of(sample: VideoText, way: Way) -> str:
    return sample.format if way == "keyframe-copy" else "mp4"


def _clip_sample(
    sample: VideoText, number: int, shot: Shot, clip: Clip, way: Way
) -> dict[str, object]:
    return {
        "key": f"{sample.key}-s{number:03d}",
        "film": sample.key,
        "film_sha256": sample.media_sha256,
        "media_sha256": hashlib.sha256(clip.data).hexdigest(),
        "format": _format_of(sample, way),
        "cut": way,
        "shot": number,
        "shot_first_frame": shot.first_frame,
        "shot_end_frame": shot.end_frame,
        "first_frame": clip.first_frame,
        "end_frame": clip.end_frame,
        "frames": clip.end_frame - clip.first_frame,
        "start_ms": clip.start_ms,
        "duration_ms": clip.duration_ms,
        "has_sound": clip.has_sound,
        "width": sample.width,
        "height": sample.height,
        "fps_num": sample.fps_num,
        "fps_den": sample.fps_den,
        "caption": shot.caption,
        "caption_score_bp": shot.caption_score_bp,
        "motion_milli": shot.motion_milli,
        **{name: getattr(sample, name) for name in _OF_THE_FILM},
    }


def _add(tar: TarWriter, sample: dict[str, object], caption: str, data: bytes) -> None:
    text, described = caption.encode(), canonical_json(sample)
    tar.add(f"{sample['key']}.{sample['format']}", len(data), [data])
    tar.add(f"{sample['key']}.txt", len(text), [text])
    tar.add(f"{sample['key']}.json", len(described), [described])
