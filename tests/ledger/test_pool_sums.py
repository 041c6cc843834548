"""The sum tree of a pool: exact totals, and what a path does not reveal."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.commitments import Domain, opens, text_value
from pipelines.ledger.pool_sums import SignedSum, open_sum, pool_sums, sign_sum, sum_tree
from pipelines.ledger.signed_note import FileKey, NoteError, sign_note
from pipelines.ledger.sum_tree import SumNode, check_sum
from pipelines.storage.open import open_store
from schemas.errors import FairshardError
from schemas.ledger import SUMS_SCHEMA
from tests.bench.ledger import ledger_job
from tests.ledger.ledger_cases import DEAL, SALT
from tests.ledger.ledger_cases import delivery as random_delivery
from tests.ledger.sum_reference import slow_leaf, slow_path, slow_root
from tests.ledger.test_attribution import SIGNER, record

DELIVERY = f"{DEAL}/v0001"
TOTALS = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 10**9), min_size=1)
SIGNED = SignedSum(DELIVERY, "USD", 2, SumNode(10_000, bytes(range(32))))


def _surrogates(totals: dict[str, int]) -> bool:
    return any("\ud800" <= letter <= "\udfff" for person in totals for letter in person)


@given(TOTALS.filter(lambda totals: not _surrogates(totals)), st.integers(0, 10**9))
def test_every_total_is_proved_and_the_sum_is_the_pool(totals: dict[str, int], rest: int) -> None:
    sums = pool_sums(SALT, DELIVERY, totals, rest)
    assert sums.schema == SUMS_SCHEMA
    rows = sums.to_pylist()
    leaves = [slow_leaf(row["amount_minor"], bytes.fromhex(row["commitment"])) for row in rows]
    tree = sum_tree(sums)
    assert tree.root == slow_root(leaves) and tree.root.minor == sum(totals.values()) + rest
    people = [row for row in rows if row["contributor_id"] is not None]
    assert {row["contributor_id"]: row["amount_minor"] for row in people} == totals
    for row in people:
        value = text_value(row["contributor_id"])
        assert opens(row["commitment"], Domain.TOTAL, row["salt"], value)
    for index, leaf in enumerate(leaves):
        assert tree.path(index) == slow_path(index, leaves)
        check_sum(SumNode(*leaf), index, len(rows), tree.path(index), tree.root)


def test_the_neighbour_in_a_path_is_never_a_contributor() -> None:
    totals = {f"person-{number}": number * 7 for number in range(500)}
    sums = pool_sums(SALT, DELIVERY, totals, 1_000_000)
    rows = sums.to_pylist()
    assert [row["contributor_id"] is None for row in rows] == [False, True] * 500
    pieces = [row["amount_minor"] for row in rows[1::2]]
    assert sum(pieces) == 1_000_000 and len(set(pieces)) > 450
    order = [row["commitment"] for row in rows[::2]]
    assert order == sorted(order)
    # The order of the tree says nothing about ids or amounts.
    assert [row["contributor_id"] for row in rows[::2]] != sorted(totals)


def test_the_order_of_the_totals_changes_nothing() -> None:
    totals = {"a": 1, "b": 2, "c": 3}
    backwards = dict(reversed(totals.items()))
    assert pool_sums(SALT, DELIVERY, totals, 7) == pool_sums(SALT, DELIVERY, backwards, 7)


def test_a_signed_sum_is_read_as_it_was_signed() -> None:
    note = sign_sum(SIGNER, SIGNED)
    assert open_sum(note, SIGNER.vkey) == SIGNED
    for changed in (
        note.replace("10000", "10001"),
        note.replace("USD", "EUR"),
        note.replace(DELIVERY, f"{DEAL}/v0002"),
        note.replace("\n2\n", "\n4\n"),
    ):
        assert changed != note
        with pytest.raises(NoteError, match="not valid"):
            open_sum(changed, SIGNER.vkey)
    with pytest.raises(NoteError):
        open_sum(note, FileKey("other", bytes(32)).vkey)


@pytest.mark.parametrize(
    "text",
    [
        "fairshard/sum/v2\nd\nUSD\n1\n2\n" + "A" * 43 + "=\n",
        "fairshard/sum/v1\nd\nUSD\n01\n2\n" + "A" * 43 + "=\n",
        "fairshard/sum/v1\nd\nUSD\n9223372036854775808\n2\n" + "A" * 43 + "=\n",
        "fairshard/sum/v1\nd\nUSD\n1\n2\nAAAA\n",
        "fairshard/sum/v1\nd\nUSD\n1\n2\n" + "A" * 43 + "=\nmore\n",
        "fairshard/sum/v1\n",
    ],
)
def test_other_signed_texts_are_refused(text: str) -> None:
    with pytest.raises(FairshardError, match="not the root of a pool's sums"):
        open_sum(sign_note(SIGNER, text), SIGNER.vkey)


def test_a_delivery_has_the_sums_of_its_ledger(tmp_path: Path) -> None:
    store, agency = open_store(str(tmp_path)), tmp_path / ledger_job().agency
    made = record(store, random_delivery(random.Random(5), 30, 200))
    table = pq.read_table(agency / "ledger/ledger-00000.parquet")
    totals: dict[str, int] = {}
    for row in table.select(["contributor_id", "amount_minor"]).to_pylist():
        who = row["contributor_id"]
        totals[who] = totals.get(who, 0) + row["amount_minor"]
    rows = pq.read_table(agency / "sums/sums-00000.parquet").to_pylist()
    found = {row["contributor_id"]: row["amount_minor"] for row in rows if row["contributor_id"]}
    assert found == totals
    pieces = sum(row["amount_minor"] for row in rows if not row["contributor_id"])
    assert pieces == made.agency_minor
    leaves = [slow_leaf(row["amount_minor"], bytes.fromhex(row["commitment"])) for row in rows]
    signed = open_sum((agency / "sums/sum.note").read_text(encoding="utf-8"), SIGNER.vkey)
    pool = ledger_job().deal.price.pool_minor
    assert signed == SignedSum(DELIVERY, "USD", len(rows), SumNode(pool, slow_root(leaves)[1]))
