"""Chooses which roles a library has, and how many instances of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipelines.demo.roles.consent import BASIS_ROLES, CONSENT_ROLES
from pipelines.demo.roles.file import FILE_ROLES
from pipelines.demo.roles.media import (
    BROKEN_ROLES,
    DUPLICATE_ROLES,
    FILM_ROLES,
    FORMAT_ROLES,
    SIZE_ROLES,
)
from pipelines.demo.roles.people import PEOPLE_ROLES
from pipelines.demo.roles.rights import (
    GRANT_ROLES,
    READ_ROLES,
    SOURCE_ROLES,
    SPLIT_ROLES,
    STANDING_ROLES,
    TERM_ROLES,
)
from pipelines.demo.roles.role import Role

FIRST_GROUP_SUFFIX = "-0"  # ends the name of the first group of each kind
CLEAN = Role("clean")

# Roles whose decisions depend only on the catalogue; the others need files.
TABLE_ROLES = (
    *READ_ROLES,
    *STANDING_ROLES,
    *TERM_ROLES,
    *GRANT_ROLES,
    *SPLIT_ROLES,
    *SOURCE_ROLES,
    *CONSENT_ROLES,
    *PEOPLE_ROLES,
    *BASIS_ROLES,
)
ROLES = (
    *(role for role in TABLE_ROLES if role not in BASIS_ROLES),
    *FILE_ROLES,
    *BROKEN_ROLES,
    *SIZE_ROLES,
    *FILM_ROLES,
    *DUPLICATE_ROLES,
    *FORMAT_ROLES,
    *BASIS_ROLES,
)


def role_instances(assets: int) -> Iterator[tuple[Role, str]]:
    """Yields instances of roles, each with its group or "", for `assets` rows in all.

    In this order, as far as there is room: 1. every essential role; 2. one of every other role;
    3. more of each role by its share, and more groups of look-alikes; 4. clean assets.
    """
    rows_left = assets
    essential = [role for role in ROLES if role.essential]
    others = list(_group_members(role for role in ROLES if not role.essential))
    for members in [*_group_members(essential), *others]:
        rows = sum(role.rows for role in members)
        if rows > rows_left:
            continue
        rows_left -= rows
        yield from (
            (role, f"{role.group}{FIRST_GROUP_SUFFIX}" if role.group else "") for role in members
        )
    for role in ROLES:
        extra = min(rows_left, max(0, assets * role.per_thousand // 1000 - 1))
        rows_left -= extra
        yield from ((role, "") for _ in range(extra))
    for number in range(1, 1 + assets // 300):
        for members in _group_members(role for role in DUPLICATE_ROLES):
            if len(members) <= rows_left:
                rows_left -= len(members)
                yield from ((role, f"{role.group}-{number}") for role in members)
    yield from ((CLEAN, "") for _ in range(rows_left))


def _group_members(roles: Iterable[Role]) -> Iterator[list[Role]]:
    """Yields roles one by one, except that the members of a group come together."""
    groups: dict[str, list[Role]] = {}
    for role in roles:
        groups.setdefault(role.group or role.name, []).append(role)
    yield from groups.values()
