"""`verify --repair`: restores the published bytes and leaves sound files alone."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from pipelines.ledger.signed_note import FileKey
from pipelines.repair import rebuild
from pipelines.run.job import Job
from pipelines.run.signing_key import save_key
from pipelines.steps import rights_files
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from tests.end_to_end.command import (
    AS_OF,
    CommandResult,
    Demo,
    environment,
    fairshard,
    folders,
    tree,
)
from tests.end_to_end.damage import flip, run_in_process, smallest_tar, tar_members, zeroed

DEAL = "demo-strict"
Damage = Callable[[Path], object]


@dataclass(frozen=True)
class RepairOutput:
    """A separate output with one version, which tests may damage."""

    demo: Demo
    out: Path

    @property
    def version(self) -> Path:
        return self.out / DEAL / "v0001"

    @property
    def delivery(self) -> Path:
        return self.version / "delivery"

    def repair(self, *more: object, deal: str = DEAL) -> CommandResult:
        return run_in_process(*repair_command(self.demo, self.delivery, deal), *more)

    def restore(self) -> None:
        """Restores the output as it was published."""
        shutil.rmtree(self.version)
        shutil.copytree(self.demo.out / DEAL / "v0001", self.version)


def repair_command(demo: Demo, delivery: object, deal: str = DEAL) -> list[object]:
    return [
        *("verify", delivery, "--repair", "--quiet", "--json", "--workers", 1),
        *("--catalogue", demo.catalogue, "--deal", demo.deal(deal), "--key", demo.signing_key),
    ]


@pytest.fixture(scope="module")
def output(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> RepairOutput:
    out = tmp_path_factory.mktemp("repair")
    shutil.copytree(demo.out / "agency" / "features", out / "agency" / "features")
    shutil.copytree(demo.out / DEAL, out / DEAL)
    return RepairOutput(demo, out)


@pytest.fixture(autouse=True)
def restored(output: RepairOutput) -> Iterator[None]:
    yield
    output.restore()


def check_repaired(
    output: RepairOutput, ended: CommandResult, made: set[str] | None = None
) -> None:
    """Asserts that the delivery is sound, has the published bytes and no leftovers."""
    assert ended.code == 0, ended.err + ended.out
    assert ended.json["sound"]
    assert tree(output.version) == tree(output.demo.out / DEAL / "v0001")
    assert folders(output.out / "agency") == {"features"}
    if made is not None:
        assert set(ended.json["repaired"]["files"]) == made


def times(folder: Path) -> dict[str, tuple[int, int]]:
    """Returns inode and time of every file, which differ if a file is written again."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def flip_in(pattern: str, share: float = 0.5) -> Damage:
    """Returns damage that flips a bit in the first file that matches a pattern."""

    def damage(delivery: Path) -> None:
        path = sorted(path for path in delivery.glob(pattern) if path.is_file())[0]
        data = path.read_bytes()
        path.write_bytes(flip(data, int(len(data) * share)))

    return damage


def hole(delivery: Path) -> None:
    tar = smallest_tar(delivery, 3)
    member = tar_members(tar)[0]
    tar.write_bytes(zeroed(tar.read_bytes(), member.start, member.end))


def cut(delivery: Path) -> None:
    tar = smallest_tar(delivery, 3)
    tar.write_bytes(tar.read_bytes()[: tar_members(tar)[1].start])


def swap(delivery: Path) -> None:
    one, other = sorted(delivery.glob("shards/*.tar"))[:2]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def remove(pattern: str) -> Damage:
    return lambda delivery: sorted(delivery.glob(pattern))[0].unlink()


def add(delivery: Path) -> None:
    (delivery / "shards" / "strange.tar").write_bytes(b"strange")


DAMAGES: dict[str, Damage] = {
    "a bit of a tar": flip_in("shards/*.tar"),
    "a hole in a tar": hole,
    "a tar cut between members": cut,
    "two tars swapped": swap,
    "a tar gone": remove("shards/*.tar"),
    "a table": flip_in("shards/*.parquet"),
    "a table gone": remove("shards/*.parquet"),
    "stats": flip_in("shards/*_stats.json"),
    "a tar's index": flip_in("shards/*.tar.idx"),
    "embeddings": flip_in("img_emb/*.npy"),
    "metadata": flip_in("metadata/*.parquet"),
    "the database": flip_in(".nv-meta/index.sqlite"),
    "a card": flip_in("README.md"),
    "wids' index": flip_in("wids-*.json"),
    "Croissant": flip_in("croissant.json"),
    "a tile": flip_in("tile/0/**/*"),
    "entries": flip_in("tile/entries/**/*"),
    "the checkpoint": flip_in("checkpoint"),
    "the key": flip_in("log.vkey"),
    "a file too many": add,
}
FAST = ("a hole in a tar", "the database")
PARAMETERS = [
    name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in DAMAGES
]


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_kind_of_damage_is_repaired(output: RepairOutput, name: str) -> None:
    before, untouched = tree(output.delivery), times(output.version)
    DAMAGES[name](output.delivery)
    changed = tree(output.delivery)
    bad = {path for path in before if changed.get(path) != before[path]}
    found = run_in_process("verify", output.delivery, "--quiet", "--json")
    assert found.code == 1
    ended = output.repair()
    check_repaired(output, ended, bad)
    assert set(ended.json["repaired"]["removed"]) == changed.keys() - before.keys()
    assert ended.json["repaired"]["found"] == found.json["problems"]
    after = times(output.version)
    kept = untouched.keys() - {f"delivery/{path}" for path in bad}
    assert {path: after[path] for path in kept} == {path: untouched[path] for path in kept}


