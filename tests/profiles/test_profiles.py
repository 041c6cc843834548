"""Profiles: their schemas agree with their models, samples match them, and refusals are right."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pyarrow.json
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.profiles import load_profile, profile_for, profile_names
from pipelines.profiles.base import Profile, SampleError, schema_text
from schemas import profiles as schemas
from schemas.errors import InputError
from schemas.unit import UnitRow
from tests.profiles.rows import (
    EXTRA_FACTS,
    PEOPLE,
    Row,
    bare,
    caption,
    common_of,
    film_row,
    only,
    picture_row,
    shot,
    with_values,
)

NAMES = profile_names()


# Profiles of which no sample is without a model's work.
BY_MODELS = ("structure-depth", "structure-video")
# What a JSON Schema cannot express.
BEYOND_SCHEMAS = (
    *("shots do not cover", "the clip", "no_watermark does not", "embedding_rows does not"),
)


def row_of(name: str) -> UnitRow:
    if load_profile(name).media_type == "image":
        return picture_row()
    return with_values(film_row(), extra_facts=json.dumps(EXTRA_FACTS.get(name, {})))


def make_json(name: str, row: UnitRow) -> Row:
    sample = load_profile(name).make_sample(common_of(row, PEOPLE.get(name)), row)
    return sample.model_dump(mode="json")


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(schemas.profile_schema(name))


def objects(schema: Row) -> Iterator[Row]:
    yield schema
    yield from schema.get("$defs", {}).values()


def test_the_three_profiles_are_there() -> None:
    assert {"image-text", "video-text", "caption-only"} <= set(NAMES)
    assert schemas.profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_as_generated(name: str) -> None:
    committed = (schemas.SCHEMA_FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert committed == schema_text(load_profile(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_closed_and_types_every_field(name: str) -> None:
    schema = schemas.profile_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["profile"]["const"] == name
    for part in objects(schema):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        for field in part["properties"].values():
            assert field["type"] in ("string", "integer", "boolean", "array")
            assert field["type"] != "array" or field["minItems"] >= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seen", [True, False])
def test_a_sample_meets_its_schema(name: str, seen: bool) -> None:
    row = row_of(name)
    if not seen:
        if name in BY_MODELS:
            pytest.skip("it has no samples without a model's work")
        row = bare(row)
        if "shots" in row:
            row = with_values(row, shots=row["shots"][:1], frames=20)
    profile = load_profile(name)
    assert profile.find_unmet(row) is None
    common = {
        **common_of(row, PEOPLE.get(name)),
        "frames": row.get("frames", 0) if "shots" in row else 0,
    }
    sample = profile.make_sample(common, row)
    data = rfc8785.dumps(sample.model_dump(mode="json"))
    validator(name).validate(json.loads(data))
    assert profile.parse_sample(data) == sample
    assert b"." not in b"".join(part for part in data.split(b'"')[::2])  # no fractions


@pytest.mark.parametrize("name", NAMES)
def test_loaders_find_the_same_types_in_every_sample(name: str) -> None:
    """A sample with model captions and one without, each read alone, as a loader's first one."""
    row = row_of(name)
    lone = with_values(row, shots=[shot(0, 50, "", 0.0)]) if "shots" in row else row
    full, empty = (
        pyarrow.json.read_json(io.BytesIO(rfc8785.dumps(make_json(name, one)) + b"\n")).schema
        for one in (row, lone if name in BY_MODELS else bare(lone))
    )
    assert full == empty
    assert pyarrow.null() not in full.types


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_required_and_typed(name: str) -> None:
    sample, profile, check = make_json(name, row_of(name)), load_profile(name), validator(name)
    assert check.is_valid(sample)
    for field, value in sample.items():
        others: list[Any] = [None, 1.5, str(value) + "\n" if isinstance(value, int) else 7, {}, []]
        without = {key: kept for key, kept in sample.items() if key != field}
        for changed in [without, *({**sample, field: other} for other in others)]:
            assert not check.is_valid(changed), field
            with pytest.raises(SampleError, match=field):
                profile.parse_sample(json.dumps(changed).encode())
    with pytest.raises(SampleError, match="extra: Extra inputs are not permitted"):
        profile.parse_sample(json.dumps({**sample, "extra": ""}).encode())
    assert not check.is_valid({**sample, "extra": ""})


_ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**55), 2**55),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value % 1 != 0),
    st.sampled_from(["", "x", "16:9", "model", "RF", "mp4", "0" * 24, "f" * 64, "2020-01-01"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=70),
    st.lists(st.sampled_from([{}, {"source": "model", "text": "x", "score_bp": 1}, 3]), max_size=2),
)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_schema_and_model_agree(name: str, data: st.DataObject) -> None:
    """The code and the schema accept the same values in every field."""
    sample = make_json(name, row_of(name))
    field = data.draw(st.sampled_from(sorted(sample)))
    changed = {**sample, field: data.draw(_ANYTHING)}
    valid = validator(name).is_valid(changed)
    try:
        load_profile(name).parse_sample(json.dumps(changed).encode())
    except SampleError as error:
        # A JSON Schema cannot express that the shots cover the film.
        assert not valid or any(one in str(error) for one in BEYOND_SCHEMAS)
    else:
        assert valid


def unmet_reason(name: str, row: UnitRow) -> str:
    unmet = load_profile(name).find_unmet(row)
    return unmet.reason if unmet else ""


@pytest.mark.parametrize("name", NAMES)
def test_an_asset_without_any_caption_is_refused(name: str) -> None:
    row = row_of(name)
    assert unmet_reason(name, only(row, "model")) == ""
    assert unmet_reason(name, only(row)) == "profile.no_caption"
    assert unmet_reason(name, bare(only(row, "model"))) == "profile.no_caption"
    if load_profile(name).media_type == "image":
        for source in ("title", "description", "keywords"):
            assert unmet_reason(name, bare(only(row, source))) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"frames": 1}, "profile.not_moving"),
        ({"film_ms": 0}, "profile.not_moving"),
        ({"fps_num": 0}, "profile.no_frame_rate"),
        ({"shots": [shot(n, n + 1, "x", 0.1) for n in range(65)]}, "profile.too_many_shots"),
        ({"shots": [shot(0, 20, "x", 0.1), shot(20, 50, "", 0.0)]}, "profile.no_shot_captions"),
        ({"shots": [shot(0, 50, "", 0.0)]}, ""),
    ],
)
def test_films_that_do_not_meet_the_profile(changes: Row, reason: str) -> None:
    row = film_row(**changes)
    assert unmet_reason("video-text", row) == reason
    if reason in ("profile.not_moving", "profile.too_many_shots", "profile.no_frame_rate"):
        common = {**common_of(row), "frames": row["frames"], "duration_ms": row["film_ms"]}
        with pytest.raises(SampleError):
            load_profile("video-text").make_sample({**common, "fps_num": row["fps_num"]}, row)


def test_captions_of_pictures_are_in_separate_fields() -> None:
    sample = make_json("image-text", picture_row())
    assert sample["caption"] == sample["short_caption"] == "a red boat on water"
    assert sample["contributor_caption"] == "A red boat"
    assert sample["short_caption_score_bp"] == sample["clip_score_bp"] == 3127
    assert sample["contributor_caption_score_bp"] == 2500
    assert (sample["dense_caption"], sample["dense_caption_score_bp"]) == ("", 0)
    assert sample["aspect_bucket"] == "4:3"


@pytest.mark.parametrize(
    ("row", "share"),
    [
        (picture_row(), 9500),
        (only(picture_row(), "title", "model"), 9500),
        (only(picture_row(), "keywords", "model"), 10_000),
        (bare(picture_row()), 0),
    ],
)
def test_the_share_of_synthetic_captions(row: UnitRow, share: int) -> None:
    assert make_json("image-text", row)["p_synthetic_bp"] == share


def test_without_a_model_the_contributors_caption_is_recommended() -> None:
    sample = make_json("image-text", bare(only(picture_row(), "description", "keywords")))
    assert (sample["caption"], sample["caption_source"]) == (
        "A boat at its mooring.",
        "description",
    )
    assert sample["short_caption"] == ""
    assert sample["clip_score_bp"] == 0


def test_every_caption_has_its_source() -> None:
    row = picture_row()
    row["captions"][-1]["model"] = "coca@sha256-12@fp32"
    sample = make_json("caption-only", row)
    assert [
        (one["source"], one["model"], one["version"], one["language"], one["score_bp"])
        for one in sample["captions"]
    ] == [
        ("title", "", "", "en", 2500),
        ("description", "", "", "en", 2000),
        ("keywords", "", "", "en", 3000),
        ("model", "coca", "sha256-12@fp32", "en", 3127),
    ]
    alone = make_json("caption-only", bare(only(row, "title", "model")))
    assert [one["source"] for one in alone["captions"]] == ["title"]


