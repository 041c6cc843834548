"""A buyer pulls, the agency removes an asset, and the buyer pulls again: what comes and changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.pull.deals import tree

pytestmark = pytest.mark.slow


def pulled(out: Path, copy: Path) -> dict[str, object]:
    done = in_process(
        *("pull", out / "small", copy, "--json", "--quiet", "--allow-unpinned"),
    )
    assert done.code == 0, done.err
    told: dict[str, object] = json.loads(done.out)
    return told


def list_of(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def test_a_pull_after_a_removal_fetches_what_changed(tmp_path: Path) -> None:
    made = SmallLibrary(tmp_path)
    made.deal += '\n[shards]\ntarget_bytes = "1MiB"\n'
    made.add(12, side=1_400)
    assert made.package(as_of="2999-01-01").code == 0
    copy = tmp_path / "copy"
    first = pulled(made.out, copy)
    assert tree(copy / "delivery") == tree(made.out / "small" / "v0001" / "delivery")
    assert in_process("verify", copy / "delivery", "--allow-unpinned", "--quiet").code == 0
    removal = ("--reason", "takedown", "--effective", "2999-01-02", "--as-of", "2999-01-01")
    assert in_process("revoke", "--out", made.out, "--asset", "a-0", *removal).code == 0
    second = pulled(made.out, copy)
    assert second["delivery"] == "small/v0002" and second["notices"] == ["small-000001"]
    assert tree(copy / "delivery") == tree(made.out / "small" / "v0002" / "delivery")
    assert in_process("verify", copy / "delivery", "--allow-unpinned", "--quiet").code == 0
    changes = json.loads((copy / "CHANGES.json").read_bytes())
    assert [one["reason"] for one in changes["removed"]] == ["takedown"]
    notice = json.loads((copy / "notices" / "small-000001.json").read_bytes())
    (sample,) = notice["deliveries"][0]["shards"][0]["samples"]
    assert changes["removed"][0]["asset"] == sample["asset"]
    came, before = int(str(second["received_bytes"])), int(str(first["received_bytes"]))
    placed, files = len(list_of(second["placed"])), int(str(second["files"]))
    print(f"{came:,} of {before:,} bytes came, {placed} of {files} files changed")
    shards = changes["shards"]
    assert len(shards["changed"]) == 1 and len(shards["same"]) == 1
    # The shard that lost a sample, and the small files about the whole delivery.
    (tar,) = (copy / "delivery" / "shards").glob(f"{shards['changed'][0]}.tar")
    rest = [path for path in (copy / "delivery").rglob("*") if path.suffix != ".tar"]
    assert came <= tar.stat().st_size + sum(path.stat().st_size for path in rest if path.is_file())
    assert pulled(made.out, copy)["received_bytes"] == 0
