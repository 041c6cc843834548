"""`--help` of each command: it has an example, and fits a terminal of 80 columns."""

from __future__ import annotations

import pytest

from pipelines.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_fits_80_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    said = capsys.readouterr().out
    _, _, examples = said.partition("\nexamples:\n")
    assert f"fairshard {name}" in examples
    assert [line for line in said.splitlines() if len(line) > 80] == []
