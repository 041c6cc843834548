"""A deal that lists the only assets that it takes: `select.only`."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.deal import parse_deal
from tests.deals import deal_text
from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    made = SmallLibrary(tmp_path)
    made.add(4)
    made.rows[2]["status"] = "withdrawn"
    made.write_catalogue()
    return made


def quote_listed(library: SmallLibrary, lines: str) -> CommandResult:
    chosen = library.folder / "chosen.txt"
    chosen.write_text(lines, encoding="utf-8")
    deal = library.folder / "deal.toml"
    deal.write_text(f'{library.deal}\n[select]\nonly = "{chosen}"\n', encoding="utf-8")
    return in_process(
        "quote", "--catalogue", library.folder / "catalogue", "--deal", deal, "--json"
    )


def test_only_listed_assets_are_cleared(library: SmallLibrary) -> None:
    ended = quote_listed(library, "\ufeffa-3\r\na-2\n\na-0")
    [found] = ended.json["quotes"]
    assert found["cleared"]["assets"] == 2
    counts = {line["reason"]: (line["alone"], line["example"]) for line in found["reasons"]}
    assert counts == {"select.not_listed": (1, "a-1"), "asset.withdrawn": (1, "a-2")}
    [key] = [line for line in found["keys"] if line["key"] == "select.only"]
    assert key["would_add"]["assets"] == 1 and key["value"] == ["a-0", "a-2", "a-3"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("a-0\nA-1\n", "1 asset: 'A-1', perhaps 'a-1'"),
        ("\n", "the list names no asset"),
        ("a-0\n a-1\n", "line 2 is ' a-1'"),
    ],
)
def test_a_list_that_cannot_be_met_stops(lines: str, said: str, library: SmallLibrary) -> None:
    assert (ended := quote_listed(library, lines)).code == 2
    assert said in ended.err
    words = ("--catalogue", library.folder / "catalogue", "--deal", library.folder / "deal.toml")
    ended = in_process("check", *words, "--files", "none")
    assert ended.code == 2 and said in ended.err


def test_a_list_is_part_of_the_terms_whatever_its_order(tmp_path: Path) -> None:
    def digest(more: str) -> str:
        return parse_deal(f"{deal_text()}\n[select]\n{more}\n", "deal.toml").terms_sha256()

    (tmp_path / "list").write_text("b\na\n")
    listed = digest('only = ["a", "b"]')
    assert listed == digest('only = ["b", "a"]') == digest(f'only = "{tmp_path / "list"}"')
    assert len({listed, digest("only = []"), digest('only = ["a"]')}) == 3
    assert digest("only = []") == parse_deal(deal_text(), "deal.toml").terms_sha256()
