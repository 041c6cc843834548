"""Every way to tamper with the log is named by the command that a user would run next."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.accounts.deliveries import record_missing
from pipelines.accounts.log import open_log
from pipelines.ledger.merkle import ProofError, leaf_hash, root
from pipelines.ledger.signed_note import sign_checkpoint
from pipelines.ledger.tiles import entry_bundles, read_entry_bundle
from pipelines.run.signing_key import log_key, save_key
from pipelines.storage.open import open_store
from pipelines.verify.statement import check_statement, read_statement
from schemas.canonical import canonical_json
from tests.accounts.cases import NEXT, SIGNER, note
from tests.accounts.outputs import publish
from tests.end_to_end.command import tree
from tests.end_to_end.small_library import in_process
from tests.ledger.ledger_cases import asset

_ROWS = [asset(number, (("c-1", 6_000), ("c-2", 4_000))) for number in range(6)]


class Agency:
    """An output with two recorded deliveries and a notice, and the agency's key beside it."""

    def __init__(self, folder: Path) -> None:
        self.out, self.key = folder / "out", folder / "agency.key"
        self.log, self.books = self.out / "agency/log", self.out / "agency/books"

    def begin(self) -> None:
        save_key(self.key, SIGNER)
        store = open_store(str(self.out))
        publish(store, _ROWS[:4], "one")
        publish(store, _ROWS, "two")
        key = log_key(SIGNER, self.key)
        record_missing(store, key)
        note(open_log(store, key), "last")

    def record(self, index: int) -> Path:
        return self.books / "records" / f"{index:08d}.json"

    def sign(self, size: int, root: bytes) -> None:
        """Signs a checkpoint, as only the agency itself can."""
        text = sign_checkpoint(SIGNER, f"{SIGNER.name}/agency-log", size, root)
        (self.log / "checkpoint").write_text(text)

    def run(self, *words: object) -> tuple[int, str]:
        """Runs a command that opens the log; nothing may be written if it refuses."""
        before = tree(self.out)
        ended = in_process(*words, "--out", self.out, "--key", self.key)
        if ended.code:
            assert ended.out == "" and tree(self.out) == before
        return ended.code, ended.err


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Agency:
    made = Agency(tmp_path_factory.mktemp("sound"))
    made.begin()
    return made


@pytest.fixture
def agency(sound: Agency, tmp_path: Path) -> Agency:
    shutil.copytree(sound.out, tmp_path / "out")
    shutil.copy2(sound.key, tmp_path / "agency.key")
    memory = json.loads((sound.key.parent / "agency.key.checkpoint").read_text())
    [checkpoint] = memory.values()
    known = {str((tmp_path / "out").resolve()): checkpoint}
    (tmp_path / "agency.key.checkpoint").write_text(json.dumps(known))
    return Agency(tmp_path)


def change_record(agency: Agency) -> None:
    found = json.loads(agency.record(1).read_bytes())
    found["private"]["pool"]["gross_minor"] += 1
    agency.record(1).write_bytes(canonical_json(found))


def drop_record(agency: Agency) -> None:
    agency.record(1).unlink()


def drop_last_record(agency: Agency) -> None:
    agency.record(3).unlink()


def reorder_records(agency: Agency) -> None:
    """Swaps two records as somebody would who knows the format."""
    found = [json.loads(agency.record(index).read_bytes()) for index in (1, 2)]
    for index, record in zip((2, 1), found, strict=True):
        agency.record(index).write_bytes(canonical_json(record | {"index": index}))


def bundle_of(agency: Agency) -> Path:
    return agency.log / "tile/entries/000.p/4"


def change_entry(agency: Agency) -> None:
    data = bundle_of(agency).read_bytes()
    bundle_of(agency).write_bytes(data.replace(b"one/v0001", b"six/v0001"))


def drop_entry(agency: Agency) -> None:
    leaves = read_entry_bundle(bundle_of(agency).read_bytes())
    [(_, data)] = entry_bundles(leaves[:-1])
    bundle_of(agency).write_bytes(data)


def reorder_entries(agency: Agency) -> None:
    leaves = read_entry_bundle(bundle_of(agency).read_bytes())
    [(_, data)] = entry_bundles([leaves[0], leaves[2], leaves[1], leaves[3]])
    bundle_of(agency).write_bytes(data)


def replay_checkpoint(agency: Agency) -> None:
    """Puts the whole log back to where it was before its last record."""
    agency.record(3).unlink()
    shutil.rmtree(agency.log)
    shutil.rmtree(agency.books / "events")
    memory = agency.key.with_name("agency.key.checkpoint")
    known = memory.read_text()
    memory.unlink()
    assert agency.run("journal")[0] == 0  # which writes the shorter log again
    memory.write_text(known)


def fork_log(agency: Agency) -> None:
    """Another log of as many records, soundly signed: the last record tells something else."""
    found = json.loads(agency.record(3).read_bytes())
    found["public"]["name"] = "public another"
    agency.record(3).write_bytes(canonical_json(found))
    shutil.rmtree(agency.log)
    memory = agency.key.with_name("agency.key.checkpoint")
    known = memory.read_text()
    memory.unlink()
    assert agency.run("journal")[0] == 0
    memory.write_text(known)


