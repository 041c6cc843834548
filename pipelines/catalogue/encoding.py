"""Finds the encoding of a text file, and reads any encoding as UTF-8 lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from pipelines.catalogue.files import BLOCK_BYTES, read_blocks
from pipelines.catalogue.values import shorten
from schemas.errors import InputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = frozenset({"utf-8", "utf-8-sig"})
_MAX_LINE_BYTES = 2**20  # of a line that is looked at to tell damage from another encoding
# Bytes that are not UTF-8 in a word, and so of another encoding: beside an ASCII letter, or as many
# as no letter of UTF-8 leaves behind if it is cut off.
_IN_WORD = re.compile(
    r"[A-Za-z][\udc80-\udcff]|[\udc80-\udcff][A-Za-z]|[\udcc0-\udcff]{3}|[\udc80-\udcff]{4}"
)
# What programs write without being asked: Western Europe, Turkey, Central Europe, Cyrillic, Greece.
_LIKELY = ("cp1252", "cp1254", "cp1250", "cp1251", "cp1253", "mac-roman")
# What else a word with few ASCII letters may be in: Hebrew, Arabic, Thai, Russian, and East Asian.
_NOT_LATIN = ("cp1255", "cp1256", "cp874", "koi8-r", "gb18030", "big5", "cp932", "cp949")
_SEPARATORS = (b",", b";", b"\t", b"|")
_UNDECODABLE = "fairshard-undecodable"


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Replaces what cannot be decoded by a lone surrogate, which no column accepts."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", max(error.end, error.start + 1)


codecs.register_error(_UNDECODABLE, _mark_undecodable)


def stated_encoding(head: bytes, stated: str, origin: str) -> str:
    """Returns the encoding by a byte order mark or as stated; "" if neither says it.

    Raises:
        InputError: If they contradict each other.
    """
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not stated:
        return marked
    name = codecs.lookup(stated).name
    if marked and not name.startswith(marked.removesuffix("-sig")):
        raise InputError(
            "The mapping states another encoding than the file's byte order mark",
            f"{origin}: {marked.removesuffix('-sig')}, stated {stated}",
            "Correct the mapping.",
        )
    return marked or name


def find_encoding(open_stream: Callable[[], BinaryIO], head: bytes, key: str, origin: str) -> str:
    """Finds the encoding of a file without a byte order mark.

    Bytes that are not UTF-8 here and there are damage, which costs the rows that they are in. Where
    they are parts of words and nothing else is UTF-8, the file is in another encoding.

    Raises:
        InputError: If it is in another encoding, which is then to be stated.
    """
    wide = _wide_encoding(head[:64]) if len(head) > 8 else ""
    if wide:
        return wide
    with open_stream() as stream:
        if _is_utf8(stream):
            return "utf-8"
    with open_stream() as stream:
        word = _foreign_word(stream, head)
    if word is None:
        return "utf-8"
    shown = ", ".join(f"{' or '.join(names)} {read!r}" for read, names in _readings(word).items())
    raise InputError(
        "The encoding of a table is not UTF-8",
        f"{origin}: a word that tells encodings apart would be, in {shown}",
        "State the one in which it reads right in mapping.toml, such as "
        f'[{key}] encoding = "cp1252". Or save the file as UTF-8.',
    )


def _readings(word: bytes) -> dict[str, list[str]]:
    """Returns what a word may be, each with the encodings in which it is that."""
    readings: dict[str, list[str]] = {}
    for name in _encodings(word):
        with suppress(UnicodeDecodeError):
            read = codecs.getincrementaldecoder(name)().decode(word)  # its end may be cut off
            readings.setdefault(shorten(read), []).append(name)
    return readings


def _encodings(word: bytes) -> tuple[str, ...]:
    """Returns what a word may be in. Even East Asian words may have a few bytes of ASCII."""
    letters = len(re.findall(rb"[A-Za-z]", word))
    return _LIKELY if 2 * letters >= len(word) else (*_LIKELY, *_NOT_LATIN)


def _told_apart(word: bytes) -> int:
    """Returns how many encodings a word tells apart: it reads as no other, or cannot be read."""
    same = sum(len(names) - 1 for names in _readings(word).values())
    return len(_encodings(word)) - same


def _wide_encoding(sample: bytes) -> str:
    """Returns the encoding of ASCII in two or four bytes a letter; "" for any other."""
    for size, name in ((4, "utf-32"), (2, "utf-16")):
        for place, order in ((0, "le"), (size - 1, "be")):
            others = (sample[at::size] for at in range(size) if at != place)
            if len(sample) >= 4 and all(sample[place::size]) and not any(map(any, others)):
                return f"{name}-{order}"
    return ""


def refuse_wide_json(head: bytes, origin: str) -> None:
    """Refuses JSON in two or four bytes a letter: its standard knows UTF-8 alone.

    Args:
        head: The first bytes of the file.
        origin: The file, for messages.

    Raises:
        InputError: If it is in UTF-16 or UTF-32; it names which.
    """
    marked = stated_encoding(head, "", origin).removesuffix("-sig")
    # JSON begins with two letters of ASCII.
    name = _wide_encoding(head[:4]) if marked in ("", "utf-8") else marked
    if name:
        of_iconv = name.upper().replace("-LE", "LE").replace("-BE", "BE")
        raise InputError(
            f"A table in JSON is in {name.upper()}",
            f"{origin}: it begins with the bytes {head[:8].hex(' ')}",
            f"JSON is read in UTF-8 alone: convert it, such as by iconv -f {of_iconv} -t UTF-8.",
        )


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in read_blocks(stream):
            decoder.decode(block)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _foreign_word(stream: BinaryIO, head: bytes) -> bytes | None:
    """Returns a word that is not UTF-8, if most lines beyond ASCII have one.

    Of several, it is the first that tells as many encodings apart as any: they may differ in few
    letters, such as Turkish from Western European.
    """
    header = re.split(rb"[\r\n]", head, maxsplit=1)[0]
    widths = {mark: header.count(mark) for mark in _SEPARATORS}
    best, most = b"", 0
    seen: set[int] = set()  # bytes of words that were compared
    foreign = utf8 = 0
    for line in _raw_lines(stream):
        if line.isascii():
            continue
        text = line.decode("utf-8", "surrogateescape")
        found = list(_IN_WORD.finditer(text))
        is_row = all(line.count(mark) >= width for mark, width in widths.items() if width)
        if found and is_row:
            foreign += 1
        elif not any("\udc80" <= c <= "\udcff" for c in text):
            utf8 += 1
        for match in found if is_row else ():
            word = _word_at(text, match.start())
            if seen.issuperset(word):
                continue
            seen.update(word)
            if (count := _told_apart(word)) > most:
                best, most = word, count
    return best if foreign > utf8 else None


def _word_at(text: str, position: int) -> bytes:
    start = max(map(text.rfind, ',;\t|" ', [0] * 6, [position + 1] * 6)) + 1
    word = re.split(r'[,;\t|" ]', text[start : start + 40], maxsplit=1)[0]
    return word.encode("utf-8", "surrogateescape")


def _raw_lines(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    for block in read_blocks(stream):
        *lines, rest = re.split(rb"[\r\n]+", rest + block)
        yield from lines
        rest = rest[-_MAX_LINE_BYTES:]
    yield rest


class _Utf8Stream(io.RawIOBase):
    """Reads a file of any encoding as UTF-8 with line feeds."""

    def __init__(self, stream: BinaryIO, encoding: str, newline: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_UNDECODABLE)
        self._newline = newline
        self._pending = memoryview(b"")
        self._at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._pending and not self._at_end:
            block = self._stream.read(BLOCK_BYTES)
            self._at_end = not block
            text = self._decoder.decode(block or b"", self._at_end)
            if self._newline == "\r":
                text = text.replace("\r", "\n")
            self._pending = memoryview(text.encode("utf-8", "surrogateescape"))
        size = min(len(view), len(self._pending))
        view[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size


def open_text(stream: BinaryIO, encoding: str, newline: str) -> BinaryIO:
    """Returns a stream of UTF-8 bytes whose lines end with a line feed, unbuffered."""
    if encoding in _UTF8 and newline == "\n":
        return stream
    return _Utf8Stream(stream, encoding, newline)  # type: ignore[return-value]
