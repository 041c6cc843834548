"""Who can be named where a licence asks for it, and how the table of attributions says it."""

from __future__ import annotations

import csv
import io
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.delivery.credits import shard_attributions
from pipelines.format.attribution import (
    SAMPLE_COLUMNS,
    attribution_csv,
    attribution_table,
    display_text,
    without_samples,
)
from schemas.attribution import ATTRIBUTION_SCHEMA, AttributionRow
from schemas.deal_terms import RightsTerms
from tests.rights.rights_cases import asset, deal_with_rights, screened_codes

BY = "CC-BY-4.0"
URL = "https://example.org/works/17?size=l"


@pytest.mark.parametrize(
    ("changes", "rights", "refused"),
    [
        ({}, {}, False),
        ({"licence_code": "CC0-1.0"}, {}, False),
        ({"licence_code": BY, "credit": "A"}, {}, False),
        ({"licence_code": BY, "credit": "A", "source_url": URL}, {}, False),
        ({"licence_code": BY}, {}, True),
        ({"licence_code": BY, "credit": " \u200b\x00\n"}, {}, True),
        ({"licence_code": "MIT OR CC0-1.0"}, {}, True),
        ({"licence_code": BY}, {"missing_credit": "accept"}, False),
        ({"licence_code": BY, "credit": "A"}, {"personal_data": "rights-only"}, False),
        ({"licence_code": BY, "credit": "A"}, {"personal_data": "none"}, True),
        ({"licence_code": BY, "credit": "A"}, {"personal_data": "refuse"}, True),
        *(
            ({"licence_code": BY, "credit": "A", "source_url": url}, rights, True)
            for rights in ({}, {"missing_credit": "accept"})
            for url in (
                *("javascript:alert(1)", "example.org/a", "file:///etc/passwd", "https://"),
                *("https://u:p@example.org/", "https://a b.org/", 'https://x.org/"><script>'),
                *("https://x.org/\u202e", "//x.org/a", "https:///a", "https://[/", "-"),
            )
        ),
    ],
)
def test_who_can_be_named(changes: dict[str, Any], rights: dict[str, str], refused: bool) -> None:
    found = screened_codes(asset(**changes), deal_with_rights(**rights))
    assert found == ({"licence.attribution"} if refused else set())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A\tB\r\nC", "A B C"),
        ("\u202eevil\u202c\u200b", "evil"),
        ("a\u2028b\x00c", "a b c"),
        ("\ud800x\ue000y", "xy"),
        ("  Žofie  Ø  ", "Žofie Ø"),
        ("x" * 3_000, "x" * 2_000),
    ],
)
def test_text_is_one_line_without_what_hides(text: str, shown: str) -> None:
    assert display_text(text) == shown


def row(**changes: str) -> AttributionRow:
    return cast("AttributionRow", {name: name for name in ATTRIBUTION_SCHEMA.names} | changes)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "－"])
def test_no_cell_is_a_formula(start: str) -> None:
    text = f'{start}HYPERLINK("https://x.example","a;b")'
    data = attribution_csv(attribution_table([row(title=text, author=text)]))
    [_, cells] = csv.reader(io.StringIO(data.decode()))
    assert cells[3:5] == [f"'{text}", f"'{text}"]


@given(st.lists(st.text(max_size=8), min_size=2, max_size=2))
def test_csv_has_one_record_a_row(texts: list[str]) -> None:
    title, author = map(display_text, texts)
    data = attribution_csv(attribution_table([row(title=title, author=author)]))
    assert data.count(b"\n") == 2
    [names, cells] = csv.reader(io.StringIO(data.decode()))
    assert names == ATTRIBUTION_SCHEMA.names
    assert [cell.removeprefix("'") for cell in cells[3:5]] == [
        text.removeprefix("'") for text in (title, author)
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def samples(*changes: dict[str, str]) -> pa.Table:
    plain = dict.fromkeys(SAMPLE_COLUMNS, "") | {"shard": "s", "status": "success"}
    rows = [plain | {"key": f"k{at}", "asset": f"a{at}"} | one for at, one in enumerate(changes)]
    return pa.Table.from_pylist(rows)


def test_a_shard_lists_what_its_licences_ask_for() -> None:
    table = samples(
        {"licence_code": ""},
        {"licence_code": BY, "title": "A\nboat", "rendition": "jpg"},
        {"licence_code": "CC0-1.0"},
        {"licence_code": "CC-BY-SA-3.0", "media_sha256": "1", "original_sha256": "2"},
        {"licence_code": BY, "status": "removed"},
    )
    names = [None, "Ann\x07 B.", "C", "D", "E"]
    rows = pa.table({"credit": names, "source_url": [None, URL, None, None, None]})
    found = shard_attributions(rows, table, RightsTerms()).to_pylist()
    base = {"shard": "s", "source": ""}
    by = "https://creativecommons.org/licenses/by"
    assert found == [
        base
        | {"key": "k1", "asset": "a1", "title": "A boat", "author": "Ann B.", "source": URL}
        | {"licence_code": BY, "licence_url": f"{by}/4.0/", "changes": "jpg"},
        base
        | {"key": "k3", "asset": "a3", "title": "", "author": "D"}
        | {"licence_code": "CC-BY-SA-3.0", "licence_url": f"{by}-sa/3.0/"}
        | {"changes": "metadata removed"},
    ]
    whole = shard_attributions(rows, table, RightsTerms())
    kept = without_samples(whole, {"k1", "k9"})
    assert kept["key"].to_pylist() == ["k3"]


def test_nobody_is_named_where_the_deal_forbids_personal_data() -> None:
    rows = pa.table({"credit": ["A"], "source_url": [None]})
    table = samples({"licence_code": BY})
    rights = RightsTerms(personal_data="none", missing_credit="accept")
    [found] = shard_attributions(rows, table, rights).to_pylist()
    assert found["author"] == ""
