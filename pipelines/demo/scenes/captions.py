"""Writes the captions of scenes, and names their subjects for the answer key."""

from __future__ import annotations

from pipelines.demo.scenes.scene import (
    BACKGROUND_COLOURS,
    COLOURS,
    KINDS,
    NUMBERS,
    PATTERNS,
    PLACES,
    PLURALS,
    RELATIONS,
    TEXTURES,
    Scene,
)


def caption(scene: Scene) -> str:
    """Returns the canonical caption: "two large striped red stars above a green fish at night".

    At most 14 words, in lower case, without punctuation.
    """
    return " ".join(
        part for part in (_subject_words(scene), _second_words(scene), _place_words(scene)) if part
    )


def caption_variants(scene: Scene) -> tuple[str, ...]:
    """Returns other true captions that say less, the shortest last."""
    shorter = [
        f"{_subject_words(scene)} {_place_words(scene)}",
        _subject_words(scene),
        f"{_count_word(scene.colour, scene.count)} {scene.colour} {_noun(scene.kind, scene.count)}",
    ]
    seen = dict.fromkeys(shorter)
    seen.pop(caption(scene), None)
    return tuple(seen)


def subject(scene: Scene) -> tuple[str, str]:
    """Returns the noun (singular) and the colour of the main object, for the answer key."""
    return scene.kind, scene.colour


def vocabulary() -> tuple[str, ...]:
    """Returns every word that a caption can contain, sorted."""
    words = {*KINDS, *PLURALS.values(), *COLOURS, *TEXTURES[1:], *RELATIONS, *NUMBERS, "an"}
    words.update(PATTERNS[1:], BACKGROUND_COLOURS, ("large", "small", "on", "background"))
    for place in PLACES.values():
        words.update(place.split())
    return tuple(sorted(words))


def _count_word(next_word: str, count: int) -> str:
    if count == 1:
        return "an" if next_word[0] in "aeiou" else "a"
    return NUMBERS[count - 1]


def _noun(kind: str, count: int) -> str:
    return kind if count == 1 else PLURALS[kind]


def _subject_words(scene: Scene) -> str:
    texture = "" if scene.texture == "plain" else scene.texture
    words = [word for word in (scene.size, texture, scene.colour) if word]
    return " ".join([_count_word(words[0], scene.count), *words, _noun(scene.kind, scene.count)])


def _second_words(scene: Scene) -> str:
    if not scene.relation:
        return ""
    article = _count_word(scene.second_colour, 1)
    return f"{scene.relation} {article} {scene.second_colour} {scene.second_kind}"


def _place_words(scene: Scene) -> str:
    background = scene.background
    if background.kind in PLACES:
        return PLACES[background.kind]
    pattern = "" if background.kind == "plain" else f"{background.kind} "
    return f"on a {background.colour} {pattern}background"
