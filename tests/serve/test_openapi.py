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
from pipelines.serve.objects import Objects
from pipelines.serve.tickets import OBJECT, Tickets
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from tests.pull.deals import SIGNER, publish
from tests.serve.gates import KEY


def test_every_answer_is_a_described_one(tmp_path: Path) -> None:
    publish(tmp_path / "acme", "v0001", {"a": b"1"})
    store = open_store(str(tmp_path))
    assert isinstance(store, LocalStore)
    announce(store, "acme", SIGNER, datetime.now(UTC))
    objects = Objects(store, Tickets("http://127.0.0.1", bytes(32)))
    app = make_app(Gate(store, KEY, 60, objects.tickets.address), objects)
    described = schemathesis.openapi.from_asgi(DESCRIPTION, app)
    # What is not signed never comes further; tests of access have the rest.
    assert _answers(described[FILES]["POST"], 15) in ({403}, {400, 403})
    assert _answers(described[OBJECT]["GET"], 8) in ({403}, {400, 403})


def _answers(operation: Any, examples: int) -> set[int]:
    """Returns the statuses of answers to generated requests, each of which must be described."""
    statuses = set()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        statuses.add(case.call_and_validate().status_code)

    check()
    return statuses
