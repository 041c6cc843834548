"""The value types of a deal's keys: how they are parsed, and their JSON Schemas."""

from __future__ import annotations

import itertools
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.profiles import profile_names
from schemas.territory import COUNTRIES, WORLD

_SIZE_PATTERN = re.compile(r"([0-9]{1,18}) ?(B|KB|MB|GB|KiB|MiB|GiB)?")
_COLOUR_PATTERN = r"#[0-9a-f]{6}"
DEAL_ID_PATTERN = r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?"
#: What is written for a country's code, and the code.
_OTHER_CODES = {"UK": "GB", "EL": "GR", "WORLDWIDE": WORLD}
_SHARE_PATTERN = r"0(\.[0-9]{1,30})?|1(\.0{1,30})?"
# The largest integer that RFC 8785 can write, so that the digest of the terms can include it.
MAX_INTEGER = 2**53 - 1
_Item = TypeVar("_Item")
_UNIT_BYTES = {
    None: 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def parse_size(value: object) -> int:
    """Reads a size such as `512MiB`, or a whole number of bytes.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a whole number of bytes, or text such as "512MiB"')
    return int(match[1]) * _UNIT_BYTES[match[2]]


def read_share(value: object) -> Decimal:
    """Reads a share between 0 and 1; text, because a TOML float is not exact.

    Raises:
        ValueError: If it is not such a text.
    """
    if not isinstance(value, str):
        raise ValueError('must be text such as "0.40", so that it is exact')
    if re.fullmatch(_SHARE_PATTERN, value) is None:
        raise ValueError('must be text such as "0.40", from 0 to 1')
    return Decimal(value)


def _check_payable(value: Decimal) -> Decimal:
    """Reads the largest share that one payee may have."""
    if not value:
        raise ValueError("must be above 0, or nobody could be paid")
    return value


def check_deal_id(value: object) -> object:
    """Refuses an id of another form, and the reserved one.

    Raises:
        ValueError: If it is such a text; that it is text is for pydantic to check.
    """
    if isinstance(value, str) and not re.fullmatch(DEAL_ID_PATTERN, value):
        raise ValueError("must be up to 64 of a-z, 0-9 and -, and not begin or end with -")
    if value == "agency":
        raise ValueError("is reserved for the agency's own folder")
    return value


def _check_territory_code(value: object) -> str:
    if isinstance(value, str) and (value == WORLD or value in COUNTRIES):
        return value
    code = _OTHER_CODES.get(str(value).upper(), str(value).upper())
    near = f" (did you mean {code}?)" if code in COUNTRIES or code == WORLD else ""
    raise ValueError(f"must be an ISO 3166-1 alpha-2 code in capitals, or WORLD{near}")


def _check_calendar_date(value: object) -> date:
    """Reads a TOML date. A date with a time is refused, since a term is counted in whole days."""
    if type(value) is date:
        return value
    raise ValueError("must be a date written as 2026-01-31, without quotes and without a time")


def _check_keyword(value: str) -> str:
    """Reads a keyword; one with a stray blank would match nothing and so exclude nothing."""
    if not value or value != value.strip():
        raise ValueError("must not be empty or have blanks around it")
    return value


def _check_profile_name(value: str) -> str:
    """Reads a profile's name; there is one profile per schema in schemas/profiles."""
    names = profile_names()
    if value not in names:
        raise ValueError(f"must be one of {', '.join(map(repr, names))}")
    return value


def _list_profiles(schema: dict[str, Any]) -> None:
    schema["enum"] = list(profile_names())


def _check_colour(value: object) -> str:
    """Reads a colour in hex."""
    if isinstance(value, str) and re.fullmatch(_COLOUR_PATTERN, value):
        return value
    raise ValueError('must be "#" and six of 0-9 and a-f in lower case, such as "#ffffff"')


def _check_one_line(value: str) -> str:
    """Reads a name or reference, which must fit on one line."""
    if not value.strip() or not value.isprintable():
        raise ValueError("must be one line of text, and not empty")
    return value


def read_asset_list(value: object) -> object:
    """Reads the file of a list of assets: UTF-8, an asset id on each line; empty lines are skipped.

    Args:
        value: The file's path, relative to the folder where the command runs; or the ids, which
            are returned as they are.

    Raises:
        ValueError: If the file cannot be read, or names no asset.
    """
    if not isinstance(value, str):
        return value
    try:
        text = Path(value).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # not UTF-8, or no path at all
        cause = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"the list of assets cannot be read: {cause}") from error
    ids = [line for line in text.split("\n") if line]
    if not ids:
        raise ValueError("the list names no asset; give a file with an asset id on each line")
    for number, asset_id in enumerate(text.split("\n"), start=1):
        if asset_id and (asset_id != asset_id.strip() or not asset_id.isprintable()):
            raise ValueError(f"line {number} is {asset_id!r}, and must be an asset id alone")
    return ids


def _check_asset_list(values: list[str]) -> list[str]:
    """Puts ids in order, so that the terms do not depend on the order of a list's lines."""
    ordered = sorted(values)
    for before, after in itertools.pairwise(ordered):
        if before == after:
            raise ValueError(f"names {after!r} twice")
    return ordered


def refuse_repeats(values: list[_Item]) -> list[_Item]:
    """Refuses a list with repeated values."""
    if len(set(values)) != len(values):
        raise ValueError("names a value twice")
    return values


# The second argument of each is the JSON Schema of the values that a deal may have.
ByteSize = Annotated[
    int, Field(gt=0, le=MAX_INTEGER), BeforeValidator(parse_size, json_schema_input_type=int | str)
]
ExactShare = Annotated[
    Decimal,
    BeforeValidator(
        read_share, json_schema_input_type=Annotated[str, Field(pattern=f"^({_SHARE_PATTERN})$")]
    ),
]
PayableShare = Annotated[ExactShare, AfterValidator(_check_payable)]
TerritoryCode = Annotated[
    str,
    BeforeValidator(
        _check_territory_code,
        json_schema_input_type=Annotated[str, Field(pattern=f"^([A-Z]{{2}}|{WORLD})$")],
    ),
]
Colour = Annotated[
    str,
    BeforeValidator(
        _check_colour, json_schema_input_type=Annotated[str, Field(pattern=f"^{_COLOUR_PATTERN}$")]
    ),
]
CalendarDate = Annotated[date, BeforeValidator(_check_calendar_date)]
Keyword = Annotated[str, AfterValidator(_check_keyword)]
ProfileName = Annotated[
    str, AfterValidator(_check_profile_name), Field(json_schema_extra=_list_profiles)
]
OneLine = Annotated[str, AfterValidator(_check_one_line)]
PixelLimit = Annotated[int, Field(ge=0, le=MAX_INTEGER)]  # 0 for none
IdPair = Annotated[list[OneLine], Field(min_length=2, max_length=2)]
AssetList = Annotated[
    list[OneLine],
    BeforeValidator(read_asset_list, json_schema_input_type=str | list[OneLine]),
    AfterValidator(_check_asset_list),
]
