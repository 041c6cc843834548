"""A store in a folder has whole objects or none, under any fault."""

from __future__ import annotations

import errno
import os
import pickle
import stat
import threading
from pathlib import Path

import pytest

from pipelines.storage import local_store
from pipelines.storage.local_file import translate_read_errors, translate_write_errors
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from pipelines.storage.store import join_uri
from schemas.errors import AccessError, InputError, RunError

BAD_KEYS = ["", "/a", "a//b", "a/", "../a", "a/../b", ".", "a/./b", "a\0b", "a\nb", "a\\b"]


def all_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_objects_round_trip_and_are_listed(tmp_path: Path) -> None:
    store = pickle.loads(pickle.dumps(open_store(f"{tmp_path}/")))
    store.write_bytes("b/c.txt", b"hello")
    store.write_bytes("a.txt", b"")
    assert store.uri == str(tmp_path)
    assert store.read_bytes("b/c.txt") == b"hello"
    assert store.exists("a.txt") and store.size("a.txt") == 0
    assert not store.exists("b") and not store.exists("b/c.txt/d")
    with store.open_read("b/c.txt") as file:
        file.seek(2)
        assert file.read() == b"llo"
    assert [(info.key, info.size_bytes) for info in store.list()] == [("a.txt", 0), ("b/c.txt", 5)]
    assert [info.key for info in store.list("b/")] == ["b/c.txt"]
    assert store.list("none") == []


def test_private_objects_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write_bytes("public", b"")
    store.write_bytes("secret", b"", private=True)
    assert store.write_new("fresh", b"", private=True)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in all_files(tmp_path)}
    assert modes == {"public": 0o644, "secret": 0o600, "fresh": 0o600}


def test_a_file_uri_may_have_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    store = open_store(f"file://{tmp_path}/with%20space")
    store.write_bytes("x", b"1")
    assert (folder / "x").read_bytes() == b"1"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_invalid_keys_raise_value_error(tmp_path: Path, key: str) -> None:
    store = open_store(str(tmp_path))
    for call in (store.read_bytes, store.exists, store.size, store.delete):
        with pytest.raises(ValueError):
            call(key)
    if key != "a/":  # a folder may be given with its slash
        with pytest.raises(ValueError):
            store.delete_prefix(key)
    with pytest.raises(ValueError):
        store.write_bytes(key, b"")
    assert all_files(tmp_path) == []


@pytest.mark.parametrize(
    "uri", ["", "ftp://h/x", "file://host/x", "s3://", "s3://b/../c", "s3://b/?x"]
)
def test_invalid_addresses_are_refused(uri: str) -> None:
    with pytest.raises(InputError):
        open_store(uri)


def test_join_uri_appends_keys_and_refuses_parents() -> None:
    assert join_uri("s3://b/p/", "x", "y/z") == "s3://b/p/x/y/z"
    assert join_uri("/", "x") == "/x"
    with pytest.raises(ValueError):
        join_uri("s3://b", "../x")


