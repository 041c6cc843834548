"""Consent by default: a contract says yes for every contributor, and an opt-out list says who not.

The default stands in the mapping, with its day, its agreement and what it rests on. It becomes one
row of consents for each contributor of the contributors table, so that it is on record like any
other. Whatever else a contributor said comes after it: a no beats the default, however old it is.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.identifiers import normalise_id
from pipelines.catalogue.mapping_values import check_known, parse_names, require_section, text_value
from schemas.catalogue import BY_DEFAULT, CONSENTS_SCHEMA, EXACT, GIVEN_PRECISION, NO_TIME
from schemas.errors import InputError
from schemas.rights import ALL_PURPOSES, Basis, Permission, Purpose

_OF_SILENCE = ("notice_at", "window_days")
_KEYS = ("given_at", "agreement_ref", "basis", "purposes", *_OF_SILENCE)


@dataclass(frozen=True)
class ConsentDefault:
    """What every contributor consents to by contract.

    Attributes:
        given_at: Since when; a day, or an instant with a zone.
        agreement_ref: The contract or clause that says so.
        basis: What the consent rests on.
        purposes: To what; `all` for every purpose.
        notice_at: Of silence: the day of the notice.
        window_days: Of silence: days after the notice in which one may object.
    """

    given_at: datetime.date | datetime.datetime
    agreement_ref: str
    basis: Basis
    purposes: tuple[str, ...] = (ALL_PURPOSES,)
    notice_at: datetime.date | None = None
    window_days: int | None = None


def parse_consent_default(raw: object, where: str) -> ConsentDefault:
    """Parses the section `default` of the mapping of consents.

    Raises:
        InputError: If a key is unknown, missing or has a value that it cannot have.
    """
    values = require_section(raw, where)
    for key in values:
        check_known(key, _KEYS, f"{where}.{key}")
    basis = text_value(values.get("basis"), f"{where}.basis")
    if basis not in list(Basis):
        raise InputError(
            "The mapping has an unknown basis of consent",
            f"{where}.basis = {basis!r}",
            f"Allowed: {', '.join(Basis)}.",
        )
    purposes = parse_names(values.get("purposes", [ALL_PURPOSES]), f"{where}.purposes")
    if not purposes:
        raise InputError(
            "The mapping has a default consent to nothing",
            f"{where}.purposes = []",
            'Name purposes, or leave the key out: it then means ["all"].',
        )
    for purpose in purposes:
        check_known(purpose, (*Purpose, ALL_PURPOSES), f"{where}.purposes = {purpose!r}")
    ref = normalise_id(text_value(values.get("agreement_ref"), f"{where}.agreement_ref"))
    notice, window = (values.get(key) for key in _OF_SILENCE)
    if (basis == Basis.SILENCE) != (notice is not None and window is not None) or (
        basis != Basis.SILENCE and (notice is not None or window is not None)
    ):
        raise InputError(
            "A default by silence needs the notice and its window, and no other default has them",
            f"{where}: basis = {basis!r}, notice_at = {notice!r}, window_days = {window!r}",
            'State notice_at and window_days with basis = "silence", or leave them out.',
        )
    return ConsentDefault(
        _instant(values.get("given_at"), f"{where}.given_at"),
        ref,
        Basis(basis),
        purposes,
        None if notice is None else _day(notice, f"{where}.notice_at"),
        None if window is None else _days(window, f"{where}.window_days"),
    )


def _instant(value: object, where: str) -> datetime.date | datetime.datetime:
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            return value.astimezone(datetime.UTC)
    elif isinstance(value, datetime.date):
        return value
    raise InputError(
        "The mapping requires a day, or an instant with a zone, here",
        f"{where} = {value!r}",
        "Write 2024-05-01, without quotes.",
    )


def _day(value: object, where: str) -> datetime.date:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    raise InputError("The mapping requires a day here", f"{where} = {value!r}", "Write 2024-05-01.")


def _days(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InputError("The mapping requires a number of days here", f"{where} = {value!r}", "")


def add_default(
    consents: pa.Table, contributor_ids: Sequence[str], default: ConsentDefault
) -> pa.Table:
    """Adds the default of every contributor before what contributors said themselves.

    Args:
        consents: The table of consents as read.
        contributor_ids: Everybody in the contributors table.
        default: What they consent to by contract.

    Returns:
        The rows, with the column `BY_DEFAULT`.
    """
    people = list(dict.fromkeys(contributor_ids))
    rows = len(people) * len(default.purposes)
    is_instant = isinstance(default.given_at, datetime.datetime)
    given = default.given_at
    if not isinstance(given, datetime.datetime):
        given = datetime.datetime.combine(given, datetime.time(), datetime.UTC)
    same: dict[str, object] = {
        "value": Permission.ALLOW.value,
        "given_at": given,
        "agreement_ref": default.agreement_ref,
        "asset_id": None,
        "basis": default.basis.value,
        "notice_at": default.notice_at,
        "window_days": default.window_days,
    }
    schema = CONSENTS_SCHEMA.remove_metadata()
    columns = {
        name: pa.array([value] * rows, schema.field(name).type) for name, value in same.items()
    }
    repeated: npt.NDArray[np.int64] = np.repeat(np.arange(len(people)), len(default.purposes))
    columns["contributor_id"] = pa.array(people, pa.string()).take(repeated)
    columns["purpose"] = pa.array(list(default.purposes) * len(people), pa.string())
    made = pa.table([columns[name] for name in schema.names], schema=schema)
    precision = EXACT if is_instant else NO_TIME
    made = made.append_column(GIVEN_PRECISION, pa.array(np.full(rows, precision, np.int8)))
    made = made.append_column(BY_DEFAULT, pa.array(np.ones(rows, np.bool_)))
    if GIVEN_PRECISION not in consents.schema.names:
        exact = pa.array(np.full(len(consents), EXACT, np.int8))
        consents = consents.append_column(GIVEN_PRECISION, exact)
    said = consents.append_column(BY_DEFAULT, pa.array(np.zeros(len(consents), np.bool_)))
    return pa.concat_tables([made, said.select(made.schema.names).cast(made.schema)])


def count_defaults(consents: pa.Table) -> dict[str, int]:
    """Counts the contributors who say yes by default, and who of them said anything themselves."""
    if BY_DEFAULT not in consents.schema.names:
        return {}
    by_default = consents.column(BY_DEFAULT)
    people = pc.unique(consents.filter(by_default).column("contributor_id"))
    others = consents.filter(
        pc.and_(
            pc.invert(by_default),
            pc.not_equal(consents.column("value"), pa.scalar(Permission.ALLOW.value)),
        )
    )
    said_no = pc.unique(others.column("contributor_id"))
    objecting = int(np.asarray(pc.is_in(people, value_set=said_no)).sum())
    return {"by_default": len(people), "by_default_with_a_no": objecting}
