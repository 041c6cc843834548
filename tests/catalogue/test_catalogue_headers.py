"""Columns are matched by their plain form, and none that resembles ours is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.near_columns import near_column
from pipelines.catalogue.plain_form import plain_form
from pipelines.catalogue.read import open_catalogue, read_table
from schemas.catalogue import TABLES, required_columns
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import (
    FORMATS,
    QUICK,
    asset,
    csv_bytes,
    jsonl_bytes,
    read_all,
    write_catalogue,
)


def _write(folder: Path, name: str, kind: str) -> Path:
    """A catalogue whose only asset says something in a column of this name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_catalogue(folder, [asset()], "csv")
    (folder / "assets.csv").unlink()
    row = asset() | {name: "false" if plain_form(name) == "exclusive" else "x"}
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), folder / "assets.parquet")
    else:
        data = csv_bytes([row]) if kind == "csv" else jsonl_bytes([row])
        (folder / f"assets.{kind}").write_bytes(data)
    return folder


SPELLINGS = ["EXCLUSIVE", "Exclusive", " exclusive", "exclusive ", "\u200bexclusive", "Ｅxclusive"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", SPELLINGS)
def test_a_column_is_matched_by_its_plain_form(name: str, kind: str, tmp_path: Path) -> None:
    folder = _write(tmp_path, name, kind)
    assert read_all(folder)[0]["exclusive"].to_pylist() == [False]


def test_the_match_is_said(tmp_path: Path) -> None:
    catalogue = open_catalogue(str(_write(tmp_path, "Licence Code", "csv")))
    assert catalogue.matched_columns == (("assets.licence_code", "Licence Code"),)
    assert catalogue.ignored_columns == ()


NEAR = [
    *("license_code", "licence code 2", "exclusve", "is_exclusive", "exclusive?2", "valid_untill"),
    *("ValidTo Until", "territory_out", "excluded_territories", "grant_train", "grant_training"),
    *("minor", "people count old", "release_id", "revoked", "opt_out", "Consent", "do not train"),
    *("AI training", "editorial", "embargo", "withdrawn_at", "Statuss", "Staus"),
]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", NEAR)
def test_a_near_column_that_is_not_read_stops_the_run(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_catalogue(str(_write(tmp_path, name, kind)))
    assert repr(name) in str(caught.value)
    (tmp_path / "mapping.toml").write_text(f'[mapping.assets]\nignore = ["{name}"]\n')
    assert open_catalogue(str(tmp_path)).ignored_columns == (f"assets.{name}",)


OTHER_LANGUAGES = [
    *("KI-Sperre", "Sperrvermerk", "Widerruf am", "Widerspruch KI", "Einwilligung", "Exklusiv bis"),
    *("Minderjährige", "Nutzungsgebiet", "Bildrechte", "redaktionell", "Freigaben", "Ablaufdatum"),
    *("Verbot", "Retrait", "refusé", "Usage interdit", "Mineurs", "Droits", "autorisation IA"),
    *("Territoire", "Menores prohibido", "Autorización", "Derechos", "restricción", "proibido"),
    *("Direitos", "Esclusiva", "consenso", "Divieto IA", "Diritti", "licenza", "toestemming"),
]


@pytest.mark.parametrize("name", OTHER_LANGUAGES)
def test_a_column_that_tells_of_rights_in_another_language_stops_the_run(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="would not be read"):
        open_catalogue(str(_write(tmp_path, name, "csv")))


PAY = [
    *("royalty", "Royalty Rate", "royalty_percent", "commission", "Commission (%)", "RevShare"),
    *("payout 2025", "authorShare", "agency cut", "Provision", "Honorar", "Tantiemen"),
    *("Vergütung", "Umsatzanteil", "Prozent", "Auszahlung", "redevances", "Rémunération"),
    *("Pourcentage", "regalías", "Comisión", "porcentaje", "retribución", "provvigione"),
    *("Percentuale", "compenso", "Commissie", "vergoeding", "Comissão", "remuneração"),
]
PAYEE_MONEY = [
    *("share_percent", "rate", "split", "Anteil", "Satz", "Quote", "Währung", "Steuersatz"),
    *("Mindestbetrag", "part auteur", "taux", "devise", "cuota", "moneda", "tasso", "aliquota"),
    *("quota", "aandeel", "tarief", "valuta", "participação", "taxa", "moeda", "VAT", "in %"),
    *("withholding", "minimumPayment"),
]


def payees(folder: Path, name: str) -> Path:
    """Writes a catalogue whose contributors have one more column."""
    written = write_catalogue(folder, [asset()], "csv")
    row = {"contributor_id": "c-1", name: "60"}
    (written / "contributors.csv").write_bytes(csv_bytes([row]))
    return written


@pytest.mark.parametrize("name", PAY)
def test_a_column_that_tells_of_pay_stops_the_run_in_any_table(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"would not be read.*what somebody is paid"):
        open_catalogue(str(_write(tmp_path / "assets", name, "csv")))
    with pytest.raises(InputError, match=r"would not be read.*what somebody is paid"):
        open_catalogue(str(payees(tmp_path / "payees", name)))


@pytest.mark.parametrize("name", PAYEE_MONEY)
def test_a_payees_money_stops_the_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would not be read"):
        open_catalogue(str(payees(tmp_path, name)))
    (tmp_path / "mapping.toml").write_text(f'[mapping.contributors]\nignore = ["{name}"]\n')
    assert open_catalogue(str(tmp_path)).ignored_columns == (f"contributors.{name}",)


@pytest.mark.parametrize(
    "name",
    [
        "Street",
        "e-mail",
        "Ort",
        "PLZ",
        "Telefon",
        "joined",
        "Website",
        "Vorname",
        "Ville",
        "partner",
    ],
)
def test_another_column_of_a_contributor_is_not_read(name: str, tmp_path: Path) -> None:
    assert open_catalogue(str(payees(tmp_path, name))).ignored_columns == (f"contributors.{name}",)


OTHERS = ["Colour", "Price", "__index_level_0__", "index", "title_de"]
OTHERS += ["Preisgruppe", "Rechteckig", "Bemerkung", "Couleur", "Precio", "Mitglied seit"]


@pytest.mark.parametrize("name", OTHERS)
def test_another_column_is_not_read_and_said(name: str, tmp_path: Path) -> None:
    assert open_catalogue(str(_write(tmp_path, name, "csv"))).ignored_columns == (f"assets.{name}",)


def test_two_columns_of_one_plain_form_are_not_chosen_from(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset() | {"EXCLUSIVE": "x", "Exclusive": "y"}], "csv")
    with pytest.raises(InputError, match="EXCLUSIVE"):
        open_catalogue(str(folder))
    folder = write_catalogue(
        tmp_path, [asset() | {"EXCLUSIVE": "true", "exclusive": "false"}], "csv"
    )
    with pytest.raises(InputError, match="read from 'exclusive'"):
        open_catalogue(str(folder))


def test_a_constant_does_not_hide_a_column(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset(status="withdrawn")], "csv")
    (folder / "mapping.toml").write_text('[mapping.assets.constants]\nstatus = "active"\n')
    with pytest.raises(InputError, match="a constant of the mapping"):
        open_catalogue(str(folder))


