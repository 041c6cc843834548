"""Lists and opens the files of a catalogue, in a folder or under an s3:// prefix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pipelines.catalogue.listing import CatalogueFile, Listing, changed_error, sort_listing
from schemas.errors import InputError

BLOCK_BYTES = 4 * 2**20


def list_catalogue(uri: str) -> Listing:
    """Lists every file below a catalogue's folder or prefix.

    Media are only counted, as there may be millions of them.

    Raises:
        InputError: If the folder or bucket is missing or access to it is denied.
    """
    if not uri.startswith("s3://"):
        return _list_folder(uri)
    # boto3 takes a quarter of a second to import, and a folder does not need it.
    from pipelines.catalogue.bucket_files import list_prefix

    return list_prefix(uri)


def find_file(path: Path) -> CatalogueFile:
    """Returns one file on this machine that is read like a table.

    Raises:
        InputError: If there is none.
    """
    if not path.is_file():
        raise InputError("There is no such file", str(path), "Give the path of a table.")
    return _local_file(path, path.name)


def _list_folder(uri: str) -> Listing:
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise InputError(
            "The catalogue is not a folder",
            str(root),
            "Give a folder, or an s3:// prefix, that has the tables.",
        )
    try:
        return sort_listing(
            _walk(str(root), "", ()),
            lambda name: name,
            lambda name: _local_file(root / name, name),
        )
    except OSError as error:
        raise InputError(
            "The catalogue cannot be listed", f"{root}: {error.strerror}", "Grant access to it."
        ) from error


def _walk(folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yields the names of all files below a folder; links are followed, also to folders."""
    stat = Path(folder).stat()
    here = (stat.st_dev, stat.st_ino)
    if here in above:
        raise InputError(
            "A folder of the catalogue contains itself", folder, "Remove the link to it."
        )
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if _is_folder(entry):
            yield from _walk(entry.path, f"{prefix}{entry.name}/", (*above, here))
        else:
            yield f"{prefix}{entry.name}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _local_file(path: Path, name: str) -> CatalogueFile:
    try:
        stat = path.stat()
    except OSError:
        stat = path.lstat()  # a link to nothing, or to itself
    return CatalogueFile(name, str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def open_file(uri: str, version: str) -> BinaryIO:
    """Opens a file for random-access reading.

    Args:
        uri: The address in `CatalogueFile`.
        version: The version in `CatalogueFile`.

    Raises:
        InputError: If it cannot be opened, or has changed since it was listed.
    """
    if uri.startswith("s3://"):
        from pipelines.catalogue.bucket_files import open_object_file

        return open_object_file(uri, version)
    try:
        path = Path(uri)
        if _local_file(path, "").version != version:
            raise changed_error(uri)
        if not path.is_file():  # a pipe would be waited for, and a device never ends
            raise InputError("A table is not a regular file", uri, "Put a copy of it there.")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise InputError("A table cannot be read", f"{uri}: {error.strerror}", "") from error


def read_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yields the bytes of a stream block by block."""
    while block := stream.read(BLOCK_BYTES):
        yield block
