"""Every file below a catalogue is read, known to hold no rows, or named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.inventory import FileCounts
from pipelines.catalogue.listing import CatalogueFile, sort_listing
from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import QUICK, asset, csv_bytes, write_catalogue

CONSENT = {"contributor_id": "c-1", "purpose": "all", "value": "allow", "given_at": "2024-01-01"}
DENIAL = CONSENT | {"value": "deny", "given_at": "2026-01-01"}


def _catalogue(folder: Path, files: dict[str, bytes]) -> Path:
    write_catalogue(folder, [asset()], "csv")
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _values(folder: Path) -> list[str]:
    return values_of(read_table(open_catalogue(str(folder)), "consents")["value"], str)


READ = [
    "consents/year=2026/part.csv",
    "consents/2026/03/part.csv",
    "consents/region=EU/year=2026/part.CSV",
    "consents.parquet/part.csv",
    "consents.CSV",
    "consents.tsv",
    "consents (1).csv",
    "consents_2026-03.csv",
    "consents.2026-03.csv",
    "consents 2026.csv",
    "consents-2.csv",
    "consents - Copy.csv",
    "consents.txt",
    "consents/part.txt",
]


@pytest.mark.parametrize("name", READ)
def test_a_denial_is_read_wherever_it_certainly_belongs(name: str, tmp_path: Path) -> None:
    assert _values(_catalogue(tmp_path, {name: csv_bytes([DENIAL])})) == ["deny"]


NAMED = [
    *("consents-2.csv.gz", "consents-2.json", "consents-2.xls", "consents-2.zip"),
    *("consents-1.txt", "consents-1.csv.zst", "consents.txt", "consents-2.parquet.gz"),
    *("Consents-2.csv", "CONSENTS-2.CSV", "consents (1).csv", "consents-1 (1).csv"),
    *("consents_2026.csv", "consents/part.csv", "consents/old/part.csv", "consents.csv/part.csv"),
    *("Consents/part.csv", "consents-old/part.csv", "more/consents.csv", "consents.json"),
    *("optouts.csv", "withdrawals.txt", "notes.pdf", "README.md", "denied", "media/consents.csv"),
    *("_consents.csv", ".consents.csv", "consents/_part.csv", "._consents.csv", "old.toml"),
    *("~$consents.xlsx", "media/1.xmp", "consents.xmp", "consents.parquet", "_delta_log/0.json"),
]


def test_files_that_no_table_can_be_are_left_out_by_one_pattern(tmp_path: Path) -> None:
    names = ["plan.pdf", *(f"releases-signed/MR {number}.pdf" for number in range(12))]
    with pytest.raises(InputError) as caught:
        open_catalogue(str(_catalogue(tmp_path, dict.fromkeys(names, b"%PDF-1.4"))))
    remedy = '[files] ignore = ["plan.pdf", "releases-signed/*.pdf"]'
    assert remedy in str(caught.value) and "files = [" not in str(caught.value)
    (tmp_path / "mapping.toml").write_text(remedy.replace("] ", "]\n", 1))
    assert len(open_catalogue(str(tmp_path)).files.ignored) == 13
    (tmp_path / "optouts.txt").write_bytes(csv_bytes([DENIAL]))
    with pytest.raises(InputError, match=r'files = \["optouts.txt"\]'):
        open_catalogue(str(tmp_path))


def test_what_may_be_a_table_is_named_first(tmp_path: Path) -> None:
    names = ["a.pdf", "b.pdf", "optouts.txt"]
    with pytest.raises(InputError) as caught:
        open_catalogue(str(_catalogue(tmp_path, dict.fromkeys(names, b"x"))))
    assert "3 files are not part of any table" in str(caught.value)
    assert 'files = ["optouts.txt"]' in str(caught.value)
    assert 'ignore = ["optouts.txt", "*.pdf"]' in str(caught.value)


def test_many_files_of_a_folder_are_left_out_by_one_pattern(tmp_path: Path) -> None:
    names = ["boxes/a (1).json", "boxes/b#2.json", "boxes/c.json"]
    with pytest.raises(InputError) as caught:
        open_catalogue(str(_catalogue(tmp_path, dict.fromkeys(names, b"{}"))))
    assert 'leave them out: [files] ignore = ["boxes/*.json"]' in str(caught.value)
    assert "Name each that is part of a table" in str(caught.value)


def test_tables_outside_a_folder_are_never_left_out_by_a_pattern(tmp_path: Path) -> None:
    names = ["optouts.txt", "withdrawn.txt"]
    with pytest.raises(InputError) as caught:
        open_catalogue(str(_catalogue(tmp_path, dict.fromkeys(names, b"x"))))
    assert '"*.txt"' not in str(caught.value)


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_may_be_a_second_one_is_named(name: str, tmp_path: Path) -> None:
    files = {"consents-1.csv": csv_bytes([CONSENT]), name: csv_bytes([DENIAL])}
    with pytest.raises(InputError) as caught:
        open_catalogue(str(_catalogue(tmp_path, files)))
    assert name in str(caught.value)


STEMS = st.sampled_from(["consents", "Consents", "consent", "opt-outs", "denials", "c"])
MIDDLES = st.text("abc-_. ()0123", max_size=5)
ENDINGS = st.sampled_from(
    ["csv", "CSV", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "csv.gz", "csv.bak", "dat"]
)
FOLDERS = st.sampled_from(
    ["", "consents/", "consents/year=2026/", "consents/2026/", "consents/old/", "x/", "a/consents/"]
)


NAMED_BY = {"folder": FOLDERS, "stem": STEMS, "middle": MIDDLES, "ending": ENDINGS}


def _is_read_or_named(folder: str, stem: str, middle: str, ending: str, root: Path) -> None:
    name = f"{folder}{stem}{middle}.{ending}".replace("/.", "/x.")
    _catalogue(root, {name: csv_bytes([DENIAL])})
    try:
        values = _values(root)
    except InputError as error:
        assert name.rpartition("/")[2] in str(error)
    else:
        assert values == ["deny"]


@QUICK
@given(**NAMED_BY)
def test_no_name_hides_a_denial(
    folder: str, stem: str, middle: str, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a file is called, its denial is read or it is named."""
    _is_read_or_named(folder, stem, middle, ending, tmp_path_factory.mktemp("c"))


