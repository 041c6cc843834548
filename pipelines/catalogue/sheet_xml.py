"""Feeds the XML of a workbook's parts to expat, block by block."""

from __future__ import annotations

from typing import IO
from xml.parsers import expat

BLOCK_BYTES = 1 << 20
BETWEEN = " "  # a name space and the name in it


def new_parser() -> expat.XMLParserType:
    """Returns a parser of names with their name spaces, without document types."""
    parser = expat.ParserCreate(namespace_separator=BETWEEN)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def feed(parser: expat.XMLParserType, source: IO[bytes]) -> None:
    """Parses a part in bounded memory.

    Raises:
        ValueError: If the XML is damaged or has a document type.
    """
    try:
        while block := source.read(BLOCK_BYTES):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ValueError(f"the XML of a part is damaged: {error}") from error


def _refuse_doctype(*_: object) -> None:
    raise ValueError("the XML of a part declares entities, which no spreadsheet does")
