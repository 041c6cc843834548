"""What the survey of the feature store says, and that tidying it loses nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features import survey
from pipelines.features.frame_vectors import frame_vectors_table, save_vectors
from pipelines.features.store import (
    DIGEST_CACHE_MODEL,
    FACTS_MODEL,
    MEASURES_MODEL,
    FeaturesGoneError,
    FeatureTable,
    open_feature_store,
    read_feature_file,
)
from pipelines.features.survey import compact_table, read_content, survey_features
from pipelines.run.job import Job
from pipelines.signals.file.embedded import READER_VERSION
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.deal import parse_deal
from schemas.errors import RunError
from schemas.features import SCORES_SCHEMA, ScoreRow
from schemas.file_features import DIGEST_CACHE_SCHEMA, DigestCacheRow, RenditionRow
from schemas.measures import (
    FACES_SCHEMA,
    PROMPT_SCORES_SCHEMA,
    FacesRow,
    PictureMeasures,
    PromptScoresRow,
)
from tests.schemas.deal_cases import LEAST

KEYS = st.sampled_from(["a", "b", "c"])
RANGES = st.sampled_from([(0, 9), (10, 19), (0, 19)])
SAVES = st.lists(
    st.tuples(RANGES, st.lists(st.tuples(KEYS, st.integers(0, 3)), min_size=1, max_size=4)),
    max_size=8,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def scores(store: Store, model: str = "clip@1") -> FeatureTable[ScoreRow]:
    """Opens the table again each time, since an open table keeps its list of files."""
    return FeatureTable(store, "scores", model, SCORES_SCHEMA, ScoreRow)


def seen(store: Store) -> FeatureTable[DigestCacheRow]:
    return FeatureTable(store, "seen", DIGEST_CACHE_MODEL, DIGEST_CACHE_SCHEMA, DigestCacheRow)


def score(key: str, value: float = 0.5) -> ScoreRow:
    return {"score_key": key, "clip_score": value, "text_embedding": [1.0]}


def test_tables_say_what_computed_them(store: Store) -> None:
    features = open_feature_store(store, "clip@1", "cap@1", f"{READER_VERSION} trust", "strip x")
    features.scores.save(0, 9, [score("a")])
    features.scores.save(10, 19, [score("b")])
    features.readings.save(0, 9, [{"media_sha256": "a", "reading": "{}"}])
    features.digest_cache.save(0, 9, [{"state_key": "s", "media_sha256": "a", "format": "jpg"}])
    scores(store, "clip@0").save(0, 9, [score("a")])
    measures: PictureMeasures = {
        "sharpness_milli": 1,
        "brightness_milli": 1,
        "shadows_milli": 1,
        "highlights_milli": 1,
    }
    features.measures.save(0, 9, [{"media_sha256": "a", **measures}])
    for model in ("faces-v1 x shots", "faces-v0 x shots"):
        faces = FeatureTable(store, "faces", model, FACES_SCHEMA, FacesRow)
        faces.save(0, 9, [{"media_sha256": "a", "faces": 0}])
    prompted = FeatureTable(
        store, "prompt-scores", "clip@1 prompts x", PROMPT_SCORES_SCHEMA, PromptScoresRow
    )
    prompted.save(0, 9, [{"media_sha256": "a", "nsfw_milli": 1, "aesthetics_milli": 1}])
    found = {(table.kind, table.model): table for table in survey_features(store)}
    assert {key: table.state for key, table in found.items()} == {
        ("scores", "clip@1 with vectors"): "stale",  # no delivery was made with it
        ("scores", "clip@0"): "stale",
        ("readings", f"{READER_VERSION} trust"): "in use",
        ("seen", DIGEST_CACHE_MODEL): "in use",
        ("measures", MEASURES_MODEL): "in use",
        ("faces", "faces-v1 x shots"): "in use",
        ("faces", "faces-v0 x shots"): "stale",
        ("prompt-scores", "clip@1 prompts x"): "stale",
    }
    table = found["scores", "clip@1 with vectors"]
    assert len(table.files) == 2
    assert table.size_bytes == sum(len(store.read_bytes(item.key)) for item in table.files)
    assert read_content(store, table).rows == 2
    assert FACTS_MODEL not in {model for _, model in found}


RENDITION: RenditionRow = {
    "media_sha256": "a",
    "delivered_sha256": "b",
    "bytes": 1,
    "problem": "",
    "format": "jpg",
    "width": 1,
    "height": 1,
    "rendition": "",
    "codec": "",
    "audio_codec": "",
    "bitrate_bps": 0,
}
FILMS = "media = ['video']\nprofile = 'video-text'\nrender.films = 'remux'"
DEALS = ("", "render.images = 'all'", FILMS, "rights.personal_data = 'none'")


@pytest.mark.parametrize("more", DEALS)
@pytest.mark.parametrize("changed", ["", "renditions-v", "strip-v", "signals-v"])
def test_renditions_of_this_release_are_in_use(store: Store, more: str, changed: str) -> None:
    """A table is stale if any version in its identity is another, whatever the deal's terms."""
    deal = parse_deal(f"{LEAST}{more}", "a")
    job = SimpleNamespace(deal=deal, reader_id=f"{READER_VERSION} t")
    model = str(vars(Job)["rendition_id"].fget(job))
    assert not changed or changed in model
    model = model.replace(changed, f"{changed}0") if changed else model
    features = open_feature_store(store, "clip@1", "cap@1", f"{READER_VERSION} t", model)
    features.renditions.save(0, 9, [RENDITION])
    [table] = survey_features(store)
    assert (table.kind, table.model) == ("renditions", model)
    assert table.state == ("stale" if changed else "in use")


