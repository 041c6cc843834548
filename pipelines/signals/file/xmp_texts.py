"""Reads every text of an XMP packet for refusals in plain language, licences and generators."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipelines.signals.file.denials import find_denial
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.text_fields import TextField, read_text_field
from pipelines.signals.file.xmp_vocabulary import is_watched
from schemas.signal import Reading, merge_readings

_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://creativecommons.org/ns#": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
}
_RIGHTS_NAME = re.compile(
    r"rights|copyright|licen[sc]|usage|terms|instruction|constraint|permission|restrict|prohibit|"
    r"webstatement",
    re.IGNORECASE,
)
_TOOL_NAMES = frozenset("CreatorTool Software softwareAgent Credit Source creator Model".split())
_NOTE_NAMES = frozenset(("UserComment", "Comment", "comment", "parameters", "prompt", "workflow"))
# Fields about rights that no other reader keeps.
_KEPT_NAMES = frozenset(
    "UsageTerms Instructions TermsAndConditionsText OtherLicenseRequirements MediaConstraints "
    "RegionConstraints ProductOrServiceConstraints OtherLicenseConditions UserComment".split()
)
# Names that speak of the uses, or refuse any, as far as a value may be no more than yes or no.
_TELLING_NAME = re.compile(
    r"no_?-?(?:image|gen)?_?-?ai\b|noai|(?<!cons)train|mining|gen_?ai|generativeai|machine_?learn|tdm|"
    r"(?:ai|\bml|llm)_?-?(?:us|right|opt|consent|perm|licen|allow)|^(?:allow|permit)\w*(?:ai|ml)$|"
    r"^reuseProhibited$",
    re.IGNORECASE,
)
# Names that refuse what their value names, such as `prohibits` and `ai-train`.
_REFUSING_NAME = re.compile(r"prohibit|forbid|disallow|den(?:y|ied|ies)|exclud", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_-]")
_FALSE_WORDS = frozenset("false 0 no n f off none never".split())
_MAX_SHORT_VALUE = 40
_NO_LANGUAGE = re.compile(r"[\W\d_]*|(?:xmp|uuid|adobe)[.:]\S*|True|False")


def read_xmp_texts(
    texts: Iterable[tuple[str, str]], where: str, sha256: str, phrases: Sequence[str]
) -> Reading:
    """Reads the texts of a packet.

    Args:
        texts: The URI of each property, and its text.
        where: Where the packet stands.
        sha256: Digest of the packet, hex.
        phrases: The deal's own denial phrases.
    """
    readings = []
    for uri, text in texts:
        key, name = _name_of(uri)
        said = "" if is_watched(uri) else _said_by_name(key, text)
        if said:
            field = TextField(key, f"XMP {name}, {where}", said, TextRole.RIGHTS, sha256)
            readings.append(read_text_field(field, phrases))
        if _NO_LANGUAGE.fullmatch(text):
            continue
        where_text = f"XMP {name}, {where}"
        is_kept = key in _KEPT_NAMES
        field = TextField(key, where_text, text, _role_of(key), sha256, is_kept)
        readings.append(read_text_field(field, phrases))
    return merge_readings(readings)


def _said_by_name(key: str, text: str) -> str:
    """What a property says by its name and value, such as `noAI` and `true`; "" if nothing.

    `aiTraining` with `false` is a refusal, and so is `reuseProhibited` with `true`.
    """
    name = _HUMP.sub(" ", key)
    if not _TELLING_NAME.search(key) or len(text) > _MAX_SHORT_VALUE:
        return f"{name}: {text}" if _REFUSING_NAME.search(key) else ""
    is_false = text.strip().casefold() in _FALSE_WORDS
    refuses_by_name = find_denial(f"AI training: {name}", True) is not None
    if refuses_by_name:
        return "" if is_false else f"{name} ({text}): no AI training"
    return f"{name}: not allowed" if is_false else f"{name}: {text}"


def _name_of(uri: str) -> tuple[str, str]:
    """The local name of a property, and its usual name with a prefix."""
    for namespace, prefix in _PREFIXES.items():
        local = uri.removeprefix(namespace)
        if local != uri and re.fullmatch(r"[\w.-]+", local):
            return local, f"{prefix}:{local}"
    local = re.split(r"[/#:]", uri)[-1] or uri
    return local, local or "text"


def _role_of(key: str) -> TextRole:
    if key in _TOOL_NAMES:
        return TextRole.TOOL
    if key in _NOTE_NAMES:
        return TextRole.NOTE
    return TextRole.RIGHTS if _RIGHTS_NAME.search(key) else TextRole.PROSE
