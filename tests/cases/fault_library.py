"""A deliverable library of three pictures and a film's worth of ways to break it.

A fault is drawn from a seed: a place of the tables, a term of the deal or a file is changed. What
must become of it is not stated here: `check` and `package` must say the same.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.cases.values_common import Row, agreement, asset, csv_bytes, release, said
from tests.deals import deal_text

_XMP_NO = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF \
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" \
xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" \
plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/></rdf:RDF></x:xmpmeta>"""
CELLS = (
    *("", "NULL", "nan", "0", "2.0", "-1", "1e15", "yes", "deny", "WITHDRAWN", "us", "UK", "é"),
    *("2026-13-01", "9999-12-31", "2026-03-01T00:00:00", "A-1\u200e", "00001", "c-1:9999", "c-9"),
    *("c-9:10000", "R-9", '="c-1"', "x" * 50, ";", "video", "editorial", "conditional", "\x00"),
)
TERMS = (
    *("[rights]\npeople = 'refuse'\n", "[rights]\nunknown_source = 'accept'\n"),
    *("[rights]\npersonal_data = 'refuse'\n", "[rights]\nconsent_basis = 'explicit'\n"),
    *("[rights]\neditorial = 'sometimes'\n", "[rights]\ninference = 'pack-without'\n"),
    *("[select]\nmax_assets = 1\n", "[select]\nmin_short_side = 4000\n", "[select]\nmax = 1\n"),
    *("[select]\nkeywords_any = ['nothing']\n", "[select]\nkeywords_none = ['sea']\n"),
    *("[limits]\ndead_letter_share = '0'\n", "[limits]\ndead_letter_share = '1'\n"),
    *("[limits]\nmax_pixels = 1000\n", "[limits]\nmax_media_bytes = 100\n"),
    *("[gate]\ndivert = ['no_such_rule']\n", "[gate]\ndivert = ['splits_sum']\n"),
    *("[gate]\ndivert = ['consents_reach_contributors', 'consents_reach_assets']\n",),
    *("[models]\nclip = 'no-such-model'\n", "[models]\ncaptioner = 'missing.pt'\n"),
    *("[quality]\nmin_sharpness = 1000000.0\n", "[quality]\nmax_nsfw = 0.5\n"),
    *("[quality]\naspects = ['1:1']\n", "[rights]\nfaces = 'refuse'\n"),
    *("[sources]\ntrust_lists = ['missing.pem']\n", "[withdrawal]\nreinstated = ['x-000001']\n"),
    *(
        "[[rulings]]\nref = 'r'\nowner = 'c-9'\nfiles = ['" + "0" * 64 + "']\n",
        "[render]\nimages = 'refuse'\n",
    ),
    *("[captions]\nvocabulary = 'missing.txt'\n", "[models]\nprecision = 'int3'\n"),
)
PRICES = (
    *("minimum = '60.00'\n", "minimum = '100.01'\n", "cap = '0.2'\n", "cap = '0'\n"),
    *("allocation = 'weighted'\n", "allocation = 'per_sample'\nbase = 'considered'\n"),
    *("base = 'considered'\n", "agency_share = '1'\n", "agency_share = '2'\n"),
    *("other_currencies = 'refuse'\n", "allocation = 'two_factor'\n"),
    *("deductions = [{ name = 'fee', amount = '100.01' }]\n", "deductions = [{ name = 'fee' }]\n"),
    "levels = [{ name = 'gold', contributors = ['c-9'] }]\n"
    "agency_classes = [{ agency_share = '0.1', level = 'gold' }, "
    "{ agency_share = '0.2', level = 'other' }]\n",
    "agency_classes = [{ agency_share = '0.1', media = 'video' }]\n",
    "allocation = 'two_factor'\ntwo_factor = { proportional = '0.3' }\n",
)
LINES = (
    *(("US", "NO"), ("US", "ZZ"), ("train_gen", "train"), ("train_gen", "index"), ("USD", "JPY")),
    *(("2029-07-01", "2019-07-01"), ("2026-07-01", "2030-01-01"), ("100.00", "0.00")),
    *(("100.00", "abc"), ('"case"', '"Case A"'), ("USD", "XXQ"), ("buyer", "bayer")),
)


