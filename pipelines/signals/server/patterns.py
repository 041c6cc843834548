"""Matches path patterns as defined in RFC 9309: `*` for any characters, `$` for the end.

TDMRep and RSL use the same patterns. Matching never backtracks: it takes time proportional to the
path and the pattern for any input.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_PERCENT_ENCODED = re.compile("%([0-9a-fA-F]{2})")
_WHOLE_URL = re.compile(r"\s*https?://", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ASCII = "".join(map(chr, range(128)))


def _canonical(text: str) -> str:
    """Normalises percent-encoding: unreserved characters decoded, the rest in upper case.

    Characters that are not ASCII are encoded as a browser would encode them.
    """
    if not text.isascii():
        try:
            text = quote(text, safe=_ASCII, errors="surrogateescape")
        except UnicodeEncodeError:
            text = quote(text, safe=_ASCII, errors="surrogatepass")
    return _PERCENT_ENCODED.sub(_decode_unreserved, text) if "%" in text else text


def _decode_unreserved(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    return letter if letter in _UNRESERVED else match[0].upper()


def canonical_target(target: str) -> str:
    """Returns a path and query in the form that `matches_pattern` compares.

    A `*` or `$` in the path itself is encoded, since they have a special meaning in patterns.
    """
    return _canonical(target).replace("*", "%2A").replace("$", "%24")


def matches_pattern(pattern: str, target: str) -> bool:
    """Whether a path pattern matches.

    Args:
        pattern: The pattern of a rule. One that starts with neither `/` nor `*` is read as if it
            started with a slash; an empty one matches everything.
        target: From `canonical_target`.
    """
    pattern = pattern.strip()
    if not pattern:
        return True
    anchored = pattern.endswith("$")
    first, *rest = _canonical(pattern[:-1] if anchored else pattern).replace("$", "%24").split("*")
    if first and not first.startswith("/"):
        first = f"/{first}"
    if not target.startswith(first):
        return False
    if not rest:
        return not anchored or target == first
    at = len(first)
    # The leftmost match of each piece leaves the most room for the next, so no other is tried.
    *middle, last = rest
    for piece in middle:
        found = target.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    if anchored:
        return len(target) - len(last) >= at and target.endswith(last)
    return target.find(last, at) >= 0


def path_pattern(location: str, host: str) -> str | None:
    """Returns the path pattern of a pattern or whole URL; None if it is for another host."""
    if not _WHOLE_URL.match(location):
        return location
    try:
        parts = urlsplit(location.strip())
        other = parts.hostname or ""
    except ValueError:
        return location
    if other != host:
        return None
    # Everything after the authority, as urlsplit would cut a `?` or `#` from the pattern.
    after = location.strip().partition("://")[2]
    slash = after.find("/")
    return after[slash:] if slash >= 0 else "/"
