"""Generates captions that name people, and captions that name nobody."""

from __future__ import annotations

import itertools
from pathlib import Path

import pipelines.signals.caption_flags as flags
from pipelines.demo.scenes.captions import caption
from pipelines.demo.scenes.scene import draw_scene_spec

_NAMES = Path(flags.__file__).with_name("first_names.txt")
_SURNAMES = (
    "Smith Okafor Müller García Rossi Kowalski Tanaka Nguyen Haddad Johansson Dubois Petrov Silva "
    "Kaya Cohen Patel Zhang O'Neill MacDonald Papadopoulos"
).split()
# Written down without looking at the list.
_UNLISTED = (
    "Blessing Caitlyn Declan Eero Fumiko Gwendolyn Hyacinth Iolanda Jovana Kasimir Lwazi Maeve "
    "Niamh Oisín Pelumi Quirin Rhiannon Siobhan Tibor Urszula Vesna Wilfred Xochitl Yaroslav "
    "Zuberi Aoife Baptiste Cosima Dagmar Ezekiel Fleur Gethin Hamza Ines Jarek Kaito Leocadia Mairi"
).split()
_ABOUT_PEOPLE = (
    "{first} {last} at a lectern",
    "a black and white portrait of {first} {last}",
    "A woman who looks like {first} {last} smiling at the camera.",
    "the actress {first} {last} on a red carpet",
    "{first} {last} and a crowd behind a fence",
)
_THINGS = (
    "boat bridge castle church city lake rose river dog horse market mountain road tree window "
    "house street museum garden stadium"
).split()
_ABOUT_THINGS = (
    "a {thing} in {place} at dusk",
    "Aerial view of a {thing} near {place}, seen from a drone.",
    "The old {thing} of {place} with tourists and a flag",
    "A {Thing} In The Morning Light Of {place}",
)
_PLACES = (
    "Paris|San Francisco|New York|Lake Victoria|Mount Everest|Rio de Janeiro|St Petersburg|London|"
    "Santiago de Chile|Sydney|Fort William|Charlotte, North Carolina|the Jordan River|Georgia|"
    "Cape Town|Tel Aviv|Hong Kong|Los Angeles|the Golden Gate Bridge|Central Park|Oxford Street|"
    "the Brandenburg Gate|Notre-Dame|St Mark's Square|King's Cross Station|Mexico City|Virginia|"
    "the Victoria and Albert Museum|San Diego|Martha's Vineyard"
).split("|")


def cases_with_people() -> dict[str, list[str]]:
    """Returns captions that name one person: by listed and by unlisted first names."""
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    listed = [name for line in lines if not line.startswith("#") for name in line.split()]
    known = {name.casefold() for name in listed}
    unlisted = [name for name in _UNLISTED if name.casefold() not in known]
    assert len(unlisted) > 30
    return {
        "listed": _told([name for name in listed if name != "*"][::3]),
        "unlisted": _told(unlisted),
        "lower_case": [text.lower() for text in _told([n for n in listed if n != "*"][::3])],
    }


def _told(names: list[str]) -> list[str]:
    return [
        template.format(first=first, last=_SURNAMES[(at * 7 + number) % len(_SURNAMES)])
        for at, first in enumerate(names)
        for number, template in enumerate(_ABOUT_PEOPLE)
    ]


def without_people() -> dict[str, list[str]]:
    """Returns captions that name no person: of drawn scenes, of things, and of places."""
    places = [
        template.format(thing=thing, Thing=thing.title(), place=place)
        for template, thing, place in itertools.product(_ABOUT_THINGS, _THINGS, _PLACES)
    ]
    return {
        "drawn": [caption(draw_scene_spec(40_000_000 + seed)) for seed in range(500)],
        "things": [f"a {thing} next to a {other}" for thing in _THINGS for other in _THINGS],
        "places": places,
    }
