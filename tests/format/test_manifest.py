"""The manifest has one canonical form, an end record and a signature; any change is refused."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.format.manifest import (
    ManifestError,
    manifest_bytes,
    open_manifest,
    sign_manifest,
)
from pipelines.ledger.signed_note import FileKey
from schemas.manifest import Manifest

SIGNER = FileKey("an-agency", bytes(range(32)))
OTHER = FileKey("an-agency", bytes(range(1, 33)))


def unsigned(**changes: Any) -> Manifest:
    value: dict[str, Any] = {
        "fairshard_manifest": 2,
        "delivery": "acme/v0001",
        "as_of": "2026-06-30T23:59:59.999999+00:00",
        "run_id": "0123456789abcdef",
        "deal": {
            "deal_id": "acme",
            "buyer": "Größe & Fils “SA”",
            "purposes": ["train_gen"],
            "territory": ["NO"],
            "starts": "2026-07-01",
            "ends": "2027-07-01",
            "profile": "image-text",
            "terms_sha256": "ab" * 32,
        },
        "models": {"clip": "a", "captioner": "b", "demonstration": True, "notice": "c"},
        "shards": [
            {"name": "s-0", "family": "jpg", "samples": 2, "bytes": 9, "sha256": "cd" * 32},
            {"name": "s-1", "family": "png", "samples": 3, "bytes": 8, "sha256": "ce" * 32},
        ],
        "ledger": {"entries": 5, "root": "ef" * 32, "origin": "an-agency/acme/v0001"},
        "files": [
            {"path": "a", "bytes": 1, "sha256": "01" * 32},
            {"path": "b/c", "bytes": 10, "sha256": "02" * 32},
        ],
        "vkey": SIGNER.vkey,
        "end": {"shards": 2, "samples": 5, "files": 2, "bytes": 11},
    }
    return Manifest.model_validate({**value, **changes})


SIGNED = sign_manifest(unsigned(), SIGNER)
DATA = manifest_bytes(SIGNED)


def refused(data: bytes, *pinned: str) -> bool:
    try:
        open_manifest(data, pinned or None)
    except ManifestError:
        return True
    return False


def test_a_signed_manifest_opens() -> None:
    assert open_manifest(DATA) == SIGNED == open_manifest(DATA, (OTHER.vkey, SIGNER.vkey))
    assert json.loads(DATA)["deal"]["buyer"] == "Größe & Fils “SA”"


def test_a_change_of_any_byte_is_refused() -> None:
    """One flipped bit in every byte, and 3,000 random bytes at random places, are refused."""
    dice = random.Random(1)
    for at in range(len(DATA)):
        changed = bytearray(DATA)
        changed[at] ^= 1 << dice.randrange(8)
        assert refused(bytes(changed)), (at, DATA[max(0, at - 20) : at + 20])
    for _ in range(3_000):
        changed = bytearray(DATA)
        changed[dice.randrange(len(DATA))] = dice.randrange(256)
        assert bytes(changed) == DATA or refused(bytes(changed))


def test_a_truncated_manifest_is_refused() -> None:
    assert all(refused(DATA[:kept]) for kept in range(len(DATA)))


@given(st.integers(0, len(DATA)), st.binary(min_size=1, max_size=4))
def test_added_bytes_are_refused(at: int, more: bytes) -> None:
    assert refused(DATA[:at] + more + DATA[at:]) or DATA[:at] + more + DATA[at:] == DATA


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0", b"null", b"[]", b"{}", b"1e999", b"NaN", b"\xff\xfe", b'{"a":'),
        *(b"[" * 100_000, b"9" * 5_000, b"\xef\xbb\xbf" + DATA),
        DATA.replace(b"\n ", b"\n"),
        DATA.replace(b"\n", b"\r\n"),
        DATA.replace("ö".encode(), b"\\u00f6"),
        DATA.replace("ß".encode(), b"\\ud800"),
        DATA.replace(b'"entries": 5', b'"entries": 5.0'),
        DATA.replace(b'"entries": 5', b'"entries": "5"'),
        DATA.replace(b'"entries": 5', b'"entries": 5, "entries": 5'),
        json.dumps(json.loads(DATA)).encode(),
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    assert data != DATA
    assert refused(data)


@pytest.mark.parametrize(
    "end",
    [
        {"shards": 3, "samples": 5, "files": 2, "bytes": 11},
        {"shards": 2, "samples": 4, "files": 2, "bytes": 11},
        {"shards": 2, "samples": 5, "files": 1, "bytes": 11},
        {"shards": 2, "samples": 5, "files": 2, "bytes": 12},
    ],
)
def test_a_signed_manifest_with_a_wrong_end_record_is_refused(end: dict[str, int]) -> None:
    data = manifest_bytes(sign_manifest(unsigned(end=end), SIGNER))
    with pytest.raises(ManifestError, match="end record disagree"):
        open_manifest(data, None)


def test_a_shorter_file_list_is_refused() -> None:
    value = json.loads(DATA)
    value["files"].pop()
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with pytest.raises(ManifestError, match="truncated or altered"):
        open_manifest(text.encode(), None)


def test_a_manifest_signed_by_another_key_is_refused() -> None:
    with pytest.raises(ManifestError, match="signed by another key"):
        open_manifest(DATA, (OTHER.vkey,))
    # The key that the manifest names must have signed it.
    forged = sign_manifest(unsigned(), OTHER)
    assert refused(manifest_bytes(forged))
    own = sign_manifest(unsigned(vkey=OTHER.vkey), OTHER)
    assert open_manifest(manifest_bytes(own), None) == own
    assert refused(manifest_bytes(own), SIGNER.vkey)


@pytest.mark.parametrize("signature", ["", "\n", "— an-agency AAAA", SIGNED.signature + "\n"])
def test_a_missing_or_malformed_signature_is_refused(signature: str) -> None:
    changed = SIGNED.model_copy(update={"signature": signature})
    assert refused(manifest_bytes(changed))


def test_a_missing_or_malformed_key_is_refused() -> None:
    for vkey in ("", "x", "an-agency+00000000+AAAA", SIGNER.vkey + " ", SIGNER.vkey.upper()):
        assert refused(manifest_bytes(SIGNED.model_copy(update={"vkey": vkey})))
