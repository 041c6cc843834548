"""`fairshard statement`: what it writes is sound by an independent check, and exact."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.accounts.period import parse_period
from pipelines.ledger.csv_cells import read_text
from pipelines.storage.open import open_store
from schemas.errors import InputError
from tests.accounts.outputs import publish
from tests.ledger.ledger_cases import asset
from tests.statements.cases import HOSTILE, WHO, run, statement
from tests.statements.independent import faults

TABLE = "v0001/agency/ledger/ledger-00000.parquet"


def ledger(output: Path, *deals: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for deal in deals:
        rows += pq.read_table(output / deal / TABLE).to_pylist()
    return rows


def test_everybodys_statement_is_sound_and_all_are_the_ledger(output: Path, tmp_path: Path) -> None:
    code, said, errors = run("--out", output, "--all", "--to", tmp_path, "--json", "--quiet")
    assert code == 0, errors
    written = json.loads(said)["statements"]
    names = {item["file"] for item in written}
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{ending}" for name in names for ending in ("json", "csv", "html")
    }
    found = []
    for name in names:
        account = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert faults(account) == []
        found += [
            (account["contributor_id"], item["delivery"], line["asset_id"], line["amount_minor"])
            for item in account["deliveries"]
            for line in item["lines"]
        ]
    wanted = [
        (row["contributor_id"], row["delivery"], row["asset_id"], row["amount_minor"])
        for row in ledger(output, "acme", "beta", "gamma", "odd")
    ]
    assert sorted(found) == sorted(wanted)


def test_a_statement_sums_by_currency_month_and_deal(output: Path, tmp_path: Path) -> None:
    account = statement(output, tmp_path, "--contributor", WHO)
    own = {
        deal: sum(
            row["amount_minor"] for row in ledger(output, deal) if row["contributor_id"] == WHO
        )
        for deal in ("acme", "beta", "gamma")
    }
    assert [(row["month"], row["currency"], row["total_minor"]) for row in account["by_month"]] == [
        ("2026-06", "USD", own["acme"]),
        ("2026-07", "JPY", own["beta"]),
        ("2026-09", "USD", own["gamma"]),
    ]
    assert {row["deal_id"]: row["total_minor"] for row in account["by_deal"]} == own
    assert {row["currency"]: row["total_minor"] for row in account["totals"]} == {
        "USD": own["acme"] + own["gamma"],
        "JPY": own["beta"],
    }
    rows = list(csv.DictReader((tmp_path / f"{WHO}.csv").open(encoding="utf-8", newline="")))
    assert sum(int(row["amount_minor"]) for row in rows if row["currency"] == "JPY") == own["beta"]
    assert {row["date"] for row in rows} == {"2026-06-30", "2026-07-15", "2026-09-30"}


@pytest.mark.parametrize(
    ("words", "deals"),
    [
        (("--period", "2026-Q3"), ["beta", "gamma"]),
        (("--period", "2026-09"), ["gamma"]),
        (("--period", "2026"), ["acme", "beta", "gamma"]),
        (("--period", "2026-06-30..2026-07-15"), ["acme", "beta"]),
        (("--period", "2026-07-01..2026-07-14", "--deal", "acme"), []),
        (("--period", "2027"), []),
        (("--deal", "beta"), ["beta"]),
    ],
)
def test_the_period_and_the_deal_select_deliveries(
    output: Path, tmp_path: Path, words: tuple[str, ...], deals: list[str]
) -> None:
    if not deals:
        code, _, errors = run("--out", output, "--contributor", WHO, "--to", tmp_path, *words)
        assert code == 2 and "no line in the period" in errors
        assert list(tmp_path.iterdir()) == []
        return
    account = statement(output, tmp_path, "--contributor", WHO, *words)
    assert [item["deal_id"] for item in account["deliveries"]] == deals


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-Q1", "2024-01-01", "2024-03-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-11-05..2024-01-09", "2023-11-05", "2024-01-09"),
    ],
)
def test_periods(text: str, first: str, last: str) -> None:
    period = parse_period(text)
    assert (str(period.first), str(period.last)) == (first, last)


@pytest.mark.parametrize(
    "text",
    "24 2024-Q5 2024-13 2024-00 2024-2 2024-01-01 .. 2024..2025 ٢٠٢٤ 2024-02-30..2024-03-01 "
    "20240101..20240201 2024-05-01..2024-04-30 ../x 0000".split(),
)
def test_other_texts_are_not_periods(text: str) -> None:
    with pytest.raises(InputError, match="period"):
        parse_period(text)


def test_the_default_folder_is_the_agencys(tmp_path: Path) -> None:
    publish(open_store(str(tmp_path)), [asset(1, (("ada", 10_000),))])
    assert run("--out", tmp_path, "--all", "--period", "2026-Q2")[0] == 0
    assert (tmp_path / "agency/statements/2026-Q2/ada.html").exists()
    code, _, errors = run("--out", tmp_path, "--all", "--to", tmp_path / "acme/v0001/delivery/x")
    assert code == 2 and "signed delivery" in errors


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_ids_stay_text_in_files(output: Path, tmp_path: Path, number: int) -> None:
    name = HOSTILE[number]
    account = statement(output, tmp_path, "--contributor", name)
    assert account["contributor_id"] == name and faults(account) == []
    (path,) = tmp_path.glob("*.csv")
    assert path.parent == tmp_path and len(path.name) < 130
    text = path.read_bytes().decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert read_text(row["contributor_id"]) == name
    assert read_text(row["asset_id"]) == f"{name}-{number}"
    assert not row["contributor_id"].startswith(("=", "+", "-", "@", "\t", "\r"))


DAMAGED: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "no statement": ("agency/statements/ada.json", Path.unlink, "no statement"),
    "another's statement": (
        "agency/statements/ada.json",
        lambda path: path.write_bytes((path.parent / "bob.json").read_bytes()),
        "no statement",
    ),
    "an amount": (
        "agency/statements/ada.json",
        lambda path: path.write_text(path.read_text("utf-8").replace('"weight": 1', '"weight": 2')),
        "does not agree",
    ),
    "no tile": ("delivery/tile/0/000.p/2", Path.unlink, "log is missing"),
    "a tile": (
        "delivery/tile/0/000.p/2",
        lambda path: path.write_bytes(bytes(64)),
        "does not agree",
    ),
    "the checkpoint": (
        "delivery/checkpoint",
        lambda path: path.write_text(path.read_text("utf-8").replace("\n2\n", "\n3\n"), "utf-8"),
        "signature",
    ),
    "the sums": ("agency/sums/sums-00000.parquet", Path.unlink, "no signed sum"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_no_statement_is_made_from_damaged_files(tmp_path: Path, name: str) -> None:
    path, damage, said = DAMAGED[name]
    rows = [asset(number, ((who, 10_000),)) for number, who in enumerate(("ada", "bob"))]
    publish(open_store(str(tmp_path / "out")), rows)
    target = tmp_path / "to"
    statement(tmp_path / "out", tmp_path / "before", "--contributor", "ada")
    damage(tmp_path / "out/acme/v0001" / path)
    words = ("--out", tmp_path / "out", "--contributor", "ada", "--to", target)
    code, _, errors = run(*words)
    assert code in (1, 2) and said in errors and "unexpected" not in errors
    assert not target.exists()


def test_ids_that_differ_in_case_have_files_of_their_own(tmp_path: Path) -> None:
    rows = [asset(number, ((who, 10_000),)) for number, who in enumerate(("Ada", "ada"))]
    publish(open_store(str(tmp_path / "out")), rows)
    for who, asset_id in (("Ada", "asset-0"), ("ada", "asset-1")):
        account = statement(tmp_path / "out", tmp_path / who, "--contributor", who)
        (line,) = account["deliveries"][0]["lines"]
        assert line["asset_id"] == asset_id


def test_a_version_that_replaces_another_adds_only_the_difference(
    versions: Path, tmp_path: Path
) -> None:
    """60.00 of 100.00 are for contributors: four assets, then five."""
    credits = {}
    for who in ("stays", "leaves", "joins"):
        account = statement(versions, tmp_path, "--contributor", who)
        credits[who] = {item["delivery"]: item["credited_minor"] for item in account["deliveries"]}
        (total,) = account["totals"]
        assert total["total_minor"] == sum(credits[who].values())
    assert credits == {
        "stays": {"delta/v0001": 4_500, "delta/v0002": -900},
        "leaves": {"delta/v0001": 1_500, "delta/v0002": -1_500},
        "joins": {"delta/v0002": 2_400},
    }
    august = statement(versions, tmp_path, "--contributor", "leaves", "--period", "2026-08")
    (item,) = august["deliveries"]
    assert (item["lines"], item["total"], item["credited"]) == ([], "0.00", "-15.00")
    assert august["by_month"][0]["total"] == "-15.00"
    code, said, _ = run(
        *("--out", versions, "--all", "--period", "2026-08", "--to", tmp_path, "--json", "--quiet")
    )
    assert code == 0
    written = json.loads(said)["statements"]
    assert sum(item["totals"][0]["total_minor"] for item in written) == 0


def test_a_version_that_replaces_an_unknown_one_is_refused(tmp_path: Path) -> None:
    publish(open_store(str(tmp_path)), [asset(1, (("ada", 10_000),))])
    record = tmp_path / "acme/v0001/agency/pool/replaces.json"
    record.write_text('{"replaces": "acme/v0007"}', encoding="utf-8")
    code, _, errors = run("--out", tmp_path, "--all")
    assert code == 1 and "acme/v0007" in errors


def test_one_statement_imports_nothing_slow(output: Path, tmp_path: Path) -> None:
    """Each of them takes a quarter of a second or more, of the second that a statement may take."""
    code = (
        "import sys; from pipelines.cli import main; code = main(sys.argv[1:]); "
        "print(*sorted({'pandas', 'torch', 'apache_beam'} & sys.modules.keys())); sys.exit(code)"
    )
    words = ["statement", "--out", output, "--contributor", WHO, "--to", tmp_path, "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [""]), done.stderr


def test_one_statement_is_the_same_as_among_all(output: Path, tmp_path: Path) -> None:
    code, _, errors = run("--out", output, "--all", "--to", tmp_path / "all", "--quiet")
    assert code == 0, errors
    for name in (WHO, *HOSTILE):
        statement(output, tmp_path / "one", "--contributor", name)
    written = sorted((tmp_path / "one").iterdir())
    assert len(written) == 3 * len({WHO, *HOSTILE})
    for path in written:
        assert path.read_bytes() == (tmp_path / "all" / path.name).read_bytes()
