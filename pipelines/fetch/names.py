r"""Finds files whose names are spelled differently in the catalogue and in storage.

Differences that lose nothing are bridged, and only where one file alone can be meant:

1. Unicode normal forms: macOS stores `é` as two characters (NFD), most catalogues hold one (NFC).
2. Windows separators: `media\1.jpg` is `media/1.jpg`, unless a file has the backslash in its name.
3. Repeated separators: `media//1.jpg`.

A name that exists exactly as given always wins over other normal forms.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path

_MAX_SPELLED_SEGMENTS = 4


class AmbiguousNameError(Exception):
    """A name that several files may be meant by."""


def find_spelling(root: str, relative: str) -> str | None:
    """Returns the path below a folder, as it is spelled there; None if there is no such file.

    Args:
        root: A folder.
        relative: A path below it, without empty segments.

    Raises:
        AmbiguousNameError: If several names differ from the given one in their normal form alone.
    """
    found = ""
    for segment in relative.split("/"):
        folder = f"{root}/{found}"
        name: str | None = segment
        if not os.path.lexists(f"{folder}{segment}"):
            name = _other_form(folder, segment)
        if name is None:
            return None
        found += f"{name}/"
    return found.removesuffix("/")


def choose_separators(relative: str, exists: Iterator[bool]) -> str:
    """Returns a relative path with the separators that are meant by its backslashes.

    Args:
        relative: A path with backslashes, without empty segments.
        exists: Whether there is a file with the backslashes in its name, and whether there is one
            with separators in their place.

    Raises:
        AmbiguousNameError: If there are both.
    """
    literal, separated = exists
    if literal and separated:
        raise AmbiguousNameError("there are files with a backslash and with a separator")
    return relative if literal else with_slashes(relative)


def with_slashes(relative: str) -> str:
    """Returns a path with `/` for each backslash, without empty and `.` segments."""
    parts = relative.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def other_spellings(key: str, root: str = "") -> Iterator[str]:
    """Yields other spellings of an object's key: separators, and segments in either normal form.

    Args:
        key: The key.
        root: The beginning of the key that is left as it is.
    """
    own = key[len(root) :]
    if "\\" in own:
        separated = root + with_slashes(own)
        yield separated
        yield from other_spellings(separated, root)
    segments = own.split("/")
    spelled = [_forms(segment) for segment in segments]
    if sum(len(forms) > 1 for forms in spelled) > _MAX_SPELLED_SEGMENTS:
        whole = {unicodedata.normalize("NFC", own), unicodedata.normalize("NFD", own)}
        yield from (root + text for text in sorted(whole - {own}))
        return
    for chosen in product(*spelled):
        text = "/".join(chosen)
        if text != own:
            yield root + text


def other_capitals(folder: str, name: str) -> str | None:
    """Returns a name in a folder that differs in capitals alone, for a message; else None."""
    try:
        status = Path(folder).stat()
        names = _names_by_case(folder, status.st_mtime_ns, status.st_ino)
    except OSError:
        return None
    return names.get(name.casefold())


@lru_cache(maxsize=16)
def _names_by_case(folder: str, mtime_ns: int, inode: int) -> dict[str, str]:
    return {
        path.name.casefold(): path.name for path in sorted(Path(folder).iterdir(), reverse=True)
    }


def _forms(segment: str) -> list[str]:
    forms = {segment, unicodedata.normalize("NFC", segment), unicodedata.normalize("NFD", segment)}
    return sorted(forms)


def _other_form(folder: str, name: str) -> str | None:
    try:
        status = Path(folder).stat()
        names = _names_by_form(folder, status.st_mtime_ns, status.st_ino)
    except OSError:
        return None
    found = names.get(unicodedata.normalize("NFC", name), ())
    if len(found) > 1:
        raise AmbiguousNameError(f"{len(found)} files differ in the Unicode form of their name")
    return found[0] if found else None


@lru_cache(maxsize=16)
def _names_by_form(folder: str, mtime_ns: int, inode: int) -> dict[str, tuple[str, ...]]:
    """Returns a folder's names by their NFC; time and inode change with the folder's content.

    Names in ASCII have one form only and are left out.
    """
    names: dict[str, tuple[str, ...]] = {}
    for name in sorted(path.name for path in Path(folder).iterdir()):
        if not name.isascii():
            form = unicodedata.normalize("NFC", name)
            names[form] = (*names.get(form, ()), name)
    return names