SOURCES = ("title", "description", "keywords", "model")


@given(scores=st.lists(st.integers(-3, 3), min_size=1, max_size=4))
def test_the_caption_with_the_best_score_is_recommended(scores: list[int]) -> None:
    """Ties go to the source that comes first, also if the scores differ by less than 0.0001."""
    found = dict(zip(SOURCES, scores, strict=False))
    said = [
        caption(source, f"by {source}", score / 10 + 1e-6 * at)
        for at, (source, score) in enumerate(found.items())
    ]
    sample = make_json("image-text", picture_row(captions=said))
    best = max(scores)
    expected = next(source for source, score in found.items() if score == best)
    assert (sample["caption_source"], sample["caption"]) == (expected, f"by {expected}")
    assert sample["clip_score_bp"] == best * 1000


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("title", 0.1, []), ("zero-shot", 0.9, [])], "title"),
        ([("model", 0.9, ["person"]), ("title", -0.1, [])], "title"),
        ([("model", 0.9, ["person"]), ("zero-shot", 0.1, [])], "zero-shot"),
        ([("model", 0.1, ["person"]), ("zero-shot", 0.9, ["person"])], "model"),
        ([("model", 0.1, ["email"])], "model"),
    ],
)
def test_flagged_and_zero_shot_captions_are_recommended_only_without_others(
    said: list[tuple[str, float, list[str]]], expected: str
) -> None:
    made = [caption(source, f"by {source}", score, flags=flags) for source, score, flags in said]
    sample = make_json("image-text", picture_row(captions=made))
    assert sample["caption_source"] == expected
    flagged = any(flags for source, _, flags in said if source == "model")
    assert not flagged or (sample["short_caption"], sample["p_synthetic_bp"]) == ("", 0)


def test_shots_of_a_film() -> None:
    sample = make_json("video-text", film_row())
    assert [one["caption"] for one in sample["shots"]] == ["a red boat", "a green tree"]
    assert sample["shots"][1]["start_ms"] == 800
    assert sample["motion_milli"] == 1234
    alone = film_row(shots=[shot(0, 50, "", 0.0)])
    assert make_json("video-text", bare(alone))["shots"][0]["caption"] == "A red boat"


@pytest.mark.parametrize(
    "borders", [[(0, 20), (21, 50)], [(0, 20)], [(1, 50)], [(0, 30), (20, 50)], [(0, 50), (50, 50)]]
)
def test_shots_that_do_not_cover_the_film(borders: list[tuple[int, int]]) -> None:
    row = film_row(shots=[shot(first, end, "x", 0.1) for first, end in borders])
    with pytest.raises(SampleError, match="the shots do not cover the film's frames in order"):
        make_json("video-text", row)


@pytest.mark.parametrize("cosine", [1.0000001, -1.0000001])
def test_a_score_stays_within_its_bounds(cosine: float) -> None:
    bound = 10_000 if cosine > 0 else -10_000
    row = picture_row(captions=[caption("model", "a boat", cosine)])
    assert make_json("image-text", row)["clip_score_bp"] == bound


def test_pictures_in_a_film_deal_use_the_companion_profile() -> None:
    def named(name: str, kind: str) -> str | None:
        found: Profile | None = profile_for(name, kind)
        return found.name if found else None

    assert named("video-text", "image") == "image-text"
    assert named("video-text", "video") == "video-text"
    assert named("image-text", "video") is None
    assert schemas.profile_media("video-text") == {"image": "image-text", "video": "video-text"}
    assert schemas.profile_media("caption-only") == {"image": "caption-only"}


@pytest.mark.parametrize("name", ["", "image_text", "base", "../x", "nothing"])
def test_an_unknown_profile_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"Unknown profile: .*caption-only, first-last-frame"):
        load_profile(name)


def test_a_film_whose_sound_was_removed_is_not_silent() -> None:
    sample = make_json("video-text", film_row())
    assert (sample["sound"], sample["silent"], sample["silent_ms"]) == ("decoded", "0-1200", 1200)
    without = with_values(film_row(), rendition="audio=drop soundless-v1", audio_codec="")
    sample = make_json("video-text", without)
    assert (sample["sound"], sample["silent"], sample["silent_ms"]) == ("none", "", 0)
    assert sample["black_ms"] == film_row()["black_ms"]
