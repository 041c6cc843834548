"""Checks the text of a media_uri before anything is looked up."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from schemas.errors import BadRecord
from schemas.reasons import Reason

_MAX_URI_CHARS = 4096
# Control characters, surrogates and line ends.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They change the order in which a name is shown, and so hide its extension.
_REVERSING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def not_allowed(detail: str) -> BadRecord:
    """Returns the error that makes an asset fail because its media_uri is not allowed."""
    return BadRecord(Reason.MEDIA_NOT_ALLOWED, detail[:200])


def check_characters(media_uri: str) -> None:
    """Refuses what is empty, too long, or has characters that no name needs."""
    if not media_uri:
        raise not_allowed("the media_uri is empty")
    if len(media_uri) > _MAX_URI_CHARS:
        raise not_allowed(f"the media_uri has {len(media_uri)} characters")
    if not media_uri.isprintable() and any(map(_is_refused, media_uri)):
        raise not_allowed(f"a control character: {media_uri!r}")
    if "\\" in media_uri and (media_uri[0] in "\\/" or "://" in media_uri):
        raise not_allowed(f"a backslash in an absolute address: {media_uri!r}")


def _is_refused(letter: str) -> bool:
    return letter in _REVERSING or unicodedata.category(letter) in _REFUSED_CATEGORIES


def check_no_parent_segments(media_uri: str) -> None:
    """Refuses `..` segments, even if percent-encoded several times.

    The file system does not decode them, but a server may.
    """
    text = media_uri
    if ".." not in text and "%" not in text:
        return
    for _ in range(4):
        if ".." in re.split(r"[/\\?#]", text) or "\0" in text:
            raise not_allowed(f"a parent segment (..): {media_uri!r}")
        decoded = unquote(text, errors="replace")
        if decoded == text:
            return
        text = decoded
    raise not_allowed(f"percent-encoded too often: {media_uri!r}")


def normalise_path(relative: str) -> str:
    """Returns a relative path without empty and `.` segments."""
    if relative.endswith("/"):
        raise not_allowed(f"the address of a folder: {relative!r}")
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if not parts:
        raise not_allowed(f"an empty path: {relative!r}")
    return "/".join(parts)
