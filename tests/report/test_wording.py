"""What terminals and quotes say of few people, films without lengths, and long messages."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.process.wrapping import wrap_lines
from pipelines.report.summary import label_once
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import SmallLibrary, in_process


def quoted(library: SmallLibrary) -> str:
    library.write_catalogue()
    folder = library.folder
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--as-of", AS_OF)
    ended = in_process("quote", *words)
    assert max(map(len, ended.out.splitlines())) <= 80
    return " ".join(ended.out.split())


def test_films_without_lengths_and_few_people_are_described_as_such(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(2, media_type="video")
    library.add(1, media_type="video", duration_ms=5_400_000, bytes=7)
    films = 'profile = "video-text"\nmedia = ["video"]\n\n[price]'
    library.deal = library.deal.replace("[price]", films)
    said = quoted(library)
    assert "7 B in 1 file whose size is stated 2 files have no size" in said
    assert "1.5 hours in 1 film whose length is stated 2 films have no length" in said
    assert "1 contributor has 6.00" in said
    assert "least median most" in said and "tenth" not in said and "at most" not in said
    library.deal += "\n[select]\nmax_assets = 2\n"
    for number in range(2, 11):
        library.add_contributor(f"c-{number}")
        one = [{"contributor_id": f"c-{number}", "share_bp": 10_000}]
        library.add(1, media_type="video", contributors=one)
    said = quoted(library)
    assert "the tenth of contributors who get most get 25 % of it all" in said
    assert "a run delivers at most 2 assets of these (select.max_assets)" in said
    assert "It is divided among all cleared assets here" in said
    library.deal = library.deal.replace("[price]", '[price]\nbase = "considered"')
    assert "It is divided among all cleared assets here" not in quoted(library)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO, _Terminal])
def test_faults_are_wrapped_on_a_terminal_alone(
    stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    said = stream()
    with redirect_stderr(said):
        code = main(["quote", "--catalogue", "nothing", "--deal", "nothing", "--quiet"])
    lines = said.getvalue().splitlines()
    assert code == 2 and lines[0].startswith("fairshard quote: ")
    assert (len(lines) > 1) == (stream is _Terminal)


def test_long_words_are_kept_and_faults_are_indented() -> None:
    address = f"s3://bucket/{'x' * 30}"
    text = f"2 faults, each of which stops:\n  one is at {address}\n\n  two"
    assert wrap_lines(text, 24).split("\n") == [
        "2 faults, each of which",
        "  stops:",
        "  one is at",
        f"    {address}",
        "",
        "  two",
    ]


def test_a_label_stands_once_beside_its_lines() -> None:
    rows = [("a", "1"), ("b", "2"), ("b", "3"), ("", "4"), ("b", "5")]
    assert label_once(rows) == [("a", "1"), ("b", "2"), ("", "3"), ("", "4"), ("b", "5")]


@pytest.mark.parametrize("on_terminal", [True, False])
def test_explanations_fit_the_terminal(
    on_terminal: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = SmallLibrary(tmp_path)
    library.add(1, people_count=2, release_ids=["r-1"], title="four cups below a tree " * 4)
    library.write_catalogue()
    monkeypatch.setenv("COLUMNS", "80")
    if on_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    words = ("--catalogue", tmp_path / "catalogue", "--deal", tmp_path / "deal.toml")
    said = in_process("explain", "a-0", *words, "--as-of", AS_OF, "--no-fetch").out
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()
    assert lines[0].startswith("REFUSED") and "release.model_missing" in said
    assert (max(map(len, lines)) <= 80) == on_terminal
