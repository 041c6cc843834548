"""Prints what this source tree decides on one asset; `test_add_rule` runs it in copies of the tree.

All existing rules clear the asset. Its language is unknown, and its release has no last day.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from pipelines.explain.trace import ScreeningTables, trace_screened_row
from pipelines.odrl.policy import excluded_policy, policy_line
from pipelines.odrl.records import PolicyScope
from pipelines.report.reference import reasons_table
from pipelines.rights.rules.screen import reasons_of, screen_batch
from pipelines.run.decisions import Decision
from schemas.catalogue import ASSETS_SCHEMA, CONSENTS_SCHEMA, RELEASES_SCHEMA
from schemas.reason_info import Outcome, Stage
from tests.rights.rights_cases import (
    AS_OF,
    asset,
    deal,
    event,
    microseconds,
    release,
    rights_index,
)


def main() -> None:
    """Prints the results as JSON."""
    terms, events, releases = deal(), [event("allow")], [release()]
    index = rights_index(terms, events, releases)
    row = asset(people_count=1, minors=False, release_ids=["r-1"])
    table = pa.Table.from_pylist([row], ASSETS_SCHEMA)
    mask = int(screen_batch(table, index, terms, np.zeros(1, np.bool_))[0])
    codes = reasons_of(mask)
    tables = ScreeningTables(
        pa.Table.from_pylist(events, CONSENTS_SCHEMA),
        pa.Table.from_pylist(releases, RELEASES_SCHEMA),
        index,
        microseconds(AS_OF),
    )
    trace = trace_screened_row(table, mask, tables, terms, 1)
    as_of = "2026-06-30T12:00:00Z"
    scope = PolicyScope(terms, "agency.example+00000000+AAAA", "v0001", as_of, "0" * 64)
    excluded = Decision("a-1", Outcome.REFUSED, Stage.SCREEN, tuple(codes), "")
    policy = json.loads(policy_line(excluded_policy(scope, excluded)))
    answer = {
        "codes": codes,
        "detail": None if trace.decision is None else trace.decision.detail,
        "seen": {finding.reason: finding.evidence for finding in trace.findings},
        "rules": {check.name: check.reasons for check in trace.rule_checks if check.reasons},
        "said": {check.name: check.said for check in trace.rule_checks},
        "docs": [line for line in reasons_table().splitlines() if any(c in line for c in codes)],
        "odrl": policy["reason"],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
