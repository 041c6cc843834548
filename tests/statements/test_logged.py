"""Statements show that the agency's log has their sums, so nobody is shown other sums unnoticed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.accounts.deliveries import record_missing
from pipelines.ledger.signed_note import sign_note
from pipelines.statements.page import account_page
from pipelines.storage.open import open_store
from tests.accounts.cases import SIGNER, key_of
from tests.accounts.independent import check_books, check_sums, read_log
from tests.accounts.outputs import publish
from tests.ledger.ledger_cases import asset
from tests.statements.browser import Browser
from tests.statements.cases import make_versions, run, statement
from tests.statements.independent import faults
from tests.statements.test_page import OTHER, with_record


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions, the second in place of the first, both recorded."""
    folder = tmp_path_factory.mktemp("logged")
    make_versions(folder)
    assert len(record_missing(open_store(str(folder)), key_of(None))) == 2
    return folder


@pytest.fixture(scope="module")
def page(logged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    statement(logged, folder, "--contributor", "stays")
    return folder / "stays.html"


def account_at(page: Path) -> Any:
    return json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))


def test_records_commit_to_the_sums(logged: Path) -> None:
    leaves = read_log(logged / "agency" / "log")
    check_books(logged, leaves)
    assert check_sums(logged, leaves) == 2
    note = logged / "delta/v0001/agency/sums/sum.note"
    text = note.read_text()
    assert text.split("\n")[5] not in json.dumps(leaves)  # in hex, not in base64
    signed = text.rpartition("\n\n")[0] + "\n"  # all of it but the amount can be guessed
    for guessed in (text, signed, signed.rstrip("\n"), "10000", "10000\n"):
        assert hashlib.sha256(guessed.encode()).hexdigest() not in json.dumps(leaves)
    for value in ("10000", "USD"):
        assert all(value not in json.dumps(leaf) for leaf in leaves)  # no money in the public log


def test_a_page_shows_the_log(page: Path, chromium: Browser) -> None:
    account = account_at(page)
    assert faults(account) == []
    verdict, said = chromium.open(page)
    assert verdict == "sound", said
    assert any(line.startswith("The agency's log has the sums of every delivery") for line in said)
    shown = chromium.value("document.querySelector('[data-cell=\"0-log\"]').textContent")
    assert shown.startswith("3 records, root ")


def test_a_page_without_a_log_says_so(versions: Path, tmp_path: Path, chromium: Browser) -> None:
    statement(versions, tmp_path, "--contributor", "stays")
    verdict, said = chromium.open(tmp_path / "stays.html")
    assert verdict == "sound"
    start = "The agency's log has the sums of 0 of 2 deliveries"
    assert any(line.startswith(start) for line in said)


def two_sums(account: Any) -> None:
    """Another sum that the agency has signed as well, with everything that belongs to it."""
    item, logged = account["deliveries"][0], account["deliveries"][0]["logged"]
    item.update(account["other"], logged=logged)


def other_root(account: Any) -> None:
    logged = account["deliveries"][0]["logged"]
    logged["leaf"] = logged["leaf"].replace('"sum_root":"', '"sum_root":"00')


def other_record(account: Any) -> None:
    account["deliveries"][0]["logged"] = account["deliveries"][1]["logged"]


def other_log(account: Any) -> None:
    item = account["deliveries"][0]
    item["logged"].update(vkey=item["vkey"], checkpoint=item["checkpoint"])


def other_key(account: Any) -> None:
    logged = account["deliveries"][0]["logged"]
    logged["checkpoint"] = sign_note(OTHER, logged["checkpoint"].rpartition("\n\n")[0] + "\n")


def other_before(account: Any) -> None:
    replaced = account["deliveries"][1]["replaces"]
    replaced["logged"]["path"] = replaced["logged"]["path"][::-1]


ALTERED: dict[str, tuple[Callable[[Any], None], str]] = {
    "two sums": (two_sums, "the agency's log has another sum of the pool: others may be shown"),
    "root": (other_root, "its record is not in the agency's log"),
    "record": (other_record, "the record in the agency's log belongs to something else"),
    "log": (other_log, "the checkpoint is not that of the agency's log"),
    "key": (other_key, "the checkpoint of the agency's log is not signed by the agency's key"),
    "before": (other_before, "delta/v0002, credit: its record is not in the agency's log"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_alteration_is_named(
    page: Path, other: Any, tmp_path: Path, chromium: Browser, name: str
) -> None:
    alter, said = ALTERED[name]
    account = account_at(page) | {"other": other}
    alter(account)
    del account["other"]
    assert any("log" in fault for fault in faults(account))
    changed = with_record(page, account, tmp_path / "page.html")
    verdict, problems = chromium.open(changed)
    assert verdict == "wrong"
    assert any(said in problem for problem in problems), problems


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The first delivery as the agency shows it to somebody else: the same lines, another sum."""
    folder = tmp_path_factory.mktemp("other")
    rows = [asset(number, (("stays", 10_000),)) for number in range(3)]
    leaves = asset(3, (("leaves", 10_000),))
    publish(open_store(str(folder)), [*rows, leaves], "delta", pool_minor=12_000)
    account = statement(folder, folder / "to", "--contributor", "stays")
    assert faults(account) == []
    return account["deliveries"][0]


def test_a_version_with_another_sum_is_refused(logged: Path, tmp_path: Path) -> None:
    """The agency's own command names a version whose sum is not the recorded one."""
    folder = tmp_path / "out"
    shutil.copytree(logged, folder)
    rows = [asset(number, (("stays", 10_000),)) for number in range(3)]
    leaves = asset(3, (("leaves", 10_000),))
    shutil.rmtree(folder / "delta/v0001")
    publish(open_store(str(folder)), [*rows, leaves], "delta", pool_minor=12_000)
    code, said, errors = run("--out", folder, "--contributor", "stays", "--to", tmp_path / "to")
    assert (code, said) == (1, "")
    wanted = "A published version is not the one in the agency's log: delta/v0001: sum_root is"
    assert wanted in errors
    assert not (tmp_path / "to").exists()


def test_pages_are_made_again_from_their_record(page: Path) -> None:
    assert account_page(account_at(page)) == page.read_bytes()


def test_the_page_names_the_logs_key(page: Path) -> None:
    assert SIGNER.vkey in page.read_text(encoding="utf-8")
