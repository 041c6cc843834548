"""The `X-Robots-Tag` header: `noai` and `noimageai`, `noindex`, `none` and `noimageindex`.

Google's specification of the header has rules separated by commas, in any case, and one header or
part of it for one crawler (`googlebot: noindex`). `noai` and `noimageai` are DeviantArt's, taken up
by others. A no to any crawler is a no here: nobody means to forbid it to one learner alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.signals.server.server import FINDING, MINING, Page
from schemas.rights import Purpose, Value
from schemas.signal import Reading, Signal, raw_sha256

_WHERE = "http X-Robots-Tag"
_NO_AI = (*MINING, Purpose.INFERENCE)
_RULES: dict[str, tuple[Purpose, ...]] = {
    "noai": _NO_AI,
    "noimageai": _NO_AI,
    "noindex": FINDING,
    "none": FINDING,
    # Of a page's pictures; said of a picture itself it can mean nothing else.
    "noimageindex": FINDING,
}
# Rules that have a value, which may be spelled like another rule: `max-image-preview: none`.
_VALUED = frozenset(
    {"max-image-preview", "max-snippet", "max-video-preview", "unavailable_after", "refresh"}
)
_MARKS = str.maketrans(dict.fromkeys(";\"'", " "))


def read_robots_tag(page: Page, values: Sequence[str]) -> Reading:
    """Reads all `X-Robots-Tag` headers of one answer.

    Args:
        page: What was fetched.
        values: The headers' values.
    """
    signals: list[Signal] = []
    for value in values:
        purposes = dict.fromkeys(p for word in _rules(value) for p in _RULES.get(word, ()))
        signals += page.says(purposes, Value.DENY, _WHERE, raw_sha256(value), value)
    return Reading(tuple(dict.fromkeys(signals)))


def _rules(value: str) -> Iterator[str]:
    """The words of a header that may be rules: all but the values of rules that have one.

    What stands between colons is a crawler's name, a rule or a rule's value; spaces are taken for
    commas, which some forget.
    """
    for part in value.casefold().translate(_MARKS).split(","):
        is_value = False
        for piece in part.split(":"):
            words = piece.split()
            yield from words[1:] if is_value else words
            is_value = bool(words) and words[-1] in _VALUED
