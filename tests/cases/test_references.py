"""A no whose id was altered on its way is never lost: it matches, or the run stops."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.values_common import asset, deal, decide, release, said, write_csv

_INVISIBLE = [0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x202A, 0x202C, 0x2060, 0x2066]
_INVISIBLE += [0x2069, 0xFEFF, 0xFE0F, 0x034F, 0x0001, 0x007F, 0x180E, 0x061C, 0xE0020]
_BLANK = [0x09, 0x20, 0x85, 0xA0, 0x2002, 0x2004, 0x2007, 0x205F, 0x2028, 0x2029, 0x202F, 0x3000]
_TWINS = str.maketrans("acepox", "асероx")


def _insert(code: int, place: int) -> Callable[[str], str]:
    return lambda text: text[:place] + chr(code) + text[place:]


ALTERED: dict[str, Callable[[str], str]] = {
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "upper case": str.upper,
    "title case": str.title,
    "without marks": lambda text: "".join(
        c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)
    ),
    "full width": lambda text: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text
    ),
    "Cyrillic": lambda text: text.translate(_TWINS),
    "without zeros": lambda text: text.lstrip("0") or text,
    "a float": lambda text: f"{text}.0",
    "a spreadsheet's text": lambda text: f'="{text}"',
    "an apostrophe": lambda text: f"'{text}",
    "scientific": lambda text: f"{int(text):.2E}" if text.isdecimal() else text,
    "a file name": lambda text: f"{text}.jpg",
    **{f"U+{code:04X} behind": _insert(code, 99) for code in (*_INVISIBLE, *_BLANK)},
    **{f"U+{code:04X} before": _insert(code, 0) for code in _BLANK},
    **{f"U+{code:04X} inside": _insert(code, 1) for code in (*_INVISIBLE, *_BLANK)},
}
IDS = ("00123", "c-1", "josé", "123456789012", "Bolly", "Ångström 7", "공유", "x_y")

ids = st.one_of(
    st.sampled_from(IDS),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "Pd"]), min_size=1, max_size=12),
).map(lambda text: unicodedata.normalize("NFC", text))
alterations = st.lists(st.sampled_from(sorted(ALTERED)), min_size=1, max_size=3)


def altered(text: str, names: list[str]) -> str:
    for name in names:
        text = ALTERED[name](text)
    return text


def is_lost_by_a_no_to_a_contributor(who: str, names: list[str], first: bool) -> bool:
    events = [said("allow", who), said("deny", altered(who, names))]
    with tempfile.TemporaryDirectory() as folder:
        write_csv(
            Path(folder),
            assets=[asset(contributor=who)],
            contributors=[{"contributor_id": who}],
            consents=events[::-1] if first else events,
        )
        return bool(decide(Path(folder), deal(), gate=False).cleared)


def is_lost_by_a_no_to_an_asset(name: str, names: list[str], first: bool) -> bool:
    events = [said("allow"), said("deny", asset_id=altered(name, names))]
    with tempfile.TemporaryDirectory() as folder:
        write_csv(
            Path(folder),
            assets=[asset(name)],
            contributors=[{"contributor_id": "c-1"}],
            consents=events[::-1] if first else events,
        )
        return bool(decide(Path(folder), deal(), gate=False).cleared)


def is_lost_by_a_revocation(name: str, names: list[str], first: bool) -> bool:
    rows = [release(name), release(altered(name, names), revoked_at="2026-01-10")]
    with tempfile.TemporaryDirectory() as folder:
        write_csv(
            Path(folder),
            assets=[asset(people_count="1", release_ids=name)],
            contributors=[{"contributor_id": "c-1"}],
            consents=[said()],
            releases=rows[::-1] if first else rows,
        )
        return bool(decide(Path(folder), deal(), gate=False).cleared)


LOST = (is_lost_by_a_no_to_a_contributor, is_lost_by_a_no_to_an_asset, is_lost_by_a_revocation)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", sorted(ALTERED))
def test_single_alterations_lose_no_no(lost: Callable[..., bool], name: str) -> None:
    """With two of the ids, others for each alteration."""
    turn = sorted(ALTERED).index(name) + LOST.index(lost)
    some = IDS[turn % 4 :: 4]
    assert [who for who in some if not lost(who, [name], False)] == list(some)


@pytest.mark.slow
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", sorted(ALTERED))
def test_no_single_alteration_loses_a_no(lost: Callable[..., bool], name: str) -> None:
    kept = [who for who in IDS if not lost(who, [name], False)]
    assert kept == list(IDS)


@pytest.mark.parametrize("lost", LOST)
@settings(max_examples=30)
@given(who=ids, names=alterations, first=st.booleans())
def test_no_generated_no_is_lost(
    lost: Callable[..., bool], who: str, names: list[str], first: bool
) -> None:
    assert not lost(who, names, first)


@pytest.mark.slow
@pytest.mark.parametrize("lost", LOST)
@settings(max_examples=10_000)
@given(who=ids, names=alterations, first=st.booleans())
def test_no_generated_no_is_lost_at_length(
    lost: Callable[..., bool], who: str, names: list[str], first: bool
) -> None:
    assert not lost(who, names, first)


@pytest.mark.parametrize(
    ("known", "given_as"),
    [
        ("00123", "123"),
        ("c-2", '="c-2"'),
        ("bolly", "Bolly"),
        ("josé", "jose"),
        ("7", "7.0"),
        ("123456789012", "1.23457E+11"),
        ("123456789012", "1.23E+11"),
        ("A-1", "A-1.jpg"),
        ("c-1", "с-1"),
        ("c-1", "ｃ－１"),
    ],
)
def test_the_message_names_the_id_and_what_it_looks_like(
    tmp_path: Path, known: str, given_as: str
) -> None:
    write_csv(
        tmp_path,
        assets=[asset(contributor=known)],
        contributors=[{"contributor_id": known}, {"contributor_id": "somebody else"}],
        consents=[said("allow", known), said("deny", given_as)],
    )
    stopped = decide(tmp_path, deal()).stopped
    for words in (
        f"'{given_as}'",
        f"perhaps '{known}'",
        "gate.divert",
        "consents_reach_contributors",
    ):
        assert words in stopped
    diverted = decide(tmp_path, deal('[gate]\ndivert = ["consents_reach_contributors"]'))
    assert diverted.cleared == ["A-1"]


def test_a_letter_is_spelled_out_only_where_it_may_be_mistaken(tmp_path: Path) -> None:
    for known, given_as, code in (("müller", "Müller", ""), ("c-1", "с-1", r"\u0441-1")):
        write_csv(
            tmp_path,
            assets=[asset(contributor=known)],
            contributors=[{"contributor_id": known}],
            consents=[said("allow", known), said("deny", given_as)],
        )
        stopped = decide(tmp_path, deal()).stopped
        assert ("\\" in stopped) == bool(code) and code in stopped
        assert not any(line.startswith(".") for line in stopped.splitlines())


def test_a_no_to_another_contributors_asset_stops_the_run(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[asset("A-1"), asset("A-2", "c-2")],
        contributors=[{"contributor_id": "c-1"}, {"contributor_id": "c-2"}],
        consents=[said(), said("allow", "c-2"), said("deny", "c-1", asset_id="A-2")],
    )
    assert "consents_reach_assets" in decide(tmp_path, deal()).stopped


def test_a_yes_that_reaches_nobody_is_counted(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[asset()],
        contributors=[{"contributor_id": "c-1"}],
        consents=[said(), said("allow", "c-9"), said("allow", asset_id="A-9")],
    )
    assert decide(tmp_path, deal()).cleared == ["A-1"]


@pytest.mark.parametrize("twin", ["A-1\u200e", "A-1\u2060", "A\u00ad-1"])
def test_two_assets_whose_ids_become_equal_stop_the_run(tmp_path: Path, twin: str) -> None:
    write_csv(
        tmp_path,
        assets=[asset(), asset(twin)],
        contributors=[{"contributor_id": "c-1"}],
        consents=[said()],
    )
    assert "asset_ids_differ" in decide(tmp_path, deal()).stopped


def test_two_contributors_whose_ids_become_equal_stop_the_run(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[asset(contributor="josé")],
        contributors=[{"contributor_id": "josé"}, {"contributor_id": "jose\u0301"}],
        consents=[said("allow", "josé")],
    )
    assert "contributor_id_unique" in decide(tmp_path, deal()).stopped


def test_a_no_to_an_asset_that_cannot_be_read_does_not_stop_the_run(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[asset(), asset("A-2", created_at="yesterday")],
        contributors=[{"contributor_id": "c-1"}],
        consents=[said(), said("deny", asset_id="A-2")],
    )
    decided = decide(tmp_path, deal())
    assert (decided.stopped, decided.cleared) == ("", ["A-1"])