@pytest.mark.parametrize(
    ("profile", "clip", "state"),
    [
        ("structure-video", "clip@1", "in use"),
        ("structure-video", "clip@2", "stale"),
        ("structure-depth", "clip@1", "in use"),
        ("video-text", "clip@1", "stale"),
    ],
)
def test_embeddings_of_frames_are_used_by_their_deals(
    store: Store, monkeypatch: pytest.MonkeyPatch, profile: str, clip: str, state: str
) -> None:
    models = SimpleNamespace(clip=clip, captioner="cap@1")
    manifest = SimpleNamespace(models=models, deal=SimpleNamespace(profile=profile))
    version = SimpleNamespace(deal_id="a", version="v0001", manifest=manifest)
    monkeypatch.setattr(survey, "find_versions", lambda _: [version])
    save_vectors(frame_vectors_table(store, "clip@1", 2), 0, "d", np.ones((1, 4), np.float16))
    [table] = survey_features(store)
    assert (table.kind, table.model) == ("frames", "frames-v1 every=2 clip@1")
    assert (table.state, table.deals) == (state, ("a",) if state == "in use" else ())


@pytest.mark.parametrize("at", [0, 4, 40, -60, -1])
def test_a_changed_byte_is_found_wherever_it_is(store: Store, at: int) -> None:
    scores(store).save(0, 9, [score("a"), score("b")])
    [item] = store.list()
    data = bytearray(store.read_bytes(item.key))
    data[at] ^= 1
    store.write_bytes(item.key, bytes(data))
    with pytest.raises(RunError, match="damaged"):
        scores(store).load(0, 9)
    [table] = survey_features(store)
    content = read_content(store, table)
    assert content.rows == 0 and list(content.damaged) == [item.key]


@settings(max_examples=60, deadline=None)
@given(SAVES)
def test_joining_files_changes_nothing_that_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    saves: list[tuple[tuple[int, int], list[tuple[str, int]]]],
) -> None:
    store = open_store(str(tmp_path_factory.mktemp("features")))
    for (low, high), rows in saves:
        scores(store).save(low, high, [score(key, value / 4) for key, value in rows])
        cached: list[DigestCacheRow] = [
            {"state_key": key, "media_sha256": str(value), "format": "jpg"} for key, value in rows
        ]
        seen(store).save(low, high, cached)
    asked = [(0, 9), (10, 19), (5, 12), (0, 19), (20, 30)]
    before = [scores(store).load(*one) for one in asked]
    states = [{tuple(row.values()) for row in seen(store).rows(*one)} for one in asked]
    for table in survey_features(store):
        assert compact_table(store, table) == len({range_ for range_, _ in saves})
    # Which of two rows with one key is read may change only if neither file said which is later.
    after = [scores(store).load(*one) for one in asked]
    assert [one.keys() for one in after] == [one.keys() for one in before]
    assert [{tuple(row.values()) for row in seen(store).rows(*one)} for one in asked] == states
    files = {item.key for table in survey_features(store) for item in table.files}
    for table in survey_features(store):
        compact_table(store, table)
    assert {item.key for table in survey_features(store) for item in table.files} == files