def test_a_key_that_comes_late_in_json_lines_is_seen(tmp_path: Path) -> None:
    rows = [asset(i) for i in range(2000)] + [asset(2000, EXCLUSIVE=True)]
    table, _ = read_all(write_catalogue(tmp_path, rows))
    assert table["exclusive"].to_pylist()[-1] is True


def test_a_consent_for_one_asset_is_not_one_for_all(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()], "csv")
    row = {"contributor_id": "c-1", "purpose": "all", "value": "allow", "given_at": "2026-01-01"}
    (folder / "consents.csv").write_bytes(csv_bytes([row | {"Asset_ID": "a-0"}]))
    assert read_table(open_catalogue(str(folder)), "consents")["asset_id"].to_pylist() == ["a-0"]


@st.composite
def _misspelt(draw: st.DrawFn) -> tuple[str, str, str]:
    """A table, one of its columns, and the name with one letter more, less or other."""
    table = draw(st.sampled_from(sorted(TABLES)))
    ours = draw(st.sampled_from(TABLES[table].names).filter(lambda name: len(name) >= 6))
    at = draw(st.integers(0, len(ours) - 1))
    letter = draw(st.sampled_from("abcxyz"))
    edit = draw(st.sampled_from(["insert", "delete", "replace"]))
    tail = ours[at:] if edit == "insert" else ours[at + 1 :]
    name = ours[:at] + ("" if edit == "delete" else letter) + tail
    return table, ours, draw(st.sampled_from([name, name.upper(), name.title()]))


def _is_matched_or_named(case: tuple[str, str, str], root: Path) -> None:
    table, _, name = case
    columns = [column for column in required_columns(table) if column != name]
    plain = {plain_form(column) for column in TABLES[table].names}
    if plain_form(name) not in plain:
        assert near_column(table, name, TableMapping()) is not None
    folder = write_catalogue(root, [asset()], "csv")
    header, cells = ",".join([*columns, name]), ",".join("x" for _ in [*columns, name])
    (folder / f"{table}.csv").write_text(f"{header}\n{cells}\n")
    try:
        catalogue = open_catalogue(str(folder))
    except InputError as error:
        assert name in str(error)
    else:
        assert f"{table}.{name}" not in catalogue.ignored_columns


@QUICK
@given(case=_misspelt())
def test_a_misspelt_column_is_never_passed_over(
    case: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _is_matched_or_named(case, tmp_path_factory.mktemp("c"))


@pytest.mark.slow
@settings(QUICK, max_examples=10_000)
@given(case=_misspelt())
def test_a_misspelt_column_is_never_passed_over_in_many_examples(
    case: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _is_matched_or_named(case, tmp_path_factory.mktemp("c"))
