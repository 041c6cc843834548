"""docs/payouts.md: its commands and files, run as they stand there."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.ledger.payout_plan import Unpaid
from pipelines.run.signing_key import save_key
from pipelines.storage.open import open_store
from tests.accounts.outputs import SIGNER, publish
from tests.end_to_end.small_library import in_process
from tests.ledger.ledger_cases import DeliveredAsset, asset
from tests.site.pages import DOCS, files_of, steps_of

PAGE = "payouts.md"
COMMANDS = ["pay", "pay", "fund", "payout", "journal", "replay"]


def of(who: str, *numbers: int) -> list[DeliveredAsset]:
    return [asset(number, ((who, 10_000),)) for number in numbers]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output with the page's three deals, the catalogue's contributors and the page's files."""
    store = open_store(str(tmp_path / "out"))
    publish(store, [*of("c-0017", 1, 2), *of("c-2", 3)], "acme-2026-01")
    publish(store, of("ada", 11, 12, 13), "acme")
    publish(store, [asset(21, (("ada", 5_000), ("bo", 5_000)))], "beta")
    save_key(tmp_path / "out/agency/signing.key", SIGNER)
    people = ("c-0017,US,USD", "c-2,DE,EUR", "ada,US,USD", "bo,DE,USD")
    library = tmp_path / "library"
    library.mkdir()
    text = "".join(f"{line}\n" for line in ("contributor_id,country,currency", *people))
    (library / "contributors.csv").write_text(text)
    columns = "asset_id,media_uri,media_type,contributors,licence_model,licence_class,status\n"
    (library / "assets.csv").write_text(columns)
    for name, text in files_of(PAGE).items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_commands_do_what_it_says(folder: Path) -> None:
    assert in_process("prove", "--out", "out/", "--asset", "asset-1", "--to", "x").code == 0
    ran = []
    for step in steps_of(PAGE):
        words = shlex.split(step.command)
        if words[0] == "hledger":
            if shutil.which("hledger"):
                subprocess.run(words, check=True)
            continue
        assert words[0] == "fairshard", step.command
        done = in_process(*words[1:])
        assert done.code == 0, (step.command, done.err)
        ran.append(words[1])
        if "--use" in words:
            assert "2 of 3 rows of the statement of use count" in done.out
            assert "row 4, not in the delivery: asset_id 'asset-99'" in done.out
    assert ran == COMMANDS
    heads = {}
    for name in ("payments.csv", "unpaid.csv"):
        rows = list(csv.reader((folder / "run" / name).read_text().splitlines()))
        heads[name] = ", ".join(f"`{column}`" for column in rows[0])
        assert len(rows) > 1, name
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    assert all(f"| `{name}` | {head} |" in page for name, head in heads.items())
    reasons = {row[4] for row in csv.reader((folder / "run/unpaid.csv").read_text().splitlines())}
    assert reasons == {"reason", "held", "no_exchange_rate"}


def test_its_reasons_are_those_of_the_program() -> None:
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \| ", page.partition("| `reason` |")[2], re.MULTILINE))
    assert {reason.value for reason in Unpaid} <= listed
