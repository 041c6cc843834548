"""What the summary says of renditions and flagged captions."""

from __future__ import annotations

import json

import pytest

from pipelines.run.sample_counts import SampleCounts
from schemas.deal import Deal, parse_deal
from tests.deals import deal_text


def _deal(more: str = "") -> Deal:
    return parse_deal(f"{deal_text()}\n{more}", "deal.toml")


def _counted() -> SampleCounts:
    counts = SampleCounts()
    counts.add_sample("image", "", [])
    counts.add_sample("image", "jpg quality=95", ["person", "email", "person"])
    counts.add_sample("image", "jpg quality=95", ["person"])
    counts.add_sample("video", "audio=drop", [], ["phone", "phone", "person"])
    return counts


def test_each_sample_counts_once_under_each_of_its_flags() -> None:
    counts = _counted()
    assert (counts.samples, counts.flagged) == (4, 2)
    assert dict(counts.renditions) == {"image": 2, "video": 1}
    assert dict(counts.flags) == {"person": 2, "email": 1}
    assert (counts.dropped, dict(counts.dropped_flags)) == (1, {"phone": 1, "person": 1})


def test_counts_add_up_and_survive_json() -> None:
    total = SampleCounts()
    total.add(_counted())
    total.add(SampleCounts())
    assert SampleCounts.from_json(json.loads(json.dumps(total.to_json()))) == _counted()
    assert SampleCounts.from_json({}) == SampleCounts()


def test_the_summary_says_what_was_rendered_and_flagged() -> None:
    assert _counted().lines(_deal('[captions]\nflagged = "drop"')) == [
        ("Renditions", '2 pictures rendered as displayed (render.images = "auto")'),
        ("Renditions", '1 film delivered without sound (render.audio = "drop")'),
        (
            "Captions",
            "2 samples have a flagged caption of a model (email 1, person 2); "
            'captions.flagged = "drop" would leave such captions out',
        ),
        (
            "Captions",
            "1 sample is delivered without a flagged caption of a model "
            '(person 1, phone 1; captions.flagged = "drop")',
        ),
    ]
    plain = SampleCounts()
    plain.add_sample("image", "", [])
    assert plain.lines(_deal()) == []
    plain.add_sample("image", "", [], ["email"])
    plain.add_sample("image", "", [], ["email"])
    assert plain.lines(_deal('[rights]\npersonal_data = "none"')) == [
        (
            "Captions",
            "2 samples are delivered without a flagged caption of a model "
            '(email 2; rights.personal_data = "none")',
        )
    ]


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('films = "remux"', 'copied into MP4 (render.films = "remux")'),
        (
            'films = "remux"\naudio = "drop"',
            'copied into MP4 without sound (render.audio = "drop", render.films = "remux")',
        ),
        (
            'films = "transcode"\nfilm_codec = "av1"',
            'encoded again as AV1 (render.films = "transcode")',
        ),
    ],
)
def test_the_summary_says_how_films_were_rendered(section: str, told: str) -> None:
    counts = SampleCounts()
    counts.add_sample("video", "films=", [])
    top = 'profile = "video-text"\nmedia = ["video"]\n'
    deal = parse_deal(f"{top}{deal_text()}\n[render]\n{section}\n", "deal.toml")
    assert counts.lines(deal) == [("Renditions", f"1 film {told}")]
