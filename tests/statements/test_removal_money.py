"""Money that a removal took back, on statements: against amounts by hand, and altered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.deliveries import record_missing
from pipelines.accounts.log import open_log
from pipelines.statements.page import account_page
from pipelines.storage.open import open_store
from tests.accounts.cases import key_of
from tests.accounts.outputs import SIGNER, publish
from tests.accounts.test_removals import notice
from tests.ledger.ledger_cases import asset
from tests.statements.books_cases import JULY, write_replaces
from tests.statements.browser import Browser
from tests.statements.cases import statement
from tests.statements.independent import faults
from tests.statements.test_page import resum

QUARTER = ("--period", "2026-Q3")


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three assets of stays and one of leaves share 60.00; one of stays is removed in July.

    In August a version without it shares the 60.00 again.
    """
    folder = tmp_path_factory.mktemp("removed")
    store, key = open_store(str(folder)), key_of(None, SIGNER)
    rows = [asset(number, (("stays", 10_000),)) for number in range(3)]
    rows.append(asset(3, (("leaves", 10_000),)))
    publish(store, rows, "delta", pool_minor=10_000)
    record_missing(store, key)
    log = open_log(store, key)
    record_corrections(log, store, notice(log, ["asset-0"], "delta/v0001"), JULY)
    august = "2026-08-20T12:00:00+00:00"
    publish(store, rows[1:], "delta", "v0002", as_of=august, pool_minor=10_000)
    write_replaces(store, "delta", "v0002", "delta/v0001")
    record_missing(store, key)
    return folder


def money_of(account: Any) -> tuple[list[tuple[str, str, int]], list[int]]:
    """Returns date, reason and amount of adjustments; and the balance's four amounts."""
    rows = [(row["date"], row["reason"], row["minor"]) for row in account["money"]["adjustments"]]
    [balance] = account["money"]["balances"]
    names = ("opening", "earned", "paid", "closing")
    return rows, [balance[f"{name}_minor"] for name in names]


def test_the_amounts_are_those_by_hand(removed: Path, tmp_path: Path) -> None:
    """60.00 are 45.00 and 15.00; an asset is 15.00; without it, each of three assets is 20.00."""
    known = {
        ("stays", "2026-07"): ([("2026-07-10", "removal", -15_00)], [45_00, -15_00, 0, 30_00]),
        ("stays", "2026-08"): ([("2026-08-20", "removal_replaced", 15_00)], [3000, 1000, 0, 4000]),
        ("stays", "2026-Q3"): (
            [("2026-07-10", "removal", -15_00), ("2026-08-20", "removal_replaced", 15_00)],
            [45_00, -5_00, 0, 40_00],
        ),
        ("leaves", "2026-Q3"): ([], [15_00, 5_00, 0, 20_00]),
    }
    for (who, period), wanted in known.items():
        words = ("--contributor", who, "--period", period)
        account = statement(removed, tmp_path / period, *words)
        assert money_of(account) == wanted, (who, period)
        assert faults(account) == []


@pytest.mark.parametrize("period", ["2026-07", "2026-08", "2026-Q3"])
def test_the_page_is_sound(removed: Path, tmp_path: Path, chromium: Browser, period: str) -> None:
    statement(removed, tmp_path, "--contributor", "stays", "--period", period)
    verdict, said = chromium.open(tmp_path / "stays.html")
    assert verdict == "sound", said


def lower(row: Any) -> None:
    row["minor"], row["amount"] = -14_00, "-14.00"


def change_text(row: Any) -> None:
    row["amount"] = "-14.00"


def move(row: Any) -> None:
    row["date"] = "2026-06-30"


@pytest.mark.parametrize("alter", [lower, change_text, move])
def test_an_altered_removal_is_named(
    removed: Path, tmp_path: Path, chromium: Browser, alter: Callable[[Any], None]
) -> None:
    """By the page and by the independent check, with sums that were made to fit."""
    account = copy.deepcopy(statement(removed, tmp_path, "--contributor", "stays", *QUARTER))
    alter(account["money"]["adjustments"][0])
    resum(account)
    assert faults(account) != []
    page = tmp_path / "page.html"
    page.write_bytes(account_page(account))
    assert chromium.open(page)[0] == "wrong"


def test_a_removal_that_is_left_out_is_named(
    removed: Path, tmp_path: Path, chromium: Browser
) -> None:
    account = statement(removed, tmp_path, "--contributor", "stays", *QUARTER)
    del account["money"]["adjustments"][0]
    resum(account)
    assert faults(account) != []
    page = tmp_path / "page.html"
    page.write_bytes(account_page(account))
    assert chromium.open(page)[0] == "wrong"
