"""Plans every asset of a library before anything is drawn. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.demo.contributors import ContributorRoster, make_roster
from pipelines.demo.roles.hostile_names import HOSTILE_ASSET_IDS, HOSTILE_FILE_NAMES, HOSTILE_TITLES
from pipelines.demo.roles.instances import FIRST_GROUP_SUFFIX, role_instances
from pipelines.demo.roles.role import COLLECTION, RETIRED, Role
from pipelines.demo.scenes.scene import SeededDice
from schemas.errors import InputError

MIN_ASSETS = 90
FILM_FILES = frozenset({"film", "cut_film", "still_film"})

# Scene seeds below 10,000,000 are for libraries; those above train and check the demo model.
# Pictures use the lower half. A film of seed n shows the scenes 8n to 8n + 7, in the upper half.
SCENE_SEEDS = 5_000_000
_FILM_SEEDS = range(625_000, 1_250_000)
_SCENE_STEP = 7_919_003  # between the first scenes of two libraries; coprime to SCENE_SEEDS
_CLEAN_FILES = ("jpeg_plain", "jpeg_plain", "jpeg_plain", "jpeg_progressive", "webp", "png")


@dataclass(frozen=True)
class PlannedAsset:
    """One planned asset.

    Attributes:
        index: Position in the plan, from 0; file names and release ids are derived from it.
        asset_id: None where the role removes it.
        role: The asset's role.
        authors: Contributor ids and shares in basis points.
        scene_seed: Seed of the scene or film that it shows; look-alikes share it.
        width: Width of the drawing as displayed, before a look-alike is changed, in pixels.
        height: Height likewise, in pixels.
        file_style: How the file is saved.
        path: The file, relative to the catalogue's folder; its extension suits `file_style`.
        group_id: Id of its group of look-alikes, or empty.
        in_collection: Whether its keywords contain the strict deal's collection.
        retired: Whether its keywords contain what the strict deal excludes.
        states_file_facts: Whether its row states the file's digest and size.
        title: A hostile title; None for an ordinary one.
        created_at: None where unknown.
        weight: Weight for weighted allocation; None where the column is empty.
    """

    index: int
    asset_id: str | None
    role: Role
    authors: tuple[tuple[str, int], ...]
    scene_seed: int
    width: int
    height: int
    file_style: str
    path: str
    group_id: str
    in_collection: bool
    retired: bool
    states_file_facts: bool
    title: str | None
    created_at: date | None
    weight: int | None

    @property
    def release_ids(self) -> tuple[str, ...]:
        """Ids of its releases; those beyond the role's own releases are in no table."""
        count = len(self.role.releases) + self.role.unknown_releases
        return tuple(f"R-{self.index:06d}-{number}" for number in range(count))

    @property
    def keywords(self) -> tuple[str, ...]:
        """The planted keywords, without those that describe the picture."""
        collection = COLLECTION.upper() if self.index % 4 == 0 else COLLECTION
        planted = ((self.in_collection, collection), (self.retired, RETIRED.title()))
        return tuple(word for wanted, word in planted if wanted)


@dataclass(frozen=True)
class LibraryPlan:
    """The plan of a library."""

    seed: int
    roster: ContributorRoster
    assets: tuple[PlannedAsset, ...]


def make_plan(seed: int, assets: int) -> LibraryPlan:
    """Plans a library.

    Args:
        seed: Any integer from 0; another seed gives other pictures and another order.
        assets: Rows of the catalogue, at least `MIN_ASSETS`.

    Raises:
        InputError: There is no room for every essential role.
    """
    if assets < MIN_ASSETS:
        raise InputError(
            "The library is too small to contain every case",
            f"{assets} assets",
            f"Ask for at least {MIN_ASSETS}.",
        )
    roster = make_roster(assets)
    instances = list(role_instances(assets))
    _shuffle(SeededDice(seed * 2 + 1), instances)
    hostile = _HostileNames(seed)
    # Groups are numbered after the rows.
    group_numbers = {
        group: assets + n for n, group in enumerate(sorted({g for _, g in instances if g}))
    }
    planned: list[PlannedAsset] = []
    for role, group in instances:
        asset = _plan_asset(seed, len(planned), role, group, group_numbers, roster, hostile)
        # A role that repeats its asset_id takes several identical rows.
        planned.extend([asset] * role.rows)
    return LibraryPlan(seed, roster, tuple(planned))


