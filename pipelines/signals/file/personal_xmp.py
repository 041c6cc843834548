"""Kinds of personal data in an XMP packet, by the names of its properties."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.signals.file.contact_texts import personal_kinds
from pipelines.signals.file.people_vocabulary import PEOPLE_PROPERTIES
from pipelines.signals.file.rdf_feed import BadPacketError
from pipelines.signals.file.rights_fields import is_rights_property
from pipelines.signals.file.xmp import parse_packet
from schemas.signal import PersonalKind

_LOCAL_NAME = re.compile(r"[^/#:]*$")
_IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
_NAME_PROPERTIES = frozenset(
    "creator artist author authors byline by-line photographer captionwriter writer editor owner "
    "ownername cameraowner cameraownername imagecreator imagecreatorname imagesuppliername "
    "aipromptwritername contributor contributorname aocreator director producer cameraman "
    "licenseename endusername".split()
)
_PERSON_PROPERTIES = frozenset(
    "personinimage personname personheard persondisplayname personemaildigest personliveidcid "
    "modelage modelname".split()
)
_CONTACT_PROPERTY = re.compile(r"ci(?:email|tel|adr|url)\w*|e-?mail\w*|tele?phone\w*|phone\w*")
_POSITION = re.compile(
    r"gps(?!versionid|mapdatum|dop|differential|satellites)\w*|.*l(?:at|ong)itude\w*"
)
_SERIAL_NUMBER = re.compile(r".*serial(?:number|no)?")


def xmp_kinds(raw: bytes) -> Iterator[tuple[PersonalKind, str]]:
    """Yields each kind of personal data in a packet, with the name of the property.

    A packet that cannot be parsed yields none: it is a fault of its own.
    """
    try:
        texts = parse_packet(raw, _nothing_watched).texts
    except BadPacketError:
        return
    for uri, text in texts:
        if is_rights_property(uri) or not text.strip("\0 \t\r\n"):
            continue
        name = _local_name(uri)
        kind = _kind_of(uri, name.casefold(), text)
        if kind is not None:
            yield kind, f"XMP {name}"
        for found in personal_kinds(text):
            yield found, f"XMP {name}"


def _nothing_watched(_: str) -> bool:
    return False


def _local_name(uri: str) -> str:
    found = _LOCAL_NAME.search(uri)
    return (found[0] if found else "") or "text"


def _kind_of(uri: str, name: str, text: str) -> PersonalKind | None:
    if uri in PEOPLE_PROPERTIES or name in _PERSON_PROPERTIES:
        return PersonalKind.PERSON
    if name in _NAME_PROPERTIES:
        return PersonalKind.NAME
    if _POSITION.fullmatch(name) and any(map(str.isdigit, text)):
        return PersonalKind.GPS
    if _SERIAL_NUMBER.fullmatch(name):
        return PersonalKind.SERIAL_NUMBER
    if _CONTACT_PROPERTY.fullmatch(name) or (uri.startswith(_IPTC_CORE) and name[:2] == "ci"):
        return PersonalKind.CONTACT
    return None
