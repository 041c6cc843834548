"""Reads `X-Robots-Tag`: `noai`, `noimageai`, `noindex`, `none` and `noimageindex`.

Google's specification of the header defines comma-separated rules in upper or lower case. A header
or part of it may be for one crawler (`googlebot: noindex`). `noai` and `noimageai` come from
DeviantArt and were adopted by others. A denial to any crawler counts as a denial, because it is not
assumed to be meant for that crawler only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.signals.server.common import DISCOVERY_USES, MINING_USES, ServedFile
from schemas.rights import Permission, Purpose
from schemas.signal import Reading, Signal, raw_sha256

_WHERE = "http X-Robots-Tag"
_NO_AI = (*MINING_USES, Purpose.INFERENCE)
_RULE_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "noai": _NO_AI,
    "noimageai": _NO_AI,
    "noindex": DISCOVERY_USES,
    "none": DISCOVERY_USES,
    # Meant for the images of a page; on an image itself it can have no other meaning.
    "noimageindex": DISCOVERY_USES,
}
# Rules with a value, which may look like another rule: `max-image-preview: none`.
_RULES_WITH_VALUE = frozenset(
    {"max-image-preview", "max-snippet", "max-video-preview", "unavailable_after", "refresh"}
)
_SEPARATORS = str.maketrans(dict.fromkeys(";\"'", " "))


def read_robots_tag(served: ServedFile, values: Sequence[str]) -> Reading:
    """Reads all `X-Robots-Tag` headers of one response.

    Args:
        served: The fetched file.
        values: The headers' values.
    """
    signals: list[Signal] = []
    for value in values:
        purposes = dict.fromkeys(
            p for word in _rule_words(value) for p in _RULE_PURPOSES.get(word, ())
        )
        signals += served.signals(purposes, Permission.DENY, _WHERE, raw_sha256(value), value)
    return Reading(tuple(dict.fromkeys(signals)))


def _rule_words(value: str) -> Iterator[str]:
    """Yields the words of a header that may be rules, without the values of rules.

    The text between colons is a crawler's name, a rule or a rule's value. Spaces separate rules
    like commas, because some servers omit the commas.
    """
    for part in value.casefold().translate(_SEPARATORS).split(","):
        is_value = False
        for piece in part.split(":"):
            words = piece.split()
            yield from words[1:] if is_value else words
            is_value = bool(words) and words[-1] in _RULES_WITH_VALUE
