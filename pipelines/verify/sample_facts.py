"""What a sample's fields say that other fields, its row or the manifest say too.

A field of a signed delivery is worth what it can be compared with. Those that nothing else shows,
such as a licence's class, are listed in docs/verify.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.profiles.aspect import aspect_bucket
from pipelines.profiles.captions import BASIS_POINTS, draws_synthetic
from schemas.canonical import canonical_json
from schemas.manifest import Manifest
from schemas.measures import MEASURE_NAMES, UNMEASURED
from schemas.profiles.common import Caption, CommonSample
from schemas.rights import DIGITAL_SOURCE_TYPES

_KEY_HEX = 24  # of the asset's commitment
_OWN_WORDS = ("title", "description")
_STILL = {"duration_ms": 0, "fps_num": 0, "fps_den": 1, "frames": 0}
_GENERATED = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True)
class Stated:
    """What the manifest says about every sample.

    Attributes:
        deal_id: The deal.
        profile: The deal's profile.
        clip: The model that computed scores and embeddings.
        captioner: The model that wrote captions.
        ends: The deal's last day, ISO 8601.
    """

    deal_id: str
    profile: str
    clip: str
    captioner: str
    ends: str

    @classmethod
    def by(cls, manifest: Manifest) -> Stated:
        """Returns what a manifest says."""
        deal, models = manifest.deal, manifest.models
        return cls(deal.deal_id, deal.profile, models.clip, models.captioner, deal.ends)


def contradictions(sample: CommonSample, data: bytes, family: str, stated: Stated) -> Iterator[str]:
    """Yields what is wrong with a sample by its own fields and by the manifest.

    Args:
        sample: The sample, which matches its profile.
        data: Its JSON.
        family: The file extension of its shard's media.
        stated: What the manifest says.
    """
    if canonical_json(sample.model_dump(mode="json")) != data:  # such as a name that is there twice
        yield "its JSON is not in the canonical form"
    generated = _GENERATED[DIGITAL_SOURCE_TYPES.get(sample.digital_source_type)]
    bucket = aspect_bucket(sample.width, sample.height)
    seen = bool(sample.clip_model)
    wanted: dict[str, object] = {
        "key": sample.asset[:_KEY_HEX],
        "format": family,
        "deal_id": stated.deal_id,
        "ai_generated": generated,
        "aspect_bucket": bucket,
        "clip_model": stated.clip if seen else "",
        "caption_model": stated.captioner if seen else "",
        **_own_caption(sample),
        **_short_caption(sample),
        **(_STILL if sample.media_type == "image" else {}),
    }
    for name, value in wanted.items():
        if (found := getattr(sample, name, value)) != value:
            yield f"{name} is {str(found)[:80]!r}, and {str(value)[:80]!r} follows from the rest"
    if sample.usable_until > stated.ends:
        yield f"usable_until is {sample.usable_until}, and the deal ends on {stated.ends}"
    if len(_listed(sample.tags)) != len(_listed(sample.tag_scores_bp)):
        yield "tags and tag_scores_bp have different lengths"
    yield from _caption_faults(sample)


def differing_measures(sample: CommonSample, row: Mapping[str, object]) -> list[str]:
    """Returns the measures that a sample's JSON and its row in the table say differently."""
    differing = []
    for name in MEASURE_NAMES:
        value, found = row[name], getattr(sample, name)
        wanted: object = UNMEASURED if value is None else value
        if name == "watermark":
            wanted = "unknown" if value is None else "yes" if value else "no"
        if found != wanted:
            differing.append(name)
    if (motion := getattr(sample, "motion_milli", row["motion_milli"])) != row["motion_milli"]:
        differing.append(f"motion_milli ({motion})")
    return differing


def _own_caption(sample: CommonSample) -> dict[str, object]:
    own = next((one for one in sample.captions if one.source in _OWN_WORDS), None)
    text, score = ("", 0) if own is None else (own.text, own.score_bp)
    return {"contributor_caption": text, "contributor_caption_score_bp": score}


def _short_caption(sample: CommonSample) -> dict[str, object]:
    short = next((one for one in sample.captions if _is_model_s(one)), None)
    text, score = ("", 0) if short is None else (short.text, short.score_bp)
    return {"short_caption": text, "short_caption_score_bp": score}


def _caption_faults(sample: CommonSample) -> Iterator[str]:
    """Yields whether the recommended caption is none of the sample's, or not the one to recommend.

    Only some profiles state the share that the draw between a contributor's and a model's depends
    on.
    """
    said = (sample.caption_source, sample.caption, sample.clip_score_bp)
    own = [one for one in sample.captions if (one.source, one.text, one.score_bp) == said]
    if not own:
        yield "its caption is not one of its captions, or has another score there"
        return
    share_bp = getattr(sample, "p_synthetic_bp", 0)
    if 0 < share_bp < BASIS_POINTS:
        expected = draws_synthetic(sample.asset, share_bp)
        if (sample.caption_source == "model") != expected:
            kind = "model" if expected else "contributor"
            yield f"its caption is of {sample.caption_source}, but the draw says {kind}"
            return
    rivals = [one for one in sample.captions if _kind(one) == _kind(own[0])]
    if _rank(own[0]) < max(map(_rank, rivals)):
        yield "its caption is not the best of its kind"


def _kind(caption: Caption) -> str:
    return "model" if _is_model_s(caption) else "own" if caption.source in _OWN_WORDS else "rest"


def _is_model_s(caption: Caption) -> bool:
    return caption.source == "model" and not caption.flags


def _rank(caption: Caption) -> tuple[bool, bool, int]:
    """Orders captions of a kind as pipelines.profiles.captions does."""
    return not caption.flags, caption.source != "zero-shot", caption.score_bp


def _listed(text: str) -> list[str]:
    return text.split("; ") if text else []
