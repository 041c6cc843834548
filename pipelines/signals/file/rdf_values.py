"""The values of a property in a graph, whatever structure they were written in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rdflib import Graph, URIRef
from rdflib.term import Literal, Node

from pipelines.signals.file.rdf_feed import RDF

_TYPE, _VALUE = URIRef(f"{RDF}type"), URIRef(f"{RDF}value")
_CONTAINERS = frozenset(URIRef(f"{RDF}{name}") for name in ("Bag", "Seq", "Alt"))
_DIRECT = frozenset(URIRef(f"{RDF}{name}") for name in ("first", "rest", "value"))
_NIL = URIRef(f"{RDF}nil")


@dataclass(frozen=True, order=True)
class PropertyValue:
    """One value of a property.

    Attributes:
        text: The literal or the URI, without white space around it.
        nested: Whether it is what a structure holds, where one value was due.
    """

    text: str
    nested: bool = False


def property_values(graph: Graph, predicates: Iterable[str]) -> list[PropertyValue]:
    """Every value of some properties, of whatever they are said, sorted.

    Members of containers and lists, and what `rdf:value` qualifies, count as the values themselves.
    A structure gives what it holds, marked as nested; one that holds nothing gives the empty text.
    """
    values = {value for uri in predicates for value in graph.objects(None, URIRef(uri))}
    found = {PropertyValue("")} if _NIL in values else set[PropertyValue]()
    # Each node is followed once, however often it is named: circles end, and the cost is linear.
    pending, visited = [(value, False) for value in values], set[tuple[Node, bool]]()
    while pending:
        node, nested = pending.pop()
        if (node, nested) in visited or node == _NIL:
            continue
        visited.add((node, nested))
        if isinstance(node, Literal):
            found.add(PropertyValue(str(node).strip(), nested))
            continue
        statements = [(p, o) for p, o in graph.predicate_objects(node) if p != _TYPE]
        pending.extend((o, nested) for p, o in statements if _is_member(p))
        if isinstance(node, URIRef):
            found.add(PropertyValue(str(node).strip(), nested))
        elif not statements:
            is_container = any(o in _CONTAINERS for o in graph.objects(node, _TYPE))
            found.add(PropertyValue("", nested or not is_container))
        elif not any(p == _VALUE for p, _ in statements):
            pending.extend((o, True) for p, o in statements if not _is_member(p))
    if values and not found:  # circles alone
        found.add(PropertyValue("", nested=True))
    return sorted(found)


def _is_member(predicate: Node) -> bool:
    """Whether what follows is the value itself: of a container, of a list, or with qualifiers."""
    return predicate in _DIRECT or str(predicate).startswith(f"{RDF}_")
