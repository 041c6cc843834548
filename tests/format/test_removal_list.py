"""Lists of removals: signed, in one form, by a pinned key; any change is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipelines.format.removal_list import (
    RemovalListError,
    open_removal_list,
    removal_list_bytes,
    sign_removal_list,
)
from pipelines.reader import load_removals
from schemas.errors import InputError
from schemas.notice import NoticeReference
from schemas.removal_list import RemovalList
from tests.reader.copies import AGENCY, BUYER

LIST = RemovalList(
    fairshard_removal_list=1,
    deal_id="acme",
    issued_at="2026-12-01T00:00:00+00:00",
    valid_until="2026-12-31",
    notices=[NoticeReference(notice="acme-000001", sha256="ab" * 32)],
    assets=["01" * 32, "02" * 32],
    vkey=AGENCY.vkey,
)
SIGNED = sign_removal_list(LIST, AGENCY)
DATA = removal_list_bytes(SIGNED)


def test_it_is_read_as_it_was_signed(tmp_path: Path) -> None:
    assert open_removal_list(DATA, (BUYER.vkey, AGENCY.vkey)) == SIGNED
    assert open_removal_list(DATA, None) == SIGNED
    (tmp_path / "removals.json").write_bytes(DATA)
    found = load_removals(tmp_path / "removals.json", [AGENCY.vkey])
    assert (found.deal_id, str(found.valid_until), len(found.assets)) == ("acme", "2026-12-31", 2)
    assert found.assets.contains(["02" * 32, "03" * 32]).tolist() == [True, False]


def test_another_key_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RemovalListError, match="another key than the pinned"):
        open_removal_list(DATA, (BUYER.vkey,))
    for vkeys in ([], [str(tmp_path / "none")]):
        with pytest.raises(InputError):
            load_removals(tmp_path / "removals.json", vkeys)
    with pytest.raises(InputError, match="cannot be read"):
        load_removals(tmp_path / "none.json", [AGENCY.vkey])


def test_no_byte_can_change() -> None:
    draw = random.Random(5)
    for _ in range(60):
        data = bytearray(DATA)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(7)
        with pytest.raises(RemovalListError):
            open_removal_list(bytes(data), (AGENCY.vkey,))


def test_assets_are_sorted_and_distinct() -> None:
    for assets in (["02" * 32, "01" * 32], ["01" * 32, "01" * 32]):
        wrong = sign_removal_list(LIST.model_copy(update={"assets": assets}), AGENCY)
        with pytest.raises(RemovalListError, match="canonical form"):
            open_removal_list(removal_list_bytes(wrong), (AGENCY.vkey,))
