"""A whole removal in a bucket of OpenStack Swift has the bytes of the same removal in a folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import save_key
from tests.end_to_end.command import AS_OF, tree
from tests.end_to_end.small_library import SmallLibrary, in_process, make_library_of_two
from tests.faults.servers import Server, direct_aws, swift
from tests.removal.test_revoke import BUYER, WORDS, dsse, reply_to

pytestmark = pytest.mark.slow

KEY = FileKey("agency.example", bytes(range(32)))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with swift() as found, direct_aws(found):
        yield found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """The library, not packaged yet."""
    return make_library_of_two(tmp_path_factory.mktemp("swift") / "library")


class Course:
    """One course of commands on an output.

    Args:
        out: The output: a folder or a prefix in a bucket.
        folder: A folder of the course's own, for its key and what it is given.
        copy: Copies the output to `folder / "out"`, where replies are made from it.
    """

    def __init__(self, out: object, folder: Path, copy: Callable[[], None]) -> None:
        self.out, self.folder, self.copy = out, folder, copy
        self.said: list[Any] = []
        save_key(folder / "signing.key", KEY)
        (folder / "buyer.vkey").write_text(f"{BUYER.vkey}\n")

    def run(self, command: str, *words: object) -> Any:
        """Runs a command on the output with the key; keeps and returns what it prints."""
        key = ["--key", self.folder / "signing.key"] if command != "share" else []
        done = in_process(command, "--out", self.out, *key, *words, "--json")
        assert done.code == 0, (command, words, done.err)
        self.said.append(done.json)
        return done.json

    def removals(self) -> None:
        """Pays later revenue, removes in both ways, takes replies, and asks about all of it."""
        pay = ["--delivery", "small/v0001", "--amount", "7.00", "--currency", "USD"]
        pay += ["--agency-share", "0.4", "--source", "a buyer", "--period", "2026-Q3"]
        self.run("pay", *pay, "--name", "later", "--date", "2026-10-01")
        for way, asset in (("patch", "a-0"), ("tombstone", "a-4")):
            own = ["--asset", asset, "--way", way, "--money", "reverse", *WORDS]
            [done] = self.run("revoke", *own)["deals"]
            [again] = self.run("revoke", *own)["deals"]
            assert (done["is_new"], again["is_new"]) == (True, False)
            if way == "patch":
                notice = done
        self.copy()
        certificate = reply_to(self.folder, notice)
        acknowledgement = {**certificate, "kind": "acknowledgement", "scope": [], "shards": []}
        for reply, day in ((acknowledgement, "2026-12-10"), (certificate, "2026-12-11")):
            (self.folder / "reply").write_bytes(dsse(reply))
            words = ["--accept", self.folder / "reply", "--buyer-key", self.folder / "buyer.vkey"]
            assert self.run("removals", *words, "--as-of", day)["is_new"]
        states = self.run("removals", "--as-of", "2027-01-01")["notices"]
        assert [one["state"] for one in states] == ["deleted", "overdue"]
        for version, samples in (("v0001", 6), ("v0002", 5), ("v0003", 4)):
            self.run("share", "--deal", "small", "--version", version, "--by", "contributor")
            delivery = f"{self.out}/small/{version}/delivery"
            done = in_process("verify", delivery, "--vkey", KEY.vkey, "--quiet", "--json")
            assert (done.code, done.json["problems"], done.json["samples"]) == (0, [], samples)
            self.said.append(done.json)
        words = ["--all", "--period", "2026", "--to", self.folder / "statements", "--quiet"]
        self.run("statement", *words)


def test_a_bucket_ends_with_the_bytes_of_a_folder(
    library: SmallLibrary, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    here = Course(tmp_path / "here/out", tmp_path / "here", lambda: None)
    bucket, client = f"b-{uuid.uuid4().hex}", server.client()
    client.create_bucket(Bucket=bucket)

    def download() -> None:
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix="out/"):
            for item in page.get("Contents", ()):
                path = tmp_path / "there" / item["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, item["Key"], str(path))

    (tmp_path / "there").mkdir()
    there = Course(f"s3://{bucket}/out", tmp_path / "there", download)
    for course in (here, there):
        library.write_catalogue()
        words = ["--catalogue", library.folder / "catalogue", "--workers", 1, "--quiet"]
        course.run("package", *words, "--deal", library.folder / "deal.toml", "--as-of", AS_OF)
        course.said.clear()  # it says where its output is, and how long it took
        course.removals()
    download()
    # Records of runs say how long they took; features of a bucket's files are others.
    others = ("agency/runs/", "agency/features/")
    one, other = (
        {key: data for key, data in tree(one.folder / "out").items() if not key.startswith(others)}
        for one in (here, there)
    )
    assert one == other
    assert tree(here.folder / "statements") == tree(there.folder / "statements")
    text = [
        str(course.said).replace(str(course.out), "").replace(str(course.folder), "")
        for course in (here, there)
    ]
    assert text[0] == text[1]
