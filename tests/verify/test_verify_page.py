"""Recomputes every example of docs/verify.md, mostly without the program."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines.delivery.sample import decision_sha256
from pipelines.format.manifest import manifest_bytes
from pipelines.format.terms_text import terms_text
from pipelines.ledger.ed25519 import parse_vkey
from pipelines.ledger.leaf import leaf_bytes
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.ledger.terms import open_terms
from pipelines.ledger.tiles import entries_path, tile_path
from pipelines.verify.report import Report
from schemas.buyer_terms import parse_terms_file
from schemas.deal import parse_deal
from schemas.deal_for_buyer import buyer_terms
from schemas.ledger import LedgerEntry
from schemas.manifest import Manifest
from tests.format.test_manifest import unsigned

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
PRIVATE = hashlib.sha256(b"fairshard/demonstration-key\x000").digest()


def example(name: str) -> str:
    """Returns the content of an example's block, without the last line break."""
    found = re.findall(rf"<!-- example: {name} -->\n```\w*\n(.*?)\n```\n", PAGE, re.DOTALL)
    (block,) = found
    return str(block)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def signature_line(text: str) -> str:
    """Signs with the demonstration key, whose private half anybody can compute."""
    private = Ed25519PrivateKey.from_private_bytes(PRIVATE)
    public = b"\x01" + private.public_key().public_bytes_raw()
    name = "fairshard-demonstration"
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    signed = base64.b64encode(key_id + private.sign(text.encode())).decode()
    return f"— {name} {signed}"


def test_page_verifier_key_is_correct() -> None:
    vkey = example("vkey")
    public = b"\x01" + Ed25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"fairshard-demonstration\n" + public).hexdigest()[:8]
    assert vkey == f"fairshard-demonstration+{key_id}+{base64.b64encode(public).decode()}"
    assert f"key id `{key_id}`" in PAGE
    assert f"{sha256(vkey)}  -" in PAGE
    assert parse_vkey(vkey).fingerprint == sha256(vkey)


def test_page_manifest_form_is_correct() -> None:
    text = example("manifest") + "\n"
    assert json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n" == text
    text = f"fairshard manifest v1\n{sha256(text)}\n"
    assert example("note") == f"{text}\n{signature_line(text)}"


def test_program_writes_the_form_on_the_page() -> None:
    """The text contains every character that JSON can spell in more than one way."""
    odd = 'quote " slash / \\ \x08\t\n\x0c\r\x01\x1f\x7f\u2028 ü 😀'
    manifest: Manifest = unsigned()
    deal = manifest.deal.model_copy(update={"buyer": odd, "purposes": []})
    data = manifest_bytes(manifest.model_copy(update={"deal": deal, "files": []}))
    value = json.loads(data)
    assert value["deal"]["buyer"] == odd
    by_hand = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert data == by_hand.encode()
    assert rb'"quote \" slash / \\ \b\t\n\f\r\u0001\u001f' + b"\x7f\xe2\x80\xa8 \xc3\xbc" in data
    assert b'"purposes": [],\n' in data


def test_page_leaf_is_correct() -> None:
    leaf = example("leaf")
    fields = json.loads(leaf)
    assert json.dumps(fields, sort_keys=True, separators=(",", ":")) == leaf
    digest = hashlib.sha256(b"\x00" + leaf.encode()).hexdigest()
    assert f"of {len(leaf)} bytes, has the leaf hash `{digest}`" in PAGE
    assert fields.pop("version") == "fairshard/entry/v1"
    rest = dict.fromkeys(LedgerEntry.__dataclass_fields__, cast(Any, "")) | fields
    assert leaf_bytes(LedgerEntry(**rest)) == leaf.encode()


def test_page_tile_paths_are_correct() -> None:
    table = PAGE.partition("<!-- example: paths -->")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| `(.*)` \|$", table, re.MULTILINE)
    assert len(rows) == 5
    for level, number, width, path in rows:
        if level == "entries":
            assert entries_path(int(number), int(width)) == path
        else:
            assert tile_path(int(level), int(number), int(width)) == path


def test_page_checkpoint_is_correct() -> None:
    root = hashlib.sha256(b"\x00" + example("leaf").encode()).digest()
    origin = "fairshard-demonstration/acme-2026-01/v0001"
    text = f"{origin}\n1\n{base64.b64encode(root).decode()}\n"
    assert example("checkpoint") == f"{text}\n{signature_line(text)}"
    assert open_checkpoint(example("checkpoint") + "\n", example("vkey")) == (origin, 1, root)


def test_page_terms_digest_is_correct() -> None:
    terms = example("terms")
    assert json.dumps(json.loads(terms), sort_keys=True, separators=(",", ":")) == terms
    found = re.search(
        rf"These {len(terms)} bytes, with the salt `([0-9a-f]+)`, have the\ncommitment `(\w+)`",
        PAGE,
    )
    assert found is not None
    preimage = b"terms\0" + bytes.fromhex(found[1]) + b"\0"
    preimage += len(terms.encode()).to_bytes(4, "big") + terms.encode()
    assert hashlib.sha256(preimage).hexdigest() == found[2]
    deal = parse_deal(example("deal"), "docs/verify.md")
    assert deal.terms_json() == terms.encode()
    file = example("terms file")
    assert f"These {len(file)} bytes have the SHA-256 `{sha256(file)}`" in PAGE
    said = parse_terms_file(file.encode())
    assert (said.all_terms, said.terms) == (found[2], buyer_terms(deal))
    assert said.text_sha256 == sha256(terms_text(said.terms))
    assert json.loads(example("decision"))["deal"] == sha256(file)
    opening = {"version": "fairshard/terms/v2", "salt": found[1], "terms": terms}
    opened = json.dumps(opening | {"delivered": file}).encode()
    assert open_terms(opened, sha256(file)) == deal.terms_sha256()


def test_page_decision_digest_is_correct() -> None:
    decision = example("decision")
    fields = json.loads(decision)
    assert json.dumps(fields, sort_keys=True, separators=(",", ":")) == decision
    assert f"Its digest is `{sha256(decision)}`" in PAGE
    job: Any = SimpleNamespace(
        terms_sha256=fields["deal"],
        catalogue=SimpleNamespace(digest=fields["catalogue"]),
        as_of=datetime.fromisoformat(fields["as_of"]),
    )
    assert decision_sha256(job, fields["asset"], "") == sha256(decision)


def test_page_key_rotation_commands_work(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example("new key")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    vkey, fingerprint = done.stdout.split()
    assert parse_vkey(vkey).name == "agency.example/fairshard-2027"
    assert sha256(vkey) == fingerprint
    assert stat.S_IMODE((tmp_path / "new.key").stat().st_mode) == 0o600


def test_page_names_all_json_fields() -> None:
    named = {"sound", "problems", "signer", "key_id", "fingerprint"}
    named |= {"key_pinned", "key_demonstration"}
    assert named <= Report().to_json().keys()
    assert all(f"`{name}`" in PAGE for name in named)