def fork_and_go_on(agency: Agency) -> None:
    fork_log(agency)
    memory = agency.key.with_name("agency.key.checkpoint")
    known = memory.read_text()
    memory.unlink()
    note(open_log(open_store(str(agency.out)), log_key(SIGNER, agency.key)), "later")
    memory.write_text(known)


def sign_another_root(agency: Agency) -> None:
    agency.sign(4, bytes(32))


def sign_with_another_key(agency: Agency) -> None:
    text = (agency.log / "checkpoint").read_text()
    (agency.log / "checkpoint").write_text(text.replace("\n4\n", "\n5\n"))


def publish_another_key(agency: Agency) -> None:
    (agency.log / "log.vkey").write_text(f"{NEXT.vkey}\n")


def rename_key(agency: Agency) -> None:
    text = (agency.log / "log.vkey").read_text()
    (agency.log / "log.vkey").write_text(text.replace("agency.example", "agency.example.com"))


def drop_key(agency: Agency) -> None:
    (agency.log / "log.vkey").unlink()


def cut_record(agency: Agency) -> None:
    path = agency.out / "agency/books/records/00000002.json"
    path.write_bytes(path.read_bytes()[:-20])


def cut_tile(agency: Agency) -> None:
    path = agency.log / "tile/0/000.p/4"
    path.write_bytes(path.read_bytes()[:-1])