def test_a_killed_joining_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        scores(store).save(0, 9, [score(f"{number}")])
    [table] = survey_features(store)

    def killed(_: Store, key: str) -> None:
        raise KeyboardInterrupt(key)

    with monkeypatch.context() as patched:
        patched.setattr(type(store), "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            compact_table(store, table)
    assert set(scores(store).load(0, 9)) == {"0", "1", "2"}
    [table] = survey_features(store)
    assert compact_table(store, table) == 1
    [table] = survey_features(store)
    assert read_content(store, table).rows == 3
    assert len(read_feature_file(store, table.files[0].key)) == 3


@pytest.mark.parametrize("done", range(5))
def test_two_joinings_at_once_lose_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """Another process joins the same files after this one has read `done` of them."""
    for number in range(4):
        scores(store).save(0, 9, [score(f"{number}", number / 4), score("all", number / 4)])
    expected = scores(store).load(0, 9)
    opened = scores(store)
    opened.load(20, 30)  # lists the files
    [table] = survey_features(store)
    read, calls = read_feature_file, []

    def slowly(store: Store, key: str) -> pa.Table:
        calls.append(key)
        if len(calls) == done + 1:
            with monkeypatch.context() as patched:
                patched.setattr(survey, "read_feature_file", read)
                compact_table(store, table)
        return read(store, key)

    with monkeypatch.context() as patched:
        patched.setattr(survey, "read_feature_file", slowly)
        for act in (lambda: compact_table(store, table), lambda: read_content(store, table)):
            try:
                act()
            except RunError as error:
                assert "Repeat this one" in str(error)
    assert scores(store).load(0, 9) == expected
    if done < 4:
        with pytest.raises(FeaturesGoneError):
            opened.load(0, 9)


def test_files_of_earlier_releases_are_read_unchecked(store: Store) -> None:
    scores(store).save(0, 9, [score("a")])
    [item] = store.list()
    store.write_bytes(f"{scores(store).prefix}/{0:016x}-{9:016x}-0123456789ab.parquet", b"PAR1")
    with pytest.raises(RunError, match="damaged"):
        scores(store).load(0, 9)
    earlier = f"{scores(store).prefix}/{0:016x}-{9:016x}-ba9876543210.parquet"
    store.write_bytes(earlier, store.read_bytes(item.key))
    store.delete(f"{scores(store).prefix}/{0:016x}-{9:016x}-0123456789ab.parquet")
    store.delete(item.key)
    assert set(scores(store).load(0, 9)) == {"a"}


@pytest.mark.parametrize(
    "name",
    [
        *("notes.parquet", "Copy of {}.parquet", "{} (1).parquet", "{}.sync-conflict-1.parquet"),
        *("zz-yy-xx.parquet", "-1-5-a.parquet", "kept/{}.parquet"),
    ],
)
def test_files_with_other_names_are_not_read_and_are_shown(store: Store, name: str) -> None:
    scores(store).save(0, 9, [score("a")])
    [item] = store.list()
    stem = item.key.rpartition("/")[2].removesuffix(".parquet")
    foreign = f"{scores(store).prefix}/{name.format(stem)}"
    other = FeatureTable(store, "scores", "clip@2", SCORES_SCHEMA, ScoreRow)
    other.save(0, 9, [score("b")])
    [copied] = store.list(other.prefix)
    store.write_bytes(foreign, store.read_bytes(copied.key))
    store.delete(copied.key)
    assert set(scores(store).load(0, 9)) == {"a"}
    own = next(one for one in survey_features(store) if one.prefix == scores(store).prefix)
    assert own.model == "clip@1"
    if not name.startswith("kept/"):
        assert read_content(store, own).damaged.keys() == {foreign}
    assert compact_table(store, own) == 1
    assert store.exists(foreign)
