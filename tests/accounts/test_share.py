"""`fairshard share`: exact totals, compared with plain fractions, and disagreements are refused."""

from __future__ import annotations

import csv
import io
import json
import random
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from pipelines.accounts.database import open_database
from pipelines.accounts.deliveries import record_delivery
from pipelines.accounts.key import LogKey
from pipelines.accounts.published import find_versions
from pipelines.accounts.share import GroupBy, Share, compute_share
from pipelines.cli import main
from pipelines.ledger.commitments import agency_salt
from pipelines.ledger.statement_form import Payee
from pipelines.report.share import share_json, visible
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from schemas.errors import FairshardError, InputError, RunError
from tests.accounts.outputs import SIGNER, facts, publish
from tests.end_to_end.small_library import in_process
from tests.ledger.ledger_cases import DeliveredAsset, asset, delivery

HOSTILE = "\u202e=cmd|' /C calc'!A0<script>\x1b[31m"


def share_of(folder: Path, by: str, deal_id: str = "acme") -> Share:
    store = open_store(str(folder))
    return compute_share(store, find_versions(store, deal_id)[-1], GroupBy(by))


def expected(folder: Path, rows: list[DeliveredAsset], by: str) -> dict[str, list[Fraction]]:
    """Assets, bytes, milliseconds and money by group, from the rows themselves."""
    ledger = pq.read_table(folder / "acme/v0001/agency/ledger/ledger-00000.parquet").to_pylist()
    paid = {(row["asset_id"], row["contributor_id"]): row["amount_minor"] for row in ledger}
    found: defaultdict[str, list[Fraction]] = defaultdict(lambda: [Fraction()] * 4)
    for number, row in enumerate(rows):
        fact = facts(number)
        licence = f"{fact['licence_model']} creative {fact['licence_code']}".strip()
        for person, bp in row.contributors:
            part = Fraction(bp, 10_000)
            name = {"contributor": person, "licence": licence, "media": fact["media_type"]}[by]
            new = [part, part * fact["media_length"], part * fact["duration_ms"]]
            new.append(Fraction(paid[row.asset_id, person]))
            found[name] = [a + b for a, b in zip(found[name], new, strict=True)]
    return dict(found)


@settings(max_examples=12)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 90))
def test_every_group_is_exact_and_all_are_the_delivery(
    tmp_path_factory: pytest.TempPathFactory, seed: int, people: int, assets: int
) -> None:
    folder = tmp_path_factory.mktemp("out")
    rows = delivery(random.Random(seed), people, assets)
    manifest = publish(open_store(str(folder)), rows)
    for by in ("contributor", "licence", "media"):
        share = share_of(folder, by)
        wanted = expected(folder, rows, by)
        assert {row.group for row in share.rows} == set(wanted)
        for row in share.rows:
            got = [Fraction(row.assets, 10_000), Fraction(row.bytes, 10_000)]
            got += [Fraction(row.ms, 10_000), Fraction(row.minor)]
            assert got == wanted[row.group]
        assert share.total.assets == 10_000 * manifest.end.samples
        assert share.total.minor + share.agency_minor == 1_000_003
        amounts = [row.minor for row in share.rows]
        assert amounts == sorted(amounts, reverse=True)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output")
    store = open_store(str(folder))
    publish(store, delivery(random.Random(4), 30, 90))
    publish(store, [asset(1, ((HOSTILE, 10_000),))], "odd")
    return folder


def say(*words: object) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        assert main(["share", *map(str, words)]) == 0
    return said.getvalue()


