"""`apply-removals`: a buyer's copy becomes the agency's next version, byte for byte, or stays."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.format.exposure import sign_exposure
from pipelines.format.manifest import open_manifest
from pipelines.format.notice import open_notice
from pipelines.ledger.signed_note import FileKey
from pipelines.reader import (
    WITHOUT_REMOVALS,
    ReaderError,
    SampleReader,
    load_removals,
    open_delivery,
)
from pipelines.removal.apply import apply_removals
from pipelines.removal.buyer_copy import BuyerCopy, removed_samples
from pipelines.removal.staged_files import locked_copy
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from schemas import layout
from schemas.errors import InputError, RunError
from tests.end_to_end.command import CommandResult, Demo, tree
from tests.end_to_end.small_library import in_process
from tests.test_install import in_base

BUYER = FileKey("buyer.example", bytes([7]) * 32)
WORDS = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")
_SAMPLE_BYTES = 64_000


@dataclass(frozen=True)
class Published:
    """An output in which v0002 patches v0001, and samples of v0003 were overwritten.

    Attributes:
        out: The output.
        vkey: The agency's verifier key.
        assets: Ids of the two assets that were removed.
    """

    out: Path
    vkey: str
    assets: tuple[str, str]

    def delivery(self, number: int) -> Path:
        return self.out / f"demo-main/v{number:04d}/delivery"

    def notice(self, number: int) -> Path:
        return self.out / f"demo-main/notices/demo-main-{number:06d}.json"


@pytest.fixture(scope="module")
def published(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Published:
    out = tmp_path_factory.mktemp("apply") / "out"
    shutil.copytree(demo.out, out)
    ledger = pq.read_table(out / "demo-main/v0001/agency" / layout.LEDGER_TABLE)
    by_shard = dict(
        zip(values_of(ledger["shard"], str), values_of(ledger["asset_id"], str), strict=True)
    )
    pictures, films = (
        next(asset for shard, asset in sorted(by_shard.items()) if family in shard)
        for family in ("-jpg-", "-mp4-")
    )
    for asset, way in ((pictures, "patch"), (films, "tombstone")):
        words = ["--out", out, "--asset", asset, "--way", way, "--deal", "demo-main", *WORDS]
        done = in_process("revoke", *words, "--money", "keep", "--recurring", "keep")
        assert done.code == 0, done.err
    vkey = (out / "demo-main/v0001/delivery/log.vkey").read_text().strip()
    return Published(out, vkey, (pictures, films))


@pytest.fixture
def copy(published: Published, tmp_path: Path) -> Path:
    """A buyer's copy of the first version."""
    return shutil.copytree(published.delivery(1), tmp_path / "copy")


def run(published: Published, copy: Path, number: int, *more: object) -> CommandResult:
    words = ["--notice", published.notice(number), "--from", published.delivery(number + 1)]
    return in_process("apply-removals", copy, *words, "--vkey", published.vkey, "--json", *more)


def test_a_copy_becomes_the_next_version(published: Published, copy: Path) -> None:
    """By a patch, then by overwriting; little is fetched, and nothing else is left."""
    for number in (1, 2):
        done = run(published, copy, number)
        assert done.code == 0, done.err
        assert tree(copy) == tree(published.delivery(number + 1))
        proofs = (copy / "MANIFEST.json").stat().st_size + (copy / "checkpoint").stat().st_size
        samples = done.json["samples"]
        assert samples >= 1
        assert done.json["fetched_bytes"] - proofs <= _SAMPLE_BYTES * samples
        assert done.json["kept"] > done.json["fetched"]
    assert not (copy / layout.COPY_STAGING).exists()
    again = run(published, copy, 2)
    assert (again.code, again.json["samples"], again.json["fetched"]) == (0, 0, 1)


def test_the_base_install_is_enough(published: Published, copy: Path) -> None:
    words = ["--notice", published.notice(1), "--from", published.delivery(2)]
    done, _ = in_base("apply-removals", copy, *words, "--vkey", published.vkey)
    assert done.code == 0, done.err
    assert tree(copy) == tree(published.delivery(2))


