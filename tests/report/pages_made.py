"""Deliveries of any size for the tests of pages: only what the pages read of them."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ledger.signed_note import FileKey
from pipelines.report.pages.agency import RunFacts
from pipelines.report.pages.buyer import DeliveryFacts
from pipelines.report.pages.excluded import Exclusions
from pipelines.report.pages.money import Payout, VersionLine, VersionMoney
from pipelines.report.pages.samples import Owner, survey_samples
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import Decision
from pipelines.run.status import RunState, RunStatus
from pipelines.storage.store import Store
from pipelines.storage.tables import write_table
from pipelines.verify.report import Report
from schemas import layout
from schemas.manifest import DealRecord, EndRecord, LedgerRecord, Manifest, ModelRecord, ShardRecord
from schemas.reason_info import Outcome, Stage

HOSTILE = '</script><img src=x onerror="alert(1)">=cmd|x'
# A grey pixel, JPEG, made by hand: what a thumbnail is does not matter to the page.
PIXEL = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsL"
    "EBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)
SIGNER = FileKey("agency.example", bytes(range(32)))


def samples_table(count: int) -> pa.Table:
    """Samples of which the first has a hostile caption, and every tenth is a film."""
    numbers = range(count)
    captions = [f"A small drawing number {n} beside a tree on a hill, in the rain" for n in numbers]
    captions[:1] = [HOSTILE]
    return pa.table(
        {
            "key": [f"{n:024x}" for n in numbers],
            "shard": [f"acme-{n // 5000:05d}" for n in numbers],
            "media_type": ["video" if n % 10 == 9 else "image" for n in numbers],
            "caption": captions,
            "caption_source": [("title", "model")[n % 2] for n in numbers],
            "caption_model": ["" if n % 50 == 49 else "m" for n in numbers],
            "licence_model": [("RF", "RM")[n % 3 == 2] for n in numbers],
            "licence_class": ["creative"] * count,
            "licence_code": [""] * count,
            "usable_until": ["" if n % 7 else "2031-05-01" for n in numbers],
            "digital_source_type": ["digitalCapture"] * count,
            "ai_generated": ["no"] * count,
            "clip_score": pa.array([(n % 1000) / 1000 for n in numbers], pa.float32()),
            "width": pa.array([1920] * count, pa.int32()),
            "height": pa.array([1080] * count, pa.int32()),
            "duration_ms": pa.array([2500 if n % 10 == 9 else 0 for n in numbers], pa.int64()),
            "status": ["success"] * count,
        }
    )


def manifest(samples: int) -> Manifest:
    return Manifest(
        fairshard_manifest=4,
        delivery="acme/v0001",
        as_of="2026-06-30T23:59:59+00:00",
        run_id="r",
        deal=DealRecord(
            deal_id="acme",
            buyer="Acme <Models>",
            purposes=["train_gen"],
            territory=["DE", "NO"],
            starts="2026-07-01",
            ends="2029-07-01",
            profile="image-text",
            terms_sha256="0" * 64,
        ),
        models=ModelRecord(clip="m", captioner="m", demonstration=False, notice=""),
        shards=[
            ShardRecord(name="acme-00000", family="jpg", samples=samples, bytes=9, sha256="0" * 64)
        ],
        ledger=LedgerRecord(entries=samples, root="0" * 64, origin="agency.example/acme/v0001"),
        files=[],
        vkey=SIGNER.vkey,
        end=EndRecord(shards=1, samples=samples, files=3, bytes=12_345_678),
    )


def delivery(store: Store, count: int, *, of_agency: bool) -> DeliveryFacts:
    write_table(store, layout.SAMPLES_TABLE, samples_table(count))
    owners = {f"{n:024x}": Owner(f"a-{n}", (f"c-{n % 40}",)) for n in range(count)}
    survey = survey_samples(store, owners if of_agency else None)
    pictures = dict.fromkeys(range(0, count, max(1, count // 200)), PIXEL)
    report = Report(files=3, bytes=12, shards=1, samples=count, entries=count)
    return DeliveryFacts(manifest(count), survey, pictures, report)


def run(store: Store, samples: int, excluded: int) -> RunFacts:
    """A run whose exclusions are of two reasons, one of them alone in every other asset."""
    exclusions = Exclusions()
    exclusions.outcomes[Outcome.DELIVERED.value] = samples
    for n in range(excluded):
        reasons = ("consent.missing",) if n % 2 else ("consent.missing", "people.unknown_count")
        exclusions.add(
            Decision(f"x-{n}", Outcome.REFUSED, Stage.SCREEN, reasons, f"c-1; {HOSTILE}")
        )
    counts = StepCounts(entered=samples + excluded, passed=samples, refused_assets=excluded)
    status = RunStatus(
        "acme", "v0001", "r", RunState.DELIVERED, "out/acme/v0001/delivery",
        {"read": StepCounts(samples + excluded, samples + excluded), "screen": counts}, None, None,
    )  # fmt: skip
    lines = tuple(Payout(f"c-{n}", 3, 1_000_00 - n) for n in range(40))
    money = VersionMoney("USD", 10_000_000, 4_000_000, 6_000_000, 0, (("fee", 1),), lines, {})
    versions = [
        VersionLine(
            "v0001", "2026-06-30", samples, "price", "", "", 10_000_000, 4_000_000, 6_000_000, "USD"
        ),
        VersionLine(
            "v0002", "2026-07-30", samples, "price", "v0001", "", 10, 4, 6, "USD", 1, 2, 1, 3, -50
        ),
    ]
    pairs = [("a-1", "a-2", "duplicate.near", True)]
    return RunFacts(
        status, exclusions, versions, pairs, money, delivery(store, samples, of_agency=True),
        "decisions.csv", "catalogue-checks.html",
    )  # fmt: skip