def test_the_table_fits_and_sums_the_others(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = say("--out", output, "--deal", "acme", "--by", "contributor", "--top", 5)
    table = text[: text.index("samples ")]
    assert max(map(len, table.splitlines())) <= 80
    assert "others (25)" in table and "10,000.03" in table
    assert find_versions(open_store(str(output)), "acme")[0].manifest.vkey in text
    every = say("--out", output, "--deal", "acme", "--by", "contributor", "--top", 0)
    assert "others" not in every and every.count("person-") == 30


def test_csv_and_json_sum_to_the_totals(output: Path) -> None:
    words = ("--out", output, "--deal", "acme", "--by", "contributor")
    record: Any = json.loads(say(*words, "--json"))
    rows = list(csv.DictReader(io.StringIO(say(*words, "--csv"))))
    few: Any = json.loads(say(*words, "--json", "--top", 3))
    assert len(rows) == len(record["rows"]) == 30 and len(few["rows"]) == 4
    for name in ("assets", "bytes", "seconds", "amount_minor"):
        total = Fraction(record["total"][name])
        for found in (rows, record["rows"], few["rows"]):
            assert sum(Fraction(row[name]) for row in found) == total
    assert record["total"]["amount_minor"] + record["agency_minor"] == record["pool_minor"]
    assert record["total"]["assets"] == str(record["samples"])


def test_a_hostile_name_is_shown_as_text(output: Path) -> None:
    words = ("--out", output, "--deal", "odd", "--by", "contributor")
    shown = say(*words)
    assert "\u202e" not in shown and "\x1b" not in shown and "\\u202e" in shown
    (row,) = csv.DictReader(io.StringIO(say(*words, "--csv"), newline=""))
    assert row["group"] == "\\u202e=cmd|' /C calc'!A0<script>\\x1b[31m"
    assert len(visible("x" * 10_000)) == 40
    record: Any = json.loads(say(*words, "--json"))
    assert record["rows"][0]["group"] == HOSTILE


def test_a_library_must_be_told(output: Path) -> None:
    with pytest.raises(InputError, match="does not say which library"):
        share_of(output, "library")


def test_libraries_sum_to_the_signed_total(output: Path, tmp_path: Path) -> None:
    """Compared with sums over the ledger's rows; what has no library is counted, too."""
    ledger = pq.read_table(output / "acme/v0001/agency/ledger/ledger-00000.parquet").to_pylist()
    library = {row["asset_id"]: f"lib-{int(row['asset_id'][6:]) % 3}" for row in ledger}
    del library[ledger[0]["asset_id"]]
    lines = "".join(f"{asset},{name}\n" for asset, name in library.items())
    odd = "elsewhere,lib-9\nnowhere,\n\x1b[31m,lib-1\n"
    (tmp_path / "libraries.csv").write_text(f"asset_id,library\n{odd}{lines}")
    groups = [library.get(row["asset_id"], "(not stated)") for row in ledger]
    words = ("--deal", "acme", "--by", "library", "--libraries", tmp_path / "libraries.csv")
    record: Any = json.loads(say("--out", output, *words, "--json"))
    check_groups(record, ledger, groups)
    assert record["unknown_assets"] == ["\x1b[31m", "elsewhere", "nowhere"]
    done = in_process("share", "--out", output, *words)
    assert done.code == 0
    named = "3 assets that acme/v0001 does not have: '\\x1b[31m', 'elsewhere', 'nowhere'"
    assert named in " ".join(done.err.split())


def check_groups(record: Any, ledger: list[dict[str, Any]], groups: list[str]) -> None:
    """Compares assets and money by group with those of the ledger's rows."""
    wanted: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row, group in zip(ledger, groups, strict=True):
        wanted[group][0] += row["share_bp"]
        wanted[group][1] += row["amount_minor"]
    found = {
        row["group"]: [int(Fraction(row["assets"]) * 10_000), row["amount_minor"]]
        for row in record["rows"]
    }
    assert found == dict(wanted)
    assert record["total"]["amount_minor"] + record["agency_minor"] == record["pool_minor"]


def test_countries_are_those_that_the_log_has(tmp_path: Path) -> None:
    store, rows = open_store(str(tmp_path)), delivery(random.Random(4), 9, 30)
    people = sorted({who for row in rows for who, _ in row.contributors})
    countries = dict(zip(people, ["DE", "US", ""] * len(people), strict=False))
    del countries[people[3]]  # the catalogue lacks them
    payees = {who: Payee(country=country) for who, country in countries.items()}
    publish(store, rows, payees=payees)
    words = ("--out", tmp_path, "--deal", "acme", "--by", "country", "--json")
    unrecorded = in_process("share", *words)
    assert unrecorded.code == 1 and "has no record of acme/v0001" in unrecorded.err
    key = LogKey(SIGNER, agency_salt(SIGNER.secret), None, None, (SIGNER.secret,))
    record_delivery(store, key, "acme", "v0001", datetime(2026, 6, 30, tzinfo=UTC))
    for path in tmp_path.glob("acme/v0001/agency/statements/*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "country": "XX"}))
    ledger = pq.read_table(tmp_path / "acme/v0001/agency/ledger/ledger-00000.parquet").to_pylist()
    groups = [countries.get(row["contributor_id"]) or "(not stated)" for row in ledger]
    check_groups(json.loads(say(*words)), ledger, groups)
    table = tmp_path / "acme/v0001/agency/pool/countries.parquet"
    sound = pq.read_table(table)
    other = sound.set_column(1, sound.field(1), pa.array(["XX"] * len(sound)))
    pq.write_table(other, table)
    altered = in_process("share", *words)
    assert altered.code == 1 and "not those that were recorded" in altered.err
    table.unlink()
    missing = in_process("share", *words)
    assert missing.code == 1 and "the file is missing" in missing.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("asset_id;library\n", "lacks a column"),
        ("asset_id,library\na,x\na,y\n", "in two libraries"),
        ("asset_id,library\n\xff", "cannot be read"),
    ],
)
def test_a_bad_file_of_libraries_is_refused(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "libraries.csv").write_bytes(text.encode("latin-1"))
    words = ["--out", output, "--deal", "acme", "--by", "library"]
    code = main(["share", *map(str, words), "--libraries", str(tmp_path / "libraries.csv")])
    assert code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--deal", "../acme"), "no such published version"),
        (("--deal", "acme", "--version", "../v0001"), "no such published version"),
        (("--deal", "none"), "none"),
        (("--deal", "acme", "--version", "v0009"), "acme/v0009"),
    ],
)
def test_an_unknown_version_is_refused(
    output: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main(["share", "--out", str(output), *words, "--by", "media"]) == 2
    assert said in capsys.readouterr().err


LEDGER = "acme/v0001/agency/ledger/ledger-00000.parquet"
SUMS = "acme/v0001/agency/sums/sums-00000.parquet"
NOTE = "acme/v0001/agency/sums/sum.note"
SHARD = "acme/v0001/delivery/shards/acme-jpg-00000.parquet"


def change_number(path: Path, column: str, step: int) -> None:
    table = pq.read_table(path)
    values: list[Any] = list(table[column].to_pylist())
    values[0] += step
    at = table.schema.get_field_index(column)
    pq.write_table(
        table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type)),
        path,
    )


