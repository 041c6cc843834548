"""What XMP says of the people shown: ages, names, and faces that were marked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rdflib import Graph, URIRef

from pipelines.signals.file.people_vocabulary import (
    MARKED,
    MODEL_AGE,
    MODEL_INFO,
    NAMES,
    PERSON,
    PERSON_DETAILS,
    PERSON_NAME,
    REGION_TYPES,
    TAGS,
    TYPES,
)
from pipelines.signals.file.rdf_values import property_values
from schemas.signal import AssertionKind

_HUMAN = re.compile(r"imageregiontype/(?:human|face|person)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,3}")
_INFANT = re.compile(
    r"month|\bmos?\b|week|\bwks?\b|\bdays?\b|monat|woche|\bmois\b|semaine|mes(?:es|i)\b"
)
_BELOW = re.compile(r"under|below|less|young|unter|moins|menor|minor|<")
_PEOPLE_TAG = re.compile(
    r"(?:people|persons?|faces?|personen|menschen|personn?es|persone|pessoas)\s*[|/\\]",
    re.IGNORECASE,
)
_NOBODY = frozenset(("", "-", "no", "none", "n/a", "na", "0", "not applicable", "unknown"))


def people_assertions(graph: Graph) -> Iterator[tuple[AssertionKind, str, str]]:
    """Kind, value and property of everything a packet says of the people shown."""
    ages = [item.text for item in property_values(graph, MODEL_AGE) if item.text]
    for age in ages:
        yield AssertionKind.MODEL_AGE, _youngest(age), "ModelAge"
    named = {item.text.casefold() for item in property_values(graph, PERSON) if item.text}
    details = _subjects(graph, PERSON_NAME)
    details |= {value for uri in PERSON_DETAILS for value in graph.objects(None, URIRef(uri))}
    people_names = {item.text.casefold() for item in property_values(graph, PERSON_NAME)}
    counts = {
        "ModelAge": len(ages),
        "PersonInImage": len(named),
        "PersonInImageWDetails": max(len(people_names), 1 if details else 0),
        "face regions": _face_count(graph),
        "marked persons": len(_subjects(graph, MARKED)),
        "a keyword below People": int(
            any(_PEOPLE_TAG.match(item.text) for item in property_values(graph, TAGS))
        ),
        "AddlModelInfo": int(
            any(i.text.casefold() not in _NOBODY for i in property_values(graph, MODEL_INFO))
        ),
        "ImageRegion": sum(
            bool(_HUMAN.search(item.text)) for item in property_values(graph, REGION_TYPES)
        ),
    }
    for name, count in counts.items():
        if count:
            yield AssertionKind.PEOPLE_SHOWN, str(count), name


def _youngest(age: str) -> str:
    """The lowest age in years that a text may mean; the text where it has no number.

    "16-18" is as young as its first number, an age in months or weeks is that of a baby, and "under
    18" is younger than its number.
    """
    numbers = [int(number) for number in _NUMBER.findall(age)]
    if not numbers:
        return age
    if _INFANT.search(age.casefold()):
        return "0"
    return str(max(0, min(numbers) - bool(_BELOW.search(age.casefold()))))


def _subjects(graph: Graph, predicates: tuple[str, ...]) -> set[object]:
    return {subject for uri in predicates for subject in graph.subjects(URIRef(uri), None)}


def _face_count(graph: Graph) -> int:
    """Regions of type face, and those that have a name and no type."""
    typed: dict[object, str] = {}
    for uri in TYPES:
        for subject, value in graph.subject_objects(URIRef(uri)):
            typed[subject] = str(value).strip().casefold()
    faces = {subject for subject, kind in typed.items() if kind in ("face", "person", "people")}
    return len(faces | (_subjects(graph, NAMES) - typed.keys()))
