"""docs/answer_notice.py: what a buyer's script accepts, and what it writes for the agency."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.format.notice import notice_bytes, sign_notice
from pipelines.ledger.signed_note import FileKey
from pipelines.removal.certificates import ReplyError
from pipelines.removal.replies import read_reply
from schemas.notice import SCOPE, Notice, NoticeDelivery, NoticeSample, NoticeShard
from tests.site.pages import DOCS

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl 3")

AGENCY, OTHER = (FileKey("agency.example/log", bytes([n]) * 32) for n in (1, 2))
OLD, NEW, ASSET = (hashlib.sha256(text).hexdigest() for text in (b"old", b"new", b"asset"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A signed notice about one shard, the version without its sample, and a buyer's key."""
    sample = NoticeSample(asset=ASSET, key="0", row=0, members=[], embedding_row=None, shot_rows=[])
    shard = NoticeShard(name="small-jpg-00000", sha256=OLD, index=0, samples=[sample])
    notice = Notice(
        fairshard_notice=1,
        notice="small-000001",
        sequence=1,
        deal_id="small",
        issued_at="2026-11-27T23:59:59.999999+00:00",
        reason="takedown",
        effective_at="2026-12-01",
        deadline="2026-12-31",
        action="delete",
        scope=list(SCOPE),
        way="patch",
        deliveries=[NoticeDelivery(delivery="small/v0001", manifest_sha256=OLD, shards=[shard])],
        vkey=AGENCY.vkey,
    )
    (tmp_path / "notice.json").write_bytes(notice_bytes(sign_notice(notice, AGENCY)))
    manifest = {"shards": [{"name": shard.name, "sha256": NEW}]}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", "buyer.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def answer(folder: Path, *more: object, vkey: str = AGENCY.vkey) -> tuple[int, str]:
    """Runs the script with the packages of the interpreter itself alone."""
    words = [sys.executable, "-I", "-S", str(DOCS / "answer_notice.py"), "notice.json"]
    words += ["--agency-key", vkey, "--key", "buyer.pem", "--name", "buyer.example"]
    words += ["--signer", "Größe & Söhne", "--date", "2026-12-02", *map(str, more)]
    done = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "kind", "shards"),
    [
        ((), "acknowledgement", []),
        (("--deleted",), "certificate", [("small-jpg-00000", OLD, None)]),
        (("--deleted", "--now", "."), "certificate", [("small-jpg-00000", OLD, NEW)]),
    ],
)
def test_its_answers_are_read_by_the_agency(
    folder: Path, words: tuple[str, ...], kind: str, shards: list[tuple[str, str, str | None]]
) -> None:
    code, said = answer(folder, *words)
    assert code == 0 and "OK: small-000001: takedown" in said, said
    vkey = (folder / "buyer.vkey").read_text().strip()
    data = (folder / f"notice.{kind}.json").read_bytes()
    reply = read_reply(data, vkey)
    assert (reply.kind, reply.signer, reply.signed_at) == (kind, "Größe & Söhne", "2026-12-02")
    [named] = reply.notices
    assert named.sha256 == hashlib.sha256((folder / "notice.json").read_bytes()).hexdigest()
    found = [(shard.name, shard.sha256, shard.replacement_sha256) for shard in reply.shards]
    assert found == shards
    assert reply.scope == (list(SCOPE) if shards else [])
    with pytest.raises(ReplyError):
        read_reply(data, OTHER.vkey)


def test_it_answers_no_notice_that_the_agency_did_not_sign(folder: Path) -> None:
    code, said = answer(folder, vkey=OTHER.vkey)
    assert code == 1 and "signed by another key" in said
    file = folder / "notice.json"
    file.write_bytes(file.read_bytes().replace(b"2026-12-31", b"2027-12-31"))
    code, said = answer(folder)
    assert code == 1 and "BAD: openssl" in said
    assert not list(folder.glob("notice.*.json"))
