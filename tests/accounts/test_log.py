"""The agency's log: appended to once for each event, completed after a stop, and never altered."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.log import open_log
from pipelines.ledger.record import AllSets, Kind
from pipelines.ledger.signed_note import FileKey, NoteError, sign_checkpoint
from pipelines.storage.local_store import LocalStore
from schemas.canonical import canonical_json
from schemas.errors import InputError, RunError
from tests.accounts.cases import AS_OF, NEXT, SIGNER, begun, key_of, note
from tests.accounts.independent import check_books, read_log
from tests.end_to_end.command import tree


def names(folder: Path) -> list[str]:
    return [str(leaf.get("name")) for leaf in read_log(folder / "out" / "agency" / "log")]


def test_records_are_appended_in_order(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one", "two")
    log = open_log(store, key)
    assert (log.size, log.origin, log.vkey) == (3, "agency.example/agency-log", SIGNER.vkey)
    third = note(log, "three")
    assert third.index == 3 and log.record(3) == third
    leaves = read_log(tmp_path / "out" / "agency" / "log")
    check_books(tmp_path / "out", leaves)
    assert names(tmp_path) == ["None", "public one", "public two", "public three"]
    assert "private" not in json.dumps(leaves).replace("private_sha256", "")


def test_an_event_is_recorded_once(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one", "two", "one")
    before = tree(tmp_path)
    assert note(open_log(store, key), "two").index == 2
    assert tree(tmp_path) == before


MARKS = "out/agency/books/events"


def some_changed(folder: Path) -> None:
    first, second, *_ = sorted(folder.iterdir())
    first.write_bytes(second.read_bytes())
    second.write_bytes(b"{")


LOST: dict[str, Callable[[Path], object]] = {
    "all": shutil.rmtree,
    "one": lambda folder: min(folder.iterdir()).unlink(),
    "changed": some_changed,
}


@pytest.mark.parametrize("lost", LOST)
def test_marks_of_events_are_made_again_from_the_records(tmp_path: Path, lost: str) -> None:
    """Without its mark an event would be recorded twice, and its money paid twice."""
    store, key = begun(tmp_path, "one", "two", "three")
    before = tree(tmp_path)
    LOST[lost](tmp_path / MARKS)
    log = open_log(store, key)
    assert tree(tmp_path) == before
    assert [note(log, name).index for name in ("three", "one", "two")] == [3, 1, 2]
    assert tree(tmp_path) == before


def test_marks_older_than_the_compared_records_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.accounts.log._COMPARED", 2)
    store, key = begun(tmp_path, "one", "two", "three", "four")
    before = tree(tmp_path)
    for path in (tmp_path / MARKS).iterdir():
        if path.read_bytes() == b'{"index":1}':
            path.unlink()
    assert note(open_log(store, key), "one").index == 1
    assert tree(tmp_path) == before


def test_a_mark_that_names_another_record_is_refused(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one", "two")
    log = open_log(store, key)
    for path in (tmp_path / MARKS).iterdir():
        path.write_bytes(b'{"index":1}')
    before = tree(tmp_path)
    with pytest.raises(RunError, match="points to another event's record"):
        note(log, "two")
    assert tree(tmp_path) == before
    assert note(open_log(store, key), "two").index == 2


def test_nothing_is_made_again_in_a_log_that_was_rolled_back(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one")
    shutil.copytree(tmp_path / "out", tmp_path / "earlier")
    note(open_log(store, key), "two")
    shutil.rmtree(tmp_path / "out")
    shutil.move(tmp_path / "earlier", tmp_path / "out")
    shutil.rmtree(tmp_path / MARKS)
    before = tree(tmp_path)
    with pytest.raises(RunError, match="rolled back"):
        open_log(store, key)
    assert tree(tmp_path) == before


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        begun(tmp_path / name, "one", "two")
    assert tree(tmp_path / "a" / "out") == tree(tmp_path / "b" / "out")


def test_a_log_of_several_tiles(tmp_path: Path) -> None:
    store, key = begun(tmp_path)
    log = open_log(store, key)
    for number in range(300):
        note(log, str(number))
    again = open_log(store, key)
    assert (again.size, again.root) == (301, log.root)
    assert again.leaf(17)["name"] == "public 16"
    check_books(tmp_path / "out", read_log(tmp_path / "out" / "agency" / "log"))


@pytest.mark.parametrize("lost", ["log/checkpoint", "log", "log/tile", "books/events"])
def test_what_follows_from_the_records_is_written_again(tmp_path: Path, lost: str) -> None:
    store, key = begun(tmp_path, "one", "two")
    before = tree(tmp_path / "out")
    path = tmp_path / "out" / "agency" / lost
    if lost == "log/tile":
        shutil.rmtree(path)
        with pytest.raises(RunError, match="remove agency/log/checkpoint"):
            open_log(store, key)
        path = path.with_name("checkpoint")
    if lost == "books/events":
        shutil.rmtree(path.parents[1] / "log")
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    open_log(store, key)
    after = tree(tmp_path / "out")
    assert after.items() <= before.items()
    # Partial tiles of earlier sizes are no longer needed.
    assert all(name.endswith((".p/1", ".p/2")) for name in before.keys() - after.keys())


def test_a_record_that_was_written_but_not_sealed(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one")
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "out", whole)
    log = open_log(store, key)
    note(log, "two")
    after = tree(tmp_path / "out")
    record = (tmp_path / "out/agency/books/records/00000002.json").read_bytes()
    shutil.rmtree(tmp_path / "out")
    shutil.copytree(whole, tmp_path / "out")
    (tmp_path / "out/agency/books/records/00000002.json").write_bytes(record)
    assert note(open_log(store, key), "two").index == 2
    assert tree(tmp_path / "out") == after


def test_a_slower_process_does_not_take_the_checkpoint_back(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one")
    checkpoint = tmp_path / "out/agency/log/checkpoint"
    older = checkpoint.read_bytes()
    log = open_log(store, key)
    note(log, "two")
    newer = checkpoint.read_bytes()
    checkpoint.write_bytes(older)  # as by a process that was stopped right before its write
    log.refresh()
    assert checkpoint.read_bytes() == newer
    checkpoint.write_bytes(older)
    assert open_log(store, key).size == 3 and checkpoint.read_bytes() == newer


def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one")
    log = open_log(store, key)
    before = tree(tmp_path)
    for name, value in (("number", 2**53), ("text", "\ud800"), ("index", 4)):
        new = NewRecord({name: value}, {}, log.sets)
        with pytest.raises(InputError):
            append_record(log, Kind.NOTICE, ("notice", "x"), AS_OF, partial(given, new))
    assert tree(tmp_path) == before


def given(new: NewRecord, index: int, sets: AllSets) -> NewRecord:
    return new


# Tampering: what is done to the output or the key's memory, and what is said of it.


def rewrite_record(root: Path) -> None:
    path = root / "out/agency/books/records/00000001.json"
    path.write_bytes(path.read_bytes().replace(b"private one", b"private uno"))


def drop_record(root: Path) -> None:
    (root / "out/agency/books/records/00000001.json").unlink()


def drop_last_record(root: Path) -> None:
    (root / "out/agency/books/records/00000003.json").unlink()


def swap_records(root: Path) -> None:
    one, two = (root / f"out/agency/books/records/0000000{at}.json" for at in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second), two.write_bytes(first)


def swap_records_and_indexes(root: Path) -> None:
    for at, other in ((1, "two"), (2, "one")):
        path = root / f"out/agency/books/records/0000000{at}.json"
        found = json.loads(path.read_bytes())
        found["public"]["name"] = f"public {other}"
        path.write_bytes(json.dumps(found, sort_keys=True, separators=(",", ":")).encode())


def roll_back(root: Path) -> None:
    shutil.rmtree(root / "out")
    shutil.copytree(root / "earlier", root / "out")


def replay_checkpoint(root: Path) -> None:
    shutil.copy(root / "earlier/agency/log/checkpoint", root / "out/agency/log/checkpoint")
    drop_last_record(root)


def fork(root: Path) -> None:
    roll_back(root)
    other = open_log(LocalStore(str(root / "out")), key_of(None))
    note(other, "another")
    note(other, "and more")


def alter_tile(root: Path) -> None:
    path = root / "out/agency/log/tile/0/000.p/4"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def alter_entry(root: Path) -> None:
    path = root / "out/agency/log/tile/entries/000.p/4"
    path.write_bytes(path.read_bytes().replace(b"public one", b"public uno"))


def forge_checkpoint(root: Path) -> None:
    forged = FileKey("agency.example", bytes(32))
    text = sign_checkpoint(forged, "agency.example/agency-log", 4, bytes(32))
    (root / "out/agency/log/checkpoint").write_text(text)


def empty_output(root: Path) -> None:
    shutil.rmtree(root / "out")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (rewrite_record, "record of the agency's books was changed: record 1"),
        (drop_record, "record of the agency's books is missing: record 1"),
        (drop_last_record, "record of the agency's books is missing: record 3"),
        (swap_records, "books is damaged: agency/books/records/00000001.json: its fields are not"),
        (swap_records_and_indexes, "record of the agency's books was changed: record 1"),
        (roll_back, "The agency's log was rolled back: .* has 3 records; .* size 4, root"),
        (replay_checkpoint, "The agency's log was rolled back: .* has 3 records; .* size 4, root"),
        (fork, "The agency's log was forked: .* first 4 records have the root .* size 4, root"),
        (alter_tile, "do not match its tiles|not those of its checkpoint"),
        (alter_entry, "entries of the log do not match its tiles"),
        (forge_checkpoint, "not signed by the agency's key"),
        (empty_output, "The agency's log was rolled back: .* has 0 records; .* size 4, root"),
    ],
)
def test_tampering_is_named(tmp_path: Path, tamper: Callable[[Path], None], said: str) -> None:
    store, key = begun(tmp_path, "one", "two")
    shutil.copytree(tmp_path / "out", tmp_path / "earlier")
    note(open_log(store, key), "three")
    tamper(tmp_path)
    before = tree(tmp_path)
    for _ in range(2):
        with pytest.raises(RunError, match=said):
            open_log(store, key)
    assert tree(tmp_path) == before  # nothing is written to a log that is not as it was


def test_a_fork_that_went_on_is_noticed(tmp_path: Path) -> None:
    """The other log is longer than what is remembered; its beginning differs."""
    store, key = begun(tmp_path, "one", "two")
    shutil.rmtree(tmp_path / "out")
    other = open_log(store, key_of(None))
    for name in ("one", "2", "three", "four"):
        note(other, name)
    with pytest.raises(RunError, match=r"forked: .* its first 3 records .* size 3"):
        open_log(store, key)


def test_logs_of_two_outputs_do_not_concern_one_another(tmp_path: Path) -> None:
    _, key = begun(tmp_path, "one", "two")
    other = LocalStore(str(tmp_path / "other"))
    note(open_log(other, key), "three")
    assert open_log(other, key).size == 2
    assert len(json.loads((tmp_path / "key.checkpoint").read_text())) == 2


# Keys.


def test_a_new_key_goes_on_with_the_log(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one")
    rotated = key_of(key.memory, NEXT, SIGNER)
    note(open_log(store, rotated), "two")
    leaves = read_log(tmp_path / "out" / "agency" / "log")
    assert [leaf["kind"] for leaf in leaves] == ["key", "notice", "key", "notice"]
    assert (leaves[2]["previous_vkey"], leaves[2]["vkey"]) == (SIGNER.vkey, NEXT.vkey)
    check_books(tmp_path / "out", leaves)
    # From now on, the old key is not needed.
    again = key_of(key.memory, NEXT)
    (tmp_path / "key.checkpoint").unlink()
    note(open_log(store, again), "three")
    assert names(tmp_path)[-1] == "public three"


def test_another_key_is_refused(tmp_path: Path) -> None:
    store, _ = begun(tmp_path, "one")
    with pytest.raises(RunError, match=r"not signed by the agency's key: .*previous"):
        open_log(store, key_of(None, NEXT))


def test_the_old_key_cannot_go_on(tmp_path: Path) -> None:
    store, key = begun(tmp_path, "one")
    note(open_log(store, key_of(key.memory, NEXT, SIGNER)), "two")
    with pytest.raises(RunError, match="not signed by the agency's key"):
        open_log(store, key_of(None))
    shutil.rmtree(tmp_path / "out" / "agency" / "log")
    with pytest.raises(RunError, match="signed by another key"):
        open_log(store, key_of(None))


def test_a_hand_over_that_the_old_key_did_not_sign(tmp_path: Path) -> None:
    """Someone who can write to the output appends a key of their own to the books."""
    store, key = begun(tmp_path, "one")
    with tempfile.TemporaryDirectory() as folder:
        forged, _ = begun(Path(folder), "one")
        note(open_log(forged, key_of(None, NEXT, SIGNER)), "two")
        data = forged.read_bytes("agency/books/records/00000002.json")
    found = json.loads(data)
    line = str(found["public"]["endorsement"])
    found["public"]["endorsement"] = line[:40] + ("A" if line[40] != "A" else "B") + line[41:]
    for altered in (found, found | {"public": found["public"] | {"vkey": SIGNER.vkey}}):
        store.write_bytes("agency/books/records/00000002.json", canonical_json(altered))
        with pytest.raises(NoteError):
            open_log(store, key)
