"""Which shards the commands on a card name, for a delivery of several families."""

from __future__ import annotations

from pipelines.delivery.loading import loading_section
from schemas.manifest import ShardRecord

SHARDS = {
    "d-jpg-00000": 48,
    "d-jpg-00001": 70,
    "d-jpg-val-00000": 5,
    "d-mp4-00000": 12,
    "d-png-00000": 40,
    "d-webp-00000": 42,
}


def block(title: str) -> str:
    shards = [
        ShardRecord(name=name, family=name.split("-")[1], samples=count, bytes=1, sha256="00")
        for name, count in SHARDS.items()
    ]
    text = "\n".join(loading_section("d", shards))
    return text.partition(f"### {title}\n")[2].partition("\n### ")[0]


def test_the_trainer_gets_pictures_for_training_and_their_number() -> None:
    """Films and what is for validation are left out; ten steps see every sample once."""
    said = block("open_clip's trainer")
    urls = "d-jpg-{00000..00001}.tar::shards/d-png-{00000..00000}.tar::"
    assert f"'shards/{urls}shards/d-webp-{{00000..00000}}.tar'" in said
    assert "there are 200 samples" in said and "--batch-size 20 " in said
    assert "at most 4, the number of shards" in said


def test_dali_gets_the_largest_family_as_a_tuple() -> None:
    said = block("NVIDIA DALI")
    assert 'glob("shards/d-jpg-[0-9]*.tar")' in said and 'ext=["jpg", "txt", "json"]' in said
    assert "return tuple(members)" in said  # DALI refuses a list
