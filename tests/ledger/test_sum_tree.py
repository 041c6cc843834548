"""The sum tree: equal to its definition, and no altered proof passes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.ledger.merkle import ProofError
from pipelines.ledger.sum_tree import MAX_SUM, SumNode, SumTree, check_sum, sum_leaf, sum_node
from schemas.errors import InputError
from tests.ledger.sum_reference import slow_leaf, slow_path, slow_root

AMOUNTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=40)


def leaves_of(amounts: list[int]) -> list[SumNode]:
    return [sum_leaf(minor, b"%d" % number) for number, minor in enumerate(amounts)]


@given(AMOUNTS)
def test_roots_and_paths_follow_the_definition(amounts: list[int]) -> None:
    slow = [slow_leaf(minor, b"%d" % number) for number, minor in enumerate(amounts)]
    tree = SumTree.of(leaves_of(amounts))
    assert tree.root == slow_root(slow)
    assert tree.root.minor == sum(amounts)
    for index in range(len(amounts)):
        assert tree.path(index) == slow_path(index, slow)


@given(AMOUNTS)
def test_every_leaf_is_part_of_the_total(amounts: list[int]) -> None:
    leaves = leaves_of(amounts)
    tree = SumTree.of(leaves)
    for index, leaf in enumerate(leaves):
        check_sum(leaf, index, len(leaves), tree.path(index), tree.root)


@given(AMOUNTS, st.data())
def test_no_other_amount_total_or_path_passes(amounts: list[int], data: st.DataObject) -> None:
    tree = SumTree.of(leaves_of(amounts))
    index = data.draw(st.integers(0, len(amounts) - 1))
    leaf, path, root = leaves_of(amounts)[index], tree.path(index), tree.root
    what = data.draw(st.sampled_from(["leaf", "total", "root", "sibling", "hash", "cut", "longer"]))
    step = data.draw(st.integers(-3, 3).filter(bool))
    if what == "leaf":
        leaf = sum_leaf(abs(leaf.minor + step) + 4, b"%d" % index)
    elif what == "total":
        root = SumNode(root.minor + step, root.hash)
    elif what == "root":
        root = SumNode(root.minor, bytes(32))
    elif what == "longer":
        path = [*path, SumNode(0, bytes(32))]
    else:
        assume(path)
        at = data.draw(st.integers(0, len(path) - 1))
        changed = SumNode(path[at].minor + (what == "sibling") * step, path[at].hash)
        if what == "hash":
            changed = SumNode(changed.minor, bytes([changed.hash[0] ^ 1]) + changed.hash[1:])
        path = path[:at] + ([] if what == "cut" else [changed]) + path[at + 1 :]
    with pytest.raises(ProofError):
        check_sum(leaf, index, len(amounts), path, root)


def test_money_cannot_be_hidden_behind_a_negative_sum() -> None:
    """With negative sums an agency could show a smaller total than its contributors' amounts."""
    with pytest.raises(ProofError, match="out of range"):
        sum_node(sum_leaf(10, b"a"), SumNode(-9, bytes(32)))
    with pytest.raises(ProofError, match="out of range"):
        sum_node(sum_leaf(MAX_SUM, b"a"), sum_leaf(1, b"b"))
    with pytest.raises(ProofError, match="32 bytes"):
        sum_node(sum_leaf(1, b"a"), SumNode(1, bytes(31)))
    with pytest.raises(ProofError, match="out of range"):
        SumTree.of([sum_leaf(MAX_SUM, b"a"), sum_leaf(0, b"b"), sum_leaf(1, b"c")])
    for minor in (-1, MAX_SUM + 1):
        with pytest.raises(InputError, match="cannot be a leaf"):
            sum_leaf(minor, b"a")


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_outside_the_tree_is_refused(index: int) -> None:
    tree = SumTree.of(leaves_of([1, 2, 3]))
    with pytest.raises(InputError, match="no such leaf"):
        tree.path(index)
    with pytest.raises(ProofError, match="outside"):
        check_sum(sum_leaf(1, b"0"), index, 3, tree.path(0), tree.root)
    with pytest.raises(InputError, match="needs a leaf"):
        SumTree.of([])
