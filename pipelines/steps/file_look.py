"""Looks whether the files of assets exist, without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.catalogue.parts import Catalogue
from pipelines.fetch.fetch import open_stream
from pipelines.fetch.locate import SourcePolicy, resolve_media_uri
from pipelines.media.limits import MediaLimits
from schemas.errors import BadRecord, counted

_MAX_NAMED = 3


@dataclass
class FileLook:
    """What was found of assets' files.

    Attributes:
        cleared: How many assets the catalogue clears.
        looked_for: How many of their files were looked for.
        found: How many of those exist, may be read and are not empty.
        faults: How many are not there, by reason.
        examples: The first assets of each reason, with what was seen.
    """

    cleared: int = 0
    looked_for: int = 0
    found: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many files were looked for and are not there."""
        return self.looked_for - self.found

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON."""
        return {**vars(self), "faults": dict(sorted(self.faults.items()))}

    def lines(self) -> list[str]:
        """Returns it for people."""
        if not self.looked_for:
            return [f"not looked for, of {counted(self.cleared, 'cleared asset')}"]
        of = "all" if self.looked_for == self.cleared else f"a sample of {self.cleared:,}"
        lines = [f"{self.found:,} of {self.looked_for:,} exist ({of} cleared assets)"]
        for reason, count in sorted(self.faults.items()):
            lines.append(f"{reason} {count:,}: {'; '.join(self.examples[reason])}")
        return lines


def look_for_files(
    files: Iterable[tuple[str, str]],
    cleared: int,
    catalogue: Catalogue,
    policy: SourcePolicy,
    limits: MediaLimits,
) -> FileLook:
    """Opens each file and reads no more than its beginning.

    Args:
        files: Pairs of asset id and media_uri.
        cleared: How many assets the catalogue clears.
        catalogue: The catalogue, beside which media may lie.
        policy: What else may be read.
        limits: The limits on media.

    Raises:
        InputError: If a service refuses all access.
        RunError: If a service fails.
    """
    look = FileLook(cleared)
    for asset_id, media_uri in files:
        look.looked_for += 1
        try:
            location = resolve_media_uri(media_uri, catalogue.uri, policy)
            next(open_stream(location, limits.max_bytes), None)
            look.found += 1
        except BadRecord as error:
            look.faults[error.reason] += 1
            named = look.examples.setdefault(str(error.reason), [])
            if len(named) < _MAX_NAMED:
                named.append(f"{asset_id} ({error.detail})")
    return look
