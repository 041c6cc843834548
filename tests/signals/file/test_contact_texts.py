"""E-mail addresses, phone numbers and by-lines in free text."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.file.contact_texts import (
    holds_personal_data,
    narrow,
    personal_kinds,
    without_personal_data,
)

E, P, N = "[e-mail removed]", "[phone number removed]", "[name removed]"
FOUND = {
    "write to zoe@studio.example": f"write to {E}",
    "<Zoe.Quill+x@studio.example.org>": f"<{E}>",
    "müller@müller.example, Köln": f"{E}, Köln",
    "zoe (at) studio (dot) example": E,
    "zoe[at]studio.example": E,
    "zoe＠studio.example": E,
    "+44 20 7946 0958": P,
    "+1 (212) 555-0199 in town": f"{P} in town",
    "0049 30 1234567": P,
    "(212) 555-0199": P,
    "212-555-0199": P,
    "030 1234567 abends": f"{P} abends",
    "0171-1234567": P,
    "01712345678": P,
    "06 12 34 56 78": P,
    "Tel.: 1234567": P,
    "phone 555 0199 22": P,
    "1-800-555-0199 toll-free": f"{P} toll-free",
    "1 (212) 555-0199": P,
    "8 (495) 123-45-67": P,
    "8 800 555-35-35": P,
    "(11) 91234-5678": P,
    "Tlf 22334455": P,
    "Telefono: 0612345678": P,
    "телефон 2345678": P,
    "phone number 555 0100": P,
    "030\u20111234\u20115678": P,
    "電話：０３-１２３４-５６７８": f"電話：{P}",
    "＋８１ ９０ １２３４ ５６７８": P,
    "ｚｏｅ＠ｓｔｕｄｉｏ．ｅｘａｍｐｌｅ へ": f"{E} へ",
    "هاتف +٩٧١ ٤ ١٢٣ ٤٥٦٧": f"هاتف {P}",
    "फ़ोन +९१ ९८१२३ ४५६७८": f"फ़ोन {P}",
    "+49\u00a0170\u20101234567": P,
    "A cat. Photo by Zoe Quill.": f"A cat. Photo by {N}",
    "Foto: Jörg van Dyk": f"Foto: {N}",
    "Credit: Zoe Quill/Agency": f"Credit: {N}/Agency",
    "Photograph by J. R. Quill, 1999": f"Photograph by {N}, 1999",
}
NOT_FOUND = (
    "A cat on a wall",
    "2024-06-30 10:15",
    "01.02.2024 10:30",
    "01-02-2024 at 10",
    "04/05/2023 12",
    "ISBN 978-3-16-148410-0",
    "1920 x 1080, 300 dpi",
    "IMG_20240102_123456",
    "51.5007, -0.1246",
    "Images of New York City",
    "A photograph of Queen Elizabeth",
    "Photographed by candlelight",
    "Video call at home",
    "© 2024 Zoe Quill",
    "@zoe on the wall",
    "a @ b",
    "Boeing 747 400 at gate 12",
    "phone number 12 of 1000",
    "8 (100) men in 1914-18",
    "(11) 2019-2020",
    "a hotel 1234567 miles away",
    "",
)


@pytest.mark.parametrize(("text", "cleaned"), FOUND.items())
def test_what_is_found_is_removed(text: str, cleaned: str) -> None:
    kinds = personal_kinds(text)
    assert kinds == (["name"] if N in cleaned else ["contact"])
    assert without_personal_data(text) == cleaned
    assert holds_personal_data(pa.array(["x", None, text])) == [2]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_other_texts_are_left_alone(text: str) -> None:
    assert personal_kinds(text) == []
    assert without_personal_data(text) == text


@pytest.mark.parametrize("zero", "０٠۰०০๐𝟎")
def test_digits_of_all_scripts_are_digits(zero: str) -> None:
    digits = {ord("0") + value: chr(ord(zero) + value) for value in range(10)}
    for text, cleaned in FOUND.items():
        if P in cleaned:
            test_what_is_found_is_removed(text.translate(digits), cleaned.translate(digits))
    for text in NOT_FOUND:
        assert personal_kinds(text.translate(digits)) == []


@given(st.text())
def test_a_narrow_text_has_the_same_length(text: str) -> None:
    narrowed = narrow(text)
    assert len(narrowed) == len(text)
    assert narrow(narrowed) == narrowed


@given(st.lists(st.sampled_from([*FOUND, *NOT_FOUND, "ü", "\x00", "1"]), max_size=4), st.text())
def test_nothing_is_found_twice(texts: list[str], other: str) -> None:
    text = f" {other} ".join(texts)
    cleaned = without_personal_data(text)
    assert personal_kinds(cleaned) == []
    assert without_personal_data(cleaned) == cleaned
    if not personal_kinds(text):
        assert cleaned == text


@given(st.lists(st.none() | st.text() | st.sampled_from([*FOUND, *NOT_FOUND])))
def test_a_column_is_searched_as_its_texts_are(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    expected = [at for at, text in enumerate(texts) if text and personal_kinds(text)]
    assert holds_personal_data(column) == expected
    assert holds_personal_data(column.dictionary_encode()) == expected
