"""Reads Really Simple Licensing (RSL) 1.0: XML licences that robots.txt or a header links to.

A document has `content` elements, each with licences for the paths that its `url` matches. A
licence permits and prohibits uses, and may state payment, regions and kinds of user.

1. For each purpose, the matching content with the longest pattern applies; a broader one applies if
   the narrower ones do not mention the purpose.
2. Within a content a prohibition overrides a permission, and if licences list what they permit,
   what they leave out is not permitted.
3. A permission with any condition (payment, a kind of user, a region, a licence server, reporting,
   a legal statement) is conditional.
4. A document that does not conform cannot be read, and an unknown word in a prohibition makes
   everything conditional.

The comma-separated words of the drafts before 1.0 are still in use and are read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.signals.server.common import (
    AI_USES,
    ALL_USES,
    TRAINING_USES,
    ServedFile,
    escaped_line,
    fault_reading,
    strictest,
    without_query,
)
from pipelines.signals.server.patterns import matches_pattern, path_pattern
from pipelines.signals.server.rsl_xml import NAMESPACE, Element, parse_xml
from schemas.rights import Permission, Purpose
from schemas.signal import Reading, Signal, raw_sha256

_USE_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "all": ALL_USES,
    "ai-all": AI_USES,
    "ai-train": TRAINING_USES,
    "ai-input": (Purpose.INFERENCE,),
    "ai-index": (Purpose.INDEX,),
    "search": (Purpose.SEARCH,),
    # Drafts before 1.0.
    "train-ai": TRAINING_USES,
    "train-genai": (Purpose.TRAIN_GEN,),
    "ai-use": (Purpose.INFERENCE,),
    "ai-summarize": (Purpose.INFERENCE,),
}
_CONTENT_PARTS = frozenset({"license", "alternate", "schema", "copyright", "terms"})
_LICENSE_PARTS = frozenset({"permits", "prohibits", "payment", "reporting", "legal"})


@dataclass(frozen=True)
class _License:
    """One licence.

    Attributes:
        permitted: The purposes it permits; None if it does not list any.
        prohibited: The purposes it prohibits.
        prohibits_unknown: Whether it prohibits an unknown use.
        has_conditions: Whether it has conditions.
    """

    permitted: frozenset[Purpose] | None
    prohibited: frozenset[Purpose]
    prohibits_unknown: bool
    has_conditions: bool


def read_rsl(served: ServedFile, url: str, body: bytes) -> Reading:
    """Reads a licence document for one file.

    Args:
        served: The fetched file.
        url: The URL of the document.
        body: The bytes of the document.
    """
    where, digest = without_query(url), raw_sha256(body)
    try:
        contents = [_parse_content(element) for element in _content_elements(parse_xml(body))]
    except ValueError as error:
        return fault_reading(where, f"not an RSL document: {error}", body)
    signals: list[Signal] = []
    for target in served.targets:
        decided: dict[Purpose, tuple[Permission, str]] = {}
        for pattern, licenses in _matching_contents(contents, served.host, target):
            for purpose in ALL_USES:
                value = _combined_value(purpose, licenses)
                if value is not None:
                    _keep_strictest(decided, purpose, value, pattern)
        for purpose, (value, pattern) in decided.items():
            said = f'<content url="{escaped_line(pattern)}"> {value}'
            signals += served.signals((purpose,), value, where, digest, said)
    return Reading(tuple(dict.fromkeys(signals)))


def _keep_strictest(
    decided: dict[Purpose, tuple[Permission, str]],
    purpose: Purpose,
    value: Permission,
    pattern: str,
) -> None:
    """Keeps the first value for a purpose, or a stricter one from an equally long pattern."""
    earlier = decided.get(purpose)
    if earlier is not None:
        stricter = strictest((earlier[0], value)) is not earlier[0]
        if len(earlier[1]) != len(pattern) or not stricter:
            return
    decided[purpose] = (value, pattern)


_Content = tuple[str, list[_License]]


def _matching_contents(contents: list[_Content], host: str, target: str) -> Iterator[_Content]:
    """Yields the contents for a path, longest pattern first."""
    found: list[_Content] = []
    for pattern, licenses in contents:
        path = path_pattern(pattern, host)
        if path is not None and matches_pattern(path, target):
            found.append((path, licenses))
    yield from sorted(found, key=lambda content: -len(content[0]))


def _content_elements(root: Element) -> list[Element]:
    if root.name != "rsl" or not root.in_namespace:
        raise ValueError(f"the root is not an rsl element in the namespace {NAMESPACE}")
    contents = [child for child in root.children if child.in_namespace]
    if not contents or any(child.name != "content" for child in contents):
        raise ValueError("the rsl element must contain one or more content elements only")
    return contents


def _parse_content(element: Element) -> _Content:
    parts = [child for child in element.children if child.in_namespace]
    unknown = next((part.name for part in parts if part.name not in _CONTENT_PARTS), None)
    if unknown is not None:
        raise ValueError(f"a content element contains the unknown element {unknown[:50]}")
    licenses = [part for part in parts if part.name == "license"]
    if "url" not in element.attributes or not licenses:
        raise ValueError("a content element has no url or no license")
    encrypted = element.attributes.get("encrypted", "").strip().casefold() == "true"
    has_conditions = "server" in element.attributes or encrypted
    return element.attributes["url"].strip(), [
        _parse_license(part, has_conditions) for part in licenses
    ]


def _parse_license(element: Element, has_conditions: bool) -> _License:
    permitted: set[Purpose] | None = None
    prohibited: set[Purpose] = set()
    prohibits_unknown = False
    for part in element.children:
        if not part.in_namespace:
            continue
        if part.name not in _LICENSE_PARTS:
            raise ValueError(f"a license element contains the unknown element {part.name[:50]}")
        if part.name in ("permits", "prohibits") and part.children:
            raise ValueError(f"a {part.name} element contains another element")
        is_usage = part.attributes.get("type", "usage").strip().casefold() == "usage"
        words = part.text.casefold().replace(",", " ").split()
        named = {purpose for word in words for purpose in _USE_PURPOSES.get(word, ())}
        if part.name == "permits" and is_usage:
            permitted = (permitted or set()) | named
        elif part.name == "prohibits" and is_usage:
            prohibited |= named
            prohibits_unknown |= any(word not in _USE_PURPOSES for word in words)
        else:
            has_conditions |= part.name != "payment" or not _is_free(part)
    listed = None if permitted is None else frozenset(permitted)
    return _License(listed, frozenset(prohibited), prohibits_unknown, has_conditions)


def _is_free(payment: Element) -> bool:
    kind = payment.attributes.get("type", "free").strip().casefold()
    return kind == "free" and not payment.children


def _combined_value(purpose: Purpose, licenses: list[_License]) -> Permission | None:
    """Returns the permission that one content's licences state for a purpose; None if none."""
    if any(purpose in each.prohibited for each in licenses):
        return Permission.DENY
    if any(each.prohibits_unknown for each in licenses):
        return Permission.CONDITIONAL
    granting = [each for each in licenses if each.permitted is None or purpose in each.permitted]
    if any(not each.has_conditions and each.permitted is not None for each in granting):
        return Permission.ALLOW
    if any(each.has_conditions for each in granting):
        return Permission.CONDITIONAL
    return None if granting else Permission.DENY


@dataclass(frozen=True)
class LicenseLink:
    """A link to a licence document.

    Attributes:
        url: Its absolute target; "" if that is invalid.
        where: Where the link was found.
        raw: The link as written.
    """

    url: str
    where: str
    raw: str


def read_unfetched_licenses(served: ServedFile, links: Iterable[LicenseLink]) -> Reading:
    """Reads links to licences that do not exist, or are on other origins and were not fetched.

    Their terms exist but are not known, so everything is conditional.
    """
    signals: list[Signal] = []
    for link in links:
        said = without_query(link.url or link.raw)
        signals += served.signals(
            ALL_USES, Permission.CONDITIONAL, link.where, raw_sha256(link.raw), said
        )
    return Reading(tuple(signals))
