"""The fields of a Croissant description that a patch changes, by the agency or by the buyer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Croissant(TypedDict):
    """The fields of a Croissant description that a patch changes."""

    name: str
    description: str
    version: str
    datePublished: str
    citeAs: str
    distribution: list[dict[str, object]]
    recordSet: list[dict[str, object]]


def next_croissant(
    before: Croissant,
    was: tuple[str, Sequence[str]],
    now: tuple[str, Sequence[str]],
    day: str,
    distribution: list[dict[str, object]],
) -> Croissant:
    """Returns a description with the next version's name, files and families.

    Args:
        before: The description of the version that is patched.
        was: That version's id and families.
        now: The next version's id and families.
        day: When it is published.
        distribution: Its files.
    """
    (delivery, families), (next_delivery, next_families) = was, now
    return {
        **before,
        "name": next_delivery.replace("/", "-"),
        "description": before["description"].replace(
            f"families: {', '.join(families)}.", f"families: {', '.join(next_families)}."
        ),
        "version": f"{int(next_delivery.rpartition('/v')[2])}.0.0",
        "datePublished": day,
        "citeAs": before["citeAs"].replace(f"Delivery {delivery},", f"Delivery {next_delivery},"),
        "distribution": distribution,
        "recordSet": [item for item in before["recordSet"] if item["@id"] in next_families],
    }
