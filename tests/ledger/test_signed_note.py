"""Notes and checkpoints: known answers, round trips, and anything altered is refused."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.ledger.merkle import EMPTY_ROOT
from pipelines.ledger.signed_note import (
    FileKey,
    NoteError,
    open_checkpoint,
    open_note,
    parse_skey,
    parse_vkey,
    sign_checkpoint,
    sign_note,
)
from schemas.errors import InputError

SIGNER = FileKey("agency.example/log", bytes(range(32)))
OTHER = FileKey("other.example/log", bytes(32))
ROOT = hashlib.sha256(b"root").digest()
CHECKPOINT = sign_checkpoint(SIGNER, "agency.example/log", 70_000, ROOT)

# The example in the documentation of Go's golang.org/x/mod/sumdb/note.
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_known_answers_of_another_implementation() -> None:
    signer = parse_skey(GO_SKEY, "here")
    assert signer.vkey == GO_VKEY
    assert signer.skey == GO_SKEY
    assert sign_note(signer, GO_TEXT) == GO_NOTE
    assert open_note(GO_NOTE, parse_vkey(GO_VKEY)) == GO_TEXT


def test_a_checkpoint_has_origin_size_root_and_signature() -> None:
    text, _, signature = CHECKPOINT.partition("\n\n")
    assert text == f"agency.example/log\n70000\n{base64.b64encode(ROOT).decode()}"
    assert signature.startswith("— agency.example/log ") and signature.endswith("\n")
    assert open_checkpoint(CHECKPOINT, SIGNER.vkey) == ("agency.example/log", 70_000, ROOT)
    assert open_checkpoint(CHECKPOINT, SIGNER.vkey, "agency.example/log")[1] == 70_000


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
    st.integers(1, 2**62),
    st.binary(min_size=32, max_size=32),
)
def test_checkpoints_round_trip(origin: str, size: int, root: bytes) -> None:
    text = sign_checkpoint(SIGNER, origin, size, root)
    assert open_checkpoint(text, SIGNER.vkey) == (origin, size, root)


@given(st.integers(0, len(CHECKPOINT.encode()) - 1), st.integers(1, 255))
def test_a_checkpoint_with_an_altered_byte_is_refused(at: int, change: int) -> None:
    raw = bytearray(CHECKPOINT.encode())
    raw[at] ^= change
    try:
        altered = raw.decode()
    except UnicodeDecodeError:
        assume(False)
    with pytest.raises(NoteError):
        open_checkpoint(altered, SIGNER.vkey)


@given(st.integers(0, len(CHECKPOINT)), st.text(min_size=1, max_size=3))
def test_a_checkpoint_with_inserted_text_is_refused(at: int, extra: str) -> None:
    with pytest.raises(NoteError):
        open_checkpoint(CHECKPOINT[:at] + extra + CHECKPOINT[at:], SIGNER.vkey)


@given(st.integers(0, len(CHECKPOINT) - 1), st.integers(1, len(CHECKPOINT)))
def test_a_shortened_checkpoint_is_refused(start: int, count: int) -> None:
    with pytest.raises(NoteError):
        open_checkpoint(CHECKPOINT[:start] + CHECKPOINT[start + count :], SIGNER.vkey)


@pytest.mark.parametrize(
    "text",
    [
        "log\n070\n{root}\n",
        "log\n-1\n{root}\n",
        "log\n+1\n{root}\n",
        "log\n1 \n{root}\n",
        "log\n٣\n{root}\n",
        "log\n1\n{root}\nextension\n",
        "log\n1\nAAAA\n",
        "log\n1\n{root}=\n",
        "log\n0\n{root}\n",
        "log\n1\n",
        "\n1\n{root}\n",
    ],
)
def test_a_signed_text_that_is_not_a_checkpoint_is_refused(text: str) -> None:
    note = sign_note(SIGNER, text.format(root=base64.b64encode(ROOT).decode()))
    with pytest.raises(NoteError, match="not a checkpoint"):
        open_checkpoint(note, SIGNER.vkey)


def test_base64_that_is_not_canonical_is_refused() -> None:
    spelled = base64.b64encode(ROOT).decode()
    assert spelled.endswith("=")
    twin = spelled[:-2] + chr(ord(spelled[-2]) + 1) + "="
    assert base64.b64decode(twin) == ROOT
    with pytest.raises(NoteError):
        open_checkpoint(sign_note(SIGNER, f"log\n1\n{twin}\n"), SIGNER.vkey)


def test_signatures_by_other_keys_are_ignored_and_ours_is_required() -> None:
    text = CHECKPOINT.partition("\n\n")[0] + "\n"
    theirs = sign_note(OTHER, text).rpartition("\n\n")[2]
    both = CHECKPOINT + theirs
    assert open_checkpoint(both, SIGNER.vkey) == open_checkpoint(both, OTHER.vkey)
    with pytest.raises(NoteError, match="0 signatures"):
        open_checkpoint(CHECKPOINT, OTHER.vkey)
    with pytest.raises(NoteError, match="2 signatures"):
        open_checkpoint(CHECKPOINT + CHECKPOINT.rpartition("\n\n")[2], SIGNER.vkey)
    with pytest.raises(NoteError, match="malformed"):
        open_checkpoint(CHECKPOINT + "— x\n", SIGNER.vkey)
    with pytest.raises(NoteError, match="another log"):
        open_checkpoint(CHECKPOINT, SIGNER.vkey, "elsewhere.example")


def test_the_checkpoint_of_an_empty_log_opens() -> None:
    text = sign_checkpoint(SIGNER, "log", 0, EMPTY_ROOT)
    assert open_checkpoint(text, SIGNER.vkey) == ("log", 0, EMPTY_ROOT)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        *(("", 1, ROOT), ("a\nb", 1, ROOT), ("a\tb", 1, ROOT), ("\ud800", 1, ROOT)),
        *(("log", -1, ROOT), ("log", 0, ROOT), ("log", 1, ROOT[:31])),
    ],
)
def test_an_invalid_checkpoint_is_not_signed(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(InputError):
        sign_checkpoint(SIGNER, origin, size, root)


@given(st.integers(0, len(GO_VKEY) - 1), st.characters())
def test_an_altered_key_is_refused(at: int, char: str) -> None:
    assume(GO_VKEY[at] != char)
    with pytest.raises(InputError):
        parse_vkey(GO_VKEY[:at] + char + GO_VKEY[at + 1 :])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\n", " a", "\ud800"])
def test_an_invalid_key_name_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        FileKey(name, bytes(32))


def test_a_private_key_is_never_shown() -> None:
    assert "private" not in repr(SIGNER)
    secret = SIGNER.skey
    for broken in (secret[:-1], secret.replace("PRIVATE", "PUBLIC"), secret.replace("+AQ", "+Ag")):
        with pytest.raises(InputError) as caught:
            parse_skey(broken, "keys/agency.key")
        assert secret[-40:-4] not in str(caught.value)
        assert "keys/agency.key" in str(caught.value)
