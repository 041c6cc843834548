"""Packages an adversarial catalogue with the real command, and collects the output."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.catalogue import (
    AGREEMENTS_SCHEMA,
    ASSETS_SCHEMA,
    CONSENTS_SCHEMA,
    CONTRIBUTORS_SCHEMA,
    RELEASES_SCHEMA,
)
from tests.adversarial.plan import AdversaryPlan, PlannedRow
from tests.adversarial.planner import make_plan
from tests.adversarial.roles_server import SITES
from tests.adversarial.server import RequestLog, ServerAnswer, serving
from tests.adversarial.terms import AGREEMENT, AS_OF_TEXT, LATE_AGREEMENT, AdversaryTerms, deal_text
from tests.end_to_end.command import fairshard, tables

WORKERS = 2
_ROW_GROUP = 4_096


@dataclass(frozen=True)
class AdversaryRun:
    """A finished run.

    Attributes:
        plan: The planned catalogue.
        root: The folder with the catalogue, the deal and the output.
        log: The requests to the servers.
        summary: The command's JSON output.
        seconds: Duration of the steps, by name.
        peak_bytes: Peak memory of the largest process.
    """

    plan: AdversaryPlan
    root: Path
    log: RequestLog
    summary: Any
    seconds: dict[str, float]
    peak_bytes: int

    @property
    def version(self) -> Path:
        """The version's folder."""
        return self.root / "out" / self.plan.terms.name / "v0001"

    @property
    def delivery(self) -> Path:
        """The folder that the buyer receives."""
        return self.version / "delivery"

    def agency(self, table: str) -> list[dict[str, Any]]:
        """Returns the rows of a table that the agency keeps."""
        return list(tables(self.version / "agency" / table).to_pylist())


@contextmanager
def _sites(log: RequestLog, plans: list[AdversaryPlan]) -> Iterator[dict[str, str]]:
    """Starts the servers and yields their origins; `plans` may be filled after they start."""

    @lru_cache(maxsize=1)
    def files() -> dict[str, dict[str, PlannedRow]]:
        found: dict[str, dict[str, PlannedRow]] = defaultdict(dict)
        for asset in plans[0].assets:
            found[asset.role.site][asset.path] = asset
        return found

    @cache  # because signing a file again gives other bytes
    def answer(site: str, path: str) -> ServerAnswer:
        return plans[0].site(site, path, files()[site])

    with ExitStack() as stack:
        yield {
            site: stack.enter_context(serving(site, partial(answer, site), log)) for site in SITES
        }


def run_adversary(root: Path, seed: int, rows: int, terms: AdversaryTerms) -> AdversaryRun:
    """Plans a catalogue, serves its media and packages it; the command must succeed."""
    log, plans = RequestLog(), list[AdversaryPlan]()
    with _sites(log, plans) as origins:
        plans.append(make_plan(seed, rows, terms, origins))
        plan = plans[0]
        _write_catalogue(root / "catalogue", plan)
        contributors = plan.contributors
        text = deal_text(
            terms,
            list(origins.values()),
            contributors.covered_by(AGREEMENT),
            contributors.covered_by(LATE_AGREEMENT),
        )
        (root / "deal.toml").write_text(text, encoding="utf-8")
        began = time.monotonic()
        result = fairshard(
            *("package", "--catalogue", root / "catalogue", "--deal", root / "deal.toml"),
            *("--out", root / "out", "--as-of", AS_OF_TEXT, "--workers", WORKERS),
            *("--quiet", "--json"),
        )
        seconds = {
            "start, read and screen": log.first_s - began,
            "enrich": log.last_new_s - log.first_s,
            "select, write and publish": time.monotonic() - log.last_new_s,
            "all": time.monotonic() - began,
        }
    assert result.code == 0, result.err[-4_000:]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return AdversaryRun(plan, root, log, result.json, seconds, peak)


def _write_catalogue(folder: Path, plan: AdversaryPlan) -> None:
    folder.mkdir(parents=True)
    contributors = plan.contributors
    consents = [*contributors.consent_rows(), *plan.consents]
    _write(folder, "assets", [asset.row for asset in plan.assets], ASSETS_SCHEMA)
    _write(folder, "contributors", contributors.contributor_rows(), CONTRIBUTORS_SCHEMA)
    _write(folder, "consents", consents, CONSENTS_SCHEMA)
    _write(folder, "releases", plan.releases, RELEASES_SCHEMA)
    _write(folder, "agreements", contributors.agreement_rows(), AGREEMENTS_SCHEMA)


def _write(folder: Path, name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    # Required columns may be null, as in faulty catalogues.
    loose = pa.schema([field.with_nullable(True) for field in schema])
    table = pa.Table.from_pylist(rows, schema=loose)
    pq.write_table(table, folder / f"{name}.parquet", row_group_size=_ROW_GROUP)
