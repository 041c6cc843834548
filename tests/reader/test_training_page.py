"""The examples of docs/training.md run as they are written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.format.exposure import open_exposure
from pipelines.format.removal_list import removal_list_bytes, sign_removal_list
from pipelines.reader.buyer_key import load_buyer_key
from schemas.removal_list import RemovalList
from tests.reader.copies import AGENCY, make_copy
from tests.site.pages import files_of

EXAMPLES = files_of("training.md")
NEEDS_TORCH = {"loader.py"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a buyer has: the delivery, the agency's key and list, and a key of their own."""
    make_copy(tmp_path / "delivery", (9, 8, 7))
    (tmp_path / "agency.vkey").write_text(AGENCY.vkey + "\n")
    removals = RemovalList(
        fairshard_removal_list=1,
        deal_id="acme",
        issued_at="2026-12-01T00:00:00+00:00",
        valid_until="2999-12-31",
        notices=[],
        assets=[],
        vkey=AGENCY.vkey,
    )
    data = removal_list_bytes(sign_removal_list(removals, AGENCY))
    (tmp_path / "removals.json").write_bytes(data)
    words = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", "buyer.pem"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name: str) -> dict[str, object]:
    found: dict[str, object] = {}
    exec(compile("from pathlib import Path\n" + EXAMPLES[name], name, "exec"), found)
    return found


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - NEEDS_TORCH))
def test_an_example_runs(folder: Path, name: str) -> None:
    run(name)


def test_the_report_is_the_buyers(folder: Path) -> None:
    run("report.py")
    key = load_buyer_key("buyer.pem", "buyer.example")
    report = open_exposure((folder / "exposure.json").read_bytes(), key.vkey)
    assert report.samples == 24 and set(report.counts.values()) == {1}


@pytest.mark.slow
def test_the_example_of_a_loader_runs(folder: Path) -> None:
    found = run("loader.py")
    states = found["states"]
    assert isinstance(states, list) and [state["given"] for state in states] == [12, 12]
