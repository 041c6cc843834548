"""The packaged demonstration model: its size, its vocabulary and its accuracy."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open

from pipelines.demo.model.evaluate import evaluate
from pipelines.demo.model.metrics import named_subject
from pipelines.demo.model.pictures import FIRST_CHECK_SEED, FIRST_HELD_OUT_SEED, FIRST_TRAIN_SEED
from pipelines.demo.model.vocabulary import learn_merges, write_vocabulary
from pipelines.demo.scenes.render import caption, draw_scene_spec, vocabulary
from pipelines.vision import demo_network
from pipelines.vision.models import ModelRef


def test_everything_packaged_fits_in_twelve_megabytes() -> None:
    sizes = {path.name: path.stat().st_size for path in demo_network.FOLDER.iterdir()}
    assert sum(sizes.values()) <= 12_000_000
    assert set(sizes) == {
        "MODEL_CARD.md",
        "fairshard-demo-bpe.txt.gz",
        "fairshard-demo.json",
        "fairshard-demo.safetensors",
        "vocabulary.toml",
    }


def test_the_vocabulary_has_one_token_per_word(tmp_path: Path) -> None:
    count = write_vocabulary(tmp_path / "again.gz", vocabulary())
    assert (tmp_path / "again.gz").read_bytes() == demo_network.VOCABULARY.read_bytes()
    encode = demo_network.tokenizer()
    for text in vocabulary():
        assert int((encode([text]) != 0).sum()) == 3, text  # start, one token, end
    text_config = demo_network.config()["text_cfg"]
    assert isinstance(text_config, dict)
    assert text_config["vocab_size"] == count == encode.eot_token_id + 1


def test_captions_survive_the_tokenizer() -> None:
    encode = demo_network.tokenizer()
    for seed in range(300):
        text = caption(draw_scene_spec(seed))
        tokens = encode([text])[0].tolist()
        assert encode.eot_token_id in tokens  # nothing was cut off
        inner = tokens[1 : tokens.index(encode.eot_token_id)]
        assert encode.decode(inner).strip() == text


def test_merges_of_a_small_example() -> None:
    # "ab" occurs twice, so it comes first; the others follow by spelling.
    assert learn_merges(["abc", "abd"]) == [("a", "b"), ("ab", "c</w>"), ("ab", "d</w>")]


def test_all_weights_are_half_precision() -> None:
    with safe_open(demo_network.FOLDER / demo_network.WEIGHTS_NAME, "pt") as file:
        assert {str(file.get_tensor(name).dtype) for name in file.keys()} == {"torch.float16"}  # noqa: SIM118  (not a dict)


def test_training_and_evaluation_use_separate_seeds() -> None:
    assert FIRST_TRAIN_SEED + 4_000_000 < FIRST_CHECK_SEED
    assert FIRST_CHECK_SEED + 4_000_000 < FIRST_HELD_OUT_SEED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two large striped red stars above a green fish", ("star", "red")),
        ("an orange butterfly at night", ("butterfly", "orange")),
        ("three white fish on a blue background", ("fish", "white")),
        ("four brown crosses", ("cross", "brown")),
        ("a red", ("", "red")),
        ("", ("", "")),
    ],
)
def test_the_subject_is_read_from_a_caption(text: str, expected: tuple[str, str]) -> None:
    assert named_subject(text) == expected


def test_held_out_figures(demo_model: ModelRef) -> None:
    """The packaged weights are as accurate as the model card says."""
    figures = evaluate(demo_model, 200)
    assert figures.retrieval_at_1 >= 0.85
    assert figures.subject >= 0.85
