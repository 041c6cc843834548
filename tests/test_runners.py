"""Which engine runs the graph, and which never does."""

from __future__ import annotations

import pytest

from pipelines.runners import check_engine
from schemas.errors import InputError


@pytest.mark.parametrize("runner", ["DirectRunner", "PrismRunner", "SwitchingDirectRunner"])
def test_a_runner_that_fetches_a_binary_is_refused(runner: str) -> None:
    with pytest.raises(InputError, match=runner):
        check_engine(runner, None)


def test_the_mode_that_loses_rows_is_refused() -> None:
    with pytest.raises(InputError, match="multi_threading"):
        check_engine(None, "multi_threading")


def test_others_pass() -> None:
    assert check_engine("PortableRunner", "in_memory") == "PortableRunner"
    assert check_engine(None, None) is None
