"""Reads a JSON file that is one array of objects, object by object."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.values import shorten
from schemas.errors import InputError

MAX_OBJECT_CHARACTERS = 16 * 2**20
_BLOCK_CHARACTERS = 2**20
_BLANKS = " \t\r\n"  # of JSON


class StrictDecoder:
    """Decodes JSON, and notes keys that appear twice and numbers that JSON does not have.

    Attributes:
        problem: The first such problem in the value that was decoded last, or "".
    """

    def __init__(self) -> None:
        self.problem = ""
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant
        )

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        record = dict(pairs)
        if len(record) != len(pairs):
            self.problem = self.problem or "a key appears twice"
        return record

    def _constant(self, name: str) -> object:
        self.problem = self.problem or f"{name} is not valid JSON"
        return None

    def decode(self, text: str) -> object:
        """Returns the value that a text is.

        Raises:
            ValueError: If it is none, or has a problem.
        """
        self.problem = ""
        value: object = self._decoder.decode(text)
        if self.problem:
            raise ValueError(self.problem)
        return value

    def decode_at(self, text: str, start: int) -> tuple[object, int]:
        """Returns the value that begins at a position, and where it ends.

        Raises:
            ValueError: If there is none, or it goes on beyond the text.
        """
        self.problem = ""
        return self._decoder.raw_decode(text, start)


def find_json_form(stream: BinaryIO, origin: str) -> str:
    """Returns whether a `.json` file is one array (`json`) or has one object a line (`jsonl`).

    Raises:
        InputError: If it is neither.
    """
    head = _text_of(stream).read(MAX_OBJECT_CHARACTERS).lstrip(BLANK_CHARACTERS)
    if head.startswith("["):
        return "json"
    line = head.partition("\n")[0].rstrip(_BLANKS)
    try:
        value, end = StrictDecoder().decode_at(line, 0)
    except (ValueError, RecursionError):
        value, end = None, 0
    if not isinstance(value, dict) or end != len(line):
        raise InputError(
            "A JSON file is neither an array of objects nor one object a line",
            f"{origin}: it begins with {shorten(line) or 'nothing'}",
            "Write an array of objects, or one object a line.",
        )
    return "jsonl"


def _text_of(stream: BinaryIO) -> io.TextIOWrapper:
    buffered = io.BufferedReader(cast(io.RawIOBase, stream))
    return io.TextIOWrapper(buffered, "utf-8-sig", errors="surrogateescape", newline="")


def array_rows(stream: BinaryIO, origin: str) -> Iterator[tuple[int, dict[str, object] | str]]:
    """Yields the number of each item of the array, from 1, with the object or what is wrong.

    Raises:
        InputError: If the array is damaged, since its items cannot be told apart then.
    """
    decoder = StrictDecoder()
    text = _Text(_text_of(stream), origin)
    text.take("[", 0)
    number = 0
    more = text.next_character() != "]"
    while more:
        number += 1
        value, problem = text.take_value(decoder, number)
        if problem:
            yield number, f"not JSON: {problem}"
        elif isinstance(value, dict):
            yield number, value
        else:
            yield number, f"not a JSON object: {shorten(value)}"
        more = text.next_character() != "]"
        if more:
            text.take(",", number)
    text.take("]", number)
    if text.next_character():
        raise text.damaged("text after the array", number)


class _Text:
    """The text of a file from a position on, which grows as it is needed."""

    def __init__(self, stream: io.TextIOWrapper, origin: str) -> None:
        self._stream = stream
        self._origin = origin
        self._text = ""
        self._at = 0
        self._ended = False

    def _read_more(self) -> bool:
        block = self._stream.read(_BLOCK_CHARACTERS)
        self._ended = not block
        self._text = self._text[self._at :] + block
        self._at = 0
        return not self._ended

    def next_character(self) -> str:
        """Returns the next character that is no blank; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANKS:
                    return self._text[self._at]
                self._at += 1
            if not self._read_more():
                return ""

    def take(self, character: str, number: int) -> None:
        found = self.next_character()
        if found != character:
            seen = f"{found!r} instead of {character!r}" if found else f"no {character!r}"
            raise self.damaged(seen, number)
        self._at += 1

    def take_value(self, decoder: StrictDecoder, number: int) -> tuple[object, str]:
        """Returns the next value, and what is wrong inside it."""
        self.next_character()
        while True:
            try:
                value, end = decoder.decode_at(self._text, self._at)
            except RecursionError as error:
                raise self.damaged("too many levels", number) from error
            except ValueError as error:
                problem = str(error)
            else:
                # A value that ends with the text may go on beyond it, such as the number 12|34.
                start, size = self._at, len(self._text)
                if end == size and self._read_more():
                    continue
                self._at += end - start
                return value, decoder.problem
            if len(self._text) - self._at > MAX_OBJECT_CHARACTERS:
                raise self.damaged(f"an object of more than 16 MiB: {problem}", number)
            if not self._read_more():
                raise self.damaged(problem, number)

    def damaged(self, what: str, number: int) -> InputError:
        where = f"after item {number:,}" if number else "at its beginning"
        return InputError(
            "A JSON file is damaged",
            f"{self._origin}: {what}, {where}",
            "Write the file again, as an array of objects.",
        )
