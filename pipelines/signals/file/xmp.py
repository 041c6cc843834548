"""Parses one XMP packet from bytes to an RDF graph, with limits and without outside access.

XMP Specification Part 1 (ISO 16684-1) uses a subset of RDF/XML. The same statement can be an
attribute or an element, have any prefix, be a literal or an `rdf:resource`, and have qualifiers or
none. As triples, all these spellings are the same.

A packet is read twice:

1. *Survey*: expat alone, with limits and without document types, finds the properties that may
   hold a statement. Most packets have none and need no second step.
2. *Feed*: the events of those properties go to rdflib, see `rdf_feed`.

Nothing here opens a file or a connection: no entity can be declared, and no address is fetched.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.parsers import expat

from rdflib import Graph

from pipelines.signals.file.metadata_blocks import MAX_PACKET_BYTES
from pipelines.signals.file.rdf_feed import RDF, SEPARATOR, XML, BadPacketError, RdfFeed, full_name

_MAX_DEPTH = 100  # nested elements
_MAX_ELEMENTS = 500_000
_MAX_ATTRIBUTES = 500_000
PROHIBITED = re.compile(r"DMI-PROHIBITED[A-Z-]*")
_NODE_NAMES = frozenset(
    name for local in ("about", "ID", "nodeID") for name in (local, f"{RDF}{local}")
)
_VALUE_ATTRIBUTES = frozenset(f"{RDF}{local}" for local in ("value", "resource", "about"))
_NO_ELEMENTS = 3  # expat's XML_ERROR_NO_ELEMENTS
_DECLARED_ENCODING = re.compile(
    r"""\s*<\?xml\s[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']"""
)
_SINGLE_BYTE = {"iso-8859-1": "latin-1", "latin1": "latin-1", "us-ascii": "ascii", "ascii": "ascii"}
_SINGLE_BYTE |= {"windows-1252": "cp1252"}
_UNICODE = frozenset(
    "utf-8 utf8 utf-16 utf-16le utf-16be utf-32 utf-32le utf-32be ucs-2 ucs-4"
    " iso-10646-ucs-2 iso-10646-ucs-4".split()
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)


@dataclass(frozen=True)
class XmpPacket:
    """What one packet states.

    Attributes:
        graph: Its triples, those alone that may hold a statement; None where it holds none.
        prohibitions: Every PLUS code of a prohibition that stands in a value, wherever that is, in
            a comment or in a processing instruction, which a broken packet may end up in.
        texts: Every text, with the URI of the property that it belongs to.
    """

    graph: Graph | None
    prohibitions: frozenset[str]
    texts: tuple[tuple[str, str], ...] = ()


def parse_packet(raw: bytes, is_watched: Callable[[str], bool]) -> XmpPacket:
    """Parses one packet.

    Args:
        raw: The packet, with or without its wrapper.
        is_watched: Whether the property with a given URI is read.

    Raises:
        BadPacketError: If it cannot be read, so that it may have stated anything.
    """
    if len(raw) > MAX_PACKET_BYTES:
        raise BadPacketError(f"{len(raw)} bytes exceed the limit of {MAX_PACKET_BYTES}")
    text = decode_packet(raw)
    survey = _Survey(is_watched)
    _parse_xml(text, survey.start, survey.end, survey.text, survey.other_text)
    prohibitions, texts = frozenset(survey.prohibitions), tuple(survey.texts)
    if not survey.has_statements:
        return XmpPacket(None, prohibitions, texts)
    if not survey.has_rdf:
        raise BadPacketError("a statement appears outside rdf:RDF")
    has_base = survey.has_base  # names may be relative to it, so all of them are passed on
    feed = RdfFeed(
        frozenset(range(survey.property_count)) if has_base else frozenset(survey.relevant),
        None if has_base else is_watched,
    )
    try:
        _parse_xml(text, feed.start, feed.end, feed.text)
    except BadPacketError:
        raise
    # rdflib has no documented set of errors for invalid RDF: KeyError, TypeError, its own, others.
    except Exception as error:
        raise BadPacketError(f"not RDF/XML: {error}") from error
    return XmpPacket(feed.graph, prohibitions, texts)


