"""Reads every text of an XMP packet for refusals in plain language, licences and generators."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.text_fields import TextField, read_text_field
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
        if _NO_LANGUAGE.fullmatch(text):
            continue
        key, name = _name_of(uri)
        where_text = f"XMP {name}, {where}"
        is_kept = key in _KEPT_NAMES
        field = TextField(key, where_text, text, _role_of(key), sha256, is_kept)
        readings.append(read_text_field(field, phrases))
    return merge_readings(readings)


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