def test_what_comes_out_otherwise_is_fetched(
    published: Published, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if another version of Arrow wrote the tables."""
    monkeypatch.setattr("pipelines.removal.shards.parquet_bytes", lambda table: b"otherwise")
    monkeypatch.setattr("pipelines.removal.buyer_copy._write_indexes", lambda *_: None)
    done = run(published, copy, 1)
    assert done.code == 0, done.err
    assert tree(copy) == tree(published.delivery(2))


def test_the_agency_takes_the_certificate_and_pays_by_exposure(
    published: Published, copy: Path, tmp_path: Path
) -> None:
    """From the training on the old version to the certificate, with one buyer's key."""
    out = shutil.copytree(published.out, tmp_path / "out")
    whole = open_delivery(copy, [published.vkey])
    removals = load_removals(out / "demo-main/notices/removals.json", [published.vkey])
    reader = SampleReader(whole, removals, run="run-1", threads=0)
    keys = {str(sample["__key__"]) for sample in reader}
    gone = {
        sample["key"]
        for number in (1, 2)
        for delivery in json.loads(published.notice(number).read_bytes())["deliveries"]
        for shard in delivery["shards"]
        for sample in shard["samples"]
    }
    assert len(keys) == whole.manifest.end.samples - len(gone) and not keys & gone
    key = tmp_path / "buyer.key"
    key.write_text(BUYER.skey)
    signed = ("--key", key, "--signer", "Head of Data", "--date", "2026-12-05")
    done = run(published, copy, 1, *signed, "--to", tmp_path / "certificate.json")
    assert done.code == 0, done.err
    vkey = tmp_path / "buyer.vkey"
    assert vkey.read_text().strip() == BUYER.vkey
    words = ["--accept", tmp_path / "certificate.json", "--buyer-key", vkey]
    accepted = in_process("removals", "--out", out, *words, "--as-of", "2026-12-06")
    assert accepted.code == 0, accepted.err
    states = in_process("removals", "--out", out, "--as-of", "2026-12-07", "--json").json
    assert [one["state"] for one in states["notices"]] == ["deleted", "open"]

    words = ["removals", "--out", out, "--list"]
    listed = in_process(*words, "demo-main", "--as-of", "2026-12-20", "--json").json
    assert (listed["valid_until"], len(listed["notices"])) == ("2027-01-19", 2)
    renewed = load_removals(out / "demo-main/notices/removals.json", [published.vkey])
    assert str(renewed.valid_until) == "2027-01-19" and len(renewed.assets) == len(removals.assets)
    unknown = in_process(*words, "other")
    assert unknown.code == 2 and "no delivery of this deal: 'other'" in unknown.err

    report = reader.exposure()
    (tmp_path / "exposure.json").write_bytes(sign_exposure(report, BUYER))
    revenue = ["--delivery", "demo-main/v0001", "--amount", "500.00", "--currency", "USD"]
    revenue += ["--agency-share", "0.4", "--source", "training", "--period", "2026-Q4"]
    seen = ["--exposure", tmp_path / "exposure.json", "--buyer-key", vkey]
    pay = ["pay", "--out", out, *revenue, "--date", "2026-12-08"]
    paid = in_process(*pay, *seen, "--name", "seen", "--json")
    assert paid.code == 0, paid.err
    assert paid.json["exposure"]["samples"] == len(keys)
    assert paid.json["pool"]["rule"]["weights"] == "per_exposure"
    credits = sum(row["credit_minor"] for row in paid.json["credits"])
    assert credits + paid.json["pool"]["rounding_minor"] == 300_00
    twice = in_process(*pay, *seen, "--name", "again")
    assert twice.code == 1 and "paid already" in twice.err
    other = tmp_path / "other.vkey"
    other.write_text(FileKey("buyer.example", bytes([8]) * 32).vkey)
    forged = in_process(*pay, *seen[:2], "--buyer-key", other, "--name", "again")
    assert forged.code == 2 and "answered notices with another key" in forged.err


def test_what_does_not_belong_together_is_refused(
    published: Published, copy: Path, tmp_path: Path
) -> None:
    before = tree(copy)
    for number, words, said in (
        (1, ("--from", published.delivery(3)), "by more than the notices say"),
        (1, ("--from", tmp_path), "There is no delivery at this address"),
        (1, ("--key", tmp_path / "key"), "--key and --signer must be given together"),
        (1, ("--name", "buyer.example"), "belong to a certificate"),
    ):
        done = run(published, copy, number, *words)
        assert done.code == 2 and said in done.err, done.err
    own = ["--from", published.delivery(2), "--notice", published.notice(1)]
    done = in_process("apply-removals", copy, *own, "--vkey", BUYER.vkey)
    assert done.code == 2 and "signed by another key" in done.err
    assert tree(copy) == before
    assert run(published, tmp_path / "none", 1).code == 2
    later = shutil.copytree(published.delivery(2), tmp_path / "later")
    done = run(published, later, 1, "--from", published.delivery(1))
    assert done.code == 2 and "did not make this version from the copy's" in done.err


def test_a_damaged_source_or_copy_changes_nothing(
    published: Published, copy: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(published.delivery(2), tmp_path / "source")
    readme = source / "README.md"
    readme.write_bytes(readme.read_bytes()[:-1])
    before = tree(copy)
    done = run(published, copy, 1, "--from", source)
    assert done.code == 1 and "README.md" in done.err and "not what the agency" in done.err
    readme.unlink()
    assert "README.md: missing" in run(published, copy, 1, "--from", source).err
    assert tree(copy) == before
    notice = json.loads(published.notice(1).read_bytes())
    shard = notice["deliveries"][0]["shards"][0]["name"]
    tar = copy / f"shards/{shard}.tar"
    data = bytearray(tar.read_bytes())
    data[len(data) // 2] ^= 1
    tar.write_bytes(data)
    done = run(published, copy, 1)
    assert done.code in (1, 2) and shard in done.err
    assert tar.read_bytes() == bytes(data)


def test_one_at_a_time(published: Published, copy: Path) -> None:
    with locked_copy(copy):
        done = run(published, copy, 1)
    assert done.code == 1 and "Another process changes this copy" in done.err


def killed(copy: Path, at: int, work: Callable[[], object]) -> bool:
    """Runs in a child that is killed at its `at`-th change of a name; False if it ended before."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    try:
        left = at

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in ("os.rename", "os.remove", "os.rmdir", "os.link", "shutil.rmtree"):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work()
    finally:
        os._exit(0)


def check_kills(published: Published, folder: Path, points: list[int], number: int) -> int:
    """Kills at each of these points; returns how many were reached."""
    notice = open_notice(published.notice(number).read_bytes())
    source = open_store(str(published.delivery(number + 1)))
    expected, reached = tree(published.delivery(number + 1)), 0
    for at in points:
        copy = shutil.copytree(published.delivery(number), folder / f"copy-{number}-{at}")

        def work(copy: Path = copy) -> object:
            return apply_removals(copy, source, [notice], (published.vkey,))

        was_killed = killed(copy, at, work)
        if (copy / layout.COPY_STAGING / layout.COPY_READY).exists():
            with pytest.raises(ReaderError, match="being changed"):
                open_delivery(copy, [published.vkey])
        else:  # the one version or the other, whole
            whole = open_delivery(copy, [published.vkey])
            assert len(list(SampleReader(whole, WITHOUT_REMOVALS, run="r", threads=0))) > 0
        work()
        assert tree(copy) == expected
        shutil.rmtree(copy)
        if not was_killed:
            break
        reached += 1
    return reached


def test_a_killed_call_is_completed(published: Published, tmp_path: Path) -> None:
    """At some of the points; the slow test has all of them."""
    points = sorted(random.Random(1).sample(range(60), 3))
    assert check_kills(published, tmp_path, points, 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_a_call_that_is_killed_anywhere_is_completed(
    published: Published, tmp_path: Path, number: int
) -> None:
    reached = check_kills(published, tmp_path, list(range(400)), number)
    assert 40 < reached < 400


def test_a_copy_is_not_another_delivery(published: Published, copy: Path) -> None:
    """The notice has to name the very manifest that the copy has."""
    notice = open_notice(published.notice(1).read_bytes())
    manifest = open_manifest((copy / "MANIFEST.json").read_bytes())
    store = open_store(str(copy.parent))
    other = BuyerCopy(store, "demo-main", "v0001", manifest, "0" * 64, {}, copy.name)
    with pytest.raises(InputError, match="No notice names anything in this copy"):
        removed_samples(other, [notice])
    with pytest.raises(RunError):
        raise other.damage("x", "y")


@pytest.mark.parametrize("data", ["", "[", "[]", "{}", '{"manifest": "", "update": {"more": 1}}'])
def test_what_an_interrupted_call_left_is_read_with_care(tmp_path: Path, data: str) -> None:
    (tmp_path / layout.COPY_STAGING).mkdir()
    (tmp_path / layout.COPY_STAGING / layout.COPY_READY).write_text(data)
    with pytest.raises(RunError, match="cannot be read"):
        apply_removals(tmp_path, open_store(str(tmp_path)), [], ())
