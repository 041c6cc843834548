"""Which numbers of worker processes a command takes."""

from __future__ import annotations

import pytest

from pipelines.cli import main
from pipelines.commands import common


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_what_is_no_number_above_0_is_refused(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["package", "--catalogue", "c", "--deal", "d", "--workers", given])
    assert f"--workers: '{given}' is not a whole number above 0" in capsys.readouterr().err


def test_more_than_the_machine_can_use_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "_cores", lambda: 3)
    assert common.worker_processes("12") == 12
    with pytest.raises(SystemExit, match="2"):
        main(["package", "--catalogue", "c", "--deal", "d", "--workers", "13"])
    assert "--workers: 13 is more than this machine can use; at most 12" in capsys.readouterr().err
    monkeypatch.setattr(common, "_cores", lambda: 1)
    assert common.worker_processes("8") == 8
