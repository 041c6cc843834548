"""What a reader hands over: each sample once, in a computed order, checked, no removed ones."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.format.manifest import ManifestError
from pipelines.reader import (
    WITHOUT_REMOVALS,
    Delivery,
    ReaderError,
    Removals,
    SampleReader,
    Split,
    StaleRemovalsError,
    open_delivery,
)
from pipelines.reader.removals import CommitmentSet
from pipelines.reader.split import pieces_of, random_order
from schemas.errors import InputError
from tests.reader.copies import AGENCY, BUYER, asset_of, make_copy

SHARDS = (7, 1, 12, 5, 9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_copy(tmp_path_factory.mktemp("copy"), SHARDS)


@pytest.fixture(scope="module")
def delivery(folder: Path) -> Delivery:
    return open_delivery(folder, [AGENCY.vkey])


def keys(reader: SampleReader) -> list[str]:
    return [str(sample["__key__"]) for sample in reader]


def reader(
    delivery: Delivery, removals: Removals = WITHOUT_REMOVALS, **more: object
) -> SampleReader:
    return SampleReader(delivery, removals, run="run-1", **{"threads": 0, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_samples_are_those_of_webdataset(folder: Path, delivery: Delivery, threads: int) -> None:
    """The oracle is webdataset: of keys, endings, bytes and, without mixing, of the order."""
    tars = sorted(map(str, folder.glob("shards/*.tar")))
    expected = [
        {name: value for name, value in sample.items() if name not in ("__url__", "__local_path__")}
        for sample in webdataset.WebDataset(tars, shardshuffle=False)
    ]
    own = reader(delivery, mixed_shards=0, threads=threads)
    found = [{n: v for n, v in sample.items() if n != "__url__"} for sample in own]
    assert found == expected
    mixed = reader(delivery, threads=threads)
    assert sorted(keys(mixed)) == sorted(sample["__key__"] for sample in expected)


def test_stages_of_webdataset_take_them(delivery: Delivery) -> None:
    stages = webdataset.DataPipeline(
        reader(delivery), webdataset.decode(), webdataset.to_tuple("__key__", "txt", "json")
    )
    found = list(stages)
    assert len(found) == sum(SHARDS)
    assert all(record["key"] == key and text.startswith("picture") for key, text, record in found)


def test_the_order_is_decided_by_seed_and_epoch(delivery: Delivery) -> None:
    own = reader(delivery, seed=7)
    first, second = keys(own), keys(own)
    assert sorted(first) == sorted(second) and first != second
    again = reader(delivery, seed=7)
    assert (keys(again), keys(again)) == (first, second)
    assert keys(reader(delivery, seed=8)) != first
    assert own.epoch == 2


def test_random_orders_stay_the_same() -> None:
    """Fixed for good: saved states depend on it."""
    assert random_order(8, 7, 0).tolist() == [0, 7, 6, 4, 5, 3, 1, 2]


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=8),
    st.integers(1, 4),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_ranges_are_a_partition(samples: list[int], ranks: int, workers: int, draw: object) -> None:
    order = list(range(len(samples)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    found: Counter[tuple[int, int]] = Counter()
    sizes = []
    for rank in range(ranks):
        for worker in range(workers):
            pieces = list(pieces_of(samples, order, Split(rank, ranks, worker, workers)))
            sizes.append(sum(piece.samples for piece in pieces))
            found.update((one.shard, at) for one in pieces for at in range(one.first, one.end))
    assert set(found.values()) <= {1}
    assert set(found) == {(n, at) for n, size in enumerate(samples) for at in range(size)}
    assert max(sizes) - min(sizes) <= 1


def test_readers_of_a_run_share_an_epoch_exactly_once(delivery: Delivery) -> None:
    found: list[str] = []
    for rank in range(2):
        for worker in range(3):
            own = reader(delivery, split=Split(rank, 2, worker, 3), seed=3)
            before = len(found)
            found += keys(own)
            assert len(found) - before == len(own)
    assert sorted(found) == sorted(keys(reader(delivery)))


def test_a_split_that_is_none_is_refused() -> None:
    nothing: Any = "0"
    for wrong in ((2, 2, 0, 1), (-1, 2, 0, 1), (0, 1, 3, 3), (0.5, 1, 0, 1), (nothing, 1, 0, 1)):
        with pytest.raises(InputError, match="no such"):
            Split(*wrong)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"threads": -1}, {"mixed_shards": -1}, {"seed": 0.5}, {"run": "a\nb"}]
)
def test_settings_that_no_report_could_have_are_refused(
    delivery: Delivery, wrong: dict[str, Any]
) -> None:
    """They are refused before training, not when the report of it is made."""
    with pytest.raises(InputError):
        SampleReader(delivery, WITHOUT_REMOVALS, **{"run": "run-1", **wrong})


def test_a_state_that_was_edited_is_refused_and_changes_nothing(delivery: Delivery) -> None:
    made, asset = reader(delivery), "ab" * 32
    samples = iter(made)
    next(samples), next(samples)
    state = made.state()
    seen: Any = state["seen"]
    edits: list[Any] = [
        *(
            {name: number}
            for name in ("epoch", "position", "given", "first")
            for number in (-1, 2**53)
        ),
        {"position": sum(SHARDS) + 1},
        {"given": 3},
        {"first": 1},
        {"seen": {}},
        *({"seen": {asset: wrong}} for wrong in (-2, 1.9, "2", None, 2**60, 1)),
        {"seen": {**seen, "zz": 1}, "given": 3},
    ]
    for edit in edits:
        with pytest.raises(InputError, match="saved state is damaged"):
            made.restore({**state, **edit})
        assert made.state() == state
    nothing: Any = []
    with pytest.raises(InputError, match="saved state is damaged"):
        made.restore(nothing)


@settings(max_examples=20)
@given(st.data())
def test_a_restored_reader_goes_on_exactly(delivery: Delivery, data: st.DataObject) -> None:
    """Any number of stops, anywhere, with the states as JSON: nothing is lost or given twice."""
    shape = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
    split = Split(shape[0] - 1, 2, shape[1] - 1, 3)
    mixed = data.draw(st.integers(0, 3))
    removed = frozenset(data.draw(st.lists(st.sampled_from(keys(reader(delivery))), max_size=4)))
    removals = Removals("acme", "", None, CommitmentSet(map(asset_of, removed)))
    whole = reader(delivery, removals, split=split, mixed_shards=mixed)
    expected = keys(whole) + keys(whole)
    assert not removed.intersection(expected)
    found: list[str] = []
    state: str | None = None
    while True:
        own = reader(
            delivery,
            removals,
            split=split,
            mixed_shards=mixed,
            threads=data.draw(st.integers(0, 1)),
        )
        if state is not None:
            own.restore(json.loads(state))
        count = data.draw(st.integers(1, 9))
        while own.epoch < 2 and count > 0:
            for sample in own:
                found.append(str(sample["__key__"]))
                count -= 1
                if not count:
                    break
        state = json.dumps(own.state())
        if own.epoch == 2:
            break
    assert found == expected
    counted = Counter(map(asset_of, expected))
    assert own.exposure().counts == dict(counted)
    assert own.given == own.exposure().samples == len(expected)


def test_a_state_of_something_else_is_refused(delivery: Delivery, tmp_path: Path) -> None:
    state = reader(delivery).state()
    for other in (
        reader(delivery, seed=1),
        reader(delivery, mixed_shards=2),
        reader(delivery, families=["jpg"]),
        reader(delivery, split=Split(0, 2)),
        reader(open_delivery(make_copy(tmp_path, (3,)), [AGENCY.vkey])),
    ):
        with pytest.raises(InputError, match="does not belong to this reader"):
            other.restore(state)
    for damaged in ({"position": "7"}, {"seen": None}, {"given": True}):
        with pytest.raises(InputError, match="saved state is damaged"):
            reader(delivery).restore({**state, **damaged})


def test_a_position_without_reading_is_that_with_reading(delivery: Delivery) -> None:
    own, other = reader(delivery), reader(delivery)
    for count in (1, 4, 33, 34, 35, 80):
        own.advance_to(count)
        while other.given < count:
            for _ in other:
                if other.given == count:
                    break
        mine, others = own.state(), other.state()
        if mine["position"] == 0 or others["position"] == 0:  # the end of one epoch, or of none
            assert mine["seen"] == others["seen"]
        else:
            assert mine == others
    with pytest.raises(InputError, match="handed over more samples already"):
        own.advance_to(3)


def test_iterating_twice_at_once_is_refused(delivery: Delivery) -> None:
    own = reader(delivery)
    one = iter(own)
    next(one)
    next(iter(own))
    with pytest.raises(ReaderError, match="moved while it was iterated over"):
        list(one)


def test_damage_is_found_at_its_sample(tmp_path: Path) -> None:
    """Every byte of a member is covered; the samples before it are right."""
    folder = make_copy(tmp_path, (4,))
    tar = folder / "shards/acme-jpg-00000.tar"
    clean = tar.read_bytes()
    delivery = open_delivery(folder, [AGENCY.vkey])
    rows = delivery.rows(delivery.manifest.shards[0]).rows
    for at in (
        rows[2].media_offset,
        rows[2].media_offset + rows[2].media_length - 1,
        rows[2].txt_offset,
        rows[2].json_offset + rows[2].json_length - 1,
    ):
        data = bytearray(clean)
        data[at] ^= 1
        tar.write_bytes(data)
        for threads in (0, 1):
            own = reader(delivery, mixed_shards=0, threads=threads)
            found = []
            with pytest.raises(ReaderError, match=f"sample {rows[2].key}: its members do not"):
                found += [sample["__key__"] for sample in own]
            assert own.given in (0, 2) and own.exposure().samples == own.given


@pytest.mark.parametrize("threads", [0, 2])
def test_damage_is_found_in_a_later_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """Later epochs compute tags; what is not the same has its digests computed again."""
    folder = make_copy(tmp_path, (4, 3))
    tar = folder / "shards/acme-jpg-00000.tar"
    clean = tar.read_bytes()
    delivery = open_delivery(folder, [AGENCY.vkey])
    rows = delivery.rows(delivery.manifest.shards[0]).rows
    own = reader(delivery, mixed_shards=0, threads=threads)
    first = list(own)
    digested: list[int] = []

    def counted(data: bytes) -> Any:
        digested.append(len(data))
        return hashlib.sha256(data)

    monkeypatch.setattr("pipelines.reader.checked.sha256", counted)
    assert list(own) == first and not digested
    state = own.state()

    def again(data: bytes) -> list[Any]:
        """What an epoch hands over when the tar has these bytes, from its beginning."""
        tar.write_bytes(data)
        digested.clear()
        own.restore(state)
        return list(own)

    for row in rows:
        for at in (row.media_offset, row.txt_offset, row.json_offset + row.json_length - 1):
            with pytest.raises(ReaderError, match=f"sample {row.key}: its members do not"):
                again(clean[:at] + bytes([clean[at] ^ 1]) + clean[at + 1 :])
    padding = rows[1].txt_offset + rows[1].txt_length  # it is in no member
    assert again(clean[:padding] + b"x" + clean[padding + 1 :]) == first
    assert digested == [rows[1].media_length, rows[1].txt_length, rows[1].json_length]
    assert again(clean) == first and digested  # the last tag was of the other padding
    assert again(clean) == first and not digested


def test_samples_too_large_for_a_tag_are_digested_each_time(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.reader.tags._MAX_BYTES", 100)
    own = reader(delivery)
    assert sorted(keys(own)) == sorted(keys(own))
    assert own.given == 2 * sum(SHARDS)


def test_a_short_shard_is_refused(tmp_path: Path) -> None:
    folder = make_copy(tmp_path, (4, 3))
    tar = folder / "shards/acme-jpg-00001.tar"
    delivery = open_delivery(folder, [AGENCY.vkey])
    own = reader(delivery, mixed_shards=0)
    samples = iter(own)
    next(samples)
    os.truncate(tar, tar.stat().st_size - 512)
    with pytest.raises(ReaderError, match=r"00001.tar: .* bytes, the manifest says"):
        list(samples)
    tar.unlink()
    with pytest.raises(ReaderError, match="No such file"):
        list(reader(delivery))


def test_a_shard_that_is_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    folder = make_copy(tmp_path, (4,))
    delivery = open_delivery(folder, [AGENCY.vkey])
    samples = iter(reader(delivery, mixed_shards=0))
    next(samples)
    os.truncate(folder / "shards/acme-jpg-00000.tar", 4_000)
    with pytest.raises(ReaderError, match="the tar ends within it"):
        list(samples)


def test_an_altered_table_is_refused(tmp_path: Path) -> None:
    folder = make_copy(tmp_path, (4,))
    table = folder / "shards/acme-jpg-00000.parquet"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    with pytest.raises(ReaderError, match=r"parquet: sha256 .* the manifest says"):
        list(reader(open_delivery(folder, [AGENCY.vkey])))


def test_only_the_pinned_key_is_accepted(folder: Path) -> None:
    with pytest.raises(ManifestError, match="another key than the pinned"):
        open_delivery(folder, [BUYER.vkey])
    with pytest.raises(InputError, match="No key is pinned"):
        open_delivery(folder, [])
    with pytest.raises(InputError, match="no delivery in this folder"):
        open_delivery(folder / "shards", [AGENCY.vkey])


def test_removed_samples_are_dropped_and_move_no_other(delivery: Delivery) -> None:
    before = keys(reader(delivery, seed=5))
    gone = {before[0], before[13], before[-1]}
    removals = Removals("acme", "", None, CommitmentSet(map(asset_of, gone)))
    own = reader(delivery, removals, seed=5)
    assert keys(own) == [key for key in before if key not in gone]
    assert not {asset_of(key) for key in gone} & own.exposure().counts.keys()


def test_a_newer_list_in_the_middle_of_an_epoch(delivery: Delivery) -> None:
    before = keys(reader(delivery, seed=5))
    own = reader(delivery, seed=5)
    samples = iter(own)
    first = [next(samples)["__key__"] for _ in range(10)]
    removals = Removals("acme", "", None, CommitmentSet(map(asset_of, before[8:14])))
    later = reader(delivery, removals, seed=5)
    later.restore(own.state())
    assert first + keys(later) == before[:10] + before[14:]
    assert later.exposure().samples == len(before) - 4


def test_a_list_that_is_too_old_is_refused(delivery: Delivery) -> None:
    days = [date(2026, 12, 31)]
    removals = Removals("acme", "2026-12-01", date(2026, 12, 31), CommitmentSet(()))
    own = reader(delivery, removals, clock=lambda: days[-1], mixed_shards=1)
    samples = iter(own)
    next(samples)
    days.append(date(2027, 1, 1))
    with pytest.raises(StaleRemovalsError, match="valid until 2026-12-31, today is 2027-01-01"):
        list(samples)  # noticed with the next shards, not at the start alone
    with pytest.raises(StaleRemovalsError):
        reader(delivery, removals, clock=lambda: days[-1])
    with pytest.raises(InputError, match="another deal: other, the delivery is of acme"):
        reader(delivery, Removals("other", "", None, CommitmentSet(())))


@given(st.lists(st.sampled_from("0123456789ab"), max_size=12), st.lists(st.sampled_from("0159f")))
def test_commitments_are_looked_up_whole(inside: list[str], asked: list[str]) -> None:
    """With the same first eight bytes for all, so that only the rest tells them apart."""
    own = CommitmentSet(["ab" * 8 + digit * 48 for digit in inside])
    found = own.contains(["ab" * 8 + digit * 48 for digit in asked])
    assert found.tolist() == [digit in inside for digit in asked]


def test_families_are_chosen(delivery: Delivery) -> None:
    assert len(keys(reader(delivery, families=["jpg"]))) == sum(SHARDS)
    with pytest.raises(InputError, match="no shards of this family: png; it has jpg"):
        reader(delivery, families=["png"])