@pytest.mark.slow
@settings(QUICK, max_examples=10_000)
@given(**NAMED_BY)
def test_no_name_hides_a_denial_in_many_examples(
    folder: str, stem: str, middle: str, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _is_read_or_named(folder, stem, middle, ending, tmp_path_factory.mktemp("c"))


HARMLESS = {
    "media/1.jpg": b"x",
    "media/1.xmp": b"<x/>",
    "media/2.JPG": b"x",
    "media/2.JPG.xmp": b"<x/>",
    "deal.toml": b'deal_id = "x"\n',
    "ours.toml": b"[mapping.assets]\n",
    ".DS_Store": b"x",
    "consents/_SUCCESS": b"",
    "consents/.part.csv.crc": b"crc",
    "._assets.csv": b"\x00\x05\x16\x07rest",
    "nothing.txt": b"",
}
OUTPUT = {
    "out/acme/v0001/agency/run.json": b"{}",
    "out/acme/v0001/delivery/MANIFEST.json": b"{}",
    "out/agency/features/a.parquet": b"x",
    "out/agency/signing.key": b"x",
}


# What is left below the catalogue by a run that stopped before it recorded itself.
BEFORE_RECORD = {
    "out/agency/signing.key": b"x",
    "out/agency/claims/acme/v0001/0001.json": b"{}",
    "out/agency/claims/acme/v0001/0001.beat": b"1",
    "out/agency/claims/acme/v0001/.tmp-0001.json": b"{",
}


def test_files_without_rows_are_counted(tmp_path: Path) -> None:
    files = {**HARMLESS, "consents/part.csv": csv_bytes([DENIAL])}
    counted = open_catalogue(str(_catalogue(tmp_path, files))).files
    tables = (("assets", 1), ("contributors", 1), ("consents", 1))
    assert counted == FileCounts(tables, media=2, sidecars=2, other=7, ignored=())
    assert counted.total == sum(1 for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("written", [OUTPUT, BEFORE_RECORD], ids=["whole", "before its record"])
def test_what_runs_wrote_below_the_catalogue_does_not_change_the_counts(
    tmp_path: Path, written: dict[str, bytes]
) -> None:
    """A run that is continued must count the same files as one that was not interrupted."""
    folder = str(_catalogue(tmp_path, HARMLESS))
    before = open_catalogue(folder).files
    _catalogue(tmp_path, written)
    assert open_catalogue(folder).files == before


def test_a_file_that_an_asset_names_is_a_medium(tmp_path: Path) -> None:
    _catalogue(tmp_path, {"blobs/ab12": b"x"})
    with pytest.raises(InputError, match="blobs/ab12"):
        open_catalogue(str(tmp_path))
    (tmp_path / "assets.csv").write_bytes(csv_bytes([asset(media_uri="./blobs/ab12")]))
    assert open_catalogue(str(tmp_path)).files.media == 1


def test_the_mapping_states_which_file_is_which(tmp_path: Path) -> None:
    files = {
        "Opt-outs (Q1).txt": csv_bytes([DENIAL]),
        "more/opt-outs.jsonl": b'{"contributor_id":"c-2","purpose":"all","value":"deny",'
        b'"given_at":"2026-01-01"}\n',
        "notes/a.pdf": b"x",
        "mapping.toml": b'[mapping.consents]\nfiles = ["Opt-outs*.txt", "more/*"]\n'
        b'[files]\nignore = ["notes/*"]\n',
    }
    catalogue = open_catalogue(str(_catalogue(tmp_path, files)))
    assert read_table(catalogue, "consents")["contributor_id"].to_pylist() == ["c-1", "c-2"]
    assert catalogue.files.ignored == ("notes/a.pdf",)
    (tmp_path / "consents.csv").write_bytes(csv_bytes([CONSENT]))
    with pytest.raises(InputError, match=r"consents\.csv"):
        open_catalogue(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[mapping.consents]\nfiles = ["optout.csv"]', "that is not there"),
        ('[mapping.consents]\nfiles = ["notes.pdf"]', "unsupported format"),
        ('[mapping.consents]\nfiles = "x"', "a list of names"),
        ('[mapping.consents]\nfiles=["a*"]\n[mapping.assets]\nfiles=["a*"]', "for two tables"),
        ('[files]\nignored = ["x"]', "unknown key"),
    ],
)
def test_an_invalid_statement_about_files_is_refused(text: str, why: str, tmp_path: Path) -> None:
    _catalogue(tmp_path, {"notes.pdf": b"x", "mapping.toml": text.encode()})
    with pytest.raises(InputError, match=why):
        open_catalogue(str(tmp_path))


def test_partitions_are_columns(tmp_path: Path) -> None:
    row = {name: value for name, value in DENIAL.items() if name != "contributor_id"}
    files = {
        "consents/contributor_id=c-1/part.csv": csv_bytes([row]),
        "consents/contributor_id=Jos%C3%A9/part.csv": csv_bytes([row]),
    }
    table = read_table(open_catalogue(str(_catalogue(tmp_path, files))), "consents")
    assert sorted(values_of(table["contributor_id"], str)) == ["José", "c-1"]
    files = {"consents/contributor_id=c-1/part.csv": csv_bytes([DENIAL])}
    with pytest.raises(InputError, match="in the name of its folder"):
        open_catalogue(str(_catalogue(tmp_path, files)))


def test_a_folder_behind_a_link_is_read_and_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "part.csv").write_bytes(csv_bytes([DENIAL]))
    root = _catalogue(tmp_path / "c", {})
    (root / "consents").symlink_to(tmp_path / "elsewhere")
    assert _values(root) == ["deny"]
    (root / "again").symlink_to(root)
    with pytest.raises(InputError, match="contains itself"):
        open_catalogue(str(root))


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    root = _catalogue(tmp_path, {})
    (root / "consents-2.csv").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"consents-2\.csv"):
        open_catalogue(str(root))


