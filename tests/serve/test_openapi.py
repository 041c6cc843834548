"""The server does what its description says, whatever it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytest.importorskip("starlette", reason="fairshard[serve] is not installed")

from datetime import UTC, datetime

import schemathesis
from hypothesis import HealthCheck, given, settings

from pipelines.pull.grant_addresses import FILES
from pipelines.run.announce import announce
from pipelines.serve.access import Gate
from pipelines.serve.app import DESCRIPTION, make_app
from pipelines.storage.open import open_store
from tests.pull.deals import SIGNER, publish
from tests.serve.gates import KEY


def test_every_answer_is_a_described_one(tmp_path: Path) -> None:
    publish(tmp_path / "acme", "v0001", {"a": b"1"})
    store = open_store(str(tmp_path))
    announce(store, "acme", SIGNER, datetime.now(UTC))
    app = make_app(Gate(store, KEY, 60, str))
    statuses = set()
    operation = schemathesis.openapi.from_asgi(DESCRIPTION, app)[FILES]["POST"]

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        statuses.add(case.call_and_validate().status_code)

    check()
    # What is not signed never comes further; tests of access have the rest.
    assert statuses <= {400, 403} and 403 in statuses
