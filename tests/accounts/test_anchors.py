"""Timestamps of the log by a real authority: made, kept, checked, and what is forged is named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.ledger.anchor import AnchorError
from pipelines.ledger.timestamp import check_timestamp, read_certificates
from tests.accounts.cases import SIGNER
from tests.accounts.small_log import ORIGIN, Log, check
from tests.accounts.tsa import OPENSSL, Authority
from tests.accounts.witness import Answer, Served, Witness, served
from tests.end_to_end.command import CommandResult, tree

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "tsa")


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority by the same names."""
    return Authority(tmp_path_factory.mktemp("forger") / "tsa")


def anchor(log: Log, url: str, ca: Path, *words: object) -> CommandResult:
    return log.run("anchor", "--tsa", url, "--ca", ca, *words)


def test_a_checkpoint_is_timestamped_once_and_proofs_are_checked_with_it(
    log: Log, authority: Authority
) -> None:
    before = tree(log.out)
    with authority.served() as url:
        done = anchor(log, url, authority.root, "--json")
        assert done.code == 0, done.err
        assert done.json["is_new"] and done.json["by"] == "CN=Example TSA"
        assert not anchor(log, url, authority.root, "--json").json["is_new"]
    file = log.out / done.json["file"]
    assert tree(log.out).keys() - before.keys() == {str(file.relative_to(log.out))}
    words = ("-data", log.out / "agency/log/checkpoint", "-in", file, "-CAfile", authority.root)
    seen = subprocess.run([str(OPENSSL), "ts", "-verify", *words], capture_output=True, check=False)
    assert b"Verification: OK" in seen.stdout, seen.stderr
    proof = log.prove()
    found = check(proof, "--anchor", file, "--ca", authority.root)
    assert found.code == 0, found.err
    assert f"It existed on {done.json['time']}, according to CN=Example TSA." in found.out
    shown = check(proof, "--anchor", file, "--ca", authority.root, "--json").json
    assert shown["anchor"] == {"time": done.json["time"], "by": "CN=Example TSA"}
    log.add("later")
    refused = check(log.prove(), "--anchor", file, "--ca", authority.root)
    assert refused.code == 1 and "The timestamp is of something else" in refused.err


def test_cosignatures_do_not_change_what_is_timestamped(log: Log, authority: Authority) -> None:
    witness = Witness("witness.example/w1", 7, {ORIGIN: SIGNER.vkey})
    with authority.served() as url, served(witness) as other:
        file = log.out / anchor(log, url, authority.root, "--json").json["file"]
        assert log.witness(other, "--witness", witness.vkey).code == 0
    words = ["--witness", witness.vkey, "--anchor", file, "--ca", authority.root]
    done = check(log.prove(), *words)
    assert done.code == 0, done.err
    assert "Cosigned by" in done.out and "It existed on" in done.out


@pytest.mark.parametrize("with_root", [True, False])
def test_a_forged_authority_is_not_trusted(
    authority: Authority, forger: Authority, with_root: bool
) -> None:
    """Its answer may bring its own root along, which must not count."""
    trusted = read_certificates(authority.root.read_bytes(), "root")
    forger.with_root = with_root
    for data in (b"a checkpoint", b"another"):
        with pytest.raises(AnchorError, match=r"not valid: .*certificate"):
            check_timestamp(data, forger.stamp_of(data), trusted)
    authority.with_root = with_root
    assert check_timestamp(b"x", authority.stamp_of(b"x"), trusted).by == "CN=Example TSA"


def test_every_altered_byte_of_a_timestamp_is_refused(authority: Authority) -> None:
    trusted = read_certificates(authority.root.read_bytes(), "root")
    authority.with_root = False
    sound = authority.stamp_of(b"a checkpoint")
    known = check_timestamp(b"a checkpoint", sound, trusted)
    for at in range(len(sound)):
        changed = bytearray(sound)
        changed[at] ^= 1
        try:
            found = check_timestamp(b"a checkpoint", bytes(changed), trusted)
        except AnchorError:
            continue
        assert found == known  # such as a text that only people read
    for size in range(0, len(sound), 97):
        with pytest.raises(AnchorError):
            check_timestamp(b"a checkpoint", sound[:size], trusted)


def test_a_certificate_for_something_else_is_refused(tmp_path: Path, authority: Authority) -> None:
    trusted = read_certificates(authority.root.read_bytes(), "root")
    other = Authority(tmp_path / "server", use="server")
    with pytest.raises(AssertionError, match="invalid signer certificate purpose"):
        other.stamp_of(b"x")
    with pytest.raises(AnchorError, match="authority refused the request: status 2"):
        check_timestamp(b"x", bytes.fromhex("30053003020102"), trusted)
    for data in (b"", b"no timestamp", authority.root.read_bytes()):
        with pytest.raises(AnchorError, match="Not an RFC 3161 timestamp"):
            check_timestamp(b"x", data, trusted)


def replayed(authority: Authority) -> Callable[[bytes], Answer]:
    """An answer to another request about the same bytes: its nonce is another one."""
    known: list[bytes] = []

    def answer(query: bytes) -> Answer:
        known.append(authority.stamp(query))
        return 200, "application/timestamp-reply", known[0]

    return answer


def test_hostile_answers_are_named(log: Log, authority: Authority, forger: Authority) -> None:
    reply = "application/timestamp-reply"
    cases: list[tuple[Callable[[bytes], Answer], str]] = [
        (lambda _: (500, reply, b"busy"), "gives no timestamp"),
        (lambda _: (200, "text/html", b"<p>hello"), "gives no timestamp"),
        (lambda _: (200, reply, b"hello"), "Not an RFC 3161 timestamp"),
        (lambda _: (200, reply, authority.stamp_of(b"else")), "timestamp is of something else"),
        (lambda query: (200, reply, forger.stamp(query)), "The timestamp is not valid: "),
        (lambda _: (200, reply, bytes(70_000)), "answered too much"),
        (lambda _: (302, reply, b"http://127.0.0.1:1/"), "redirects, which is not followed"),
    ]
    forger.with_root = True
    before = tree(log.out)
    for make, said in cases:
        with Served(lambda _, body, make=make: make(body)) as url:  # type: ignore[misc]
            refused = anchor(log, url, authority.root)
        assert refused.code == 1 and said in refused.err, (said, refused.err)
        assert refused.out == "" and tree(log.out) == before
    answer = replayed(authority)
    with Served(lambda _, body: answer(body)) as url:
        file = log.out / anchor(log, url, authority.root, "--json").json["file"]
        file.unlink()
        refused = anchor(log, url, authority.root)
        assert refused.code == 1 and "The timestamp is not valid: Nonce" in refused.err


def test_wrong_options_are_named(log: Log, authority: Authority) -> None:
    proof = log.prove()
    for words, said in (
        (["--anchor", proof], "--anchor and --ca must be given together"),
        (["--anchor", proof, "--ca", log.folder / "none"], "The certificates cannot be read"),
        (["--anchor", proof, "--ca", proof], "Not a file of certificates"),
        (["--anchor", log.folder / "none", "--ca", authority.root], "timestamp cannot be read"),
    ):
        refused = check(proof, *words)
        assert refused.code == 2 and said in refused.err, refused.err
    file = log.out / "agency/log/anchors/5.tsr"
    file.parent.mkdir()
    file.write_bytes(b"altered")
    refused = anchor(log, "http://127.0.0.1:1", authority.root)
    assert refused.code == 1 and "Not an RFC 3161 timestamp" in refused.err