def test_files_of_boxes_and_poses_that_assets_name_are_no_tables(tmp_path: Path) -> None:
    rows = [asset(0, boxes="riquadri/a.json"), asset(1, boxes=f"file://{tmp_path}/b.json")]
    rows.append(asset(2, poses="./pose/c.JSON"))
    for name in ("riquadri/a.json", "b.json", "pose/c.JSON"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
    write_catalogue(tmp_path, rows, "csv")
    files = open_catalogue(str(tmp_path)).files
    assert (files.sidecars, files.total) == (3, 5)
    (tmp_path / "riquadri" / "d.json").write_bytes(b"{}")
    with pytest.raises(InputError, match=r"not part of any table.*d\.json") as caught:
        open_catalogue(str(tmp_path))
    assert "a.json" not in str(caught.value)
    write_catalogue(tmp_path, [asset()], "csv")
    with pytest.raises(InputError, match="4 files are not part of any table"):
        open_catalogue(str(tmp_path))


@pytest.mark.parametrize(
    "rows",
    [
        '[{"kennung": "a0", "widerrufen": "ja"}]',
        '\ufeff\n {"kennung": "a0", "widerrufen": "ja"}\n',
        '{"source": "studio", "asset_id": "a0", "revoked_at": "2024-01-01"}\n',
        '{"source": "studio", "kennung": "a0", "widerrufen": "ja"}\n',
        '{"source": "a0"}\n{"source": "a1"}\n',
        '{"source": {"boxes": [1, "}"]}} {',
        "kennung;widerrufen\na0;ja\n",
        '"a0"',
    ],
)
def test_a_table_is_no_track_because_an_asset_names_it(tmp_path: Path, rows: str) -> None:
    write_catalogue(tmp_path, [asset(0, boxes="widerrufe.json", poses="b.json")], "csv")
    (tmp_path / "widerrufe.json").write_text(rows, encoding="utf-8")
    (tmp_path / "b.json").write_text('{"format": "fairshard-poses-1", "width": 4}')
    with pytest.raises(InputError, match=r"not part of any table.*widerrufe\.json") as caught:
        open_catalogue(str(tmp_path))
    assert "b.json" not in str(caught.value)


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["", "m/", "m/n/"]),
        st.sampled_from(["1", "2", "2.b"]),
        st.sampled_from(["jpg", "JPG", "xmp", "jpg.xmp", "csv"]),
    ).map(lambda parts: f"{parts[0]}{parts[1]}.{parts[2]}"),
    unique=True,
)


@given(names=NAMES)
def test_every_name_is_counted_once(names: list[str]) -> None:
    found = sort_listing(sorted(names), str, lambda name: CatalogueFile(name, name, 1, ""))
    assert len(found.files) + found.media + found.sidecars == len(names)
    for file in found.files:
        assert file.name.endswith((".csv", ".xmp"))
