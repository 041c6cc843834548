"""What other commands say of a version that a patch made, and of one that a tombstone made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.end_to_end.command import CommandResult, tree
from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.odrl.odrl_rules import check_policy, triples

pytestmark = pytest.mark.long

WORDS = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")
#: What each version has: v0002 is patched from v0001, v0003 overwritten from v0002.
LEFT = {
    "v0001": {"a-0", "a-1", "a-2", "a-3", "a-4"},
    "v0002": {"a-1", "a-2", "a-3", "a-4"},
    "v0003": {"a-2", "a-3", "a-4"},
}
REMOVED = "v0002", "v0003"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Five pictures of one contributor for 10.00, of which two were removed, and a refused one."""
    folder = tmp_path_factory.mktemp("after") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add(5, side=600)
    made.add(1, side=600, status="withdrawn")
    assert made.package().code == 0
    for way, asset in (("patch", "a-0"), ("tombstone", "a-1")):
        words = ["--out", made.out, "--asset", asset, "--way", way, *WORDS]
        done = in_process("revoke", *words, "--money", "reverse")
        assert done.code == 0, done.err
    return made


def version(library: SmallLibrary, name: str) -> Path:
    return library.out / "small" / name


def manifest(library: SmallLibrary, name: str) -> Any:
    return json.loads((version(library, name) / "delivery/MANIFEST.json").read_bytes())


def policies(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "decisions.jsonl").read_text(encoding="ascii")
    return [json.loads(row) for row in text.splitlines()]


def odrl(library: SmallLibrary, place: Path, to: Path, *more: object) -> CommandResult:
    deal = library.folder / "deal.toml"
    return in_process("odrl", "--run", place, "--deal", deal, "--to", to, "--json", *more)


@pytest.mark.parametrize("name", LEFT)
def test_policies_are_those_of_what_is_left(
    library: SmallLibrary, tmp_path: Path, name: str
) -> None:
    done = odrl(library, version(library, name), tmp_path)
    assert done.code == 0, done.err
    gone = len(LEFT["v0001"]) - len(LEFT[name])
    since = {"removed": gone, "patched_from": "small/v0001"} if gone else {}
    decisions = {"delivered": len(LEFT[name]), "refused": 1, "dead_letter": 0}
    assert done.json == {"policies": str(tmp_path), "decisions": decisions, **since}
    made = policies(tmp_path)
    named = {(one["target"]["assetId"], one["outcome"]) for one in made}
    assert named == {(asset, "delivered") for asset in LEFT[name]} | {("a-5", "refused")}
    for policy in made:
        check_policy(triples(json.dumps(policy)))

    assert odrl(library, version(library, name), tmp_path, "--for", "buyer").code == 0
    rows = [
        row
        for path in (version(library, name) / "delivery/shards").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["status"] == "success"
    ]
    places = {(one["target"]["commitment"], one["target"]["key"]) for one in policies(tmp_path)}
    assert places == {(row["asset"], row["key"]) for row in rows}
    assert len(places) == len(LEFT[name])


def test_policies_need_the_version_that_was_packaged(library: SmallLibrary, tmp_path: Path) -> None:
    alone = tmp_path / "alone/v0003"
    shutil.copytree(version(library, "v0003"), alone)
    done = odrl(library, alone, tmp_path / "to")
    assert done.code == 2
    assert "small/v0003 has the decisions of small/v0001, which is not in" in done.err
    assert not (tmp_path / "to/decisions.jsonl").exists()


def test_explain_says_what_was_removed(library: SmallLibrary, tmp_path: Path) -> None:
    words = ["--catalogue", library.folder / "catalogue", "--deal", library.folder / "deal.toml"]

    def explain(asset: str, *more: object) -> CommandResult:
        return in_process("explain", asset, *words, "--out", library.out, "--no-fetch", *more)

    for asset, is_removed in (("a-0", True), ("a-1", True), ("a-2", False)):
        said = explain(asset).out
        assert "Run small/v0001: delivered in shard small-jpg-" in said
        gone = "It was removed since: small/v0003 does not have it." in said
        kept = "small/v0003 continues from that run, without what was removed since." in said
        assert (gone, kept) == (is_removed, not is_removed)
        run = explain(asset, "--json").json["run"]
        assert (run["is_removed"], run["place"] is None) == (is_removed, is_removed)
    assert explain("a-5", "--json").json["run"]["decisions"][0]["outcome"] == "refused"


