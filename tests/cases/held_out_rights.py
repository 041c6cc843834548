"""Variants of a no in copies, days and releases."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.cases.held_out_case import (
    EITHER,
    LIMIT,
    READS,
    STOPS,
    VARIANTS,
    Case,
    Variant,
    picture,
    variant,
)
from tests.cases.values_common import asset, release


@variant("the same bytes, held", READS)
def _(case: Case) -> None:
    case.media["media/2.jpg"] = case.media["media/1.jpg"]
    case.tables["assets"] += [asset("A-3", media_uri="media/3.jpg", status="legal_hold")]
    case.media["media/2.jpg"] = case.media["media/3.jpg"] = picture(3)


def _copy_of_a_no(case: Case, data: bytes, name: str = "media/2.jpg") -> None:
    """A-2 is a copy, under a yes, of what the catalogue withdraws as A-3."""
    case.tables["assets"][1]["media_uri"] = name
    case.tables["assets"] += [asset("A-3", media_uri="media/3.jpg", status="withdrawn")]
    case.media[name], case.media["media/3.jpg"] = data, picture(2)


@variant("a copy saved again", READS)
def _(case: Case) -> None:
    _copy_of_a_no(case, picture(2, quality=55))


@variant("a copy mirrored", READS)
def _(case: Case) -> None:
    from PIL import ImageOps

    sink = io.BytesIO()
    ImageOps.mirror(render(draw_scene_spec(2), 240, 160)).save(sink, "JPEG", quality=90)
    _copy_of_a_no(case, sink.getvalue())


@variant("a copy as WebP", READS)
def _(case: Case) -> None:
    sink = io.BytesIO()
    render(draw_scene_spec(2), 240, 160).save(sink, "WEBP", quality=85)
    _copy_of_a_no(case, sink.getvalue(), "media/2.webp")


@variant("a copy in grey", READS)
def _(case: Case) -> None:
    sink = io.BytesIO()
    render(draw_scene_spec(2), 240, 160).convert("L").save(sink, "JPEG", quality=90)
    _copy_of_a_no(case, sink.getvalue())


def _days() -> Iterator[tuple[str, str, str]]:
    yield "withdrawn late in another zone", LIMIT, "2026-06-30T23:30:00-05:00"
    yield "withdrawn on the day of the run", READS, "2026-06-30"
    yield "withdrawn in the day's last second", READS, "2026-06-30T23:59:59Z"
    yield "withdrawn early in the east", READS, "2026-07-01T08:00:00+14:00"
    yield "withdrawn in future", LIMIT, "2026-12-01"
    yield "withdrawn in a named zone", STOPS, "2026-03-01 12:00 CEST"
    yield "withdrawn on 24:00", EITHER, "2026-03-01T24:00:00Z"
    yield "withdrawn in a leap second", EITHER, "2016-12-31T23:59:60Z"
    yield "withdrawn without a day", STOPS, ""


def _add_days() -> None:
    for name, wanted, when in _days():

        def make(case: Case, given_at: str = when) -> None:
            case.deny(given_at=given_at)

        VARIANTS.append(Variant(name, wanted, make))


_add_days()


@variant("only a yes of the future", READS)
def _(case: Case) -> None:
    case.tables["consents"][1]["given_at"] = "2026-07-01T08:00:00Z"


def _with_release(case: Case, **changes: Any) -> None:
    case.tables["assets"][1] |= {"people_count": "1", "release_ids": "R-1"}
    case.tables["assets"][0]["release_ids"] = ""
    case.tables["releases"] = [release("R-1", **changes)]


@variant("a release of nobody", STOPS)
def _(case: Case) -> None:
    _with_release(case)
    case.tables["releases"].append(release("R-9", revoked_at="2026-01-01"))


@variant("a release in small letters", READS)
def _(case: Case) -> None:
    _with_release(case)
    case.tables["assets"][1]["release_ids"] = "r-1"


@variant("a release revoked on the day of the run", READS)
def _(case: Case) -> None:
    _with_release(case, revoked_at="2026-06-30")


@variant("a release revoked in the deal's term", EITHER)
def _(case: Case) -> None:
    _with_release(case, revoked_at="2027-06-30")
