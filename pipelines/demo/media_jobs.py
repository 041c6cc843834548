"""Draws and saves the library's files, each independently, so that many can be drawn at once."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from pipelines.demo.plan import FILM_FILES, PlannedAsset
from pipelines.demo.roles.broken_files import BROKEN_STYLES, UNWRITTEN_STYLES, save_broken, truncate
from pipelines.demo.scenes.films import (
    FilmSpec,
    draw_film_spec,
    film_caption,
    film_subject,
    write_film,
)
from pipelines.demo.scenes.picture_files import make_lookalike, save_picture
from pipelines.demo.scenes.render import caption, draw_scene_spec, render, subject
from pipelines.demo.scenes.xmp import SPELLINGS, RightsStatement, with_xml_entity, xmp_packet
from pipelines.process.isolated import python_command
from schemas.errors import RunError

ProgressCallback = Callable[[int, int], None]

_CHUNK_SIZE = 8


@dataclass(frozen=True)
class MediaFacts:
    """The true properties of a file and of what it shows.

    Attributes:
        sha256: Digest of the bytes; empty if no file was written, and then all sizes are 0.
        size_bytes: Size of the file.
        width: Width as displayed, in pixels.
        height: Height as displayed, in pixels.
        duration_ms: Length of a film; None for a picture.
        noun: Name of the main object, singular.
        colour: Colour of the main object.
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


def draw_media(
    root: Path, assets: Sequence[PlannedAsset], workers: int, progress: ProgressCallback | None
) -> list[MediaFacts]:
    """Writes the files of all assets.

    Args:
        root: The catalogue's folder.
        assets: The planned assets.
        workers: Number of processes; the bytes are the same for any number.
        progress: Called after each file with the number done and the total.

    Returns:
        Facts in the order of `assets`.
    """
    for folder in sorted({(root / asset.path).parent for asset in assets}):
        folder.mkdir(parents=True, exist_ok=True)
    facts: list[MediaFacts] = []
    for media_facts in _draw_files(root, assets, workers):
        facts.append(media_facts)
        if progress is not None:
            progress(len(facts), len(assets))
    return facts


def _draw_files(root: Path, assets: Sequence[PlannedAsset], workers: int) -> Iterator[MediaFacts]:
    if workers <= 1:
        for asset in assets:
            yield draw_file(root, asset)
        return
    # Not multiprocessing: its children import from the current directory.
    jobs = [assets[start : start + _CHUNK_SIZE] for start in range(0, len(assets), _CHUNK_SIZE)]
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def ask(job: Sequence[PlannedAsset]) -> list[MediaFacts]:
        child = idle.get()
        try:
            return _ask(child, root, job)
        finally:
            idle.put(child)

    with ExitStack() as stack:
        command = python_command("pipelines.demo.media_child")
        for _ in range(min(workers, len(jobs))):
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            idle.put(stack.enter_context(child))
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        for media_facts in pool.map(ask, jobs):
            yield from media_facts


def _ask(
    child: subprocess.Popen[bytes], root: Path, job: Sequence[PlannedAsset]
) -> list[MediaFacts]:
    """Has a child draw some assets.

    Raises:
        RunError: If the child died.
    """
    if child.stdin is None or child.stdout is None:
        raise AssertionError("the child was started with pipes")
    try:
        pickle.dump((root, job), child.stdin)
        child.stdin.flush()
        answer = pickle.load(child.stdout)  # noqa: S301  (our own code's)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        with suppress(OSError):
            child.stdin.close()  # what it holds cannot be sent
        raise RunError(
            "A process that draws the library died",
            f"process {child.pid}, exit status {child.wait()}",
            "Run the same command again, perhaps with fewer --workers.",
        ) from error
    if isinstance(answer, Exception):
        raise answer
    media_facts: list[MediaFacts] = answer
    return media_facts


def draw_file(root: Path, asset: PlannedAsset) -> MediaFacts:
    """Draws one asset, writes its file if it has one, and returns its properties."""
    return _draw_film(root, asset) if asset.file_style in FILM_FILES else _draw_picture(root, asset)


def _draw_picture(root: Path, asset: PlannedAsset) -> MediaFacts:
    scene = draw_scene_spec(asset.scene_seed)
    noun, colour = subject(scene)
    text = caption(scene)
    if asset.file_style in UNWRITTEN_STYLES:
        return MediaFacts("", 0, 0, 0, None, noun, colour, text)
    # The bomb's file does not contain the picture, so a tiny one is enough.
    size = (16, 16) if asset.file_style == "bomb" else (asset.width, asset.height)
    image = make_lookalike(render(scene, *size), asset.role.change)
    if asset.file_style in BROKEN_STYLES:
        data = save_broken(image, asset.file_style, asset.scene_seed, text)
    else:
        data = save_picture(
            image, asset.file_style, asset.scene_seed, text, _rights_packet(asset, text)
        )
    (root / asset.path).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return MediaFacts(digest, len(data), image.width, image.height, None, noun, colour, text)


def _draw_film(root: Path, asset: PlannedAsset) -> MediaFacts:
    spec: FilmSpec = draw_film_spec(asset.scene_seed)
    if asset.file_style == "still_film":
        spec = replace(spec, shots=(replace(spec.shots[0], frames=1),))
    path = root / asset.path
    write_film(path, spec)
    data = path.read_bytes()
    if asset.file_style == "cut_film":
        data = truncate(data)
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
    """Returns the film's length, rounded to the nearest millisecond."""
    return (2_000 * spec.frames + spec.rate) // (2 * spec.rate)


def _rights_packet(asset: PlannedAsset, description: str) -> bytes:
    """Returns the file's rights statement: as in the asset's row, with the role's changes."""
    columns = asset.role.columns
    if columns.get("grant_train_gen") == "deny":
        data_mining = "PROHIBITED-GENAIMLTRAINING"
    else:
        data_mining = ("ALLOWED", "UNSPECIFIED")[asset.index // len(SPELLINGS) % 2]
    statement = RightsStatement(
        data_mining=data_mining,
        source_type=str(columns.get("digital_source_type") or ""),
        creator="Demo Agency",
        description=description,
        spelling=SPELLINGS[asset.index % len(SPELLINGS)],
    )
    packet = xmp_packet(replace(statement, **asset.role.xmp_fields))
    return with_xml_entity(packet) if asset.file_style.endswith("_entity") else packet
