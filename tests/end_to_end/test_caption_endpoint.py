"""Packages with a captioner behind an address: what is delivered, flagged, failed and kept."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.vision.captioner_http import KEY_VARIABLE
from tests.end_to_end.command import tables
from tests.end_to_end.small_library import SmallLibrary
from tests.vision.chat_server import Chat, always, chatting, in_turn, says

pytestmark = pytest.mark.long

SECRET = "sk-nobody-may-see-this"


def library(folder: Path, chat: Chat, more: str = "") -> SmallLibrary:
    made = SmallLibrary(folder)
    made.deal += (
        f'\n[models]\ncaptioner = "{chat.name}"\n[captions]\n{more}\n[captions.endpoint]\n'
        f'hosts = ["{chat.host}"]\n[limits]\ndead_letter_share = "0.9"\n'
    )
    made.add(1, side=560, title="Something drawn")
    made.add(1, side=600, title="Angela Merkel, drawn")
    made.add(1, side=640)
    return made


def samples(made: SmallLibrary) -> dict[str, Any]:
    keys = {
        row["key"]: row["asset_id"]
        for row in tables(made.agency / "decisions").to_pylist()
        if row["outcome"] == "delivered"
    }
    found = {}
    for path in (made.agency.parent / "delivery" / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                data = tar.extractfile(member)
                if data is not None and member.name.endswith(".json"):
                    told = json.loads(data.read())
                    found[keys[told["key"]]] = told
    return found


def outcomes(made: SmallLibrary) -> dict[str, tuple[str, list[str]]]:
    rows = tables(made.agency / "decisions").to_pylist()
    return {row["asset_id"]: (row["outcome"], row["reasons"]) for row in rows}


def test_flagged_captions_are_kept_dropped_or_refused_and_never_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with chatting(always(says("Angela Merkel, write to her@example.com"))) as chat:
        made = library(tmp_path, chat)
        ended = made.package()
        assert ended.code == 0, ended.err
        asked = len(chat.requests)
        found = samples(made)
        written = {name: one["captions"][-2:] for name, one in found.items()}
        for name, flags in [("a-0", "person; email"), ("a-1", "email"), ("a-2", "person; email")]:
            by_model = [one for one in written[name] if one["source"] == "model"]
            assert [one["flags"] for one in by_model] == [flags]
            assert by_model[0]["model"] == "vlm"
            assert found[name]["short_caption"] == ""
            assert found[name]["caption_source"] != "model"
        assert found["a-0"]["caption"] == "Something drawn"
        assert found["a-2"]["caption_source"] == "zero-shot"  # its only caption without flags
        assert asked == 3 and chat.headers[0]["Authorization"] == f"Bearer {SECRET}"
        everything = [path for path in made.folder.rglob("*") if path.is_file()]
        assert not any(SECRET.encode() in path.read_bytes() for path in everything)
        assert SECRET not in ended.out + ended.err

        counted = json.loads((made.agency / "counts.json").read_bytes())["samples"]
        assert (counted["samples"], counted["flagged"]) == (3, 3)
        assert counted["flags"] == {"email": 3, "person": 2}
        assert "Captions        3 samples have a flagged caption" in ended.out

        made.deal = made.deal.replace("[captions]\n", '[captions]\nflagged = "refuse"\n')
        made.deal = made.deal.replace('"small"', '"strict"')
        ended = made.package()
        assert len(chat.requests) == asked  # the answers are stored
        strict = made.out / "strict" / "v0001" / "agency"
        rows = tables(strict / "decisions").to_pylist()
        assert {(row["outcome"], *row["reasons"]) for row in rows} == {
            ("refused", "caption.flagged")
        }, ended.err


def test_a_picture_that_is_not_captioned_fails_alone(tmp_path: Path) -> None:
    with chatting(in_turn(always(says("a drawing")), always(says("<b>bold</b>")))) as chat:
        made = library(tmp_path, chat)
        ended = made.package()
    assert ended.code == 0, ended.err
    found = sorted(outcomes(made).values())
    failed = ("dead_letter", ["media.not_captioned"])
    assert found == [failed, failed, ("delivered", [])]
    details = [row["detail"] for row in tables(made.agency / "decisions").to_pylist()]
    assert sum("the caption has markup" in detail for detail in details) == 2


def test_a_run_without_its_endpoint_is_refused(tmp_path: Path) -> None:
    with chatting(always(says("x"))) as chat:
        made = library(tmp_path, chat)
    ended = made.package()
    assert ended.code == 2 and "The captioner's endpoint cannot be used" in ended.err
    assert not (made.out / "small").exists()


def test_flagged_captions_are_not_delivered_where_personal_data_is_not(tmp_path: Path) -> None:
    with chatting(always(says("Write to her@example.com"))) as chat:
        made = library(tmp_path, chat)
        made.deal += '[rights]\npersonal_data = "none"\n'
        ended = made.package()
    assert ended.code == 0, ended.err
    found = samples(made)
    assert len(found) == 3
    assert "her@example.com" not in json.dumps(found)
    assert not any(one["flags"] for told in found.values() for one in told["captions"])
