"""Parses a licence document's XML safely: within limits, without type or entity declarations."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

NAMESPACE = "https://rslstandard.org/rsl"
_MAX_DEPTH = 32
_MAX_ELEMENTS = 50_000


@dataclass
class Element:
    """An XML element.

    Attributes:
        name: Local name.
        in_namespace: Whether it is in RSL's namespace.
        attributes: Its attributes without a namespace.
        text: All text directly within it.
        children: The elements within it.
    """

    name: str
    in_namespace: bool
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= _MAX_DEPTH or self._count > _MAX_ELEMENTS:
            raise ValueError("too deep or too many elements")
        namespace, _, local = name.rpartition(" ")
        plain = {key: value for key, value in attributes.items() if " " not in key}
        element = Element(local, namespace.rstrip("/") == NAMESPACE, plain)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def doctype(self, *_: object) -> None:
        raise ValueError("it has a document type declaration")


def parse_xml(body: bytes) -> Element:
    """Parses a document.

    Raises:
        ValueError: If it is not well formed, declares a document type, or has too many elements
            or too many levels.
    """
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    # Without a declaration only XML's five built-in entities exist, so nothing can be expanded.
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"not well-formed XML ({error})") from error
    if builder.root is None:
        raise ValueError("it has no element")
    return builder.root
