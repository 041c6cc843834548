"""Hands the RDF of an XMP packet to rdflib, event by event, and only what may hold a statement.

rdflib's own reader would parse the packet a second time, with an XML parser of its own; fed with
events it opens nothing and expands nothing. It also forgives what is not RDF: text beside elements
or attributes is dropped without a word. That text may be a prohibition, so it is refused here.
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

# rdflib warns of every odd URI in a packet. What a packet says is reported by its reading.
logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
SEPARATOR = "\f"  # between namespace and name; no XML document can hold it
_MOST_FED = 20_000  # elements


class BadPacketError(Exception):
    """A packet cannot be read; the message says why."""


@dataclass
class _Open:
    """An element whose end has not come.

    `rdf:RDF` holds nodes; a node holds properties; a property holds a node or text.
    """

    name: tuple[str | None, str]
    is_property: bool
    holds_properties: bool
    takes_text: bool
    text: list[str] = field(default_factory=list)
    has_children: bool = False


class RdfFeed:
    """Takes expat's events of one packet and fills a graph.

    Args:
        keep: Numbers of the properties of top nodes, in document order, that are handed on.
        wanted: Says of an attribute of a top node whether it is handed on; None for every one.
    """

    def __init__(self, keep: frozenset[int], wanted: Callable[[str], bool] | None) -> None:
        self.graph = Graph(SimpleMemory(), bind_namespaces="none")
        self._handler = RDFXMLHandler(self.graph)
        self._handler.setDocumentLocator(Locator())
        self._keep = keep
        self._wanted = wanted
        self._open: list[_Open] = []
        self._skipped = 0  # elements open below a property that is not handed on
        self._property = -1
        self._fed = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element starts."""
        if self._skipped:
            self._skipped += 1
            return
        if not self._open and joined(name) != f"{RDF}RDF":
            return
        if len(self._open) == 2:
            self._property += 1
            if self._property not in self._keep:
                self._skipped = 1
                return
        self._fed += 1
        if self._fed > _MOST_FED:
            raise BadPacketError(f"over {_MOST_FED} elements that may speak of rights")
        if len(self._open) == 1 and self._wanted is not None:
            wanted = self._wanted
            attributes = {k: v for k, v in attributes.items() if _is_syntax(k) or wanted(joined(k))}
        element = self._enter(name, attributes)
        given = {
            _pair(key): value
            for key, value in attributes.items()
            # Languages and types change nothing in what is said, and rdflib judges them.
            if not (key.startswith(XML + SEPARATOR) and not key.endswith("base"))
            and joined(key) not in (f"{RDF}datatype", "datatype")
        }
        # The handler reads names as pairs, as SAX gives them; its annotation forgets the pairs.
        pairs = cast("AttributesImpl[str]", AttributesNSImpl(given, {}))
        self._handler.startElementNS(element.name, None, pairs)

    def _enter(self, name: str, attributes: Mapping[str, str]) -> _Open:
        parent = self._open[-1] if self._open else None
        is_property = parent is not None and parent.holds_properties
        parse_type = attributes.get(f"{RDF}{SEPARATOR}parseType", attributes.get("parseType"))
        if is_property and parse_type not in (None, "Resource", "Collection"):
            raise BadPacketError(f"rdf:parseType={parse_type!r} has no place in XMP")
        if parent is not None:
            parent.has_children = True
            _check_text(parent)
        plain = all(_is_plain(key) for key in attributes)
        element = _Open(
            name=_pair(name),
            is_property=is_property,
            holds_properties=(parse_type == "Resource" if is_property else parent is not None),
            takes_text=is_property and plain and parse_type is None,
        )
        self._open.append(element)
        return element

    def text(self, data: str) -> None:
        """Characters between tags."""
        if self._open and not self._skipped:
            self._open[-1].text.append(data)

    def end(self, name: str) -> None:
        """An element ends."""
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


def _check_text(element: _Open) -> None:
    if element.takes_text and not element.has_children:
        return
    if any(not piece.isspace() for piece in element.text):
        raise BadPacketError("text stands where RDF has none")


def joined(name: str) -> str:
    """A name as RDF reads it: namespace and name in one."""
    return name.replace(SEPARATOR, "", 1)


def _pair(name: str) -> tuple[str | None, str]:
    space, found, local = name.partition(SEPARATOR)
    return (space, local) if found else (None, name)


def _is_syntax(key: str) -> bool:
    return SEPARATOR not in key or key.startswith((RDF, XML))


def _is_plain(key: str) -> bool:
    """Whether a property element with this attribute may hold text."""
    return key.startswith(XML + SEPARATOR) or joined(key) in (
        f"{RDF}ID",
        "ID",
        f"{RDF}datatype",
        "datatype",
    )