def test_sound_delivery_is_not_changed(output: RepairOutput) -> None:
    before = times(output.out)
    ended = output.repair()
    assert ended.code == 0 and "repaired" not in ended.json
    assert times(output.out) == before


@pytest.mark.slow
def test_all_files_are_repaired_at_once(output: RepairOutput) -> None:
    for path in sorted(output.delivery.rglob("*")):
        if path.is_file() and path.name != "MANIFEST.json":
            path.write_bytes(b"gone")
    check_repaired(output, output.repair())


# The command, which kills itself instead of replacing more than a number of files.
_KILLED = """
import os, signal, sys
from pipelines.cli import main
from pipelines.repair import rebuild

left, copy = int(sys.argv[1]), rebuild.copy_file

def copy_or_die(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return copy(*arguments)

rebuild.copy_file = copy_or_die
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("replaced", [0, 1, 3])
def test_repair_killed_between_replacements_can_be_resumed(
    output: RepairOutput, replaced: int
) -> None:
    """Replaced files are sound, the others still damaged, and the next repair completes."""
    for name in ("two tars swapped", "the database", "a card", "embeddings"):
        DAMAGES[name](output.delivery)
    found = run_in_process("verify", output.delivery, "--quiet", "--json")
    words = map(str, repair_command(output.demo, output.delivery))
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, str(replaced), *words],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    left = run_in_process("verify", output.delivery, "--quiet", "--json")
    assert left.code == 1
    bad = {problem["path"] for problem in found.json["problems"]}
    still = {problem["path"] for problem in left.json["problems"]}
    assert still < bad if replaced else still == bad
    check_repaired(output, output.repair())


def test_missing_manifest_is_repaired(output: RepairOutput) -> None:
    """Everything is rebuilt for comparison; sound files are left alone."""
    manifest = output.delivery / "MANIFEST.json"
    card = output.delivery / "README.md"
    manifest.write_bytes(manifest.read_bytes()[:-5])
    card.unlink()
    refused = output.repair()
    assert refused.code == 2 and "--as-of" in refused.err
    assert not card.exists()
    ended = output.repair("--as-of", AS_OF)
    check_repaired(output, ended, {"MANIFEST.json", "README.md"})
    assert set(ended.json["repaired"]["shards"]) == {
        path.stem for path in output.delivery.glob("shards/*.tar")
    }


@pytest.mark.parametrize(("path", "is_signed"), [("note.txt", True), ("README.md", False)])
def test_a_new_manifest_lists_only_what_the_repair_wrote(
    output: RepairOutput, monkeypatch: pytest.MonkeyPatch, path: str, is_signed: bool
) -> None:
    """Others may write to the folder meanwhile: theirs is left out, a change stops it."""

    def write_and_meddle(store: Store, job: Job, *rest: Any) -> None:
        rights_files.write_rights(store, job, *rest)
        open_store(job.output_uri).write_bytes(f"{job.delivery}/{path}", b"of another")

    monkeypatch.setattr(rebuild, "write_rights", write_and_meddle)
    manifest = output.delivery / "MANIFEST.json"
    manifest.unlink()
    ended = output.repair("--as-of", AS_OF)
    if is_signed:
        check_repaired(output, ended, {"MANIFEST.json"})
    else:
        assert ended.code == 1
        assert f"{path}: 10 bytes" in ended.err
        assert not manifest.exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--deal", "demo-images", "made from another deal"),
        ("--as-of", "2026-06-29", "made from another as-of"),
        ("--key", "other", "made from another"),
    ],
)
def test_other_inputs_are_refused(
    output: RepairOutput, option: str, value: str, message: str, tmp_path: Path
) -> None:
    flip_in("README.md")(output.delivery)
    before = times(output.out)
    if option == "--deal":
        value = str(output.demo.deal(value))
    if option == "--key":
        value = str(tmp_path / "other.key")
        save_key(Path(value), FileKey("other", bytes(32)))
    ended = output.repair(option, value)
    assert ended.code == 2 and message in ended.err
    assert times(output.out) == before


def test_buyer_is_told_which_files_to_download_again(output: RepairOutput) -> None:
    flip_in("README.md")(output.delivery)
    remove("shards/*.tar")(output.delivery)
    before = times(output.out)
    ended = run_in_process("verify", output.delivery, "--repair", "--quiet")
    assert ended.code == 2
    assert "README.md" in ended.err and ".tar" in ended.err and "download these again" in ended.err
    assert times(output.out) == before


@pytest.mark.parametrize("which", ["of the bad shard", "of a sound shard"])
def test_changed_media_are_named_and_nothing_is_replaced(
    demo: Demo, output: RepairOutput, which: str, tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue"
    shutil.copytree(demo.catalogue, catalogue)
    tars = sorted(output.delivery.glob("shards/*.tar"))
    bad = tars[0]
    bad.write_bytes(flip(bad.read_bytes(), 600))
    other = bad if which == "of the bad shard" else tars[-1]
    media = medium_of(demo, other.stem, catalogue)
    media.write_bytes(media.read_bytes()[:-40])
    before = times(output.version)
    arguments = repair_command(demo, output.delivery)
    arguments[arguments.index("--catalogue") + 1] = catalogue
    ended = run_in_process(*arguments)
    assert ended.code == 1, ended.err
    assert "asset" in ended.err and "Nothing was changed" in ended.err
    assert times(output.version) == before
    assert folders(output.out / "agency") == {"features"}


def medium_of(demo: Demo, shard: str, catalogue: Path) -> Path:
    """Returns the media file of a sample in a shard."""
    ledger = pq.read_table(demo.agency(DEAL) / "ledger" / "ledger-00000.parquet").to_pylist()
    asset = next(row["asset_id"] for row in ledger if row["shard"] == shard)
    rows = pq.read_table(catalogue / "assets.parquet").to_pylist()
    return catalogue / next(str(row["media_uri"]) for row in rows if row["asset_id"] == asset)


@pytest.fixture
def bucket() -> Iterator[tuple[Any, dict[str, str]]]:
    """Yields a client of an empty bucket, and the environment to reach it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="agency")
    yield client, {**keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    server.stop()


@pytest.mark.slow
def test_repair_in_a_bucket(
    demo: Demo, output: RepairOutput, bucket: tuple[Any, dict[str, str]]
) -> None:
    """`--sample` and `--state` find the damage too; afterwards the objects are as published."""
    s3, env = bucket
    for path in sorted(output.out.rglob("*")):
        if path.is_file():
            name = f"out/{path.relative_to(output.out).as_posix()}"
            s3.put_object(Bucket="agency", Key=name, Body=path.read_bytes())
    uri = f"s3://agency/out/{DEAL}/v0001/delivery"
    base = f"out/{DEAL}/v0001/delivery"
    state = output.out.parent / "s3.state"
    looks = (("--sample", "100%"), ("--state", state), ())
    for options in looks:
        assert fairshard("verify", uri, "--quiet", *options, env=env).code == 0
    tar = smallest_tar(output.delivery, 3)
    member = tar_members(tar)[2]
    damaged = flip(tar.read_bytes(), member.offset)
    s3.put_object(Bucket="agency", Key=f"{base}/shards/{tar.name}", Body=damaged)
    s3.delete_object(Bucket="agency", Key=f"{base}/.nv-meta/split.yaml")
    for options in looks:
        found = fairshard("verify", uri, "--quiet", "--json", *options, env=env)
        named = {(item["path"], item["member"]) for item in found.json["problems"]}
        assert found.code == 1 and (f"shards/{tar.name}", member.name) in named, options
    before = {item["Key"]: item["LastModified"] for item in objects(s3, "out/")}
    ended = fairshard(*repair_command(demo, uri), env=env)
    assert ended.code == 0, ended.err
    assert set(ended.json["repaired"]["files"]) == {f"shards/{tar.name}", ".nv-meta/split.yaml"}
    after = {item["Key"]: item["LastModified"] for item in objects(s3, "out/")}
    assert {name for name in after if after[name] != before.get(name)} == {
        f"{base}/shards/{tar.name}",
        f"{base}/.nv-meta/split.yaml",
    }
    for name, wanted in tree(output.demo.delivery(DEAL)).items():
        body = s3.get_object(Bucket="agency", Key=f"{base}/{name}")["Body"].read()
        assert hashlib.sha256(body).hexdigest() == wanted, name


def objects(s3: Any, prefix: str) -> list[dict[str, Any]]:
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="agency", Prefix=prefix):
        found += page.get("Contents", [])
    return found