def test_a_missing_object_cannot_be_read_but_can_be_deleted(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    (tmp_path / "folder").mkdir()
    for key in ("nothing", "no/thing", "folder"):
        with pytest.raises(FileNotFoundError):
            store.read_bytes(key)
        with pytest.raises(FileNotFoundError):
            store.size(key)
    store.delete("nothing")
    store.delete_prefix("no/thing")


def test_a_failed_streamed_write_leaves_only_the_old_object(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write_bytes("x", b"old")
    with pytest.raises(ZeroDivisionError), store.open_write("x") as sink:
        sink.write(b"half of the new")
        assert store.read_bytes("x") == b"old"
        assert [info.key for info in store.list()] == ["x"]
        raise ZeroDivisionError
    assert store.read_bytes("x") == b"old"
    assert all_files(tmp_path) == ["x"]


def test_a_streamed_write_accepts_views_and_bytearrays(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with store.open_write("x") as sink:
        assert sink.write(memoryview(b"abc")) == 3
        assert sink.write(bytearray(b"def")) == 3
    assert store.read_bytes("x") == b"abcdef"


def test_a_temporary_file_of_a_killed_run_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-0123").write_bytes(b"half")
    assert open_store(str(tmp_path)).list() == []


def test_a_new_file_has_one_name_when_its_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def note(folder: Path) -> None:
        names.extend(path.name for path in folder.iterdir())

    monkeypatch.setattr(local_store, "sync_folder", note)
    assert local_store.LocalStore(str(tmp_path)).write_new("manifest", b"complete")
    assert names == ["manifest"]


def test_only_one_of_many_concurrent_write_new_calls_succeeds(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    wins: list[int] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        if store.write_new("commit", str(number).encode()):
            wins.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert store.read_bytes("commit") == str(wins[0]).encode()
    assert all_files(tmp_path) == ["commit"]


def test_concurrent_overwrites_are_never_mixed(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    contents = [bytes([65 + number]) * 300_000 for number in range(4)]
    seen: list[bytes] = []

    def work(data: bytes) -> None:
        for _ in range(5):
            store.write_bytes("x", data)
            seen.append(store.read_bytes("x"))

    threads = [threading.Thread(target=work, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert set(seen) <= set(contents)
    assert all_files(tmp_path) == ["x"]


def test_delete_prefix_deletes_only_that_folder(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for key in ("a/1", "a/b/2", "ab/3"):
        store.write_bytes(key, b"")
    store.delete_prefix("a")
    assert [info.key for info in store.list()] == ["ab/3"]


def test_ensure_writable_creates_the_folder_or_fails(tmp_path: Path) -> None:
    open_store(f"{tmp_path}/new/folder").ensure_writable()
    assert (tmp_path / "new/folder").is_dir()
    assert all_files(tmp_path) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be created or written"):
        open_store(f"{tmp_path}/file").ensure_writable()


def test_a_full_disk_is_a_run_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path))
    store.write_bytes("x", b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipelines.storage.local_store.os.fsync", full)
    with pytest.raises(RunError, match="No space left"):
        store.write_bytes("x", b"new")
    monkeypatch.undo()
    assert store.read_bytes("x") == b"old"
    assert all_files(tmp_path) == ["x"]


def test_a_disk_that_cannot_be_read_is_a_run_error(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    (tmp_path / "x").symlink_to("/proc/self/mem")  # its first page is never mapped: EIO
    with store.open_read("x") as source, pytest.raises(RunError, match=r"x \(Input/output error"):
        source.read(10)
    with pytest.raises(RunError, match="cannot be read"):
        store.read_bytes("x")


def test_an_error_on_closing_is_a_run_error(tmp_path: Path) -> None:
    """Some file systems report an earlier error only when the file is closed."""
    (tmp_path / "x").write_bytes(b"abc")
    file = open_store(str(tmp_path)).open_read("x")
    os.close(file.fileno())
    with pytest.raises(RunError, match=r"cannot be read.*/x \(Bad file descriptor\)"):
        file.close()


def test_what_lies_beside_the_objects(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.write_bytes("d/a", b"1")
    assert store.strays() == []
    (tmp_path / "store" / "d" / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "store" / "d" / ".tmp-1").write_bytes(b"")
    (tmp_path / "store" / "d" / "out").symlink_to(tmp_path)
    (tmp_path / "store" / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "store" / "pipe")
    found = {stray.key: stray.what for stray in store.strays()}
    assert found == {
        "d/.tmp-1": "a temporary file",
        "d/empty/inner": "an empty folder",
        "d/out": "a symbolic link to a folder",
        "loop": "a symbolic link that leads nowhere",
        "pipe": "not a regular file",
    }
    assert [stray.key for stray in store.strays("d")] == sorted(key for key in found if "/" in key)
    assert store.strays("none") == []
    for stray in store.strays():
        store.remove_stray(stray)
        store.remove_stray(stray)
    assert store.strays() == [] and (tmp_path / "store" / "d" / "a").read_bytes() == b"1"
    assert not (tmp_path / "store" / "d" / "empty").exists() and tmp_path.exists()


def test_a_copy_has_the_same_bytes_and_no_part_in_later_writes(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write_bytes("a/x", b"one")
    store.write_bytes("b/y", b"other")
    store.copy([("a/x", "b/y")])
    store.copy([("a/x", "b/y")])  # again
    assert store.read_bytes("b/y") == b"one"
    assert (tmp_path / "a/x").samefile(tmp_path / "b/y")  # takes no space
    store.write_bytes("a/x", b"two")
    assert store.read_bytes("b/y") == b"one"
    assert all_files(tmp_path) == ["a/x", "b/y"]
    with pytest.raises(FileNotFoundError):
        store.copy([("none", "b/y")])


def test_a_folder_of_many_copies_is_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, synced = open_store(str(tmp_path)), list[str]()
    for name in "xyz":
        store.write_bytes(f"a/{name}", name.encode())

    def note(folder: Path) -> None:
        assert all_files(folder) == [f"{name}{at}" for name in "xyz" for at in (0, 1)]
        synced.append(folder.name)

    monkeypatch.setattr("pipelines.storage.local_store.sync_folder", note)
    store.copy((f"a/{name}", f"b/{name}{at}") for name in "xyz" for at in (0, 1))
    assert synced == ["b"]


def test_a_copy_is_made_where_a_file_cannot_have_two_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "another file system")

    store = open_store(str(tmp_path))
    store.write_bytes("a/x", b"one")
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store.copy([("a/x", "b/y")])
    assert store.read_bytes("b/y") == b"one"
    assert not (tmp_path / "a/x").samefile(tmp_path / "b/y")
    assert all_files(tmp_path) == ["a/x", "b/y"]


@pytest.mark.parametrize("method", ["write_bytes", "write_new"])
@pytest.mark.parametrize(
    ("there", "remedy"),
    [
        ("a", "/a is not a folder: move it elsewhere"),
        ("a/b", "/a/b is not a folder: move it elsewhere"),
        ("a/b/c/", "Move the folder of this name elsewhere"),
    ],
)
def test_what_is_in_the_way_is_named_and_no_fault_of_the_input(
    method: str, there: str, remedy: str, tmp_path: Path
) -> None:
    """A run that meets it has begun, and keeps its work."""
    store = LocalStore(str(tmp_path))
    if there.endswith("/"):
        (tmp_path / there).mkdir(parents=True)
    else:
        store.write_bytes(there, b"in the way")
    for _ in range(2):
        with pytest.raises(AccessError, match="cannot be written") as refused:
            getattr(store, method)("a/b/c", b"data")
        assert remedy in str(refused.value) and "a/b/c" in str(refused.value)
        assert "completed work is kept" in str(refused.value.in_run())
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-")]


@pytest.mark.parametrize("verb", ["read", "written"])
def test_a_permission_that_is_lost_in_mid_run_is_no_fault_of_the_input(verb: str) -> None:
    translate = translate_read_errors if verb == "read" else translate_write_errors
    said = f"cannot be {verb}: x .*Correct its permissions"
    with pytest.raises(AccessError, match=said), translate(Path("x")):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
