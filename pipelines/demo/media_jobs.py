"""Draws and saves one file of the library. Every job stands alone, so that many can run at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from pipelines.demo.plan import FILM_FILES, Planned
from pipelines.demo.roles.broken import BROKEN_FILES, UNWRITTEN, cut, save_broken
from pipelines.demo.scenes.films import (
    FilmSpec,
    draw_film_spec,
    film_caption,
    film_subject,
    write_film,
)
from pipelines.demo.scenes.picture_files import change, save_picture
from pipelines.demo.scenes.render import caption, draw_scene_spec, render, subject
from pipelines.demo.scenes.xmp import SPELLINGS, RightsStatement, with_entity, xmp_packet

Progress = Callable[[int, int], None]

_JOBS_AT_A_TIME = 8


@dataclass(frozen=True)
class MediaFacts:
    """What is true of a file and of what it shows.

    Attributes:
        sha256: Of the bytes; empty where no file was written, as the sizes are 0.
        size_bytes: Of the file.
        width: Pixels, as displayed.
        height: Pixels, as displayed.
        duration_ms: Of a film, else None.
        noun: Of the main object, singular.
        colour: Of the main object.
        caption: The canonical caption.
    """

    sha256: str
    size_bytes: int
    width: int
    height: int
    duration_ms: int | None
    noun: str
    colour: str
    caption: str


def make_media(
    root: Path, assets: Sequence[Planned], workers: int, progress: Progress | None
) -> list[MediaFacts]:
    """Writes the files of all assets.

    Args:
        root: The catalogue's folder.
        assets: The plan.
        workers: Processes; the bytes are the same for any number.
        progress: Called with how many are done, and of how many.

    Returns:
        Facts in the order of `assets`.
    """
    for folder in sorted({(root / asset.path).parent for asset in assets}):
        folder.mkdir(parents=True, exist_ok=True)
    facts: list[MediaFacts] = []
    for made in _run(root, assets, workers):
        facts.append(made)
        if progress is not None:
            progress(len(facts), len(assets))
    return facts


def _run(root: Path, assets: Sequence[Planned], workers: int) -> Iterator[MediaFacts]:
    roots = [root] * len(assets)
    if workers <= 1:
        yield from map(make_file, roots, assets)
        return
    # Spawned, not forked: the caller may run threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(make_file, roots, assets, chunksize=_JOBS_AT_A_TIME)


def make_file(root: Path, asset: Planned) -> MediaFacts:
    """Draws one asset, writes its file if it has one, and tells what is true of it."""
    return _make_film(root, asset) if asset.file in FILM_FILES else _make_picture(root, asset)


def _make_picture(root: Path, asset: Planned) -> MediaFacts:
    scene = draw_scene_spec(asset.scene_seed)
    noun, colour = subject(scene)
    text = caption(scene)
    if asset.file in UNWRITTEN:
        return MediaFacts("", 0, 0, 0, None, noun, colour, text)
    # Nobody will ever see what the bomb would have shown.
    size = (16, 16) if asset.file == "bomb" else (asset.width, asset.height)
    image = change(render(scene, *size), asset.role.copy)
    if asset.file in BROKEN_FILES:
        data = save_broken(image, asset.file, asset.scene_seed, text)
    else:
        data = save_picture(image, asset.file, asset.scene_seed, text, _packet(asset, text))
    (root / asset.path).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return MediaFacts(digest, len(data), image.width, image.height, None, noun, colour, text)


def _make_film(root: Path, asset: Planned) -> MediaFacts:
    spec: FilmSpec = draw_film_spec(asset.scene_seed)
    if asset.file == "still_film":
        spec = replace(spec, shots=(replace(spec.shots[0], frames=1),))
    path = root / asset.path
    write_film(path, spec)
    data = path.read_bytes()
    if asset.file == "cut_film":
        data = cut(data)
        path.write_bytes(data)
    noun, colour = film_subject(spec)
    return MediaFacts(
        hashlib.sha256(data).hexdigest(),
        len(data),
        spec.width,
        spec.height,
        _duration_ms(spec),
        noun,
        colour,
        film_caption(spec),
    )


def _duration_ms(spec: FilmSpec) -> int:
    """To the nearest millisecond."""
    return (2_000 * spec.frames + spec.rate) // (2 * spec.rate)


def _packet(asset: Planned, description: str) -> bytes:
    """The rights statement: it agrees with the asset's row, but for what the role says."""
    columns = asset.role.columns
    if columns.get("grant_train_gen") == "deny":
        mining = "PROHIBITED-GENAIMLTRAINING"
    else:
        mining = ("ALLOWED", "UNSPECIFIED")[asset.index // len(SPELLINGS) % 2]
    statement = RightsStatement(
        data_mining=mining,
        source_type=str(columns.get("digital_source_type") or ""),
        creator="Demo Agency",
        description=description,
        spelling=SPELLINGS[asset.index % len(SPELLINGS)],
    )
    packet = xmp_packet(replace(statement, **asset.role.says))
    return with_entity(packet) if asset.file.endswith("_entity") else packet
