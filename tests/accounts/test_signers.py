"""A signer outside of this program takes the place of a key file, and callers see no difference."""

from __future__ import annotations

import base64
import json
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from pipelines.ledger.signed_note import FileKey
from pipelines.run.program_key import ProgramKey
from pipelines.run.signing_key import load_key, save_key
from schemas.errors import InputError, RunError
from tests.accounts.cases import SIGNER
from tests.accounts.independent import read_log
from tests.accounts.small_log import Log, check
from tests.accounts.tsa import OPENSSL
from tests.end_to_end.command import tree
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")

NEXT = FileKey("agency.example/2027", bytes(range(1, 33)))
# Ed25519 signs a message as a whole, so openssl wants a file.
SCRIPT = """#!/bin/sh
set -e
message=$(mktemp)
trap 'rm -f "$message"' EXIT
cat > "$message"
echo signed >> "{folder}/calls"
openssl pkeyutl -sign -rawin -inkey "{folder}/private.pem" -in "$message"
"""


def service(folder: Path, key: FileKey) -> Path:
    """A program with a private key of its own, which is nowhere else; returns its path."""
    folder.mkdir()
    private = Ed25519PrivateKey.from_private_bytes(key.private)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "private.pem").write_bytes(pem)
    program = folder / "sign"
    program.write_text(SCRIPT.format(folder=folder))
    program.chmod(0o700)
    return program


def write_key(path: Path, key: FileKey, program: Sequence[object]) -> None:
    """A key file that names a program. The secret is that of the first key, as salts stay."""
    secret = base64.b64encode(SIGNER.secret).decode()
    text = json.dumps({"vkey": key.vkey, "program": list(map(str, program)), "secret": secret})
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)


PAY = (
    *("pay", "--delivery", "one/v0001", "--name", "later", "--amount", "10.00"),
    *("--currency", "USD", "--agency-share", "0.4", "--source", "x", "--period", "y"),
    *("--date", "2026-12-01"),
)


def test_a_program_signs_the_same_bytes_as_a_key_file(log: Log, tmp_path: Path) -> None:
    other = Log(tmp_path / "other")
    shutil.copytree(log.folder, other.folder)
    program = service(tmp_path / "service", SIGNER)
    write_key(other.key, SIGNER, [program])
    for one in (log, other):
        done = one.run(*PAY)
        assert done.code == 0, done.err
        assert check(one.prove()).code == 0
    assert tree(other.out) == tree(log.out)
    assert (program.parent / "calls").read_text().count("signed") >= 1
    assert SIGNER.skey not in other.key.read_text()


def test_a_key_file_hands_over_to_a_program_and_back(log: Log, tmp_path: Path) -> None:
    log.key.rename(log.folder / "agency.key.previous")
    write_key(log.key, NEXT, [service(tmp_path / "service", NEXT)])
    assert log.run(*PAY).code == 0
    leaves = read_log(log.out / "agency/log")
    assert [leaf["kind"] for leaf in leaves[5:]] == ["key", "payment"]
    assert (log.out / "agency/log/log.vkey").read_text().strip() == NEXT.vkey
    assert check(log.prove()).code == 0  # by the first key, which a reader has
    log.key.rename(log.folder / "agency.key.previous")
    later = FileKey("agency.example/2028", bytes(range(2, 34)))
    save_key(log.key, later)
    assert log.run(*PAY, "--name", "second").code == 0
    assert [leaf["kind"] for leaf in read_log(log.out / "agency/log")[7:]] == ["key", "payment"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "exit code 3, ''"),
        ("echo no token in the slot >&2; exit 1", "exit code 1, 'no token in the slot'"),
        ("exit 0", "its 0 bytes are not a signature by the key agency.example"),
        ("head -c 64 /dev/zero", "its 64 bytes are not a signature by the key agency.example"),
    ],
)
def test_a_program_that_fails_is_named(log: Log, tmp_path: Path, script: str, said: str) -> None:
    program = tmp_path / "sign"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
    program.chmod(0o700)
    write_key(log.key, SIGNER, [program])
    signed = (log.out / "agency/log/checkpoint").read_bytes()
    refused = log.run(*PAY)
    assert refused.code == 1 and said in refused.err, refused.err
    assert (log.out / "agency/log/checkpoint").read_bytes() == signed
    # The payment is in the books; it is signed as soon as something signs.
    write_key(log.key, SIGNER, [service(tmp_path / "service", SIGNER)])
    assert log.run(*PAY).code == 0
    assert len(read_log(log.out / "agency/log")) == 6


def test_a_program_with_another_key_or_none_is_refused(tmp_path: Path) -> None:
    program = service(tmp_path / "service", NEXT)
    with pytest.raises(RunError, match="not a signature by the key"):
        ProgramKey(SIGNER.vkey, (str(program),), SIGNER.secret).sign(b"message")
    with pytest.raises(RunError, match="The signing program failed"):
        ProgramKey(SIGNER.vkey, (str(tmp_path / "none"),), SIGNER.secret).sign(b"message")
    key = ProgramKey(NEXT.vkey, (str(program),), SIGNER.secret)
    assert key.sign(b"message") == NEXT.sign(b"message")
    assert "secret" not in repr(key)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vkey": 1}, "vkey must be text"),
        ({"vkey": "x"}, "not an Ed25519 verifier key"),
        ({"program": []}, "program must be a list of texts"),
        ({"program": "sign"}, "program must be a list of texts"),
        ({"program": ["a\0b"]}, "program must be a list of texts"),
        ({"secret": "AAAA"}, "secret must be base64 of 32 bytes"),
        ({"secret": None}, "secret must be base64 of 32 bytes"),
        ({"more": 1}, "it must be a JSON object with program, secret, vkey"),
    ],
)
def test_malformed_key_files_are_named(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    path = tmp_path / "agency.key"
    write_key(path, SIGNER, ["sign"])
    assert load_key(path).vkey == SIGNER.vkey
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(InputError, match=said) as caught:
        load_key(path)
    assert base64.b64encode(SIGNER.secret).decode() not in str(caught.value)
    path.write_text("{")
    with pytest.raises(InputError, match="it must be a JSON object"):
        load_key(path)
    path.chmod(0o644)
    with pytest.raises(InputError, match="can be read by other users"):
        load_key(path)


@pytest.mark.slow
def test_package_with_a_program(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    library = SmallLibrary(tmp_path / "library")
    library.add(2, side=600)
    key = tmp_path / "agency.key"
    write_key(key, SIGNER, [service(tmp_path / "service", SIGNER)])
    done = library.package("--key", key)
    assert done.code == 0, done.err
    delivery = tmp_path / "library/out/small/v0001/delivery"
    seen = in_process("verify", delivery, "--vkey", SIGNER.vkey, "--quiet")
    assert seen.code == 0, seen.err
    calls = (tmp_path / "service/calls").read_text().count("signed")
    assert calls >= 4  # manifest, log of the delivery, sum, attestation, agency's log