def test_verify_names_what_a_version_was_made_from(library: SmallLibrary) -> None:
    def verify(name: str, *more: object) -> CommandResult:
        delivery = version(library, name) / "delivery"
        return in_process("verify", delivery, "--allow-unpinned", "--quiet", *more)

    assert verify("v0001", "--json").json["patches"] is None
    assert "patches" not in verify("v0001").out
    for name in REMOVED:
        patches = manifest(library, name)["patches"]
        assert verify(name, "--json").json["patches"] == patches
        said = verify(name).out
        for word in (patches["delivery"], patches["manifest_sha256"], *patches["notices"]):
            assert word in said
    assert "\nway      tombstone, 1 shard overwritten in place\n" in verify("v0003").out
    assert "\n         packaged as small/v0001\n" in verify("v0003").out


def test_share_says_that_it_is_about_what_is_left(library: SmallLibrary) -> None:
    def share(name: str, *more: object) -> CommandResult:
        words = ["--out", library.out, "--deal", "small", "--version", name, "--by", "contributor"]
        return in_process("share", *words, *more)

    assert share("v0001", "--json").json["removed"] is None
    for name in REMOVED:
        found = share(name, "--json").json
        count = len(LEFT["v0001"]) - len(LEFT[name])
        minor = count * 1_20  # of 10.00, 40 % are the agency's, and 5 assets share the rest
        since = {"since": "small/v0001", "samples": count}
        assert found["removed"] == {**since, "minor": minor, "pool_minor": 10_00}
        assert found["pool_minor"] == 10_00 - minor
        assert found["agency_minor"] == 4_00
        rows = [line.split() for line in share(name).out.splitlines()]
        assert ["left", "of", "the", "pool", f"{found['pool_minor'] / 100:.2f}"] in rows
        assert ["removed", f"{minor / 100:.2f}"] in rows
        assert ["pool", "10.00"] in rows


def test_proofs_and_statements_agree_with_removals(library: SmallLibrary, tmp_path: Path) -> None:
    key = library.out / "agency/log/log.vkey"
    for name, left in LEFT.items():
        for asset in LEFT["v0001"]:
            proof = tmp_path / f"{name}-{asset}"
            words = ["--out", library.out, "--asset", asset, "--in", f"small/{name}", "--to", proof]
            assert in_process("prove", *words).code == 0
            done = in_process("check-proof", proof, "--key", key)
            assert done.code == 0, done.err
            assert (f"{asset} is in delivery small/{name}" in done.out) == (asset in left)
            assert (f"{asset} is not in delivery small/{name}" in done.out) == (asset not in left)
    words = ["--out", library.out, "--contributor", "c-1", "--period", "2026", "--to", tmp_path]
    done = in_process("statement", *words)
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "c-1.json").read_bytes())
    assert [one["total_minor"] for one in found["totals"]] == [6_00 - 2 * 1_20]


def test_a_damaged_version_is_made_again_by_the_same_removal(
    library: SmallLibrary, tmp_path: Path
) -> None:
    copied = library.copied_to(tmp_path / "library")
    out, delivery = copied.out, copied.out / "small/v0003/delivery"
    was = [tree(out / part) for part in ("small", "agency/log", "agency/books")]
    [tar] = (delivery / "shards").glob("*.tar")
    data = bytearray(tar.read_bytes())
    data[-2_000] ^= 1
    tar.unlink()  # it may be the file of another version, too
    tar.write_bytes(data)
    words = ["--catalogue", copied.folder / "catalogue", "--deal", copied.folder / "deal.toml"]
    for more in ([], words):
        done = in_process("verify", delivery, "--repair", *more, "--quiet")
        assert done.code == 2
        assert "was made from small/v0002, and is damaged in shards/" in done.err
        assert "run the fairshard revoke that made it again" in done.err
    (delivery / "MANIFEST.json").unlink()
    done = in_process("verify", delivery, "--repair", *words, "--quiet")
    assert done.code == 2 and "was made from small/v0002" in done.err
    removal = ["--out", out, "--asset", "a-1", "--way", "tombstone", *WORDS, "--money", "reverse"]
    assert in_process("revoke", *removal).code == 0
    assert [tree(out / part) for part in ("small", "agency/log", "agency/books")] == was
