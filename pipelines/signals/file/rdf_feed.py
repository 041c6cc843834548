"""Passes the RDF of an XMP packet to rdflib as parser events, limited to possible statements.

rdflib's own reader would parse the packet a second time, with its own XML parser. Given events, it
opens no files and expands no entities. It also tolerates input that is not RDF: text next to
elements or attributes is silently dropped. That text may be a prohibition, so it is rejected here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast
from xml.sax.xmlreader import AttributesImpl, AttributesNSImpl, Locator

from rdflib import Graph
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler
from rdflib.plugins.stores.memory import SimpleMemory

# rdflib warns about every unusual URI in a packet. The reading reports what a packet states.
logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
SEPARATOR = "\f"  # between namespace and name; not a legal character in XML
_MAX_ELEMENTS = 20_000


class BadPacketError(Exception):
    """Raised when a packet cannot be read; the message says why."""


@dataclass
class _OpenElement:
    """An element whose end tag has not been read yet.

    `rdf:RDF` contains nodes, a node contains properties, and a property contains a node or text.
    """

    name: tuple[str | None, str]
    is_property: bool
    holds_properties: bool
    takes_text: bool
    text: list[str] = field(default_factory=list)
    has_children: bool = False


class RdfFeed:
    """Receives expat's events for one packet and fills a graph.

    Args:
        kept: Numbers, in document order, of the properties of top-level nodes to pass on.
        is_wanted: Whether an attribute of a top-level node is passed on; None passes all on.
    """

    def __init__(self, kept: frozenset[int], is_wanted: Callable[[str], bool] | None) -> None:
        self.graph = Graph(SimpleMemory(), bind_namespaces="none")
        self._handler = RDFXMLHandler(self.graph)
        self._handler.setDocumentLocator(Locator())
        self._kept = kept
        self._is_wanted = is_wanted
        self._open: list[_OpenElement] = []
        self._skipped = 0  # open elements in a property that is not passed on, itself included
        self._property = -1
        self._element_count = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Handles the start of an element."""
        if self._skipped:
            self._skipped += 1
            return
        if not self._open and full_name(name) != f"{RDF}RDF":
            return
        if len(self._open) == 2:
            self._property += 1
            if self._property not in self._kept:
                self._skipped = 1
                return
        self._element_count += 1
        if self._element_count > _MAX_ELEMENTS:
            raise BadPacketError(f"over {_MAX_ELEMENTS} elements that may concern rights")
        if len(self._open) == 1 and self._is_wanted is not None:
            is_wanted = self._is_wanted
            attributes = {
                k: v for k, v in attributes.items() if _is_rdf_syntax(k) or is_wanted(full_name(k))
            }
        element = self._push(name, attributes)
        forwarded = {
            _name_pair(key): value
            for key, value in attributes.items()
            # Languages and datatypes do not change the statement, and rdflib may reject them.
            if not (key.startswith(XML + SEPARATOR) and not key.endswith("base"))
            and full_name(key) not in (f"{RDF}datatype", "datatype")
        }
        # The handler expects names as pairs, as SAX gives them, but its annotation says `str`.
        pairs = cast("AttributesImpl[str]", AttributesNSImpl(forwarded, {}))
        self._handler.startElementNS(element.name, None, pairs)

    def _push(self, name: str, attributes: Mapping[str, str]) -> _OpenElement:
        parent = self._open[-1] if self._open else None
        is_property = parent is not None and parent.holds_properties
        parse_type = attributes.get(f"{RDF}{SEPARATOR}parseType", attributes.get("parseType"))
        if is_property and parse_type not in (None, "Resource", "Collection"):
            raise BadPacketError(f"rdf:parseType={parse_type!r} is not allowed in XMP")
        if parent is not None:
            parent.has_children = True
            _check_text(parent)
        allows_text = all(_allows_text(key) for key in attributes)
        element = _OpenElement(
            name=_name_pair(name),
            is_property=is_property,
            holds_properties=(parse_type == "Resource" if is_property else parent is not None),
            takes_text=is_property and allows_text and parse_type is None,
        )
        self._open.append(element)
        return element

    def text(self, data: str) -> None:
        """Handles characters between tags."""
        if self._open and not self._skipped:
            self._open[-1].text.append(data)

    def end(self, name: str) -> None:
        """Handles the end of an element."""
        if self._skipped:
            self._skipped -= 1
            return
        if not self._open:
            return
        element = self._open.pop()
        _check_text(element)
        if element.takes_text and not element.has_children and element.text:
            self._handler.characters("".join(element.text))
        self._handler.endElementNS(element.name, None)


def _check_text(element: _OpenElement) -> None:
    if element.takes_text and not element.has_children:
        return
    if any(not piece.isspace() for piece in element.text):
        raise BadPacketError("text appears where RDF allows none")


def full_name(name: str) -> str:
    """Returns a name as RDF reads it: namespace and local name joined."""
    return name.replace(SEPARATOR, "", 1)


def _name_pair(name: str) -> tuple[str | None, str]:
    space, found, local = name.partition(SEPARATOR)
    return (space, local) if found else (None, name)


def _is_rdf_syntax(key: str) -> bool:
    return SEPARATOR not in key or key.startswith((RDF, XML))


def _allows_text(key: str) -> bool:
    """Whether a property element with this attribute may hold text."""
    return key.startswith(XML + SEPARATOR) or full_name(key) in (
        f"{RDF}ID",
        "ID",
        f"{RDF}datatype",
        "datatype",
    )
