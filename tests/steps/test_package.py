"""What a run that ends in mid-run leaves of its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipelines.steps import package as under_test
from pipelines.steps.worker_origin import kept_origin
from pipelines.storage.open import open_store
from schemas import layout
from schemas.errors import AccessError, FairshardError, InputError, RunError
from tests.accounts.cases import key_of


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


@pytest.mark.parametrize(
    ("workers", "beam_options", "starts"),
    [(2, (), True), (1, (), False), (2, ("--runner=FlinkRunner",), False)],
)
def test_workers_are_prepared_while_the_lease_is_acquired(
    workers: int,
    beam_options: tuple[str, ...],
    starts: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = SimpleNamespace(
        output_uri=str(tmp_path),
        workers=workers,
        beam_options=beam_options,
        debug=False,
        run_id="r",
        deal=SimpleNamespace(deal_id="acme"),
        version="v0001",
    )
    found: list[bool] = []

    @contextmanager
    def holding(*_: object, **__: object) -> Iterator[None]:
        found.append(kept_origin() is not None)
        raise RunError("Another run is making this version")
        yield

    monkeypatch.setattr(under_test, "hold_version", holding)
    with pytest.raises(RunError, match="Another run is making"):
        under_test.package(cast(Any, job), key_of(None), replaced=cast(Any, object()))
    assert found == [starts]
    assert kept_origin() is None


def test_a_store_that_refuses_after_publishing_is_a_fault_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AccessError("Access to the bucket is denied", "s3://b", "Check it.")

    monkeypatch.setattr(under_test, "record_delivery", refuse)
    job = cast(
        Any, SimpleNamespace(deal=SimpleNamespace(deal_id="a"), version="v", as_of=None, work="w")
    )
    nothing = cast(Any, None)
    with pytest.raises(RunError, match="run the same command again") as raised:
        under_test._record_published(open_store(str(tmp_path)), job, nothing, nothing)
    assert raised.value.exit_code == 1
