"""File names of statements: safe on every system, and different for different contributors."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def statement_filename(contributor_id: str, clash: bool = False) -> str:
    """Returns a file name, without extension, that is safe on every system, for any id.

    Args:
        contributor_id: The id, which may contain any characters.
        clash: Whether the id shares its name with another on systems that ignore case; see
            `statement_filenames`.

    Returns:
        The id itself if it is plain: 1 to 64 letters, digits, `_`, `-` and `.`, not beginning or
        ending with `.`, and not a name that Windows reserves. Otherwise a readable beginning, `~`
        and the sha256 of the id. Different ids have different names: no plain id contains a `~`.
    """
    plain = (
        _PLAIN_NAME.fullmatch(contributor_id)
        and not contributor_id.endswith(".")
        and not _RESERVED_NAME.fullmatch(contributor_id)
    )
    if plain and not clash:
        return contributor_id
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", contributor_id)[:40]
    digest = hashlib.sha256(contributor_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable}~{digest}"


def statement_filenames(contributor_ids: Iterable[str]) -> dict[str, str]:
    """Returns file names for all contributors of a delivery, unique even if case is ignored.

    `Ada` and `ada` would be the same file on many systems, so both get the longer name. Ids that
    do not clash keep their names.
    """
    ids = list(dict.fromkeys(contributor_ids))
    folded = Counter(name.lower() for name in ids)
    return {name: statement_filename(name, folded[name.lower()] > 1) for name in ids}
