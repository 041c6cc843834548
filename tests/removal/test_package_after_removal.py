"""`package` after a removal: what it shows before it starts."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from pipelines.format.signed_record import open_signed
from schemas.latest import Changes, Latest
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long


def test_a_version_that_a_removal_made_is_compared_by_what_was_packaged(tmp_path: Path) -> None:
    made = SmallLibrary(tmp_path)
    made.add(3, side=600)
    assert made.package().code == 0
    words = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")
    for asset in ("a-0", "a-1"):  # v0003 is a patch of a patch
        assert in_process("revoke", "--out", made.out, "--asset", asset, *words).code == 0
    made.add(1, side=600)
    made.write_catalogue()
    catalogue, deal = made.folder / "catalogue", made.folder / "deal.toml"
    done = in_process(
        *("package", "--catalogue", catalogue, "--deal", deal, "--out", made.out),
        *("--as-of", "2026-11-28", "--workers", 1, "--json"),
    )
    assert done.code == 0, done.err
    told = open_signed((made.out / "small" / "latest.json").read_bytes(), Latest, "latest")
    assert (told.sequence, told.version, len(told.notices)) == (4, "v0004", 2)
    data = (made.out / "small" / "v0002" / "CHANGES.json").read_bytes()
    assert len(open_signed(data, Changes, "changes", (told.vkey,)).removed) == 1
    versions = json.loads(done.out)["versions"]
    assert versions["changes_known_before"]["new"] == 1  # a-3, and not every asset
    amounts = [
        (one["name"], one["patches"], one["agency_minor"], one["contributors_minor"])
        for one in versions["published_before"]
    ]
    assert amounts == [
        ("v0001", "", 4_00, 6_00),
        ("v0002", "v0001", None, None),
        ("v0003", "v0002", None, None),
    ]
    said = " ".join(done.err.split())
    assert "as v0001" in said and "unknown" not in said
    assert "even if the notice lets them keep it" in said


@pytest.mark.slow
def test_a_patch_keeps_shards_and_packaging_again_states_new_decisions(tmp_path: Path) -> None:
    """What docs/removal.md says of shards after a removal."""
    made = SmallLibrary(tmp_path)
    made.add(8, side=600)
    made.deal += '\n[shards]\ntarget_bytes = "1MiB"\nmin_shards = 4\n'
    assert made.package().code == 0
    words = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")
    assert in_process("revoke", "--out", made.out, "--asset", "a-0", *words).code == 0
    catalogue, deal = made.folder / "catalogue", made.folder / "deal.toml"
    done = in_process(
        *("package", "--catalogue", catalogue, "--deal", deal, "--out", made.out),
        *("--as-of", "2026-11-28", "--workers", 1, "--json"),
    )
    assert done.code == 0, done.err

    def shards(version: str) -> dict[str, dict[str, bytes]]:
        folder = made.out / "small" / version / "delivery" / "shards"
        found = {}
        for path in folder.glob("*.tar"):
            with tarfile.open(path) as tar:
                files = {one.name: tar.extractfile(one) for one in tar}
                found[path.name] = {name: file.read() for name, file in files.items() if file}
        return found

    first, patched = shards("v0001"), shards("v0002")
    assert first.keys() == patched.keys()
    assert sum(first[name] != patched[name] for name in first) == 1
    again = {name: data for shard in shards("v0003").values() for name, data in shard.items()}
    assert sum(map(len, patched.values())) == len(again) == 7 * 3
    for members in patched.values():
        for member, data in members.items():
            if member.endswith(".json"):
                one, other = json.loads(data), json.loads(again[member])
                assert {key for key in one if one[key] != other[key]} == {"decision_sha256"}
            else:
                assert data == again[member]