def drop_row(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(1), path)


DAMAGE: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "amount": (LEDGER, lambda p: change_number(p, "amount_minor", 1), "totals were signed"),
    "split": (LEDGER, lambda p: change_number(p, "share_bp", -1), "the same assets"),
    "entry": (LEDGER, drop_row, "the same assets"),
    "total": (SUMS, lambda p: change_number(p, "amount_minor", 1), "those that were signed"),
    "leaf": (SUMS, drop_row, "those that were signed"),
    "note": (NOTE, lambda p: p.write_text(p.read_text("utf-8").replace("3\n", "4\n", 1)), "sign"),
    "no note": (NOTE, Path.unlink, "no signed sum"),
    "shard": (SHARD, drop_row, "not the one in the manifest"),
    "no shard": (SHARD, Path.unlink, "missing"),
    "no ledger": (LEDGER, Path.unlink, "ledger"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_tables_that_disagree_are_refused(tmp_path: Path, name: str) -> None:
    path, damage, said = DAMAGE[name]
    publish(open_store(str(tmp_path)), delivery(random.Random(4), 5, 50))
    share_of(tmp_path, "media")
    damage(tmp_path / path)
    with pytest.raises(FairshardError, match=said):
        share_of(tmp_path, "media")


def test_an_output_in_a_bucket_gives_the_same(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options, name = S3Options(f"http://{host}:{port}", "us-east-1"), uuid.uuid4().hex
        s3_client(options).create_bucket(Bucket=name)
        store = open_store(f"s3://{name}/out", options)
        publish(store, delivery(random.Random(4), 30, 90))
        found = compute_share(store, find_versions(store, "acme")[-1], GroupBy.CONTRIBUTOR)
    finally:
        server.stop()
    assert share_json(found, 0) == share_json(share_of(output, "contributor"), 0)


def test_the_database_reads_no_files(output: Path) -> None:
    for statement in (
        f"SELECT * FROM read_parquet('{output}/{LEDGER}')",
        f"COPY (SELECT 1) TO '{output}/x.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(RunError, match="could not be queried"), open_database() as database:
            database.execute(statement).fetchall()
