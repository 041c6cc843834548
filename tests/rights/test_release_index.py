"""The index of releases compared with what each release comes to by itself, however stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rights import lookup, release_traits, text_hashes
from pipelines.rights.arrow import folded
from pipelines.rights.releases import ReleaseIndex, index_releases
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.storage.columns import Column
from schemas.catalogue import RELEASES_SCHEMA
from tests.rights.rights_cases import AS_OF, ENDS, TICK, Row, deal_with_rights, microseconds

pytestmark = pytest.mark.long

FAULTS = {rule.code: rule.release_fault for rule in SCREENING_RULES if rule.release_fault}
DAYS = [date(2025, 1, 1) + timedelta(days=n) for n in range(4)]
LAST_INSTANT = datetime(ENDS.year, ENDS.month, ENDS.day, tzinfo=UTC) + timedelta(days=1) - TICK
# Some are alike only without case, and only in Unicode's compatible form.
NAMES = ["s-1", "S-1", "ｓ-1", "s-2", "straße", "STRASSE", "É", "e\u0301", "", "x" * 130, "X" * 130]
TEXTS = st.lists(st.none() | st.sampled_from(NAMES) | st.text(max_size=5), max_size=12)
INSTANTS = [*(datetime(day.year, 1, day.day, 12, tzinfo=UTC) for day in DAYS)]
RELEASES = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["model", "property", "other"]),
            "subject_ref": st.none() | st.sampled_from(NAMES),
            "witness_ref": st.none() | st.sampled_from(NAMES),
            "signed_at": st.none() | st.sampled_from(DAYS),
            "shoot_from": st.none() | st.sampled_from(DAYS),
            "shoot_until": st.none() | st.sampled_from(DAYS),
            "revoked_at": st.none()
            | st.sampled_from([*INSTANTS, LAST_INSTANT, LAST_INSTANT + TICK]),
        }
    ),
    max_size=8,
)


def compared(name: str | None) -> str | None:
    """Returns a name as it is compared: by itself, and without a shorter way for ASCII."""
    one = pa.array([name], pa.string())
    form = pc.call_function("utf8_normalize", [one], pc.Utf8NormalizeOptions("NFKC"))
    lowered: Column = pc.utf8_lower(form)
    return cast("str | None", lowered.to_pylist()[0])


@settings(max_examples=200)
@given(TEXTS, st.sampled_from([pa.string(), pa.large_string()]), st.data())
def test_a_part_of_a_column_is_folded_as_its_texts_are(
    texts: list[str | None], kind: pa.DataType, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(texts)))
    stop = data.draw(st.integers(start, len(texts)))
    expected = [compared(text) for text in texts[start:stop]]
    column = pa.array(texts, kind)[start:stop]
    assert folded(column).to_pylist() == expected
    assert folded(column.dictionary_encode()).to_pylist() == expected
    assert folded(pa.array(texts, kind).dictionary_encode()[start:stop]).to_pylist() == expected


def is_revoked(row: Row) -> bool:
    return row["revoked_at"] is not None and row["revoked_at"] <= LAST_INSTANT


def is_twin(row: Row, other: Row) -> bool:
    """Whether the other one's revocation holds for a release as well."""
    if not row["subject_ref"] or not is_revoked(other):
        return False
    return (
        compared(row["subject_ref"]) == compared(other["subject_ref"])
        and (row["shoot_from"] or date.min) <= (other["shoot_until"] or date.max)
        and (other["shoot_from"] or date.min) <= (row["shoot_until"] or date.max)
        and (row["signed_at"] or date.min) <= other["revoked_at"].date()
    )


def assert_as_expected(index: ReleaseIndex, rows: list[Row]) -> None:
    revoked = (index.traits & index.fault_bits["release.revoked"]) != 0
    bad_witness = (index.traits & index.fault_bits["release.witness"]) != 0
    subjects = [compared(row["subject_ref"]) for row in rows]
    witnesses = [compared(row["witness_ref"]) for row in rows]
    assert revoked.tolist() == [
        *(is_revoked(row) or any(is_twin(row, other) for other in rows) for row in rows),
        False,
    ]
    same = [who is not None and who == by for who, by in zip(subjects, witnesses, strict=True)]
    assert bad_witness.tolist() == [*same, False]
    # An empty subject is none.
    assert (index.subjects == 0).tolist() == [*(not who for who in subjects), True]
    codes = index.subjects[:-1].tolist()
    assert [one == other for one, other in product(codes, codes)] == [
        (one or None) == (other or None) for one, other in product(subjects, subjects)
    ]
    positions = index.witnesses.positions(pa.array(witnesses, pa.string()))
    assert index.witness.tolist() == [*positions.tolist(), -1]
    assert (positions >= 0).tolist() == [name is not None for name in witnesses]


def stored(rows: list[Row], layout: str) -> pa.Table:
    """Returns the releases as a table, stored in one of several ways."""
    named = [{"release_id": f"r-{n}", **row} for n, row in enumerate(rows)]
    table = pa.Table.from_pylist(named, RELEASES_SCHEMA)
    if layout == "dictionary":
        for name in ("subject_ref", "witness_ref"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].dictionary_encode())
    if layout == "slice":
        around = pa.Table.from_pylist(
            [{"release_id": "Ä", "subject_ref": "Ä", "witness_ref": "Ä"}] * 3, RELEASES_SCHEMA
        )
        table = pa.concat_tables([around, table, around]).combine_chunks()[3 : 3 + len(rows)]
    if layout == "chunks":
        table = pa.concat_tables([table[:1], table[1:1], table[1:]])
    return table


@settings(max_examples=150)
@given(
    rows=RELEASES,
    layout=st.sampled_from(["plain", "dictionary", "slice", "chunks"]),
    batch=st.sampled_from([1, 3, 65_536]),
    hashed=st.sampled_from([1, 2, 8_192]),
)
def test_the_index_says_of_each_release_what_is_true_of_it(
    rows: list[Row], layout: str, batch: int, hashed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_traits, "_BATCH", batch)
        patch.setattr(lookup, "CHUNK_ROWS", hashed)
        patch.setattr(text_hashes, "CHUNK_ROWS", hashed)
        terms: Any = deal_with_rights(witness="independent")
        index = index_releases(stored(rows, layout), FAULTS, terms, microseconds(AS_OF))
        assert_as_expected(index, rows)


def test_many_releases_and_the_last_batch() -> None:
    """Subjects recur in other batches, and the revocation of one holds there too."""
    rows: list[Row] = [
        {
            "kind": "model",
            "subject_ref": f"{'S' if n % 3 else 's'}-{n % 40_000}",
            "witness_ref": None,
            "signed_at": DAYS[0],
            "shoot_from": DAYS[0],
            "shoot_until": DAYS[0],
            "revoked_at": INSTANTS[1] if n % 5_000 == 7 and n < 40_000 else None,
        }
        for n in range(70_000)
    ]
    index = index_releases(stored(rows, "plain"), FAULTS, deal_with_rights(), microseconds(AS_OF))
    revoked = (index.traits & index.fault_bits["release.revoked"]) != 0
    expected = [n for n in range(70_000) if n % 40_000 % 5_000 == 7]
    assert np.flatnonzero(revoked).tolist() == expected
    assert len(np.unique(index.subjects[:-1])) == 40_000