def _shuffle(dice: SeededDice, items: list[tuple[Role, str]]) -> None:
    for last in range(len(items) - 1, 0, -1):
        other = dice.below(last + 1)
        items[last], items[other] = items[other], items[last]


class _HostileNames:
    """Assigns each hostile name once, to assets that would be delivered."""

    def __init__(self, seed: int) -> None:
        self._ids = list(HOSTILE_ASSET_IDS)
        self._titles = list(HOSTILE_TITLES)
        self._files = list(HOSTILE_FILE_NAMES)
        self._turn = seed

    def take(self, role: Role) -> tuple[str | None, str | None, str | None]:
        """Returns an asset_id, a title and a file name; None where an ordinary one is used."""
        if role.reasons or role.file_reasons or role.failure_reason or role.rows > 1 or role.group:
            return (None, None, None)
        self._turn += 1
        pools = (self._ids, self._titles, self._files)
        taken = [
            pool.pop() if pool and self._turn % 3 == position else None
            for position, pool in enumerate(pools)
        ]
        return (taken[0], taken[1], taken[2])


def _plan_asset(
    seed: int,
    index: int,
    role: Role,
    group: str,
    group_numbers: Mapping[str, int],
    roster: ContributorRoster,
    hostile: _HostileNames,
) -> PlannedAsset:
    dice = SeededDice((seed << 32) + index)
    asset_id, title, name = hostile.take(role)
    if asset_id is None and role.columns.get("asset_id", "") is not None:
        asset_id = f"DEMO-{index:06d}"
    # All look-alikes of a group share their random draws: size and keywords are the same.
    number = group_numbers[group] if group else index
    group_dice = SeededDice((seed << 32) + number) if group else dice
    width, height = _size(group_dice, role)
    in_collection, retired = group_dice.chance(0.6), group_dice.chance(0.1)
    if group.endswith(FIRST_GROUP_SUFFIX):
        # The strict deal selects them, so that even the smallest library exceeds its cap.
        in_collection, retired = True, False
    file_style = role.file_style or _CLEAN_FILES[dice.below(len(_CLEAN_FILES))]
    # Equal files and smaller copies have the same contributor as the original, unless their role
    # is to have another; other copies have one of their own.
    keeps_author = role.change in ("", "same", "resized")
    rotation = number + role.other_author if keeps_author else index
    created = date(2019, 1, 1) + timedelta(days=dice.below(2_400))
    return PlannedAsset(
        index=index,
        asset_id=asset_id,
        role=role,
        authors=tuple(
            (roster.pick_author(author.history, rotation + position), author.share_bp)
            for position, author in enumerate(role.authors)
        ),
        scene_seed=_scene_seed(role, seed * _SCENE_STEP + number),
        width=width,
        height=height,
        file_style=file_style,
        path=f"media/{index % 16:02d}/{name or f'{index:06d}'}.{_ending(file_style)}",
        group_id=group,
        in_collection=in_collection,
        retired=retired,
        states_file_facts=dice.chance(0.6),
        title=title,
        created_at=_created_at(role, created, known=dice.chance(0.9)),
        weight=None if dice.chance(0.1) else 1 + dice.below(20),
    )


def _scene_seed(role: Role, number: int) -> int:
    if role.file_style in FILM_FILES:
        return _FILM_SEEDS[number % len(_FILM_SEEDS)]
    return number % SCENE_SEEDS


def _created_at(role: Role, drawn: date, *, known: bool) -> date | None:
    if "created_at" in role.columns:
        given = role.columns["created_at"]
        return given if isinstance(given, date) else None
    return drawn if known else None


def _size(dice: SeededDice, role: Role) -> tuple[int, int]:
    """Draws a width and a height, in pixels."""
    shortest, longest = role.short_side
    short_side = shortest + dice.below(longest - shortest)
    long_side = min(1_600, round(short_side * dice.between(1.0, 1.78)))
    return (long_side, short_side) if dice.chance(0.7) else (short_side, long_side)


_FILE_ENDINGS = {
    "bmp_named_gif": "gif",
    "float_tiff": "tif",
    "film": "mp4",
    "cut_film": "mp4",
    "still_film": "mp4",
    "jpeg_called_film": "mp4",
    "bomb": "png",
    "cut_png": "png",
    "cut_webp": "webp",
    "png_named_jpg": "jpg",
}


def _ending(file_style: str) -> str:
    if file_style in _FILE_ENDINGS:
        return _FILE_ENDINGS[file_style]
    family = file_style.partition("_")[0]
    return {"png": "png", "png16": "png", "webp": "webp"}.get(family, "jpg")
