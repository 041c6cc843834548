"""Who can be named where a licence asks for it, and how the table of attributions says it."""

from __future__ import annotations

import csv
import io
from typing import Any, cast

import numpy as np
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
from pipelines.rights.attribution import attribution_fault
from pipelines.rights.rules.attribution import early_reasons, mark_unnamed
from pipelines.rights.rules.batch import AssetBatch
from schemas.attribution import ATTRIBUTION_SCHEMA, AttributionRow
from schemas.deal_terms import RightsTerms
from tests.rights.rights_cases import asset, deal_with_rights

BY = "CC-BY-4.0"
URL = "https://example.org/works/17?size=l"


def fault(rights: dict[str, Any] | None = None, **changes: Any) -> str:
    row: Any = {"licence_code": None, "credit": None, "source_url": None} | asset(**changes)
    return attribution_fault(row, deal_with_rights(**(rights or {})))


@pytest.mark.parametrize(
    ("changes", "rights", "said"),
    [
        ({}, {}, ""),
        ({"licence_code": "CC0-1.0"}, {}, ""),
        ({"licence_code": BY, "credit": "A"}, {}, ""),
        ({"licence_code": BY, "credit": "A", "source_url": URL}, {}, ""),
        ({"licence_code": BY}, {}, "credit not stated"),
        ({"licence_code": BY, "credit": " \u200b\x00\n"}, {}, "credit not stated"),
        ({"licence_code": "MIT OR CC0-1.0"}, {}, "credit not stated"),
        ({"licence_code": BY}, {"missing_credit": "accept"}, ""),
        ({"licence_code": BY, "credit": "A"}, {"personal_data": "rights-only"}, ""),
        ({"licence_code": BY, "credit": "A"}, {"personal_data": "none"}, "personal_data=none"),
        ({"licence_code": BY, "credit": "A"}, {"personal_data": "refuse"}, "personal_data=refuse"),
        *(
            ({"licence_code": BY, "credit": "A", "source_url": url}, rights, "source_url=")
            for rights in ({}, {"missing_credit": "accept"})
            for url in (
                *("javascript:alert(1)", "example.org/a", "file:///etc/passwd", "https://"),
                *("https://u:p@example.org/", "https://a b.org/", 'https://x.org/"><script>'),
                *("https://x.org/\u202e", "//x.org/a", "https:///a", "https://[/", "-"),
            )
        ),
    ],
)
def test_who_can_be_named(changes: dict[str, Any], rights: dict[str, str], said: str) -> None:
    found = fault(rights, **changes)
    assert (said in found) if said else found == ""
    assert found.isprintable()


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


_CELLS = {
    "licence_code": st.sampled_from([None, "", BY, "CC0-1.0", "MIT OR CC0-1.0", "Agency 9"]),
    "credit": st.sampled_from([None, "", "Ann", " \u200b\x00"]),
    "source_url": st.sampled_from([None, "", URL, "javascript:alert(1)", "https://u:p@x.org/"]),
}
_RIGHTS: tuple[dict[str, str], ...] = {"missing_credit": "accept"}, {"personal_data": "none"}, {}


@given(rows=st.lists(st.fixed_dictionaries(_CELLS), min_size=1, max_size=20))
@pytest.mark.parametrize("rights", _RIGHTS)
def test_tables_foretell_what_a_run_decides(rights: dict[str, str], rows: list[Any]) -> None:
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in _CELLS}
    deal, nothing = deal_with_rights(**rights), np.zeros(len(rows), np.bool_)
    mask = np.zeros(len(rows), np.uint64)
    mark_unnamed(AssetBatch(pa.table(columns), cast(Any, None), deal, nothing), mask)
    found = [bool(early_reasons(bits)) for bits in mask.tolist()]
    assert found == [bool(attribution_fault(row, deal)) for row in rows]
