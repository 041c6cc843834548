"""Reads the metadata embedded in the media of a folder, each in the guarded child."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.catalogue.listing import MEDIA_ENDINGS, SIDECAR_ENDING, ending
from pipelines.catalogue.made_columns import media_type_of
from pipelines.features.guard import this_guard
from pipelines.features.scanned import ScannedFile, merge_said
from pipelines.media.limits import MediaLimits
from pipelines.signals.file.description_fields import FileDescription
from schemas.errors import BadRecord, InputError

_MAX_BYTES = 4 * 2**30
LIMITS = MediaLimits(max_bytes=_MAX_BYTES, max_pixels=0)


@dataclass(frozen=True)
class FoundMedia:
    """The media of a folder.

    Attributes:
        names: Their paths below the folder, sorted, each with the name of its sidecar or "".
        other: How many other files there are.
    """

    names: tuple[tuple[str, str], ...]
    other: int


def find_media(folder: Path) -> FoundMedia:
    """Finds the media of a folder and of those below it; links are not followed.

    Raises:
        InputError: If it is not a folder, cannot be listed, or has no media.
    """
    if not folder.is_dir():
        raise InputError("The folder does not exist", str(folder), "Give a folder with media.")
    names = []
    try:
        for root, folders, files in os.walk(folder, onerror=_raise):
            folders.sort()
            below = Path(root).relative_to(folder)
            names += [(below / name).as_posix() for name in files]
    except OSError as error:
        raise InputError(
            "The folder cannot be listed", f"{error.filename}: {error.strerror}", "Grant access."
        ) from error
    sidecars = {name for name in names if ending(name) == SIDECAR_ENDING}
    media = sorted(name for name in names if ending(name) in MEDIA_ENDINGS)
    if not media:
        raise InputError(
            "The folder has no media",
            f"{folder}: {len(names):,} other files",
            "Give a folder with pictures or films.",
        )
    paired = tuple((name, _sidecar_of(name, sidecars)) for name in media)
    return FoundMedia(paired, len(names) - len(media) - sum(1 for _, beside in paired if beside))


def _raise(error: OSError) -> None:
    raise error


def _sidecar_of(name: str, sidecars: set[str]) -> str:
    """Returns `IMG_1.jpg.xmp` or `IMG_1.xmp`, whichever there is, in either case; or ""."""
    stems = (name, name.rpartition(".")[0])
    found = (f"{stem}.{end}" for stem in stems for end in ("xmp", "XMP"))
    return next((one for one in found if one in sidecars), "")


def scan_media(folder: Path, found: FoundMedia) -> Iterator[ScannedFile]:
    """Yields each medium with what it and its sidecar say; what fails to be read is a problem.

    Args:
        folder: The folder.
        found: Its media.
    """
    for name, sidecar in found.names:
        media_type = media_type_of(name) or "image"
        try:
            data = _read(folder / name)
        except (OSError, BadRecord) as error:
            yield ScannedFile(name, media_type, problems=(_why(error),))
            continue
        own, problems = _described(data, "")
        beside = None
        if sidecar:
            try:
                beside, more = _described(_read(folder / sidecar), sidecar)
                problems += [f"{sidecar}: {problem}" for problem in more]
            except (OSError, BadRecord) as error:
                problems.append(f"{sidecar}: {_why(error)}")
        said = merge_said(own, beside)
        digest = hashlib.sha256(data).hexdigest()
        yield ScannedFile(name, media_type, len(data), digest, said, tuple(problems))


def _why(error: OSError | BadRecord) -> str:
    if isinstance(error, BadRecord):
        return error.detail
    return error.strerror or type(error).__name__


def _read(path: Path) -> bytes:
    """Reads a regular file; a link, pipe or device is not opened."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "not a regular file")
        if found.st_size > _MAX_BYTES:
            raise OSError(0, f"larger than {_MAX_BYTES:,} bytes")
        return file.read(_MAX_BYTES)


def _described(data: bytes, sidecar: str) -> tuple[FileDescription, list[str]]:
    try:
        described = this_guard().describe(data, sidecar, LIMITS)
    except BadRecord as bad:
        return FileDescription(), [bad.detail]
    return described, list(described.faults)
