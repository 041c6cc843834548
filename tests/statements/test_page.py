"""The page in a real browser: sound pages say so, every alteration is named, ids do no harm."""

from __future__ import annotations

import copy
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.ledger.signed_note import FileKey, sign_note
from pipelines.statements.account import make_account
from pipelines.statements.page import account_page
from tests.accounts.outputs import SIGNER
from tests.statements.browser import Browser
from tests.statements.cases import HOSTILE, WHO, run, statement
from tests.statements.independent import faults
from tests.statements.independent_proofs import money

DATA = re.compile(r'(<script type="application/json" id="account">)(.*?)(</script>)', re.DOTALL)
OTHER = FileKey(SIGNER.name, bytes(range(1, 33)))


@pytest.fixture(scope="module")
def sound(output: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    statement(output, folder, "--contributor", WHO)
    return folder / f"{WHO}.html"


def account_of(page: Path) -> Any:
    found = DATA.search(page.read_text(encoding="utf-8"))
    assert found
    return json.loads(found[2])


def with_record(page: Path, account: Any, target: Path) -> Path:
    """Writes the page with another record, and everything shown as before."""
    text = json.dumps(account).replace("<", "\\u003c")
    whole = DATA.sub(lambda found: found[1] + text + found[3], page.read_text(encoding="utf-8"))
    target.write_text(whole, encoding="utf-8")
    return target


def test_a_sound_page_says_what_was_checked(sound: Path, chromium: Browser) -> None:
    verdict, said = chromium.open(sound)
    account = account_of(sound)
    lines = sum(len(item["lines"]) for item in account["deliveries"])
    assert verdict == "sound" and faults(account) == []
    assert said[0].startswith(f"{lines} of {lines} lines")
    assert "6 signatures" in said[3]
    assert chromium.value("document.querySelectorAll('tr.good').length") == lines
    assert chromium.requests == [sound.resolve().as_uri()]
    assert SIGNER.vkey in chromium.value("document.body.innerText")


def first(account: Any) -> Any:
    return account["deliveries"][0]


def change_amount(account: Any) -> None:
    """Raises an amount and every sum that it is part of."""
    item = first(account)
    line = item["lines"][1]
    line["amount_minor"] += 100
    line["amount"] = money(line["amount_minor"], item["currency"])
    resum(account)


def resum(account: Any) -> None:
    for item in account["deliveries"]:
        item["total_minor"] = sum(line["amount_minor"] for line in item["lines"])
        item["total"] = money(item["total_minor"], item["currency"])
        before = item["replaces"]["total_minor"] if item["replaces"] else 0
        item["credited_minor"] = item["total_minor"] - before
        item["credited"] = money(item["credited_minor"], item["currency"])
    period = account["first"], account["last"]
    made = make_account(account["contributor_id"], *period, account["deliveries"], account["money"])
    account.update(made)


def set_opening(account: Any) -> None:
    first(account)["lines"][2]["opening"]["asset_salt"] = "00" * 32


def set_asset(account: Any) -> None:
    first(account)["lines"][0]["asset_id"] = "another"


def set_leaf(account: Any) -> None:
    first(account)["lines"][0]["leaf_hash"] = "ab" * 32


def drop_line(account: Any) -> None:
    first(account)["lines"].pop()
    resum(account)


def repeat_line(account: Any) -> None:
    first(account)["lines"].append(first(account)["lines"][0])
    resum(account)


def swap_proofs(account: Any) -> None:
    one, two = first(account)["lines"][:2]
    one["proof"], two["proof"] = two["proof"], one["proof"]


def set_root(account: Any) -> None:
    item = first(account)
    lines = item["checkpoint"].split("\n")
    lines[2] = "A" * 43 + "="
    item["checkpoint"] = "\n".join(lines)


def swap_checkpoints(account: Any) -> None:
    one, two = account["deliveries"][:2]
    one["checkpoint"], two["checkpoint"] = two["checkpoint"], one["checkpoint"]


def resign_checkpoint(account: Any) -> None:
    item = first(account)
    item["checkpoint"] = sign_note(OTHER, item["checkpoint"].rpartition("\n\n")[0] + "\n")


def set_key(account: Any) -> None:
    first(account)["vkey"] = OTHER.vkey


def set_pool(account: Any) -> None:
    proof = first(account)["sum"]
    proof["note"] = proof["note"].replace("\n1000003\n", "\n2000003\n")


def set_sum_path(account: Any) -> None:
    path = first(account)["sum"]["path"]
    path[1][0] = str(int(path[1][0]) + 1)


def negative_sum(account: Any) -> None:
    path = first(account)["sum"]["path"]
    path[1][0] = str(-int(path[1][0]))


def swap_sums(account: Any) -> None:
    account["deliveries"][0]["sum"] = account["deliveries"][2]["sum"]


def set_total(account: Any) -> None:
    first(account)["total_minor"] += 5


def set_month(account: Any) -> None:
    account["by_month"][0]["total_minor"] += 5
    account["by_month"][0]["total"] = money(account["by_month"][0]["total_minor"], "USD")


def set_deal(account: Any) -> None:
    account["by_deal"][1]["total"] = "1"


def drop_month(account: Any) -> None:
    account["by_month"].pop()


def set_currency(account: Any) -> None:
    first(account)["currency"] = "EUR"
    resum(account)


def set_period(account: Any) -> None:
    account["first"], account["last"] = "2026-07-01", "2026-09-30"


def set_person(account: Any) -> None:
    account["contributor_id"] = "person-4"


ALTERED: dict[str, tuple[Callable[[Any], None], str]] = {
    "amount": (change_amount, "acme/v0001, line 2 (asset "),
    "opening": (set_opening, "acme/v0001, line 3 (asset "),
    "asset": (set_asset, "acme/v0001, line 1 (asset another)"),
    "leaf": (set_leaf, "acme/v0001, line 1 (asset "),
    "line dropped": (drop_line, "is not part of the pool"),
    "line repeated": (repeat_line, "the same entry as another line"),
    "proofs": (swap_proofs, "not in the log that the agency signed"),
    "root": (set_root, "acme/v0001, checkpoint: the checkpoint was changed after it was signed"),
    "checkpoints": (swap_checkpoints, "the checkpoint belongs to another delivery"),
    "signature": (resign_checkpoint, "checkpoint: the checkpoint is not signed by the agency's"),
    "key": (set_key, "checkpoint: the checkpoint is not signed by the agency's key"),
    "pool": (set_pool, "share of the pool: the signed sum of the pool was changed"),
    "sum": (set_sum_path, "acme/v0001, share of the pool: the contributor's total is not part"),
    "negative sum": (negative_sum, "acme/v0001, share of the pool: an amount is negative"),
    "sums": (swap_sums, "the signed sum belongs to another delivery"),
    "total": (set_total, "acme/v0001, total: the lines sum to"),
    "month": (set_month, "Sums by month: 2026-06 USD says"),
    "deal": (set_deal, "Sums by deal: beta JPY says 1"),
    "month dropped": (drop_month, "Sums by month: the table has rows for other deliveries"),
    "currency": (set_currency, "acme/v0001, line 1 (asset "),
    "period": (set_period, "Dates: acme/v0001 of 2026-06-30 is not in the period"),
    "person": (set_person, "acme/v0001, line 1 (asset "),
}


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.parametrize("redrawn", [True, False])
def test_an_altered_record_is_named(
    sound: Path, tmp_path: Path, chromium: Browser, name: str, redrawn: bool
) -> None:
    """The page and the independent check find the same, also if the page shows the alteration."""
    alter, said = ALTERED[name]
    account = account_of(sound)
    alter(account)
    assert faults(account) != []
    page = tmp_path / "page.html"
    if redrawn and name not in ("pool", "key"):  # no page is made with another pool or key
        page.write_bytes(account_page(copy.deepcopy(account)))
    else:
        with_record(sound, account, page)
    verdict, problems = chromium.open(page)
    assert verdict == "wrong"
    assert any(said in problem for problem in problems), problems


def set_before(account: Any) -> None:
    """Claims that more was credited before, and so less is owed now."""
    before = account["deliveries"][1]["replaces"]
    before["total_minor"] += 100
    before["total"] = money(before["total_minor"], "USD")
    resum(account)


def unprove_before(account: Any) -> None:
    account["deliveries"][1]["replaces"]["sum"] = None


def forget_before(account: Any) -> None:
    account["deliveries"][1]["replaces"] = None


def set_credited(account: Any) -> None:
    item = account["deliveries"][1]
    item["credited_minor"] += 100
    item["credited"] = money(item["credited_minor"], "USD")


def no_proof(account: Any) -> None:
    first(account)["sum"] = None


CREDITS: dict[str, tuple[Callable[[Any], None], str]] = {
    "before": (set_before, "delta/v0002, credit: the contributor's total is not part of the pool"),
    "unproved": (unprove_before, "delta/v0002, credit: the earlier credit is not proved"),
    "forgotten": (forget_before, "delta/v0002, credit: it is not the delivery's total"),
    "credited": (set_credited, "delta/v0002, credit: it is not the total less"),
    "no proof": (no_proof, "delta/v0001, share of the pool: the proof is missing"),
}


@pytest.mark.parametrize("name", CREDITS)
def test_an_altered_credit_is_named(
    versions: Path, tmp_path: Path, chromium: Browser, name: str
) -> None:
    alter, said = CREDITS[name]
    statement(versions, tmp_path, "--contributor", "stays")
    page = tmp_path / "stays.html"
    assert chromium.open(page)[0] == "sound"
    account = account_of(page)
    alter(account)
    assert faults(account) != []
    verdict, problems = chromium.open(with_record(page, account, tmp_path / "page.html"))
    assert verdict == "wrong"
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize("who", ["stays", "leaves", "joins"])
def test_pages_of_replaced_versions_are_sound(
    versions: Path, tmp_path: Path, chromium: Browser, who: str
) -> None:
    account = statement(versions, tmp_path, "--contributor", who)
    assert faults(account) == []
    verdict, said = chromium.open(tmp_path / f"{who}.html")
    assert verdict == "sound", said


SHOWN = [
    ('data-cell="0-1-amount">', "line 2 (asset"),
    ('data-cell="0-0-asset">', "line 1 (asset"),
    ('data-cell="0-2-share">', "line 3 (asset"),
    ('data-cell="0-2-weight">', "line 3 (asset"),
    ('data-cell="0-currency">', "the page shows the currency"),
    ('data-cell="1-total">', "beta/v0001, total: the page shows the total"),
    ('data-cell="1-name">', "beta/v0001, total: the page shows the delivery"),
    ('data-cell="1-date">', "beta/v0001, total: the page shows the date"),
    ('data-cell="2-pool">', "gamma/v0001, share of the pool: the page shows the pool"),
    ('data-cell="all-0">', "Sums: the page shows the amount of JPY"),
    ('data-cell="month-1">', "Sums by month: the page shows the amount of 2026-07 JPY"),
    ('data-cell="month-1-name">', "Sums by month: the page shows a name"),
    ('data-cell="deal-2">', "Sums by deal: the page shows the amount of gamma USD"),
    ('data-cell="deal-2-lines">', "Deals: the page shows the number of lines"),
    ('data-cell="chart-month-USD-0">', "Chart: the page shows a bar"),
    ('data-cell="chart-deal-USD-1">', "Chart: the page shows a bar"),
    ('data-cell="period">', "Dates: the page shows the period"),
    ('data-cell="who">', "Dates: the page shows the contributor"),
    ('data-cell="key-0">', "Keys: the page shows the agency's key"),
]


@pytest.mark.parametrize(("place", "said"), SHOWN)
def test_what_is_shown_must_be_what_is_proved(
    sound: Path, tmp_path: Path, chromium: Browser, place: str, said: str
) -> None:
    text, page = sound.read_text(encoding="utf-8"), tmp_path / "page.html"
    assert text.count(place) == 1
    page.write_text(text.replace(place, f"{place}9"), encoding="utf-8")
    verdict, problems = chromium.open(page)
    assert verdict == "wrong" and len(problems) == 1 and said in problems[0], problems


def test_a_bad_line_is_marked_and_the_others_are_not(
    sound: Path, tmp_path: Path, chromium: Browser
) -> None:
    account = account_of(sound)
    set_opening(account)
    chromium.open(with_record(sound, account, tmp_path / "page.html"))
    bad = chromium.value("[...document.querySelectorAll('tr.bad')].map(e => e.dataset.line)")
    assert bad == ["0-2"]
    assert chromium.value("document.querySelector('tr.bad .mark').textContent") == "✗ wrong"


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_ids_are_only_text(
    output: Path, tmp_path: Path, chromium: Browser, number: int
) -> None:
    statement(output, tmp_path, "--contributor", HOSTILE[number])
    (page,) = tmp_path.glob("*.html")
    chromium.size(390, 800)
    verdict, problems = chromium.open(page)
    assert verdict == "sound", problems
    assert chromium.value("window.hacked") is None
    assert chromium.requests == [page.resolve().as_uri()]
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert chromium.value(wide)
    assert chromium.value("document.querySelector('.who').clientHeight") < 120
    scripts = "document.querySelectorAll('img, iframe, a, script:not([type])').length"
    assert chromium.value(scripts) == 1


def test_nobodys_page_has_anothers_line(output: Path, tmp_path: Path) -> None:
    """No page contains an id, a line, a total or a salt that is another contributor's."""
    code, _, errors = run("--out", output, "--all", "--to", tmp_path, "--deal", "acme")
    assert code == 0, errors
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("person-*.html")}
    accounts = {name: account_of(tmp_path / f"{name}.html") for name in pages}
    assert len(pages) == 12
    for name, text in pages.items():
        for other, account in accounts.items():
            (item,) = account["deliveries"]
            if other == name:
                continue
            assert not re.search(rf"\b{other}\b", text)
            assert item["sum"]["salt"] not in text
            assert not re.search(rf'"{item["total_minor"]}"|\b{re.escape(item["total"])}\b', text)
            for line in item["lines"]:
                assert line["opening"]["amount_salt"] not in text
                assert line["opening"]["contributor_salt"] not in text
                # The hash of a neighbouring leaf is in a proof, in base64; the leaf is not.
                assert line["leaf_hash"] not in text


