"""Recomputes all published digests from their contents, as docs/verify.md describes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.run.signing_key import load_key
from schemas.deal import load_deal
from tests.end_to_end.command import Demo, tree
from tests.end_to_end.damage import copy_delivery, sign_files, verify


def test_sha256sums_lists_every_digest(demo: Demo, tmp_path: Path) -> None:
    delivery = copy_delivery(demo.delivery("demo-main"), tmp_path / "delivery")
    lines = (delivery / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    expected = {
        path: digest
        for path, digest in tree(delivery).items()
        if path not in ("SHA256SUMS", "MANIFEST.json")
    }
    assert lines == [f"{expected[path]}  {path}" for path in sorted(expected)]
    listed = [file["path"] for file in demo.manifest("demo-main")["files"]]
    assert listed == sorted([*expected, "SHA256SUMS"])


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs GNU's sha256sum")
def test_sha256sum_accepts_the_file(demo: Demo, tmp_path: Path) -> None:
    delivery = copy_delivery(demo.delivery("demo-strict"), tmp_path / "delivery")
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=delivery, check=False).returncode == 0
    (delivery / "README.md").write_bytes(b"")
    done = subprocess.run(command, cwd=delivery, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "README.md: FAILED" in done.stdout


def test_signed_but_wrong_sha256sums_is_found(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest's digests are right, but SHA256SUMS has a wrong digest or lacks a file."""
    signer = load_key(demo.signing_key)
    delivery = copy_delivery(demo.delivery("demo-strict"), tmp_path / "delivery")
    sums, manifest = delivery / "SHA256SUMS", demo.manifest("demo-strict")
    data = sums.read_bytes()
    for wrong in (data.replace(data[:64], b"0" * 64), data[:-1], data.partition(b"\n")[2], b""):
        record = {"bytes": len(wrong), "sha256": hashlib.sha256(wrong).hexdigest()}
        sign_files(delivery, manifest, signer, {"SHA256SUMS": record})
        sums.write_bytes(wrong)
        for options in ((), ("--sample", 2)):
            result = verify(delivery, capsys, *options)
            assert (result.code, result.paths) == (1, {"SHA256SUMS"})
            assert "do not match the manifest" in result.messages("SHA256SUMS")
    sums.unlink()
    sign_files(delivery, manifest, signer, {"SHA256SUMS": None})
    sums.unlink()
    assert verify(delivery, capsys).paths == {"SHA256SUMS"}


def json_text(value: object) -> str:
    """Returns canonical JSON, for ASCII strings and integers only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(value: object) -> str:
    return hashlib.sha256(json_text(value).encode()).hexdigest()


@pytest.mark.parametrize("deal_id", ["demo-main", "demo-strict"])
def test_terms_and_decision_digests(demo: Demo, deal_id: str) -> None:
    deal = load_deal(demo.deal(deal_id))
    # Keys that came later are left out at their defaults, so that the digest stays the same.
    shares = {"max_black_share", "max_frozen_share", "max_silent_share"}
    later = {
        "select": {"blank", "semantic_cosine", "keep_both", "only", *shares},
        "models": {"device", "precision"},
        "rights": {"faces", "missing_credit", "precedence"},
        "shards": {"min_shards", "counts", "wids_md5"},
    }
    left_out = (
        "output",
        "withdrawal",
        "render",
        "captions",
        "quality",
        "agency",
        "split",
        "clips",
        "structure",
    )
    sections = dict.fromkeys(left_out, True)
    fields = deal.model_dump(mode="json", exclude={**sections, **later})
    canonical = json_text(fields)
    manifest = demo.manifest(deal_id)
    terms = manifest["deal"]["terms_sha256"]
    opening = json.loads((demo.agency(deal_id) / "terms.json").read_bytes())
    assert (opening["terms"], opening["commitment"]) == (canonical, terms)
    preimage = b"terms\0" + bytes.fromhex(opening["salt"]) + b"\0"
    preimage += len(canonical.encode()).to_bytes(4, "big") + canonical.encode()
    delivered = (demo.delivery(deal_id) / "rights/terms.json").read_bytes()
    assert delivered == opening["delivered"].encode()
    assert hashlib.sha256(delivered).hexdigest() == terms
    assert hashlib.sha256(preimage).hexdigest() == json.loads(delivered)["all_terms"]
    unsalted = hashlib.sha256(canonical.encode()).hexdigest().encode()
    for folder in (demo.delivery(deal_id), demo.out / "agency/log"):
        for path in folder.rglob("*"):
            assert not path.is_file() or unsalted not in path.read_bytes(), path
    lines = []
    for path in sorted(demo.catalogue.iterdir(), key=lambda path: path.name):
        if path.is_file():
            data = path.read_bytes()
            lines.append(f"{path.name}\0{len(data)}\0{hashlib.sha256(data).hexdigest()}\n")
    lines.append(f"mapping.toml\0{0}\0{hashlib.sha256(b'').hexdigest()}\n")
    decision = {
        "outcome": "delivered",
        "deal": terms,
        "as_of": manifest["as_of"],
        "catalogue": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }
    matching = other = 0
    for table in demo.delivery(deal_id).glob("shards/*.parquet"):
        for row in pq.read_table(table, columns=["asset", "decision_sha256"]).to_pylist():
            ours = digest_of({**decision, "asset": row["asset"], "overrides": ""})
            matching += ours == row["decision_sha256"]
            other += ours != row["decision_sha256"]
    # The other decisions include a denial that an agreement overrides.
    assert matching > 10 * other
