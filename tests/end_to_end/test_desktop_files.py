"""What a desktop leaves in folders that somebody opened is no table of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.small_library import SmallLibrary, in_process

DESKTOP_FILES = {
    ".DS_Store": b"\x00\x00\x00\x01Bud1",
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "desktop.ini": b"[]",
}


def open_folders(out: Path) -> None:
    """Leaves a desktop's files in every folder that is the agency's."""
    for folder in [out, *(path for path in out.rglob("*") if path.is_dir())]:
        if "delivery" not in folder.relative_to(out).parts:
            for name, data in DESKTOP_FILES.items():
                (folder / name).write_bytes(data)


@pytest.mark.long
def test_every_command_reads_an_output_that_was_looked_at(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(3, side=600)
    library.add(1)  # its file is missing
    library.deal += '\n[limits]\ndead_letter_share = "0.50"\n'
    out, deal = tmp_path / "out", tmp_path / "deal.toml"
    first = library.package()
    assert first.code == 0, first.err
    open_folders(out)
    again = library.package()
    assert again.code == 0 and "Nothing to do" in again.out, again.err
    later = library.package(as_of="2026-07-01")
    assert later.code == 0, later.err
    open_folders(out)
    version = out / "small/v0001"
    for words in (
        ("verify", version / "delivery", "--allow-unpinned"),
        ("report", version, "--to", tmp_path / "pages"),
        ("status", version),
        ("features", out),
        ("clean", out),
        ("latest", "--out", out),
        ("prove", "--out", out, "--asset", "a-0", "--to", tmp_path / "proof.json"),
        ("statement", "--all", "--out", out, "--to", tmp_path / "mail"),
        ("quote", "--catalogue", tmp_path / "catalogue", "--deal", deal, "--out", out),
    ):
        ended = in_process(*words)
        assert ended.code == 0, (words, ended.err)
