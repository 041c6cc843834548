"""Finds what is written on a sheet beside its cells: notes, threaded comments and text boxes."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.catalogue.sheet_xml import BETWEEN, feed, new_parser

# By the last part of a relationship's type: the element of one note, and the text in it.
_PARTS = {
    "comments": ("comment", frozenset({"t"})),
    "threadedComment": ("threadedComment", frozenset({"text"})),
    "drawing": ("txBody", frozenset({"t"})),
}
_DAMAGED = (LookupError, ValueError, zipfile.BadZipFile, zlib.error, EOFError)


@dataclass(frozen=True)
class SheetNote:
    """A text on a sheet that is in no cell.

    Attributes:
        where: The cell, as `C2`, or `a text box`.
        text: What it says.
    """

    where: str
    text: str


def sheet_notes(archive: zipfile.ZipFile, sheet: str) -> list[SheetNote]:
    """Returns the notes of a sheet, by cells; a thread and the note that stands for it are one.

    What cannot be read counts as a note that says so.

    Args:
        archive: The workbook.
        sheet: The name of the sheet's part in it.
    """
    found: dict[str, SheetNote] = {}
    boxes: list[SheetNote] = []
    try:
        parts = sorted(_parts_of(archive, sheet))
    except _DAMAGED as error:
        return [SheetNote(sheet, f"what belongs to it cannot be read: {error}")]
    for kind, part in parts:
        try:
            notes = _notes_in(archive, part, *_PARTS[kind])
        except _DAMAGED as error:
            notes = [SheetNote(part, f"it cannot be read: {error}")]
        for note in notes:
            if kind == "drawing":
                boxes.append(note)
            elif kind == "threadedComment" and note.where in found:
                before = found[note.where]  # Excel's own words about threads, or an earlier answer
                if note.text not in before.text:
                    found[note.where] = SheetNote(note.where, f"{before.text} {note.text}")
            else:
                found[note.where] = note
    return [note for note in (*found.values(), *boxes) if note.text]


def _parts_of(archive: zipfile.ZipFile, sheet: str) -> Iterator[tuple[str, str]]:
    folder, name = posixpath.split(sheet.removeprefix("/"))
    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    if relations not in archive.namelist():
        return
    found: list[dict[str, str]] = []
    parser = new_parser()
    parser.StartElementHandler = lambda _, attributes: found.append(attributes)
    with archive.open(relations) as source:
        feed(parser, source)
    for relation in found:
        kind = relation.get("Type", "").rpartition("/")[2]
        target = relation.get("Target", "")
        if kind in _PARTS and relation.get("TargetMode") != "External":
            yield kind, posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


class _Reading:
    """Collects the notes of one part."""

    def __init__(self, element: str, texts: frozenset[str]) -> None:
        self.notes: list[SheetNote] = []
        self._element = element
        self._texts = texts
        self._where = ""
        self._words: list[str] = []
        self._is_text = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if name == self._element:
            self._where, self._words = attributes.get("ref", "a text box"), []
        self._is_text = name in self._texts

    def characters(self, text: str) -> None:
        if self._is_text:
            self._words.append(text)

    def end(self, tag: str) -> None:
        self._is_text = False
        if _local(tag) == self._element:
            self.notes.append(SheetNote(self._where, " ".join("".join(self._words).split())))


def _notes_in(
    archive: zipfile.ZipFile, part: str, element: str, texts: frozenset[str]
) -> list[SheetNote]:
    reading, parser = _Reading(element, texts), new_parser()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    with archive.open(part) as source:
        feed(parser, source)
    return reading.notes


def _local(tag: str) -> str:
    return tag.rpartition(BETWEEN)[2]
