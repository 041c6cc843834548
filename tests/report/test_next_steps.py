"""What a run's summary says comes next: versions, and a `latest.json` that has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.format.signed_record import signed_bytes
from pipelines.ledger.ed25519 import FileKey
from pipelines.report.next_steps import expiry_line, latest_command, planned_expiry, version_lines
from pipelines.run.announce import DEFAULT_DAYS
from pipelines.storage.local_store import LocalStore
from schemas import layout
from schemas.latest import ChangedShards, Changes, PreviousVersion, RemovedAsset
from tests.cases.values_common import asset, said, write_csv
from tests.deals import deal_text
from tests.end_to_end.small_library import COLUMNS, in_process

AS_OF = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_state_that_has_ended_is_said_with_the_command_that_renews_it() -> None:
    end = planned_expiry(AS_OF)
    assert end == AS_OF + timedelta(days=DEFAULT_DAYS)
    assert expiry_line(end, end - timedelta(seconds=1)) == ""
    assert "it ended on 2025-01-31" in expiry_line(end, end)
    assert latest_command("my out", "a.key") == "fairshard latest --out 'my out' --key a.key"


def test_check_says_that_buyers_could_not_pull(tmp_path: Path) -> None:
    people = [{"contributor_id": "c-1"}]
    write_csv(tmp_path, assets=[asset()], contributors=people, consents=[said()])
    (tmp_path / "deal.toml").write_text(deal_text())
    words = ("check", "--catalogue", tmp_path, "--deal", tmp_path / "deal.toml", "--files", "none")
    past = in_process(*words, "--as-of", "2026-06-30")
    assert "`fairshard pull` refuses it" in " ".join(past.out.split())
    assert max(map(len, past.out.splitlines())) <= COLUMNS + len(str(tmp_path))
    assert "fairshard pull" not in in_process(*words).out


def test_check_shows_one_row_of_each_reason_that_cannot_be_used(tmp_path: Path) -> None:
    people = [{"contributor_id": "c-1"}]
    rows = [asset(asset_id=f"a-{n}", people_count=count) for n, count in enumerate("0xy")]
    write_csv(tmp_path, assets=rows, contributors=people, consents=[said()])
    (tmp_path / "deal.toml").write_text(deal_text() + "\n[limits]\ndead_letter_share = '1.00'\n")
    words = ("check", "--catalogue", tmp_path, "--deal", tmp_path / "deal.toml", "--files", "none")
    shown = " ".join(in_process(*words).out.split())
    assert "for example assets.csv:3: people_count = 'x': not a whole number" in shown
    assert "assets.csv:4" not in shown


def test_versions_and_what_the_last_one_changed(tmp_path: Path) -> None:
    store, key = LocalStore(str(tmp_path)), FileKey("tests.example/log", bytes(range(32)))
    assert version_lines(store, "acme", "v0001", ["v0001"]) == ["v0001"]
    names = [f"v{number:04}" for number in range(1, 10)]
    notice = RemovedAsset(asset="0" * 64, notice="n", reason="takedown", deadline="2026-01-01")
    changes = Changes(
        fairshard_changes=1,
        delivery="acme/v0009",
        manifest_sha256="0" * 64,
        previous=PreviousVersion(delivery="acme/v0008", manifest_sha256="1" * 64),
        shards=ChangedShards(same=["a", "b"], new=["c"], changed=[], removed=["d"]),
        removed=[notice],
        vkey=key.vkey,
    )
    path = layout.changes_path("acme", "v0009")
    store.write_bytes(path, signed_bytes(changes, "changes", key))
    assert version_lines(store, "acme", "v0009", names) == [
        "3 earlier versions, v0004, v0005, v0006, v0007, v0008, v0009",
        "shards since acme/v0008: 2 same, 1 new, 0 changed, 1 gone; 1 asset taken out by notices",
    ]