def decode_packet(raw: bytes) -> str:
    """Returns a packet's text, without padding and byte order mark.

    Raises:
        BadPacketError: If it is in no encoding that XMP allows.
    """
    encoding = _encoding(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadPacketError(f"not {encoding}: {error.reason} at byte {error.start}") from error
    text = text.strip("\ufeff\0 \t\r\n")
    declared = _DECLARED_ENCODING.match(text)
    name = declared[1].lower() if declared else "utf-8"
    if name not in _UNICODE and _SINGLE_BYTE.get(name) != encoding:
        raise BadPacketError(f"the encoding {name} is not allowed in XMP")
    return text


def _encoding(raw: bytes) -> str:
    """Returns the encoding shown by the first bytes, else the declared one, else UTF-8."""
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return name
    zeros = tuple(byte == 0 for byte in raw[:4])
    if zeros == (True, True, True, False):
        return "utf-32-be"
    if zeros == (False, True, True, True):
        return "utf-32-le"
    if zeros[:2] == (True, False):
        return "utf-16-be"
    if zeros[:2] == (False, True):
        return "utf-16-le"
    declared = _DECLARED_ENCODING.match(raw[:300].decode("latin-1"))
    return _SINGLE_BYTE.get(declared[1].lower(), "utf-8") if declared else "utf-8"


class _Survey:
    """Enforces the limits of a packet, and finds the properties that may hold a statement."""

    def __init__(self, is_watched: Callable[[str], bool]) -> None:
        self.relevant: set[int] = set()
        self.prohibitions: set[str] = set()
        self.texts: dict[tuple[str, str], None] = {}
        self._names: list[str] = []
        self.has_statements = self.has_rdf = self.has_base = False
        self.property_count = 0
        self._is_watched = is_watched
        self._depth = self._rdf_depth = self._elements = self._attributes = 0
        self._pieces: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._flush()
        self._depth += 1
        self._elements += 1
        self._attributes += len(attributes)
        self._names.append(full_name(name))
        if self._depth > _MAX_DEPTH:
            raise BadPacketError(f"elements nested more than {_MAX_DEPTH} deep")
        if self._elements > _MAX_ELEMENTS or self._attributes > _MAX_ATTRIBUTES:
            raise BadPacketError(f"over {_MAX_ELEMENTS} elements or attributes")
        uri = full_name(name)
        if uri == f"{RDF}RDF" and not self._rdf_depth:
            self.has_rdf, self._rdf_depth = True, self._depth
        level = self._depth - self._rdf_depth if self._rdf_depth else 0
        self.property_count += level == 2
        has_statement = self._is_watched(uri)
        is_linked = False
        for key, value in attributes.items():
            attribute = full_name(key)
            has_statement |= self._is_watched(attribute)
            is_linked |= attribute in _NODE_NAMES
            if key == f"{XML}{SEPARATOR}base":
                # A relative name may resolve to any property.
                self.has_base = has_statement = True
            self.find_prohibitions(value)
            is_syntax = attribute.startswith(RDF) and attribute not in _VALUE_ATTRIBUTES
            if not is_syntax and not attribute.startswith(XML):
                self._add_text(attribute, value)
        self.has_statements |= has_statement
        if level >= 2 and (has_statement or is_linked):
            self.relevant.add(self.property_count - 1)

    def text(self, data: str) -> None:
        self._pieces.append(data)

    def end(self, name: str) -> None:
        self._flush()
        self._names.pop()
        if self._depth == self._rdf_depth:
            self._rdf_depth = 0
        self._depth -= 1

    def other_text(self, text: str) -> None:
        """Looks into a comment or a processing instruction."""
        self.find_prohibitions(text)
        self._add_text("comment", text)

    def find_prohibitions(self, text: str) -> None:
        """Records the codes of prohibitions in a text."""
        if "DMI-" in text:
            self.prohibitions.update(PROHIBITED.findall(text))

    def _flush(self) -> None:
        if self._pieces:
            text = "".join(self._pieces)
            self._pieces.clear()
            self.find_prohibitions(text)
            self._add_text("", text)

    def _add_text(self, name: str, text: str) -> None:
        """Keeps a text with its property: an attribute's own, or the innermost that is no RDF."""
        if name.startswith(RDF) or not name:
            name = next((one for one in reversed(self._names) if not one.startswith(RDF)), "")
        if text and not text.isspace():
            self.texts[name, text.strip()] = None


def _parse_xml(
    text: str,
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None],
    characters: Callable[[str], None],
    on_other_text: Callable[[str], None] | None = None,
) -> None:
    """Parses XML text without a document type; an empty text gives no events.

    Raises:
        BadPacketError: If it is not well-formed or declares a document type, or from a handler.
    """
    has_started = False

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal has_started
        has_started = True
        start(name, attributes)

    # The text is decoded already, so expat ignores the encoding that the document declares.
    parser = expat.ParserCreate(None, SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    if on_other_text:
        parser.CommentHandler = on_other_text
        parser.ProcessingInstructionHandler = lambda target, data: on_other_text(f"{target} {data}")
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        if error.code == _NO_ELEMENTS and not has_started:
            return
        raise BadPacketError(f"not well-formed XML: {error}") from error


def _refuse_doctype(name: str, *_: object) -> None:
    raise BadPacketError(f"document type {name!r} is not allowed in XMP")
