"""The `X-Robots-Tag` header: `noai` and `noimageai`, `noindex`, `none` and `noimageindex`.

Google's specification of the header has rules separated by commas, in any case, and one header or
part of it for one crawler (`googlebot: noindex`). `noai` and `noimageai` are DeviantArt's, taken up
by others. A no to any crawler is a no here: nobody means to forbid it to one learner alone.
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
    # Of a page's pictures; said of a picture itself it can mean nothing else.
    "noimageindex": DISCOVERY_USES,
}
# Rules that have a value, which may be spelled like another rule: `max-image-preview: none`.
_RULES_WITH_VALUE = frozenset(
    {"max-image-preview", "max-snippet", "max-video-preview", "unavailable_after", "refresh"}
)
_SEPARATORS = str.maketrans(dict.fromkeys(";\"'", " "))


def read_robots_tag(served: ServedFile, values: Sequence[str]) -> Reading:
    """Reads all `X-Robots-Tag` headers of one answer.

    Args:
        served: What was fetched.
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
    """The words of a header that may be rules: all but the values of rules that have one.

    What stands between colons is a crawler's name, a rule or a rule's value; spaces are taken for
    commas, which some forget.
    """
    for part in value.casefold().translate(_SEPARATORS).split(","):
        is_value = False
        for piece in part.split(":"):
            words = piece.split()
            yield from words[1:] if is_value else words
            is_value = bool(words) and words[-1] in _RULES_WITH_VALUE
