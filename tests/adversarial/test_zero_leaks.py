"""Refused assets never reach a shard, are not fetched needlessly, and have the right reasons.

A catalogue is planted with traps whose expected decisions are listed with them. Local servers serve
its media and count requests. The real command packages it, and then all of its output is compared
with the plan.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from functools import cached_property
from typing import Any

import pytest

from tests.adversarial.run import WORKERS, AdversaryRun, run_adversary
from tests.adversarial.search import samples, searchable_content
from tests.adversarial.terms import (
    ASSET_WORD,
    CONTRIBUTOR_WORD,
    INFERENCE,
    PACK_WITHOUT_INFERENCE,
    PAYEE_WORD,
    RELEASE_WORD,
    REQUIRE_INFERENCE,
    STRICT_RULES,
    TRAIN_GEN,
)
from tests.end_to_end.command import fairshard

_SIDE_PATHS = ("/robots.txt", "/.well-known/tdmrep.json", "/train.xml", "/paid.xml", "/gone.xml")
_ATTEMPTS = 3  # for requests that fail with status 500
_MARKER = re.compile(rb"MARKER-[0-9a-f]{24}")
# Ids, payees and servers must not reach the buyer, in upper or lower case.
_SECRETS = re.compile(
    "|".join(
        (ASSET_WORD, CONTRIBUTOR_WORD, RELEASE_WORD, PAYEE_WORD, r"Person kontr", r"127\.0\.0\.1")
    ).encode(),
    re.IGNORECASE,
)
_SLOW = pytest.mark.slow


class RunResults:
    """The output of a run, each part read once."""

    def __init__(self, run: AdversaryRun) -> None:
        self.run = run
        self.plan = run.plan
        self.delivered = [asset for asset in run.plan.assets if asset.outcome == "delivered"]

    @cached_property
    def published(self) -> Any:
        """The steps' counts in the agency's folder, by name."""
        assert b"refused" not in (self.run.delivery / "MANIFEST.json").read_bytes()
        return json.loads((self.run.version / "agency" / "counts.json").read_bytes())["steps"]

    @cached_property
    def samples(self) -> list[dict[str, Any]]:
        """The samples as webdataset reads them."""
        return samples(self.run.delivery)

    @cached_property
    def sample_of(self) -> dict[int, dict[str, Any]]:
        """Samples by the number of the asset whose marker they contain."""
        numbers = {self.plan.marker(asset): asset.number for asset in self.plan.assets}
        found = {}
        for sample in self.samples:
            [text] = set(_MARKER.findall(sample["media"]))
            found[numbers[text]] = sample
        return found


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((1, 2_000, REQUIRE_INFERENCE), id="require"),
        pytest.param((3, 2_000, STRICT_RULES), id="no rule diverted", marks=_SLOW),
        pytest.param((2, 100_000, PACK_WITHOUT_INFERENCE), id="large, pack-without", marks=_SLOW),
    ],
)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    seed, rows, terms = request.param
    run = run_adversary(tmp_path_factory.mktemp("adversary"), seed, rows, terms)
    timings = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.seconds.items())
    peak = run.peak_bytes / 2**20
    print(f"\nseed {seed}, {rows:,} rows, {WORKERS} workers: {timings}; peak {peak:,.0f} MiB")
    return RunResults(run)


def test_every_row_has_its_planted_outcome_and_reasons(results: RunResults) -> None:
    planted: Counter[tuple[str, str, str, tuple[str, ...]]] = Counter()
    why: dict[str, str] = {}
    for asset in results.plan.assets:
        reasons = tuple(sorted(asset.reasons))
        planted[asset.asset_id, asset.outcome, asset.stage, reasons] += 1
        why[asset.asset_id] = asset.description
    found = Counter(
        (row["asset_id"], row["outcome"], row["stage"], tuple(sorted(row["reasons"])))
        for row in results.run.agency("decisions")
    )
    wrong = [
        f"{asset_id!r}: planted {outcome} {stage} {reasons} by {why[str(asset_id)]}"
        for asset_id, outcome, stage, reasons in list(planted - found)[:20]
    ]
    assert not wrong, "\n".join([*wrong, *map(repr, list(found - planted)[:20])])
    assert planted == found


def test_media_that_the_catalogue_refuses_is_never_requested(results: RunResults) -> None:
    requests = results.run.log.requests
    counts: Counter[str] = Counter()
    for asset in results.plan.assets:
        times = requests[asset.role.site, asset.path]
        # A file is fetched once to enrich it, and once more to write a shard.
        usual = 2 if asset.outcome == "delivered" else 1
        most = max(usual, asset.role.max_requests) if asset.role.failure_reason else usual
        least = min(usual, most) if asset.role.max_requests else 0
        if not asset.fetched:
            least = most = 0
        elif not asset.role.max_requests:
            most = 0
        assert least <= times <= most, (asset.asset_id, asset.description, times)
        counts["for refused assets" if not asset.fetched else "for media"] += times
    for (site, path), times in requests.items():
        if path in _SIDE_PATHS:
            # A worker asks once for the decisions and once for the shards: both answers count.
            assert times <= 2 * WORKERS * (_ATTEMPTS if site == "broken" else 1), (site, path)
            counts["for policy files"] += times
    print(f"\nrequests: {dict(counts)}")
    assert counts["for refused assets"] == 0
    assert counts.total() == requests.total()  # there were no other requests


def test_the_shards_contain_exactly_the_planted_media(results: RunResults) -> None:
    assert results.sample_of.keys() == {asset.number for asset in results.delivered}
    assert len(results.samples) == len(results.delivered)
    for sample in results.samples:
        digest = hashlib.sha256(sample["media"]).hexdigest()
        assert digest == sample["json"]["media_sha256"]
    for asset in results.delivered:
        if "C2PA" not in asset.role.name:  # these are signed again each time
            served = results.plan.answer_for(asset).body
            assert results.sample_of[asset.number]["media"] == served, asset.description


def test_no_byte_of_a_refused_file_and_no_id_is_in_the_delivery(results: RunResults) -> None:
    allowed = {results.plan.marker(asset) for asset in results.delivered}
    markers: set[bytes] = set()
    searched = 0
    for name, data in searchable_content(results.run.delivery):
        secret = _SECRETS.search(data)
        assert secret is None, (name, secret)
        markers |= set(_MARKER.findall(data))
        searched += len(data)
    assert markers == allowed
    # The search itself works: it finds ids in the agency's own tables.
    own = results.run.version / "agency"
    assert any(_SECRETS.search(data) for _, data in searchable_content(own))
    print(f"\n{searched:,} bytes searched, {len(markers):,} markers")


def test_captions_and_constraints_are_as_planted(results: RunResults) -> None:
    for asset in results.delivered:
        sample = results.sample_of[asset.number]["json"]
        by_model = [one["source"] for one in sample["captions"] if one["model"]]
        assert bool(by_model) == asset.captioned, (asset.asset_id, asset.description)
        assert bool(sample["caption_model"]) == asset.captioned, (asset.asset_id, asset.description)
        if not asset.captioned:
            assert sample["caption_source"] == "title", (asset.asset_id, asset.description)
        assert sample["alteration_constraints"] == asset.role.constraints, asset.description


def test_every_overridden_objection_is_recorded_with_its_agreement(results: RunResults) -> None:
    planted = {
        (asset.asset_id, *override) for asset in results.delivered for override in asset.overridden
    }
    delivered = {asset.asset_id: asset for asset in results.delivered}
    needed = results.plan.terms.needed
    found = set()
    for row in results.run.agency("signals"):
        asset = delivered.get(row["asset_id"])
        if asset is None or row["kind"] != "signal" or row["purpose"] not in (TRAIN_GEN, INFERENCE):
            continue
        if row["value"] in ("deny", "conditional"):
            if row["overridden_by"]:
                found.add((row["asset_id"], row["origin"], row["purpose"], row["overridden_by"]))
            else:
                assert row["purpose"] not in needed, row
                assert not asset.captioned, row
    assert planted
    assert found == planted
    details = {row["asset_id"]: row["detail"] for row in results.run.agency("decisions")}
    assert all(ref in details[asset_id] for asset_id, _, _, ref in planted)


def test_the_counts_reconcile(results: RunResults) -> None:
    run, assets = results.run, results.plan.assets
    for steps in (run.summary["steps"], results.published):
        entered = len(assets)
        for stage in ("read", "screen", "enrich", "select", "write"):
            of_stage = [asset for asset in assets if asset.stage == stage]
            refused = [asset for asset in of_stage if asset.outcome == "refused"]
            dead = [asset for asset in of_stage if asset.outcome == "dead_letter"]
            step = steps[stage]
            passed = entered - len(refused) - len(dead)
            assert step["entered"] == entered
            assert (step["refused"], step["dead_letters"]) == (len(refused), len(dead))
            assert step["passed"] == passed
            assert step["refused_by_reason"] == Counter(
                reason for asset in refused for reason in asset.reasons
            )
            entered = passed
        assert entered == len(results.delivered)
    print(f"\n{len(assets):,} rows, {len(results.delivered):,} delivered")


def test_the_delivery_verifies(results: RunResults) -> None:
    ended = fairshard("verify", results.run.delivery, "--json", "--allow-unpinned")
    assert ended.code == 0, ended.out
