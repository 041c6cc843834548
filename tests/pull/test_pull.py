"""Pulling a delivery: from folder and web, again, in parts, under faults; never half of it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from pipelines.format.signed_record import SignedRecordError
from pipelines.pull.folder_origin import FolderOrigin
from pipelines.pull.open import open_origin
from pipelines.pull.part_file import PartFile
from pipelines.pull.pull import Pulled, PullRequest, pull
from pipelines.pull.selection import Selection
from pipelines.pull.state import locked
from schemas.errors import FairshardError, InputError, RunError
from tests.pull.deals import NOW, OTHER, PART, QUICKLY, SIGNER, content, publish, say_latest, tree
from tests.pull.range_server import range_server

PINNED = (SIGNER.vkey,)
FILES = {
    "README.md": b"read me\n",
    "empty": b"",
    "shards/d-jpg-00000.tar": content(1, 5 * PART + 77),
    "shards/d-jpg-00000.parquet": content(2, 3_000),
    "shards/d-jpg-00001.tar": content(3, 3 * PART),
    "img_emb/img_emb_0.npy": content(4, 900),
    "img_emb/img_emb_1.npy": content(5, 900),
    "metadata/same_1": b"the same bytes",
    "metadata/same_2": b"the same bytes",
}


def got(uri: object, folder: Path, **more: Any) -> Pulled:
    request = PullRequest(folder, more.pop("pinned", PINNED), settings=QUICKLY, **more)
    return pull(open_origin(str(uri), QUICKLY.stall_s), request, NOW, lambda done, total: None)


def delivered(folder: Path) -> dict[str, bytes]:
    return tree(folder / "delivery")


@pytest.fixture
def deal(tmp_path: Path) -> Path:
    publish(tmp_path / "acme", "v0001", FILES)
    return tmp_path / "acme"


def test_a_delivery_comes_whole_and_a_second_pull_fetches_nothing(
    deal: Path, tmp_path: Path
) -> None:
    source = deal / "v0001" / "delivery"
    for number, uri in enumerate((source, f"file://{source}")):
        done = got(uri, tmp_path / f"copy{number}")
        assert delivered(tmp_path / f"copy{number}") == tree(source)
        assert done.placed == sorted(FILES) and done.removed == []
    again = got(source, tmp_path / "copy0")
    assert (again.totals.received_bytes, again.placed, again.removed) == (0, [], [])
    quick = got(source, tmp_path / "copy0", quick=True)
    assert (quick.placed, quick.files, quick.size) == ([], len(FILES), done.size)


def test_over_http_every_byte_comes_once(deal: Path, tmp_path: Path) -> None:
    with range_server(deal.parent) as server:
        done = got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy")
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")
        distinct = sum(map(len, set(FILES.values())))
        assert done.totals.received_bytes == distinct and done.totals.faults == 0
        assert sum(server.twice(path) for path in server.spans) == 0
        got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy")
        assert sum(server.sent.values()) - server.sent["acme/v0001/delivery/MANIFEST.json"] == (
            distinct
        )


FAULTS = ("500", "503", "hang up", "error in 200", "cut", "cut without length")


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_repeated_and_nothing_comes_twice(
    deal: Path, tmp_path: Path, fault: str
) -> None:
    choose = random.Random(fault)
    with range_server(
        deal.parent, lambda path, number: fault if choose.random() < 0.4 else ""
    ) as server:
        done = got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy")
        assert server.seen[fault] > 2 and done.totals.faults > 0
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")
        # The kernel may have sent what the client had not read when the connection broke.
        assert sum(server.twice(path) for path in server.spans) <= server.seen[fault] * PART // 2
        assert done.totals.received_bytes == sum(map(len, set(FILES.values())))


def test_a_server_may_take_its_time_before_its_first_answer(tmp_path: Path) -> None:
    """Less than the time-out, although longer than it takes until somebody looks."""
    publish(tmp_path / "acme", "v0001", {"shards/d-jpg-00000.tar": content(1, PART)})

    def slow(path: str, number: int) -> str:
        time.sleep(0.6 * path.endswith(".tar"))
        return ""

    with range_server(tmp_path, slow) as server:
        done = got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy")
    assert done.totals.faults == 0


def test_a_server_that_stalls_is_left(deal: Path, tmp_path: Path) -> None:
    with range_server(deal.parent, lambda path, number: "stall" if number == 4 else "") as server:
        done = got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy")
        assert server.seen["stall"] == 1 and done.totals.faults >= 1
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")


@pytest.mark.parametrize("fault", ["500", "error in 200"])
def test_what_does_not_end_is_said_and_kept(deal: Path, tmp_path: Path, fault: str) -> None:
    broken = {"on": True}

    def plan(path: str, number: int) -> str:
        return fault if broken["on"] and path.endswith("00001.tar") else ""

    with range_server(deal.parent, plan) as server:
        uri = f"{server.uri}/acme/v0001/delivery"
        with pytest.raises(RunError, match=r"cannot be pulled.*00001"):
            got(uri, tmp_path / "copy")
        assert not (tmp_path / "copy" / "delivery").exists()
        broken["on"] = False
        before = sum(server.sent.values())
        got(uri, tmp_path / "copy")
        manifest = (deal / "v0001" / "delivery" / "MANIFEST.json").stat().st_size
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")
        # At most one part for each connection comes again.
        rest = sum(server.sent.values()) - before - manifest
        assert rest <= len(FILES["shards/d-jpg-00001.tar"]) + QUICKLY.lanes * PART


def test_bytes_that_are_wrong_on_the_way_come_again(deal: Path, tmp_path: Path) -> None:
    flipped = iter([True])

    def plan(path: str, number: int) -> str:
        return "flip" if path.endswith("00001.tar") and next(flipped, False) else ""

    with range_server(deal.parent, plan) as server:
        done = got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy")
        assert done.totals.repeated_bytes == len(FILES["shards/d-jpg-00001.tar"])
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")


def test_a_file_that_is_not_the_listed_one_is_refused(deal: Path, tmp_path: Path) -> None:
    path = deal / "v0001" / "delivery" / "shards" / "d-jpg-00001.tar"
    data = bytearray(path.read_bytes())
    data[70_000] ^= 1
    path.write_bytes(data)
    with range_server(deal.parent) as server:
        for uri in (deal / "v0001" / "delivery", f"{server.uri}/acme/v0001/delivery"):
            with pytest.raises(RunError, match=r"not the one that the manifest lists.*00001"):
                got(uri, tmp_path / "copy")
    path.write_bytes(data[:-1])
    with range_server(deal.parent) as server:
        for uri in (deal / "v0001" / "delivery", f"{server.uri}/acme/v0001/delivery"):
            with pytest.raises(RunError, match="not the one that the manifest lists"):
                got(uri, tmp_path / "copy")
    path.unlink()
    with pytest.raises(RunError, match=r"is missing.*00001\.tar"):
        got(deal / "v0001" / "delivery", tmp_path / "copy")
    assert not (tmp_path / "copy" / "delivery").exists()


def test_a_bit_that_flips_on_the_disk_costs_one_part(deal: Path, tmp_path: Path) -> None:
    """Both in what is not yet complete and in what is in place."""
    tar = "shards/d-jpg-00000.tar"
    stop = {"on": True}

    def plan(path: str, number: int) -> str:
        return "500" if stop["on"] and path.endswith("00001.tar") else ""

    with range_server(deal.parent, plan) as server:
        uri = f"{server.uri}/acme/v0001/delivery"
        with pytest.raises(RunError):
            got(uri, tmp_path / "copy")
        parts = tmp_path / "copy" / ".pull" / "parts"
        staged = max(parts.iterdir(), key=lambda path: path.stat().st_size)
        flip(staged, 100)
        stop["on"] = False
        got(uri, tmp_path / "copy")
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")
        flip(tmp_path / "copy" / "delivery" / tar, 2 * PART + 5)
        again = got(uri, tmp_path / "copy")
        assert again.placed == [tar]
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")


def test_a_part_that_changed_on_the_disk_is_found_by_its_checksum(tmp_path: Path) -> None:
    data = FILES["shards/d-jpg-00000.tar"]
    digest = hashlib.sha256(data).hexdigest()
    file = PartFile(tmp_path, digest, len(data), PART)
    for part in file.open():
        start, end = file.bounds(part)
        if part != 3:
            file.write(start, memoryview(data[start:end]))
            file.finish_part(part, zlib.crc32(data[start:end]))
    file.close()
    flip(tmp_path / f"{digest}.data", PART + 9)
    with (tmp_path / f"{digest}.parts").open("ab") as lines:
        lines.write(b"0000000")  # torn by a crash
    file = PartFile(tmp_path, digest, len(data), PART)
    assert file.open() == [3]
    start, end = file.bounds(3)
    file.write(start, memoryview(data[start:end]))
    assert file.finish_part(3, zlib.crc32(data[start:end]))
    assert file.check() == [1]
    start, end = file.bounds(1)
    file.write(start, memoryview(data[start:end]))
    assert file.finish_part(1, zlib.crc32(data[start:end]))
    assert file.check() == []
    file.complete()
    assert (tmp_path / digest).read_bytes() == data and len(list(tmp_path.iterdir())) == 1


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_new_version_brings_what_changed_and_removes_what_went(
    deal: Path, tmp_path: Path
) -> None:
    say_latest(deal, 1)
    got(deal, tmp_path / "copy")
    newer = {path: data for path, data in FILES.items() if not path.endswith("emb_1.npy")}
    newer["shards/d-jpg-00001.tar"] = content(9, 2 * PART)
    newer["renamed/folder/embeddings.npy"] = FILES["img_emb/img_emb_1.npy"]
    publish(deal, "v0002", newer)
    say_latest(deal, 2)
    with range_server(deal.parent) as server:
        done = got(f"{server.uri}/acme", tmp_path / "copy", pinned=None)  # the key is remembered
    assert done.totals.received_bytes == 2 * PART  # what only has another name is there
    assert done.placed == ["renamed/folder/embeddings.npy", "shards/d-jpg-00001.tar"]
    assert done.removed == ["img_emb/img_emb_1.npy"]
    assert delivered(tmp_path / "copy") == tree(deal / "v0002" / "delivery")
    assert (tmp_path / "copy" / "latest.json").read_bytes() == (deal / "latest.json").read_bytes()
    assert not any((tmp_path / "copy" / ".pull").glob("parts*"))


def test_some_shards_and_then_others(deal: Path, tmp_path: Path) -> None:
    one = Selection(shards=frozenset({"d-jpg-00001"}))
    done = got(deal / "v0001" / "delivery", tmp_path / "copy", selection=one)
    left_out = {"shards/d-jpg-00000.tar", "shards/d-jpg-00000.parquet", "img_emb/img_emb_0.npy"}
    assert set(done.placed) == FILES.keys() - left_out
    rest = got(deal / "v0001" / "delivery", tmp_path / "copy")
    assert set(rest.placed) == left_out and rest.removed == []
    families = Selection(families=frozenset({"jpg"}))
    assert got(deal / "v0001" / "delivery", tmp_path / "copy", selection=families).placed == []
    for wrong in (Selection(frozenset({"x"})), Selection(families=frozenset({"x"}))):
        with pytest.raises(InputError, match="no such"):
            got(deal / "v0001" / "delivery", tmp_path / "copy", selection=wrong)


def test_what_a_version_removed_goes_although_it_is_not_selected(
    deal: Path, tmp_path: Path
) -> None:
    got(deal / "v0001" / "delivery", tmp_path / "copy")
    publish(deal, "v0002", {**FILES, "shards/d-jpg-00000.tar": content(8, PART)})
    one = Selection(shards=frozenset({"d-jpg-00001"}))
    done = got(deal / "v0002" / "delivery", tmp_path / "copy", selection=one)
    assert done.removed == ["shards/d-jpg-00000.tar"]
    assert not (tmp_path / "copy" / "delivery" / "shards" / "d-jpg-00000.tar").exists()


def refused(uri: object, folder: Path, **more: Any) -> str:
    before = tree(folder / "delivery")
    with pytest.raises(FairshardError) as caught:
        got(uri, folder, **more)
    assert tree(folder / "delivery") == before
    return str(caught.value)


def test_only_the_agencys_key_counts(deal: Path, tmp_path: Path) -> None:
    source = deal / "v0001" / "delivery"
    assert "fingerprint" in refused(source, tmp_path / "copy", pinned=None)
    assert "another key" in refused(source, tmp_path / "copy", pinned=(OTHER.vkey,))
    got(source, tmp_path / "copy", pinned=None, allow_unpinned=True)
    publish(deal, "v0002", FILES, OTHER)
    newer = deal / "v0002" / "delivery"
    for more in ({}, {"allow_unpinned": True}):  # it keeps to the first
        assert "another key" in refused(newer, tmp_path / "copy", pinned=None, **more)
    got(newer, tmp_path / "copy", pinned=(SIGNER.vkey, OTHER.vkey))
    manifest = newer / "MANIFEST.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"buyer": "G', b'"buyer": "H'))
    assert "signature" in refused(newer, tmp_path / "other", pinned=(OTHER.vkey,))


def test_an_older_state_is_refused(deal: Path, tmp_path: Path) -> None:
    say_latest(deal, 1)
    older = (deal / "latest.json").read_bytes()
    publish(deal, "v0002", FILES)
    say_latest(deal, 2)
    got(deal, tmp_path / "copy")
    (deal / "latest.json").write_bytes(older)
    assert "older than the one that was seen" in refused(deal, tmp_path / "copy")
    assert "older than one" in refused(deal / "v0001" / "delivery", tmp_path / "copy")
    say_latest(deal, 3, version="v0001")  # a higher number, and yet an older version
    assert "older than one" in refused(deal, tmp_path / "copy")
    publish(deal, "v0002", {**FILES, "more": b"more"})
    say_latest(deal, 4)
    assert "another manifest" in refused(deal, tmp_path / "copy")
    publish(deal, "v0003", FILES)
    say_latest(deal, 5)
    got(deal, tmp_path / "copy")


def test_an_expired_or_foreign_state_is_refused(deal: Path, tmp_path: Path) -> None:
    say_latest(deal, 1, expires_at="2026-11-27T23:59:59+00:00")
    assert "has expired" in refused(deal, tmp_path / "copy")
    say_latest(deal, 1, signer=OTHER)
    with pytest.raises(SignedRecordError, match="another key"):
        got(deal, tmp_path / "copy")
    say_latest(deal, 1, deal_id="other")
    assert "another delivery" in refused(deal, tmp_path / "copy")
    say_latest(deal, 1)
    text = (deal / "latest.json").read_bytes()
    (deal / "latest.json").write_bytes(text.replace(b'"sequence":1', b'"sequence":9'))
    assert "signature" in refused(deal, tmp_path / "copy")
    (deal / "latest.json").write_bytes(text)
    publish(deal, "v0001", {"other": b"other"})
    assert "not the one that latest.json names" in refused(deal, tmp_path / "copy")


def test_another_deal_does_not_overwrite_a_copy(deal: Path, tmp_path: Path) -> None:
    got(deal / "v0001" / "delivery", tmp_path / "copy")
    publish(tmp_path / "other", "v0001", FILES)
    said = refused(tmp_path / "other" / "v0001" / "delivery", tmp_path / "copy")
    assert "of another deal" in said


@pytest.mark.parametrize("path", ["../out", "/etc/x", "a/../../x", "MANIFEST.json", "empty/x"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    deal = tmp_path / "acme"
    files: Any = [
        {"path": name, "bytes": 0, "sha256": "0" * 64} for name in sorted({"empty", path})
    ]
    end = {"shards": 0, "samples": 0, "files": len(files), "bytes": 0}
    changes: dict[str, Any] = {"files": files, "end": end}
    publish(deal, "v0001", {"empty": b""}, **changes)
    assert "lists a file" in refused(deal / "v0001" / "delivery", tmp_path / "copy")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["acme", "copy"]


def test_strangers_files_and_links_are_left(deal: Path, tmp_path: Path) -> None:
    source, copy = deal / "v0001" / "delivery", tmp_path / "copy"
    (copy / "delivery").mkdir(parents=True)
    (copy / "delivery" / "README.md").write_text("mine")
    assert "does not belong to this copy" in refused(source, copy)
    (copy / "delivery" / "README.md").unlink()
    (tmp_path / "elsewhere").mkdir()
    (copy / "delivery" / "shards").symlink_to(tmp_path / "elsewhere")
    assert "link" in refused(source, copy)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_copy_made_by_other_means_is_taken_over(deal: Path, tmp_path: Path) -> None:
    shutil.copytree(deal / "v0001" / "delivery", tmp_path / "copy" / "delivery")
    publish(deal, "v0002", {**FILES, "README.md": b"newer"})
    done = got(deal / "v0002" / "delivery", tmp_path / "copy")
    assert done.placed == ["README.md"] and done.removed == []
    assert delivered(tmp_path / "copy") == tree(deal / "v0002" / "delivery")


def test_one_pull_at_a_time(deal: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "copy"):
        said: list[str] = []
        thread = threading.Thread(
            target=lambda: said.append(refused(deal / "v0001" / "delivery", tmp_path / "copy"))
        )
        thread.start()
        thread.join()
    assert "Another pull" in said[0]
    got(deal / "v0001" / "delivery", tmp_path / "copy")


def test_an_address_that_expires_in_between_is_signed_again(
    deal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address works for two requests."""
    count, uses = tmp_path / "count", {"": 0}
    with range_server(deal.parent) as server:
        script = tmp_path / "sign.sh"
        script.write_text(
            f'echo x >> {count}\necho "{server.uri}/acme/v0001/delivery/$1?t=$(wc -l < {count})"\n'
        )

        def accepts(query: str) -> bool:
            uses[query] = uses.get(query, 0) + 1
            return uses[query] <= 2

        server.accepts = accepts
        origin = open_origin(server.uri, 1.0, f"sh {script}")
        request = PullRequest(tmp_path / "copy", PINNED, settings=QUICKLY)
        done = pull(origin, request, NOW, lambda done, total: None)
        assert done.totals.faults > 0
        assert delivered(tmp_path / "copy") == tree(deal / "v0001" / "delivery")
        assert done.totals.received_bytes == sum(map(len, set(FILES.values())))
        server.accepts = lambda query: False
        with pytest.raises(InputError, match="refuses access"):
            pull(
                origin, PullRequest(tmp_path / "b", PINNED, settings=QUICKLY), NOW, lambda *_: None
            )


def test_a_plain_server_is_asked_on_this_machine_alone(tmp_path: Path) -> None:
    for uri in ("http://data.example.com/x", "https://u:p@example.com/x", "ftp://h/x", "https://"):
        with pytest.raises(InputError):
            open_origin(uri, 1.0)
    with pytest.raises(InputError, match="no delivery here"):
        got(tmp_path, tmp_path / "copy")


def test_folder_of_a_copy_is_a_delivery_for_others(deal: Path, tmp_path: Path) -> None:
    got(deal / "v0001" / "delivery", tmp_path / "one")
    got(tmp_path / "one" / "delivery", tmp_path / "two")
    assert delivered(tmp_path / "two") == delivered(tmp_path / "one")
    assert FolderOrigin(tmp_path).renew("x", "y") is False
    state = json.loads((tmp_path / "two" / ".pull" / "state.json").read_bytes())
    assert state["version"] == 1 and set(state["files"]) == FILES.keys()
