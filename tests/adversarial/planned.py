"""A planned catalogue: its rows with their answers, and its media as the servers have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.adversarial.draft import Row
from tests.adversarial.media import FORMATS, marker, picture
from tests.adversarial.people import People
from tests.adversarial.roles import Role
from tests.adversarial.roles_server import side_file
from tests.adversarial.server import Answer
from tests.adversarial.terms import Terms


@dataclass(frozen=True)
class Planned:
    """One row of the catalogue with its answer.

    Attributes:
        number: From which its id, path and picture come.
        asset_id: As the decisions table has it.
        row: Its row of `assets`, all columns.
        outcome: `delivered`, `refused` or `dead_letter`; `stage` and `reasons` likewise.
        fetched: Whether the catalogue clears it, so that its media are asked for.
        captioned: Of a delivered one, whether it has a model's caption and embeddings.
        overridden: Origin, purpose and agreement of each no that is overridden.
        role: What its file and server do.
        path: Of its media.
        why: Names of its traps and role, for messages.
    """

    number: int
    asset_id: str
    row: Row
    outcome: str
    stage: str
    reasons: frozenset[str]
    fetched: bool
    captioned: bool
    overridden: frozenset[tuple[str, str, str]]
    role: Role
    path: str
    why: str


@dataclass(frozen=True)
class Plan:
    """A whole catalogue, in the order of its rows."""

    seed: int
    terms: Terms
    people: People
    assets: list[Planned]
    consents: list[Row]
    releases: list[Row]

    def serve(self, asset: Planned) -> Answer:
        """What the server says when it is asked for an asset's file."""
        role = asset.role
        fmt = format_of(role, asset.number)
        side = 16 if role.small else 64
        body = role.embed(picture(self.seed, asset.number, fmt, side))
        found = Answer(body, headers=role.headers)
        return found if role.answer is None else role.answer(found)

    def site(self, name: str, path: str, files: Mapping[str, Planned]) -> Answer:
        """A server's answer to a path."""
        beside = side_file(name, path)
        if beside is not None:
            return beside
        asset = files.get(path)
        return Answer(b"not here", 404) if asset is None else self.serve(asset)

    def marker(self, asset: Planned) -> bytes:
        """The text that the asset's file alone holds."""
        return marker(self.seed, asset.number)


def format_of(role: Role, number: int) -> str:
    """The format of an asset's picture."""
    return role.fmt or FORMATS[number % len(FORMATS)]
