"""Servers that send something else when a file is read again: an asset fails, never the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.end_to_end.command import folders, tables
from tests.end_to_end.small_library import SmallLibrary
from tests.fetch.web_server import Answer, Site, answer, in_turn, serving

NO = ("X-Robots-Tag", "noai")


def picture(number: int) -> bytes:
    return save_picture(render(draw_scene_spec(number), 640, 560), "jpeg_plain", number, "x", b"")


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    found = SmallLibrary(tmp_path)
    found.deal += '\n[limits]\ndead_letter_share = "0.9"\n\n[select]\ndedupe = "none"\n'
    return found


def outcomes(library: SmallLibrary) -> dict[str, tuple[str, list[str]]]:
    found = tables(library.agency / "decisions").to_pylist()
    return {row["asset_id"]: (row["outcome"], row["reasons"]) for row in found}


def delivered(library: SmallLibrary, answers: dict[str, Answer]) -> tuple[set[str], Site]:
    """Packages assets `/0`, `/1` and so on; returns those delivered."""
    with serving({}) as site:
        site.answers.update(answers)
        for path in answers:
            if path[1:].isdigit():
                library.add(1, media_uri=f"{site.origin}{path}")
        ended = library.package("--allow-host", site.origin)
        assert ended.code == 0, ended.err
    kept = {name for name, (outcome, _) in outcomes(library).items() if outcome == "delivered"}
    return kept, site


def second(first: Answer, later: Answer) -> Answer:
    """An answer that is another from the second request on."""
    return in_turn(first, later)


def test_honest_servers(library: SmallLibrary) -> None:
    kept, site = delivered(library, {f"/{n}": answer(picture(n)) for n in range(3)})
    assert kept == {"a-0", "a-1", "a-2"}
    assert all(site.request_counts[f"/{n}"] == 2 for n in range(3))


Later = Callable[[int], Answer]


@pytest.mark.parametrize(
    ("later", "outcome", "reason"),
    [
        (lambda n: answer(picture(n), 200, NO), "refused", "server.denied"),
        (lambda n: answer(picture(n), 200, ("TDM-Reservation", "1")), "refused", "server.denied"),
        (lambda n: answer(picture(n) + b"x"), "dead_letter", "media.changed"),
        *(
            pytest.param(later, "dead_letter", "media.changed", marks=pytest.mark.slow)
            for later in (
                lambda n: answer(picture(n)[:-1] + b"x"),
                lambda n: answer(picture(n + 9)),
                lambda n: answer(b"", 404),
                lambda n: answer(b""),
            )
        ),
    ],
)
def test_one_server_changes_its_mind(
    library: SmallLibrary, later: Later, outcome: str, reason: str
) -> None:
    answers = {f"/{n}": answer(picture(n)) for n in range(3)}
    answers["/1"] = second(answer(picture(1)), later(1))
    kept, _ = delivered(library, answers)
    assert kept == {"a-0", "a-2"}
    assert outcomes(library)["a-1"] == (outcome, [reason])
    ended = library.out / "small" / "v0001" / "delivery"
    assert (ended / "MANIFEST.json").is_file()


def test_a_no_that_only_the_first_answer_has(library: SmallLibrary) -> None:
    answers = {
        "/0": answer(picture(0)),
        "/1": second(answer(picture(1), 200, NO), answer(picture(1))),
    }
    kept, _ = delivered(library, answers)
    assert kept == {"a-0"}
    assert outcomes(library)["a-1"] == ("refused", ["server.denied"])


def test_robots_txt_that_says_no_later(library: SmallLibrary) -> None:
    """By the time that the shards are written, the site denies training for some paths."""
    robots = b"User-agent: *\nContent-Usage: /1 train-ai=n\n"
    answers = {f"/{n}": answer(picture(n)) for n in range(2)}
    answers["/robots.txt"] = second(answer(b""), answer(robots))
    kept, _ = delivered(library, answers)
    assert kept == {"a-0"}
    assert outcomes(library)["a-1"] == ("refused", ["server.denied"])


def growing(data: bytes) -> Answer:
    """An answer that differs each time only in its padding, which by itself is accepted."""
    return lambda count: answer(data + bytes(count))(count)


def test_a_server_that_never_sends_the_same(library: SmallLibrary) -> None:
    answers: dict[str, Answer] = {f"/{n}": answer(picture(n)) for n in range(1)}
    for number in range(1, 5):
        data = picture(number)
        answers[f"/{number}"] = growing(data)
    kept, _ = delivered(library, answers)
    assert kept == {"a-0"}
    failed = {name: found for name, found in outcomes(library).items() if name != "a-0"}
    assert set(map(str, failed.values())) == {str(("dead_letter", ["media.changed"]))}


def test_a_server_that_changes_one_file_after_the_other(library: SmallLibrary) -> None:
    """The run ends, and delivers none of those that it saw changing."""
    answers: dict[str, Answer] = {}
    for number in range(6):
        # The n-th asset changes with its (2n + 2)-th answer, each a round later than the last.
        same = [answer(picture(number))] * (2 * number + 1)
        answers[f"/{number}"] = in_turn(*same, answer(picture(number) + b"x"))
    (library.folder / "catalogue" / "local.jpg").write_bytes(picture(20))
    library.add(1, media_uri="local.jpg")
    with serving(answers) as site:
        for path in answers:
            library.add(1, media_uri=f"{site.origin}{path}")
        ended = library.package("--allow-host", site.origin)
        assert ended.code == 0, ended.err
    found = outcomes(library)
    assert found.pop("a-0")[0] == "delivered"
    changed = [name for name, end in found.items() if end == ("dead_letter", ["media.changed"])]
    assert changed
    # One that was the same at both readings of the last round may go.
    assert {end[0] for name, end in found.items() if name not in changed} <= {"delivered"}


def test_the_work_area_is_removed(library: SmallLibrary) -> None:
    answers = {"/0": answer(picture(0)), "/1": second(answer(picture(1)), answer(b"", 404))}
    delivered(library, answers)
    assert not folders(library.out / "agency" / "work")
