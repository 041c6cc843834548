"""Checks policies against the rules of the ODRL 2.2 information model, as W3C states them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rdflib import RDF, BNode, Graph, Literal, URIRef
from rdflib.term import Node

ODRL = "http://www.w3.org/ns/odrl/2/"
FS = "https://fairshard.invalid/ns/odrl#"
RULES = {"permission": "Permission", "prohibition": "Prohibition", "obligation": "Duty"}
KNOWN_LEFT = {ODRL + name for name in ("spatial", "dateTime", "payAmount")} | {
    FS + name for name in ("plusConstraint", "relyingOn")
}
KNOWN_OPERATORS = {ODRL + name for name in ("eq", "gteq", "lteq", "isAnyOf")}

_offline = False


def _hook(event: str, _: tuple[object, ...]) -> None:
    if _offline and event.startswith(("socket.", "urllib.")):
        raise AssertionError(f"the network was used: {event}")


sys.addaudithook(_hook)


@contextmanager
def offline() -> Iterator[None]:
    """Makes any use of sockets within the block fail the test."""
    global _offline
    _offline = True
    try:
        yield
    finally:
        _offline = False


def triples(text: str | bytes) -> Graph:
    """Returns a JSON-LD document as triples, without using the network."""
    graph = Graph()
    with offline():
        graph.parse(data=text, format="json-ld")
    return graph


def odrl(name: str) -> URIRef:
    return URIRef(ODRL + name)


def fs(name: str) -> URIRef:
    return URIRef(FS + name)


def one(graph: Graph, subject: Node, name: str) -> Node:
    """Returns the only value of an ODRL property."""
    values = list(graph.objects(subject, odrl(name)))
    assert len(values) == 1, (subject, name, values)
    return values[0]


def check_policy(graph: Graph) -> URIRef:
    """Checks the graph's only policy and returns its IRI."""
    found = [
        (subject, kind)
        for kind in ("Agreement", "Set", "Offer", "Policy")
        for subject in graph.subjects(RDF.type, odrl(kind))
    ]
    assert len(found) == 1
    policy, kind = found[0]
    assert isinstance(policy, URIRef)  # uid
    assert isinstance(one(graph, policy, "profile"), URIRef)
    assert one(graph, policy, "conflict") in {
        odrl(term) for term in ("perm", "prohibit", "invalid")
    }
    rules = [(name, rule) for name in RULES for rule in graph.objects(policy, odrl(name))]
    assert rules
    if kind == "Agreement":
        assert isinstance(one(graph, policy, "assigner"), URIRef)
        assert isinstance(one(graph, policy, "assignee"), URIRef)
    for name, rule in rules:
        _check_rule(graph, name, rule)
    _check_constraints(graph)
    _check_properties(graph)
    return policy


def _check_rule(graph: Graph, name: str, rule: Node) -> None:
    assert (rule, RDF.type, odrl(RULES[name])) in graph
    _check_action(graph, one(graph, rule, "action"))
    if name != "obligation":
        assert isinstance(one(graph, rule, "target"), URIRef)
    for party in ("assigner", "assignee"):
        assert isinstance(one(graph, rule, party), URIRef)
    duties = list(graph.objects(rule, odrl("duty")))
    assert name == "permission" or not duties
    for duty in duties:
        assert (duty, RDF.type, odrl("Duty")) in graph
        _check_action(graph, one(graph, duty, "action"))


def _check_action(graph: Graph, action: Node) -> None:
    """Checks that an action is a term, or a node with the term as its value and refinements."""
    if (action, RDF.value, None) in graph:
        assert list(graph.objects(action, odrl("refinement")))
        (action,) = graph.objects(action, RDF.value)
    assert isinstance(action, URIRef)
    assert str(action).startswith((ODRL, FS))


def _check_constraints(graph: Graph) -> None:
    reached = {*graph.objects(None, odrl("constraint")), *graph.objects(None, odrl("refinement"))}
    assert reached == set(graph.subjects(RDF.type, odrl("Constraint")))
    for constraint in reached:
        left = str(one(graph, constraint, "leftOperand"))
        operator = str(one(graph, constraint, "operator"))
        assert left in KNOWN_LEFT and operator in KNOWN_OPERATORS
        right = list(graph.objects(constraint, odrl("rightOperand")))
        assert right and (operator == ODRL + "isAnyOf" or len(right) == 1)
        assert not any(isinstance(value, BNode) for value in right)
        if left == ODRL + "payAmount":
            assert isinstance(right[0], Literal) and str(right[0].datatype).endswith("#decimal")
            assert isinstance(one(graph, constraint, "unit"), URIRef)
        if left == ODRL + "dateTime":
            assert isinstance(right[0], Literal) and str(right[0].datatype).endswith("#date")
        if left == ODRL + "spatial":
            assert all(isinstance(value, URIRef) for value in right)


def _check_properties(graph: Graph) -> None:
    """Checks that all properties are those of ODRL or our profile, or types, values or names."""
    others = {RDF.type, RDF.value, URIRef("http://www.w3.org/2006/vcard/ns#fn")}
    for _, predicate, _ in graph:
        assert predicate in others or str(predicate).startswith((ODRL, FS)), predicate
