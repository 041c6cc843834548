"""The mapping brings an agency's own forms into ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.catalogue.read import open_catalogue
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, read_all, write_catalogue

MAPPING = """\
[mapping.assets]
sole_contributor = true
[mapping.assets.prefixes]
media_uri = "originals/"
[mapping.assets.columns]
licence_class = "Editorial"
[mapping.assets.values.licence_class]
Yes = "editorial"
No = "creative"
"""


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_prefix_sole_contributor_and_yes_or_no(kind: str, tmp_path: Path) -> None:
    rows = [
        asset(1, media_uri="1.jpg", contributors="c-1", Editorial="Yes"),
        asset(2, media_uri=" 2.jpg", contributors="c-1:6000;c-2:4000", Editorial="No"),
    ]
    for row in rows:
        del row["licence_class"]
    folder = write_catalogue(tmp_path, rows, kind)
    (folder / "mapping.toml").write_text(MAPPING)
    table, dead = read_all(folder)
    assert dead == []
    assert table["media_uri"].to_pylist() == ["originals/1.jpg", "originals/2.jpg"]
    assert table["licence_class"].to_pylist() == ["editorial", "creative"]
    shares = [
        [(c["contributor_id"], c["share_bp"]) for c in row or []]
        for row in table["contributors"].to_pylist()
    ]
    assert shares == [[("c-1", 10_000)], [("c-1", 6000), ("c-2", 4000)]]


def test_a_decimal_comma_is_stated(tmp_path: Path) -> None:
    rows = [asset(1, people_count="2,0"), asset(2, people_count="2,5"), asset(3, people_count=3)]
    folder = write_catalogue(tmp_path, rows, "csv")
    assert [name for name, _ in read_all(folder)[1]] == ["a-1", "a-2"]
    (folder / "mapping.toml").write_text('[mapping.assets.csv]\ndecimal = ","\n')
    table, dead = read_all(folder)
    assert [name for name, _ in dead] == ["a-2"]
    assert table["people_count"].to_pylist() == [2, 3]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_number_that_may_be_thousands_is_not_read_as_one(kind: str, tmp_path: Path) -> None:
    texts = ["1.000", "250.000", "1.0", "1234.000", "0.000", "1.000000"]
    rows = [asset(at, weight=text) for at, text in enumerate(texts, start=1)]
    folder = write_catalogue(tmp_path, rows, kind)
    table, dead = read_all(folder)
    assert [name for name, _ in dead] == ["a-1", "a-2"]
    assert table["weight"].to_pylist() == [1, 1234, 0, 1]
    (folder / "mapping.toml").write_text('[mapping.assets.csv]\ndecimal = "."\n')
    table, dead = read_all(folder)
    assert (dead, table["weight"].to_pylist()) == ([], [1, 250, 1, 1234, 0, 1])


def test_several_bare_contributors_are_not_shared_among(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset(1, contributors="c-1;c-2"), asset(2)], "csv")
    (folder / "mapping.toml").write_text("[mapping.assets]\nsole_contributor = true\n")
    assert [name for name, _ in read_all(folder)[1]] == ["a-1"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[mapping.assets]\nsole_contributor = 1", "true or false"),
        ("[mapping.consents]\nsole_contributor = true", "Only assets"),
        ("[mapping.assets.prefixes]\nbytes = 'x'", "unknown key"),
        ("[mapping.assets.prefixes]\nmedia_uri = 7", "requires text"),
    ],
)
def test_an_invalid_form_is_refused(text: str, why: str, tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [asset()], "csv")
    (folder / "mapping.toml").write_text(text)
    with pytest.raises(InputError, match=why):
        open_catalogue(str(folder))