TAMPERED: dict[str, tuple[Callable[[Agency], None], str]] = {
    "record changed": (change_record, "record of the agency's books was changed: record 1"),
    "record dropped": (drop_record, "record of the agency's books is missing: record 1"),
    "last record dropped": (drop_last_record, "agency's books is missing: record 3"),
    "records reordered": (reorder_records, "record of the agency's books was changed: record 1"),
    "record cut": (cut_record, "books is damaged: agency/books/records/00000002.json: not a JSON"),
    "tile cut": (cut_tile, "The agency's log is damaged: agency/log: a tile has the wrong length"),
    "entry changed": (change_entry, "entries of the log do not match its tiles"),
    "entry dropped": (drop_entry, "entries of the log do not match its tiles"),
    "entries reordered": (reorder_entries, "entries of the log do not match its tiles"),
    "checkpoint replayed": (replay_checkpoint, "The agency's log was rolled back"),
    "log forked": (fork_log, "The agency's log was forked"),
    "log forked, then longer": (fork_and_go_on, "The agency's log was forked"),
    "root replaced": (sign_another_root, "tiles of the agency's log are not those of its checkp"),
    "checkpoint edited": (sign_with_another_key, "is not signed by the agency's key"),
    "key replaced": (publish_another_key, "The key beside the agency's log is not the one"),
    "key renamed": (rename_key, "The key beside the agency's log is not the one"),
    "key dropped": (drop_key, "A file of the agency's log is missing"),
}
COMMANDS = {
    "prove": ("prove", "--asset", "a-1", "--to", "unused.proof.json"),
    "journal": ("journal",),
    "removals": ("removals",),
    "pay": (
        *("pay", "--delivery", "one/v0001", "--name", "later", "--amount", "10.00"),
        *("--currency", "USD", "--agency-share", "0.4", "--source", "x", "--period", "y"),
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_with_the_log_is_named(agency: Agency, name: str, command: str) -> None:
    tamper, said = TAMPERED[name]
    tamper(agency)
    code, error = agency.run(*COMMANDS[command])
    assert code == 1 and said in error, error
    assert "from a copy" in error or "remove agency/log/checkpoint" in error, error
    assert ".." not in error.replace("../", "")


@pytest.mark.parametrize("data", [b"\xff", b"fairshard/sum/v1\none/v0001\n"])
def test_a_damaged_sum_is_named(agency: Agency, data: bytes) -> None:
    note = agency.out / "one/v0001/agency/sums/sum.note"
    note.write_bytes(data)
    ended = in_process("statement", "--out", agency.out, "--contributor", "c-1", "--deal", "one")
    assert ended.code == 1 and str(note) in ended.err
    assert "Restore agency/sums/ of this version from a copy" in ended.err


@pytest.mark.parametrize("name", ["checkpoint", "log.vkey"])
@pytest.mark.parametrize("data", [b"\xff\x00", b"agency.example/agency-log\n4\nAAA", b"a+b+c\n"])
def test_a_reader_names_the_files_that_do_not_fit(agency: Agency, name: str, data: bytes) -> None:
    (agency.log / name).write_bytes(data)
    ended = in_process("share", "--out", agency.out, "--deal", "one", "--by", "contributor")
    assert ended.code == 1
    assert f"{agency.log}/checkpoint, log.vkey: " in ended.err
    assert "restore both from a copy" in ended.err


def test_a_replayed_checkpoint_is_named_and_the_log_written_again(agency: Agency) -> None:
    """The books have all records; the log's folder is as it was a record before."""
    sound = tree(agency.log)
    agency.sign(3, open_log_of(agency, 3))
    code, said = agency.run("journal")
    assert code == 0
    assert "checkpoint of the agency's log was an older one" in said
    assert "had size 3, and size 4 was written before" in said
    assert tree(agency.log) == sound
    assert agency.run("journal") == (0, "")


def open_log_of(agency: Agency, size: int) -> bytes:
    """The root of the first records."""
    leaves = read_entry_bundle(bundle_of(agency).read_bytes())[:size]
    [(_, data)] = entry_bundles(leaves)
    (agency.log / f"tile/entries/000.p/{size}").write_bytes(data)
    return root([leaf_hash(leaf) for leaf in leaves])


def test_a_key_that_was_changed_is_written_again(agency: Agency) -> None:
    sound = tree(agency.log)
    rename_key(agency)
    assert agency.run("journal")[0] == 1
    (agency.log / "checkpoint").unlink()
    assert agency.run("journal") == (0, "")
    assert tree(agency.log) == sound


def test_the_sound_log_is_accepted(agency: Agency, tmp_path: Path) -> None:
    proof = tmp_path / "a.proof.json"
    assert agency.run("prove", "--asset", _ROWS[1].asset_id, "--to", proof) == (0, "")
    assert in_process("check-proof", proof, "--key", SIGNER.vkey).code == 0


# What somebody without the key and the books finds out.


def test_an_edited_proof_is_named(agency: Agency, tmp_path: Path) -> None:
    proof = tmp_path / "a.proof.json"
    agency.run("prove", "--asset", _ROWS[5].asset_id, "--in", "one/v0001", "--to", proof)
    found = json.loads(proof.read_bytes())
    for changes, said in (
        ({"record": found["record"] | {"delivery": "two/v0001"}}, "the leaf is not in the tree"),
        ({"id": "a-other"}, "the neighbours do not prove an absence"),
        ({"checkpoint": found["checkpoint"].replace("\n4\n", "\n5\n")}, "not signed by the given"),
    ):
        edited = canonical_json(found | changes) + b"\n"
        proof.write_bytes(edited)
        ended = in_process("check-proof", proof, "--key", SIGNER.vkey)
        assert (ended.code, ended.out) == (1, "") and said in ended.err, ended.err
        assert f"The file proves nothing: {proof}: " in ended.err


def edit_statement(agency: Agency) -> None:
    file = agency.out / "one/v0001/agency/statements/c-1.json"
    found = json.loads(file.read_bytes())
    found["lines"][0]["amount_minor"] += 1
    file.write_text(json.dumps(found))


def edit_total(agency: Agency) -> None:
    file = agency.out / "one/v0001/agency/sums/sum.note"
    file.write_text(file.read_text().replace("\n1000003\n", "\n1000004\n"))


def edit_delivery_log(agency: Agency) -> None:
    [file] = (agency.out / "one/v0001/delivery/tile/0").rglob("*.p/*")
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)


def replace_checkpoint(agency: Agency) -> None:
    source = agency.out / "two/v0001/delivery/checkpoint"
    shutil.copy2(source, agency.out / "one/v0001/delivery/checkpoint")


STATEMENTS: dict[str, tuple[Callable[[Agency], None], str]] = {
    "line": (edit_statement, "one/v0001, contributor 'c-1': "),
    "total": (edit_total, "the signature is not valid"),
    "entry": (edit_delivery_log, "the leaf is not in the tree"),
    "checkpoint": (replace_checkpoint, "the checkpoint belongs to another log"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_not_made_from_what_was_tampered_with(
    agency: Agency, tmp_path: Path, name: str
) -> None:
    tamper, said = STATEMENTS[name]
    tamper(agency)
    target = tmp_path / "to"
    ended = in_process(
        "statement", "--out", agency.out, "--contributor", "c-1", "--deal", "one", "--to", target
    )
    assert (ended.code, ended.out) == (1, "") and said in ended.err, ended.err
    assert not target.exists()


EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an amount, with its text": (
        lambda found: found["lines"][0].update(amount_minor=1, amount="0.01"),
        "a line does not match the commitments in its leaf: entry ",
    ),
    "an amount's text": (
        lambda found: found["lines"][0].update(amount="999.00"),
        "an amount's text does not match its number: entry ",
    ),
    "whose it is": (
        lambda found: found.update(contributor_id="c-2"),
        "a line does not match the commitments in its leaf: entry ",
    ),
    "a line dropped": (
        lambda found: found["lines"].pop(),
        "the lines do not sum to the statement's total",
    ),
    "the total": (
        lambda found: found.update(total_minor=1, total="0.01"),
        "the lines do not sum to the statement's total",
    ),
    "what was credited before": (
        lambda found: found.update(previous_minor=100, previous="1.00"),
        "the statement's difference is not its total less what was credited before",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_statement_is_named_to_its_reader(sound: Agency, name: str) -> None:
    file = sound.out / "one/v0001/agency/statements/c-1.json"
    check_statement(read_statement(file.read_text()))
    found = json.loads(file.read_text())
    edit, said = EDITS[name]
    edit(found)
    with pytest.raises(ProofError) as caught:
        check_statement(read_statement(json.dumps(found)))
    assert said in str(caught.value)
