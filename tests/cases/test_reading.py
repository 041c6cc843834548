"""The field cases about files, dialects and columns end as the cases' page says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cases.common import case_folder, check, delivered, outcomes, package
from tests.end_to_end.command import AS_OF

pytestmark = pytest.mark.long

REFUSED = {
    "05-comma-keywords": ("[mapping.assets.lists] keywords", "dog, x-ray, bone"),
    "22-csv-cp1252": ('[mapping.assets.csv] encoding = "cp1252"', "Café"),
    "22-csv-semicolon-cp1252": ('[mapping.assets.csv] encoding = "cp1252"', "Café"),
    "22-csv-excel-dates": ("[mapping.assets.dates] created_at", "01/05/2024"),
    "39-open-quote-consents": ("consents.csv:4", "a quote opens here"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_certain_is_refused(name: str, tmp_path: Path) -> None:
    folder = case_folder(name)
    for ended in (check(folder), package(folder, tmp_path / "out")):
        assert ended.code == 2, ended.err
        for words in REFUSED[name]:
            assert words in ended.err


READ = {
    "22-csv-mac-cr": ["A-1", "A-2"],
    "22-csv-sep-line": ["A-1", "A-2"],
    "22-csv-tab": ["A-1", "A-2"],
    "17-blank-rows": ["A-1", "A-2"],
    "03-nested-partitions": ["A-1"],
    "07-upper-case-columns": [],
}


@pytest.mark.parametrize("name", sorted(READ))
def test_what_is_certain_is_read(name: str, tmp_path: Path) -> None:
    folder = case_folder(name)
    ended = package(folder, tmp_path / "out")
    assert ended.code == check(folder, "--as-of", AS_OF).code == (0 if READ[name] else 1), ended.err
    assert delivered(tmp_path / "out") == READ[name]


def test_a_denial_in_a_partition_is_heard(tmp_path: Path) -> None:
    package(case_folder("03-nested-partitions"), tmp_path)
    assert outcomes(tmp_path)["A-2"] == ("refused", ["consent.withdrawn"])


def test_upper_case_columns_refuse_each_for_its_own_reason(tmp_path: Path) -> None:
    package(case_folder("07-upper-case-columns"), tmp_path)
    reasons = {name: reasons for name, (_, reasons) in outcomes(tmp_path).items()}
    assert len({tuple(reason) for reason in reasons.values()}) == 4


def test_blank_rows_are_counted_alike_by_both_commands(tmp_path: Path) -> None:
    folder = case_folder("17-blank-rows")
    checked = json.loads(check(folder, "--json").out)["reading"]
    packaged = json.loads(package(folder, tmp_path, "--json").out)["catalogue"]
    [record] = tmp_path.rglob("agency/reading.json")
    assert checked == packaged == json.loads(record.read_text())["catalogue"]
    assert checked["rows"]["assets"] == {
        **{"read": 5, "used": 2, "failed": 0, "blank": 3},
        **{"repeated_ids": 0, "with_excluded_keyword": 0},
    }
    assert checked["rows"]["consents"] == {
        **{"read": 5, "used": 3, "failed": 0, "blank": 2},
        "denials_after_as_of": 0,
    }
    assert checked["files"]["found"] == sum(
        1 for path in (folder / "catalogue").rglob("*") if path.is_file()
    )


STATED = {
    "05-comma-keywords": '[mapping.assets.lists]\nkeywords = [",", ";"]\n',
    "22-csv-cp1252": '[mapping.assets.csv]\nencoding = "cp1252"\n',
    "22-csv-semicolon-cp1252": '[mapping.assets.csv]\nencoding = "cp1252"\n',
    "22-csv-excel-dates": '[mapping.assets.dates]\ncreated_at = ["dmy", "excel-1900"]\n',
}


@pytest.mark.parametrize("name", sorted(STATED))
def test_the_key_that_is_named_cures_it(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(case_folder(name), folder)
    (folder / "catalogue" / "mapping.toml").write_text(STATED[name])
    ended = package(folder, tmp_path / "out")
    assert check(folder, "--as-of", AS_OF).code == ended.code != 2
    if name == "05-comma-keywords":  # both pictures have the keyword that the deal excludes
        found = outcomes(tmp_path / "out")
        assert found["A-1"] == found["A-2"]
        assert not delivered(tmp_path / "out")
    else:
        assert ended.code == 0, ended.err
        assert delivered(tmp_path / "out") == ["A-1", "A-2"]
