"""Pulling from a place that lies, drips or hides what is new, and into a folder that was edited."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.format.removal_list import removal_list_bytes, sign_removal_list
from pipelines.format.signed_record import signed_bytes
from pipelines.pull.addresses import PlainAddresses
from pipelines.pull.folder_origin import FolderOrigin
from pipelines.pull.grant_addresses import GRANT_KIND, GrantAddresses
from pipelines.pull.head import Head
from pipelines.pull.http_origin import HttpLane
from pipelines.pull.origin import PassingFaultError
from pipelines.pull.side_records import _pull_removal_list
from pipelines.verify.signer import signed_by
from schemas.errors import RunError
from schemas.grant import Grant
from tests.format.test_removal_list import LIST
from tests.pull.deals import QUICKLY, SIGNER, publish, say_latest, tree
from tests.pull.test_pull import FILES, got, refused


def test_a_place_that_hides_what_is_latest_is_refused(tmp_path: Path) -> None:
    deal, copy = tmp_path / "acme", tmp_path / "copy"
    publish(deal, "v0001", FILES)
    say_latest(deal, 4)
    got(deal, copy)
    for path, data in tree(deal / "v0001" / "delivery").items():  # as if the deal were a delivery
        (deal / path).parent.mkdir(parents=True, exist_ok=True)
        (deal / path).write_bytes(data)
    (deal / "latest.json").unlink()
    assert "no latest.json any more" in refused(deal, copy)
    assert got(deal / "v0001" / "delivery", copy).placed == []  # asked for by its own address


def test_an_empty_file_has_the_digest_that_is_listed(tmp_path: Path) -> None:
    deal = tmp_path / "acme"
    manifest = publish(deal, "v0001", FILES)
    wrong = hashlib.sha256(b"not empty").hexdigest()
    files = [
        file.model_copy(update={"sha256": wrong} if file.path == "empty" else {})
        for file in manifest.files
    ]
    signed = sign_manifest(manifest.model_copy(update={"files": files}), SIGNER)
    (deal / "v0001" / "delivery" / "MANIFEST.json").write_bytes(manifest_bytes(signed))
    assert "not the one that the manifest lists" in refused(deal / "v0001/delivery", tmp_path / "c")
    assert not (tmp_path / "c" / "delivery" / "empty").exists()


def test_no_file_is_below_the_manifest(tmp_path: Path) -> None:
    publish(tmp_path / "acme", "v0001", FILES)
    delivery = tmp_path / "acme/v0001/delivery"
    (delivery / "MANIFEST.json").unlink()
    manifest = publish(tmp_path / "other", "v0001", {**FILES, "MANIFEST.jsonx/file": b"x"})
    files = [
        file.model_copy(update={"path": file.path.replace("jsonx", "json")})
        for file in manifest.files
    ]
    signed = sign_manifest(manifest.model_copy(update={"files": files}), SIGNER)
    (delivery / "MANIFEST.json").write_bytes(manifest_bytes(signed))
    assert "where there is another" in refused(delivery, tmp_path / "copy")


def test_no_shards_name_leads_out_of_the_copy(tmp_path: Path) -> None:
    manifest = publish(tmp_path / "acme", "v0001", FILES)
    shards = [manifest.shards[0].model_copy(update={"name": "../../out"}), *manifest.shards[1:]]
    signed = sign_manifest(manifest.model_copy(update={"shards": shards}), SIGNER)
    delivery = tmp_path / "acme/v0001/delivery"
    (delivery / "MANIFEST.json").write_bytes(manifest_bytes(signed))
    assert "does not list a shard's tar" in refused(delivery, tmp_path / "copy")


def test_nothing_is_removed_through_a_link(tmp_path: Path) -> None:
    deal, copy, elsewhere = tmp_path / "acme", tmp_path / "copy", tmp_path / "elsewhere"
    publish(deal, "v0001", FILES)
    got(deal / "v0001/delivery", copy)
    (copy / "delivery/img_emb").rename(elsewhere)
    (copy / "delivery/img_emb").symlink_to(elsewhere)
    left = {path: data for path, data in FILES.items() if not path.startswith("img_emb/")}
    publish(deal, "v0002", left)
    assert "A folder of the delivery is a symbolic link" in refused(deal / "v0002/delivery", copy)
    assert len(tree(elsewhere)) == 2


def test_an_edited_state_removes_nothing_outside(tmp_path: Path) -> None:
    deal, copy, precious = tmp_path / "acme", tmp_path / "copy", tmp_path / "precious.tar"
    publish(deal, "v0001", FILES)
    got(deal / "v0001/delivery", copy)
    precious.write_bytes(b"mine")
    state = json.loads((copy / ".pull/state.json").read_bytes())
    for edit in ({"samples": ["../../precious"]}, {"files": {"../../precious.tar": ["", 0, 0, 0]}}):
        (copy / ".pull/state.json").write_text(json.dumps({**state, **edit}))
        assert "state of this copy cannot be read" in refused(deal / "v0001/delivery", copy)
        assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("text", ["soon", "2026-13-01", ""])
def test_a_latest_that_ends_at_no_time_is_refused(tmp_path: Path, text: str) -> None:
    publish(tmp_path / "acme", "v0001", FILES)
    say_latest(tmp_path / "acme", 1, expires_at=text)
    assert "no instant" in refused(tmp_path / "acme", tmp_path / "copy")


@contextmanager
def dripping_server(head: bytes) -> Iterator[str]:
    """Answers with `head`, then a byte every 20 ms, for good; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65_536)
                        connection.sendall(head)
                        while not ended.wait(0.02):
                            connection.sendall(b"a")
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_small_files_that_drip_are_left(head: bytes) -> None:
    """Each byte comes in time, so that only the rate tells."""
    with dripping_server(head) as uri:
        lane, began = HttpLane(PlainAddresses(uri, ""), 0.2), time.monotonic()
        with pytest.raises(PassingFaultError):
            lane.whole("latest.json", 1 << 20)
        lane.close()
    assert time.monotonic() - began < 5


