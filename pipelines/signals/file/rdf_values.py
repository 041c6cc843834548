"""Finds the values of a property in an RDF graph, in whatever structure they are written."""

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
        text: The literal or the URI, without surrounding white space.
        nested: Whether it comes from inside a structure where a single value was expected.
    """

    text: str
    nested: bool = False


def property_values(graph: Graph, predicates: Iterable[str]) -> list[PropertyValue]:
    """Returns every value of the given properties, of any subject, sorted.

    Members of containers and lists, and values given by `rdf:value`, count as the values
    themselves. A structure yields its contents, marked as nested; an empty one yields "".
    """
    values = {value for uri in predicates for value in graph.objects(None, URIRef(uri))}
    found = {PropertyValue("")} if _NIL in values else set[PropertyValue]()
    # Each node is visited once however often it is referenced, so cycles end and cost is linear.
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
    if values and not found:  # nothing but cycles
        found.add(PropertyValue("", nested=True))
    return sorted(found)


def _is_member(predicate: Node) -> bool:
    """Whether the object is the value itself: a member of a container or list, or `rdf:value`."""
    return predicate in _DIRECT or str(predicate).startswith(f"{RDF}_")
