"""A planned catalogue: its rows with the expected decisions, and the servers' answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.adversarial.contributors import ContributorPool
from tests.adversarial.draft import Row
from tests.adversarial.media import FORMATS, marker, picture
from tests.adversarial.roles import MediaRole
from tests.adversarial.roles_server import side_file
from tests.adversarial.server import ServerAnswer
from tests.adversarial.terms import AdversaryTerms


@dataclass(frozen=True)
class PlannedRow:
    """One row of the catalogue with its expected decision.

    Attributes:
        number: A number from which its id, path and picture are derived.
        asset_id: The id as in the decisions table.
        row: Its row of `assets`, with all columns.
        outcome: `delivered`, `refused` or `dead_letter`.
        stage: The step that decides.
        reasons: The expected reason codes.
        fetched: Whether the catalogue clears it, so that its media is requested.
        captioned: For a delivered asset, whether it has a model's caption and embeddings.
        overridden: Origin, purpose and agreement of each objection that is overridden.
        role: The behaviour of its file and server.
        path: The path of its media.
        description: The names of its traps and role, for messages.
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
    role: MediaRole
    path: str
    description: str


@dataclass(frozen=True)
class AdversaryPlan:
    """A whole catalogue, in the order of its rows."""

    seed: int
    terms: AdversaryTerms
    contributors: ContributorPool
    assets: list[PlannedRow]
    consents: list[Row]
    releases: list[Row]

    def answer_for(self, asset: PlannedRow) -> ServerAnswer:
        """Returns the server's answer to a request for an asset's file."""
        role = asset.role
        fmt = picture_format(role, asset.number)
        side = 16 if role.too_small else 64
        body = role.embed(picture(self.seed, asset.number, fmt, side))
        found = ServerAnswer(body, headers=role.headers)
        return found if role.answer is None else role.answer(found)

    def site(self, name: str, path: str, files: Mapping[str, PlannedRow]) -> ServerAnswer:
        """Returns a server's answer for a path."""
        beside = side_file(name, path)
        if beside is not None:
            return beside
        asset = files.get(path)
        return ServerAnswer(b"not here", 404) if asset is None else self.answer_for(asset)

    def marker(self, asset: PlannedRow) -> bytes:
        """Returns the text that only this asset's file contains."""
        return marker(self.seed, asset.number)


def picture_format(role: MediaRole, number: int) -> str:
    """Returns the format of an asset's picture."""
    return role.media_format or FORMATS[number % len(FORMATS)]
