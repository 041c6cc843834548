"""Witnesses cosign the log, `check-proof` requires them, and what goes wrong is named."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.ledger.merkle import EMPTY_ROOT
from pipelines.ledger.signed_note import sign_checkpoint
from pipelines.run.signing_key import save_key
from tests.accounts.cases import SIGNER
from tests.accounts.independent import check_proof
from tests.accounts.small_log import ORIGIN, Log, check
from tests.accounts.witness import Answer, Served, Witness, served
from tests.end_to_end.command import tree


@pytest.fixture
def witness() -> Iterator[Witness]:
    yield Witness("witness.example/w1", 7, {ORIGIN: SIGNER.vkey})


def test_a_growing_log_is_cosigned_and_proofs_carry_it(log: Log, witness: Witness) -> None:
    plain = log.prove()
    size = len(plain.read_bytes())
    refused = check(plain, "--witness", witness.vkey)
    assert refused.code == 1 and "Too few witnesses have cosigned" in refused.err
    with served(witness) as url:
        done = log.witness(url, "--witness", witness.vkey, "--json")
        assert done.code == 0, done.err
        assert done.json["failures"] == {} and done.json["size"] == 5
        assert [request.split(b"\n")[0] for request in witness.requests] == [b"old 0"]
        proof = log.prove()
        assert size < len(proof.read_bytes()) < 4_000
        found = check(proof, "--witness", witness.vkey, "--json").json
        assert [one["name"] for one in found["witnesses"]] == [witness.name]
        assert check_proof(proof.read_bytes(), {SIGNER.vkey})[2] is False
        shown = check(proof, "--witness", witness.vkey).out
        assert f"Cosigned by {witness.name} on 20" in shown
        assert check(proof).code == 0
        for number in range(9):
            log.add(*(f"{number}-{at}" for at in range(number % 4 + 1)))
            assert log.witness(url, "--witness", witness.vkey).code == 0
        again = log.witness(url, "--witness", witness.vkey)
        assert again.code == 0 and "cosigned by witness.example/w1" in again.out
    assert witness.seen[ORIGIN][0] == int(log.checkpoint.split("\n")[1]) == 26
    assert log.run("journal").code == 0


def test_statements_and_pages_are_the_same_with_cosignatures(log: Log, witness: Witness) -> None:
    words = ("statement", "--contributor", "c-1", "--to")
    assert log.run(*words, log.folder / "before").code == 0
    with served(witness) as url:
        assert log.witness(url, "--witness", witness.vkey).code == 0
    assert log.run(*words, log.folder / "after").code == 0
    pages = tree(log.folder / "before")
    assert any(name.endswith(".html") for name in pages)
    assert tree(log.folder / "after") == pages


def test_k_of_n(log: Log, witness: Witness) -> None:
    second, third = (Witness(f"witness.example/w{n}", n, {ORIGIN: SIGNER.vkey}) for n in (2, 3))
    keys = log.folder / "witnesses"
    keys.write_text("".join(f"{one.vkey}\n" for one in (witness, second, third)))
    with served(witness) as first_url, served(second) as second_url, served(third) as third_url:
        third.logs = {}
        words: list[object] = ["--url", second_url, "--url", third_url, "--witness", keys]
        refused = log.witness(first_url, *words)
        assert refused.code == 1 and "2 of 3" in refused.err
        assert "It does not know this log" in refused.err and "is kept" in refused.err
        done = log.witness(first_url, *words, "--quorum", 2)
        assert done.code == 0 and "not cosigned: " in done.out
    proof = log.prove()
    assert check(proof, "--witness", keys, "--quorum", 2).code == 0
    refused = check(proof, "--witness", keys)
    assert refused.code == 1 and f"2 of 3; without {third.name}" in refused.err
    wrong: tuple[tuple[list[object], str], ...] = (
        (["--witness", keys, "--quorum", 4], "4 of 3"),
        (["--witness", witness.vkey, "--witness", keys], "Two witness keys are the same"),
        (["--witness", SIGNER.vkey], "not an Ed25519 witness key"),
        (["--quorum", 1], "--quorum needs --witness"),
    )
    for options, said in wrong:
        refused = check(proof, *options)
        assert refused.code == 2 and said in refused.err


def test_one_key_under_two_names_is_one_witness(log: Log, witness: Witness) -> None:
    alias = Witness("witness.example/alias", 7, {ORIGIN: SIGNER.vkey})
    with served(witness) as url, served(alias) as other:
        log.witness(url, "--witness", witness.vkey)
        log.witness(other, "--witness", alias.vkey)
    refused = check(log.prove(), "--witness", witness.vkey, "--witness", alias.vkey)
    assert refused.code == 2 and "Two witness keys are the same" in refused.err


def test_altered_cosignatures_are_named(log: Log, witness: Witness) -> None:
    with served(witness) as url:
        log.witness(url, "--witness", witness.vkey)
    proof = log.prove()
    found = json.loads(proof.read_bytes())
    line = found["checkpoint"].splitlines()[-1]
    raw = bytearray(base64.b64decode(line.split(" ")[2]))
    for at in (4 + 7, 4 + 8, len(raw) - 1):  # the time, and the signature
        changed = bytearray(raw)
        changed[at] ^= 1
        text = found["checkpoint"].replace(line.split(" ")[2], base64.b64encode(changed).decode())
        proof.write_text(
            json.dumps(
                found | {"checkpoint": text},
                sort_keys=True,
                ensure_ascii=False,
                separators=(",", ":"),
            )
            + "\n"
        )
        refused = check(proof, "--witness", witness.vkey)
        assert refused.code == 1 and "a cosignature is not valid" in refused.err
        assert check(proof).code == 0  # who does not ask for witnesses ignores their lines


def forked_copy(log: Log) -> Log:
    """The same agency's other log: as many records, and the last one tells something else."""
    other = Log(log.folder.parent / "other")
    shutil.copytree(log.folder, other.folder)
    record = other.out / "agency/books/records/00000004.json"
    found = json.loads(record.read_bytes())
    found["public"]["name"] = "public another"
    record.write_text(json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    shutil.rmtree(other.out / "agency/log")
    shutil.rmtree(other.folder / "agency.key.checkpoint", ignore_errors=True)
    (other.folder / "agency.key.checkpoint").unlink(missing_ok=True)
    return other


def test_a_forked_log_is_seen_by_a_witness(log: Log, witness: Witness) -> None:
    """Who has the key can keep two logs; a witness cosigns only one."""
    other = forked_copy(log)
    words = ["--witness", witness.vkey]
    with served(witness) as url:
        assert log.witness(url, *words).code == 0
        for _ in range(2):
            before = tree(other.out / "agency/books")
            refused = other.witness(url, *words)
            assert refused.code == 1
            assert "has seen another log by this name" in refused.err
            assert "its first 5 records had another root" in refused.err
            assert tree(other.out / "agency/books") == before
            assert not (other.out / "agency/log/cosigned").exists()
            other.add("and one more")
    # Proofs of both are signed by the agency; only the one that the witness saw is cosigned.
    assert check(other.prove()).code == 0
    refused = check(other.prove(), *words)
    assert refused.code == 1 and "Too few witnesses" in refused.err
    assert check(log.prove(), *words).code == 0


def test_cosignatures_of_one_log_do_not_fit_its_fork(log: Log, witness: Witness) -> None:
    other = forked_copy(log)
    other.run("journal")
    with served(witness) as url:
        log.witness(url, "--witness", witness.vkey)
    shutil.copytree(log.out / "agency/log/cosigned", other.out / "agency/log/cosigned")
    refused = other.run("prove", "--asset", "a-9", "--to", other.folder / "unused")
    assert refused.code == 1 and "cosigned checkpoint is not that of the agency's" in refused.err
    proof = json.loads(log.prove().read_bytes())
    (line,) = (x for x in proof["checkpoint"].splitlines() if witness.name in x)
    shutil.rmtree(other.out / "agency/log/cosigned")
    path = other.prove()
    found = json.loads(path.read_bytes())
    found["checkpoint"] += f"{line}\n"
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    path.write_text(text + "\n")
    refused = check(path, "--witness", witness.vkey)
    assert refused.code == 1 and "a cosignature is not valid" in refused.err


def test_a_log_that_was_rolled_back_is_seen_by_a_witness(log: Log, witness: Witness) -> None:
    earlier = Log(log.folder.parent / "earlier")
    shutil.copytree(log.folder, earlier.folder)
    log.add("later")
    with served(witness) as url:
        assert log.witness(url, "--witness", witness.vkey).code == 0
        refused = earlier.witness(url, "--witness", witness.vkey)
    assert refused.code == 1 and "has seen more records of this log" in refused.err


def another(status: int, body: bytes) -> Callable[[bytes], Answer]:
    return lambda _: (status, "text/plain", body)


FORGER = Witness("witness.example/w1", 9)
W1 = Witness("witness.example/w1", 7)


def submitted(body: bytes) -> str:
    """The text of the checkpoint in a request."""
    return body.decode().partition("\n\n")[2].partition("\n\n")[0] + "\n"


def cosigned(*lines: Callable[[str], str]) -> Callable[[bytes], Answer]:
    def answer(body: bytes) -> Answer:
        return 200, "text/plain", "".join(line(submitted(body)) for line in lines).encode()

    return answer


OTHER_TEXT = sign_checkpoint(SIGNER, ORIGIN, 0, EMPTY_ROOT).partition("\n\n")[0] + "\n"
HOSTILE: dict[str, tuple[Callable[[bytes], Answer], str]] = {
    "empty": (another(200, b""), "not a valid cosignature"),
    "not text": (another(200, b"\xff\xfe\n"), "not a valid cosignature"),
    "cut off": (cosigned(lambda text: W1.cosign(text)[:-1]), "not a valid cosignature"),
    "another text": (cosigned(lambda _: W1.cosign(OTHER_TEXT)), "not a valid cosignature"),
    "time zero": (cosigned(lambda text: W1.cosign(text, 0)), "not a valid cosignature"),
    "twice": (cosigned(W1.cosign, W1.cosign), "not a valid cosignature"),
    "a second note": (another(200, b"\nx\n\n\xe2\x80\x94 x AAAAAAAA\n"), "not a valid cosignature"),
    "to come": (cosigned(lambda t: W1.cosign(t, int(time.time()) + 86_400)), "dated in the future"),
    "another key": (cosigned(FORGER.cosign), "has no cosignature by a given key"),
    "redirect": (another(307, b"http://127.0.0.1:1/"), "redirects, which is not followed"),
    "too much": (another(200, bytes(70_000)), "answered too much"),
    "no size": (another(409, b"many\n"), "answer is not valid"),
    "zero again": (another(409, b"0\n"), "answer is not valid"),
    "longer": (another(409, b"99\n"), "has seen more records of this log: "),
    "unknown log": (another(404, b""), "It does not know this log"),
    "unknown key": (another(403, b""), "does not accept the key"),
    "malformed": (another(400, b"what?"), "finds the request malformed"),
    "broken": (another(503, b"busy"), "It is not available"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_are_named(log: Log, witness: Witness, name: str) -> None:
    witness.hostile, said = HOSTILE[name]
    before = tree(log.out)
    with served(witness) as url:
        refused = log.witness(url, "--witness", witness.vkey)
    assert refused.code == 1 and said in refused.err, refused.err
    assert refused.out == "" and tree(log.out) == before


def test_sizes_that_change_each_time_end(log: Log, witness: Witness) -> None:
    def answer(body: bytes) -> Answer:
        old = int(body.split(b"\n")[0].removeprefix(b"old "))
        return 409, "text/x.tlog.size", f"{old + 1}\n".encode()

    witness.hostile = answer
    with served(witness) as url:
        refused = log.witness(url, "--witness", witness.vkey)
    assert refused.code == 1 and "states a different size each time" in refused.err
    assert len(witness.requests) == 3


def test_a_slow_or_absent_witness_is_given_up(log: Log, witness: Witness) -> None:
    def answer(_: str, __: bytes) -> Answer:
        time.sleep(3)
        return 200, "text/plain", b""

    with Served(answer) as url:
        start = time.monotonic()
        refused = log.witness(url, "--witness", witness.vkey, "--timeout", 1)
        assert time.monotonic() - start < 2.5
    assert refused.code == 1 and "The server took too long" in refused.err
    refused = log.witness(url, "--witness", witness.vkey)
    assert refused.code == 1 and "The server cannot be reached" in refused.err
    for address in ("file:///etc/passwd", "https://user:secret@w.example", "w.example", ""):
        refused = log.witness(address, "--witness", witness.vkey)
        assert refused.code == 2 and "Not the address of a server" in refused.err


def test_a_log_without_records_is_refused(tmp_path: Path, witness: Witness) -> None:
    log = Log(tmp_path)
    save_key(log.key, SIGNER)
    refused = log.witness("http://127.0.0.1:1", "--witness", witness.vkey)
    assert refused.code == 1 and "has no agency log yet" in refused.err
