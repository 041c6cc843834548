"""A demo library whose expected decision is known for every row."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.demo.deals import DEALS, DemoDeal
from pipelines.demo.metadata_only import make_metadata_only
from pipelines.demo.roles.role import AS_OF
from pipelines.rights.rules.screen import build_rights_index, reasons_of, screen_batch
from pipelines.storage.columns import values_of
from schemas.catalogue import SMALL_TABLES
from schemas.deal import load_deal
from tests.rights.rights_cases import microseconds

ROWS = 5_000
# A date means the last microsecond of that day.
END_OF_DAY = microseconds(datetime.combine(AS_OF, time.max, UTC))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_metadata_only(tmp_path_factory.mktemp("library"), seed=3, assets=ROWS)


@pytest.mark.parametrize("demo", DEALS, ids=lambda demo: demo.deal_id)
def test_every_row_has_its_planted_decision(library: Path, demo: DemoDeal) -> None:
    deal = load_deal(library.parent / demo.file_name)
    tables = {path.stem: pq.read_table(path) for path in library.glob("*.parquet")}
    assets = tables["assets"]
    contributors, consents, releases, agreements = (tables[name] for name in SMALL_TABLES)
    index = build_rights_index(contributors, consents, releases, agreements, deal, END_OF_DAY)
    ids = values_of(assets["asset_id"], str)
    names, first, counts = np.unique(ids, return_inverse=True, return_counts=True)
    mask = screen_batch(assets, index, deal, counts[first] > 1)
    answers = pq.read_table(library.parent / "answer_key.parquet")
    assert answers["asset_id"].to_pylist() == ids
    wanted_reasons = answers[demo.deal_id.replace("demo-", "reasons_")]
    for name, bits, wanted in zip(ids, mask, values_of(wanted_reasons, list), strict=True):
        assert set(reasons_of(int(bits))) == set(wanted), name
    assert 0 < (mask == 0).sum() < len(mask)
    assert len(names) < ROWS