def grant_answers(monkeypatch: pytest.MonkeyPatch, server: str, answer: object) -> GrantAddresses:
    grant = Grant(
        fairshard_grant=1,
        grant="g-1",
        deal_id="acme",
        party="Acme",
        purposes=["train_gen"],
        holder=SIGNER.vkey,
        issued_at="2026-11-28T00:00:00+00:00",
        expires_at="2027-11-28T00:00:00+00:00",
        vkey=SIGNER.vkey,
    )
    data = signed_bytes(grant, GRANT_KIND, SIGNER)
    monkeypatch.setattr(
        GrantAddresses, "_send", lambda self, body: (200, json.dumps(answer).encode())
    )
    return GrantAddresses(server, data, SIGNER, "")


def granted(url: str, life_s: int = 60, path: str = "latest.json") -> dict[str, object]:
    file = {"path": path, "url": url, "sha256": None, "bytes": None}
    return {"files": [file], "life_s": life_s}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "https://[::1]/"])
def test_a_server_elsewhere_gives_no_address_of_this_machine(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = grant_answers(monkeypatch, "https://grants.example", granted(url))
    with pytest.raises(RunError, match="an address of this machine"):
        far.url("latest.json")
    near = grant_answers(monkeypatch, "http://127.0.0.1:9", granted(url))
    assert near.url("latest.json") == url


def test_answers_of_a_grants_server_are_taken_with_care(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://bucket.example/latest.json"
    for life_s in (10**400, -5, 0):
        made = grant_answers(monkeypatch, "https://grants.example", granted(url, life_s))
        assert made.url("latest.json") == url
    other = grant_answers(monkeypatch, "https://grants.example", granted(url, path="other"))
    with pytest.raises(PassingFaultError, match="left out"):
        other.url("latest.json")


def test_a_list_of_removals_of_another_deal_is_refused(tmp_path: Path) -> None:
    """It is signed by the same agency; a notice makes the list be asked for."""
    deal, listed = tmp_path / "acme", tmp_path / "acme/notices/removals.json"
    manifest = publish(deal, "v0001", FILES)
    latest = say_latest(deal, 1, notices=[{"notice": "acme-000001", "sha256": "ab" * 32}])
    head = Head("v0001/delivery/", manifest, b"", signed_by(manifest.vkey, None), latest)
    listed.parent.mkdir()
    for deal_id, fault in (("acme", ""), ("other", "is of another deal")):
        removals = LIST.model_copy(update={"deal_id": deal_id, "vkey": SIGNER.vkey})
        listed.write_bytes(removal_list_bytes(sign_removal_list(removals, SIGNER)))
        with pytest.raises(RunError, match=fault) if fault else nullcontext():
            _pull_removal_list(FolderOrigin(deal), head, tmp_path / "copy", QUICKLY)
    kept = tmp_path / "copy/notices/removals.json"
    assert b'"acme"' in kept.read_bytes()
    kept.write_bytes(b"damaged")
    removals = LIST.model_copy(update={"vkey": SIGNER.vkey})
    listed.write_bytes(removal_list_bytes(sign_removal_list(removals, SIGNER)))
    _pull_removal_list(FolderOrigin(deal), head, tmp_path / "copy", QUICKLY)
    assert kept.read_bytes() == listed.read_bytes()


@pytest.mark.parametrize(
    "names",
    [
        ("cards/readme", "cards/README"),
        ("cards/readme", "Cards/other"),  # folders that are one
        ("manifest.json",),
        ("shards/D-jpg-00000.tar",),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_names_that_are_one_on_some_disks_are_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """One file would be written over the other where the disk ignores case."""
    deal = tmp_path / "acme"
    publish(deal, "v0001", {**FILES, **dict.fromkeys(names, b"another")})
    assert "the same on disks that ignore case" in refused(deal / "v0001/delivery", tmp_path / "c")
    assert not list((tmp_path / "c").glob("delivery/*"))