def test_an_ordinary_statement_is_two_pages_and_a_long_one_goes_on(
    sound: Path, tmp_path: Path, chromium: Browser
) -> None:
    def pages(path: Path) -> int:
        chromium.open(path)
        return chromium.pdf().count(b"/Type /Page\n")

    assert pages(sound) == 2  # 28 lines of three deliveries
    account = account_of(sound)
    lines = first(account)["lines"]
    first(account)["lines"] = lines * (1 + 200 // len(lines))
    resum(account)
    long = tmp_path / "long.html"
    long.write_bytes(account_page(account))
    assert pages(long) > 4


def test_the_chart_has_a_text_alternative(sound: Path, chromium: Browser) -> None:
    chromium.open(sound)
    said = chromium.value(
        "[...document.querySelectorAll('svg')].map(e => [e.getAttribute('role'), "
        "e.getAttribute('aria-labelledby').split(' ').map("
        "id => document.getElementById(id).textContent).join(': ')])"
    )
    account = account_of(sound)
    june, _, september = account["by_month"]
    assert said[1] == [
        "img",
        f"Earnings by month, USD: 2026-06: {june['total']}; 2026-09: {september['total']}",
    ]
    assert said[2][1].startswith("Earnings by deal, USD: ")


def test_a_page_without_scripts_says_that_it_was_not_checked(sound: Path) -> None:
    text = sound.read_text(encoding="utf-8")
    assert 'data-verdict="none"' in text and "This page has not been checked yet." in text
    assert "default-src 'none'" in text and "unsafe" not in text.split("<style>")[0]


def test_an_altered_script_does_not_run(sound: Path, tmp_path: Path, chromium: Browser) -> None:
    """The policy on the page names the digest of its script."""
    page = tmp_path / "page.html"
    shutil.copy(sound, page)
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace('"use strict";', '"use strict"; window.hacked = 1;'), "utf-8")
    chromium.call("Page.navigate", url=page.resolve().as_uri())
    ready = f"document.readyState === 'complete' && location.href === '{page.resolve().as_uri()}'"
    while not chromium.value(ready):
        time.sleep(0.01)
    time.sleep(0.2)  # a script that ran would have ended
    assert chromium.value("document.documentElement.dataset.verdict") == "none"
    assert chromium.value("window.hacked") is None
