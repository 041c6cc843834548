"""A fund on statements: each credit with the deals that it comes from, proved and corrected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.accounts.funds import record_fund
from pipelines.accounts.log import open_log
from tests.accounts.cases import begun
from tests.accounts.money import publish
from tests.accounts.test_funds import FUND
from tests.statements.browser import Browser
from tests.statements.cases import run
from tests.statements.independent import faults


@pytest.mark.long
def test_statements_trace_a_fund_to_its_deals(tmp_path: Path, chromium: Browser) -> None:
    """The fund and its correction are proved; cy's statement begins with the correction."""
    store, key = begun(tmp_path)
    log = open_log(store, key)
    publish(log, "acme", {"ada": 7}, 0, assets=3)
    publish(log, "beta", {"ada": 5, "bo": 5}, 0, assets=1)
    record_fund(log, FUND, "2026-07-01T00:00:00+00:00", correct=False)
    publish(log, "beta", {"cy": 2}, 0, version="v0002", replaces="beta/v0001", assets=1)
    record_fund(log, FUND, "2026-09-01T00:00:00+00:00", correct=True)
    code, _, errors = run(
        "--out", tmp_path / "out", "--all", "--period", "2026-Q3", "--to", tmp_path / "to"
    )
    assert code == 0, errors
    wanted = {  # by hand: of everybody's money, three quarters are acme's
        "ada": [("acme", 262_50), ("beta", 87_50), ("acme", -37_50), ("beta", -12_50)],
        "bo": [("acme", 37_50), ("beta", 12_50), ("acme", -37_50), ("beta", -12_50)],
        "cy": [("acme", 75_00), ("beta", 25_00)],
    }
    for who, rows in wanted.items():
        account = json.loads((tmp_path / "to" / f"{who}.json").read_text("utf-8"))
        assert faults(account) == []
        payments = account["money"]["payments"]
        shown = [(part["deal_id"], part["minor"]) for one in payments for part in one["parts"]]
        assert shown == rows
        verdict, said = chromium.open(tmp_path / "to" / f"{who}.html")
        assert verdict == "sound", said
        assert any(f"{len(payments)} of {len(payments)} credits" in text for text in said)
        for one in payments:  # somebody else's credit is not a proof of mine
            one["total_minor"] += 1
        assert faults(account) != []
