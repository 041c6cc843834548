"""Tells media and their sidecars apart from all other files below a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from schemas.errors import InputError

# Endings of files that are media; any other file is media if an asset's media_uri names it.
MEDIA_ENDINGS = frozenset(
    "3fr 3gp ai apng arw avi avif bmp braw cr2 cr3 dng eps erf exr gif hdr heic heif iiq j2k jfif "
    "jp2 jpe jpeg jpf jpg jpx jxl m2ts m4v mkv mov mp4 mpeg mpg mpo mrw mts mxf nef nrw orf pef "
    "png psb psd r3d raf raw rw2 rwl sr2 srf srw svg tga tif tiff ts webm webp wmv x3f".split()
)
SIDECAR_ENDING = "xmp"
# Of files with what is where in a film: clip.boxes.json or clip.mp4.boxes.json beside clip.mp4.
TRACK_ENDINGS = (".boxes.json", ".poses.json", ".depth.npz")

T = TypeVar("T")


@dataclass(frozen=True)
class CatalogueFile:
    """A file of the catalogue.

    Attributes:
        name: Its path relative to the catalogue, with `/` as separator.
        uri: A local path or s3:// address.
        size_bytes: Its size.
        version: Its ETag, or its size and modification time; a different value means different
            bytes.
        sheet: Which sheet of a workbook is meant; "" for the only one, and for other files.
    """

    name: str
    uri: str
    size_bytes: int
    version: str
    sheet: str = ""

    @property
    def full_name(self) -> str:
        """Returns the name, and after `#` that of the sheet."""
        return f"{self.name}#{self.sheet}" if self.sheet else self.name

    @property
    def full_uri(self) -> str:
        """Returns the address, and after `#` the name of the sheet."""
        return f"{self.uri}#{self.sheet}" if self.sheet else self.uri


@dataclass(frozen=True)
class Listing:
    """Every file below a catalogue: `len(files) + media + sidecars` in all.

    Attributes:
        files: The files that are neither, sorted by name.
        media: How many files end as media do.
        sidecars: How many `.xmp` files and tracks lie beside the file that they describe.
    """

    files: tuple[CatalogueFile, ...]
    media: int
    sidecars: int


def ending(name: str) -> str:
    """Returns what follows the last dot of a file's name, in lower case."""
    base = name.rpartition("/")[2]
    return base.rpartition(".")[2].lower() if "." in base else ""


def _group(name: str) -> str:
    """Returns the name up to the first dot of its last part; a sidecar shares it."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _is_sidecar(name: str, described: Container[str], films: Container[str]) -> bool:
    """Whether a file lies beside what it is about: a file of any kind, or for a track, a film."""
    if ending(name) == SIDECAR_ENDING:
        return name.rpartition(".")[0] in described
    return any(
        name.lower().endswith(last) and name[: -len(last)] in films for last in TRACK_ENDINGS
    )


def sort_listing(
    found: Iterable[T], name_of: Callable[[T], str], file_of: Callable[[T], CatalogueFile]
) -> Listing:
    """Sorts the files of a catalogue into media, sidecars and others.

    Args:
        found: One item for each file. A folder's files come in the order of their names, so that a
            sidecar comes right after its medium and no more than a few names are kept.
        name_of: Returns an item's name relative to the catalogue.
        file_of: Makes the file of an item.
    """
    files: list[CatalogueFile] = []
    media = sidecars = 0
    for _, group in groupby(found, lambda item: _group(name_of(item))):
        items = list(group)
        described, films = set[str](), set[str]()
        for item in items:
            name = name_of(item)
            if ending(name) != SIDECAR_ENDING:
                described |= {name, name.rpartition(".")[0]}
            if ending(name) in MEDIA_ENDINGS:
                films |= {name, name.rpartition(".")[0]}
        for item in items:
            name = name_of(item)
            if ending(name) in MEDIA_ENDINGS:
                media += 1
            elif _is_sidecar(name, described, films):
                sidecars += 1
            else:
                files.append(file_of(item))
    return Listing(tuple(sorted(files, key=lambda file: file.name)), media, sidecars)


def changed_error(uri: str) -> InputError:
    """Returns what is raised if a file is not the one that was listed."""
    return InputError(
        "A table changed while it was being read",
        uri,
        "Run again once the catalogue no longer changes.",
    )