def whole_library(folder: Path) -> None:
    """Writes a library of which all three pictures are delivered."""
    rows = {
        "assets": [
            asset("A-1", people_count="1", release_ids="R-1", grant_train_gen="allow", title="t"),
            asset("A-2", "c-2", territories_out="FR", weight="2", keywords="sea;sky"),
            asset("A-3", "c-3", valid_until="2031-01-01", licence_code="CC0-1.0"),
        ],
        "contributors": [
            {"contributor_id": f"c-{n}", "currency": "EUR" if n == 3 else "", "agency_share": ""}
            for n in (1, 2, 3)
        ],
        "consents": [said("allow", f"c-{n}", agreement_ref=f"M-{n}") for n in (1, 2, 3)],
        "releases": [release(), release("R-2", subject_ref="other")],
        "agreements": [agreement(f"M-{n}", f"c-{n}") for n in (1, 2, 3)],
    }
    catalogue = folder / "catalogue"
    (catalogue / "media").mkdir(parents=True)
    for number, row in enumerate(rows["assets"], start=1):
        row["media_uri"] = f"media/{number}.jpg"
        picture = render(draw_scene_spec(number), 680, 600)
        data = save_picture(picture, "jpeg_xmp", number, "a picture", b"")
        (catalogue / row["media_uri"]).write_bytes(data)
    for name, found in rows.items():
        (catalogue / f"{name}.csv").write_bytes(csv_bytes(found))
    (folder / "deal.toml").write_text(deal_text(), encoding="utf-8")


def break_library(folder: Path, seed: int) -> str:
    """Breaks a whole library in up to three places; returns what was done."""
    dice = random.Random(seed)
    kinds: list[Callable[[Path, random.Random], str]] = [_cell, _cell, _row, _column, _deal, _deal]
    kinds += [_price, _file, _table]
    return "; ".join(dice.choice(kinds)(folder, dice) for _ in range(dice.choice((1, 1, 2, 3))))


def _rows_of(path: Path) -> list[Row]:
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _some_table(folder: Path, dice: random.Random) -> tuple[Path, list[Row]]:
    paths = sorted((folder / "catalogue").glob("*.csv"))
    path = dice.choice(paths)
    return path, _rows_of(path)


def _cell(folder: Path, dice: random.Random) -> str:
    path, rows = _some_table(folder, dice)
    if not rows:
        return "nothing"
    row = dice.choice(rows)
    column = dice.choice(sorted(row))
    old = row[column]
    row[column] = dice.choice([*CELLS, old.upper(), f"{old}.0", f" {old}\u2060"])
    path.write_bytes(csv_bytes(rows))
    return f"{path.name} {column} {old!r} becomes {row[column]!r}"


def _row(folder: Path, dice: random.Random) -> str:
    path, rows = _some_table(folder, dice)
    if not rows:
        return "nothing"
    row = dice.choice(rows)
    rows.append(dict(row)) if dice.random() < 0.5 else rows.remove(row)
    path.write_bytes(csv_bytes(rows))
    return f"{path.name} has {len(rows)} rows"


def _column(folder: Path, dice: random.Random) -> str:
    path, rows = _some_table(folder, dice)
    if not rows:
        return "nothing"
    column = dice.choice(sorted(rows[0]))
    other = dice.choice(["", f"{column}_1", column.upper()])
    for row in rows:
        value = row.pop(column)
        if other:
            row[other] = value
    path.write_bytes(csv_bytes(rows) if rows[0] else b"")
    return f"{path.name} {column} becomes {other!r}"


def _table(folder: Path, dice: random.Random) -> str:
    path, _ = _some_table(folder, dice)
    kind = dice.choice(["delete", "cut", "rename", "latin"])
    data = path.read_bytes()
    if kind == "delete" and len(list(path.parent.glob("*.csv"))) > 1:
        path.unlink()
    elif kind == "cut":
        path.write_bytes(data[: max(1, len(data) // 2 - 3)])
    elif kind == "rename":
        path.rename(path.with_name(f"old {path.name}"))
    else:
        path.write_bytes(data + b"caf\xe9\n")
    return f"{kind} {path.name}"


def _deal(folder: Path, dice: random.Random) -> str:
    path = folder / "deal.toml"
    text = path.read_text(encoding="utf-8")
    if dice.random() < 0.3:
        old, new = dice.choice(LINES)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return f"deal: {old} becomes {new}"
    more = dice.choice(TERMS)
    path.write_text(f"{text}\n{more}", encoding="utf-8")
    return f"deal: {more!r}"


def _price(folder: Path, dice: random.Random) -> str:
    path = folder / "deal.toml"
    more = dice.choice(PRICES)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[price]\n", f"[price]\n{more}", 1), encoding="utf-8")
    return f"price: {more!r}"


def _file(folder: Path, dice: random.Random) -> str:
    media = folder / "catalogue" / "media"
    paths = sorted(path for path in media.iterdir() if path.suffix == ".jpg")
    if not paths:
        return "nothing"
    path, kind = dice.choice(paths), dice.choice(["gone", "cut", "empty", "text", "twin", "no"])
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:5_000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not a picture")
    elif kind == "twin":
        shutil.copyfile(dice.choice(paths), media / "copy")
        (media / "copy").replace(path)
    else:
        path.with_suffix(".xmp").write_bytes(_XMP_NO)
    return f"{path.name}: {kind}"
