"""What a run that ends in mid-run leaves of its work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipelines.steps import package as under_test
from pipelines.storage.open import open_store
from schemas import layout
from schemas.errors import AccessError, FairshardError, InputError, RunError


@pytest.mark.parametrize(
    ("error", "ends_as", "keeps"),
    [
        (AccessError("Access to the bucket is denied", "s3://b", "Check it."), RunError, True),
        (RunError("The S3 service failed"), RunError, True),
        (InputError("A row is not valid"), InputError, False),
    ],
)
def test_only_refused_inputs_discard_what_was_done(
    error: FairshardError,
    ends_as: type[FairshardError],
    keeps: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_store(str(tmp_path))
    deal = SimpleNamespace(deal_id="acme")
    job = cast(Any, SimpleNamespace(work="agency/work/x", deal=deal, version="v0001"))
    done = [f"{job.work}/units/0.json", f"{layout.version_prefix('acme', 'v0001')}/shard.tar"]
    for key in done:
        store.write_bytes(key, b"x")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(under_test, "run_until_settled", fail)
    nothing = cast(Any, None)
    with pytest.raises(FairshardError) as raised:
        under_test._run_and_publish(store, job, nothing, nothing, None, nothing, nothing)
    assert type(raised.value) is ends_as
    assert [store.exists(key) for key in done] == [keeps, keeps]
