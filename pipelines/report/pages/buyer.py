"""The page about a delivery, for its buyer: nothing on it is not in the delivery itself."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.ledger.ed25519 import parse_vkey
from pipelines.report.pages.frame import make_page
from pipelines.report.pages.parts import text
from pipelines.report.pages.samples import SampleSurvey, gallery_json
from pipelines.report.pages.sections import (
    gallery,
    integrity,
    integrity_words,
    length_text,
    mix,
    shards,
    size_text,
    tiles,
)
from pipelines.verify.report import Report
from schemas.errors import counted
from schemas.manifest import Manifest


@dataclass(frozen=True)
class DeliveryFacts:
    """What a delivery says about itself.

    Attributes:
        manifest: Its manifest; its signature is valid.
        survey: Its samples.
        thumbnails: Small pictures of them, JPEG in base64, by the sample's number.
        report: What `verify` found; None if it was not run.
    """

    manifest: Manifest
    survey: SampleSurvey
    thumbnails: dict[int, str]
    report: Report | None


def buyer_page(facts: DeliveryFacts) -> bytes:
    """Returns the page, UTF-8. It names no contributor and nothing that was left out."""
    manifest, survey = facts.manifest, facts.survey
    words, kind = integrity_words(facts.report)
    lead = (
        f'<p class="verdict {kind}">{text(counted(survey.samples, "sample"))} delivered; '
        f"{text(words)}.</p>\n"
    )
    films = [("Films, length", length_text(survey.duration_ms))] if survey.duration_ms else []
    head = tiles(
        ("Samples", f"{survey.samples:,}"),
        ("Shards", f"{manifest.end.shards:,}"),
        ("Size", size_text(manifest.end.bytes)),
        *films,
        ("Rights as of", manifest.as_of[:10]),
    )
    key = parse_vkey(manifest.vkey)
    body = [
        gallery(survey, len(facts.thumbnails), of_agency=False),
        mix(survey, manifest),
        shards(manifest),
        integrity(facts.report, manifest.vkey, key.fingerprint),
    ]
    return make_page(
        title=f"Delivery {manifest.delivery}",
        by=f"For {manifest.deal.buyer}, from {key.name}",
        lead=lead + head,
        sections=body,
        data={"samples": gallery_json(survey), "thumbnails": facts.thumbnails},
    )
