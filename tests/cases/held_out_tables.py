"""Variants of a no in ids, columns and files."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from tests.cases.held_out_case import (
    EITHER,
    READS,
    STOPS,
    VARIANTS,
    Case,
    Variant,
    parquet_of,
    text_of,
    variant,
)
from tests.cases.values_common import said

_NEW_YORK = pa.timestamp("ns", tz="America/New_York")


def _ids() -> Iterator[tuple[str, str, str, str]]:
    """Name, what must become of it, the contributor's id, and how the no spells it."""
    yield "id full width", EITHER, "c-2", "\uff43-2"
    yield "id in cyrillic", STOPS, "c-2", "\u0441-2"
    yield "id decomposed", EITHER, "Zo\u00eb", "Zoe\u0308"
    yield "id no-break space", EITHER, "c-2", "c-2\u00a0"
    yield "id zero-width space", EITHER, "c-2", "c\u200b-2"
    yield "id byte order mark", EITHER, "c-2", "\ufeffc-2"
    yield "id en dash", STOPS, "c-2", "c\u20132"
    yield "id without leading zeros", STOPS, "00123", "123"
    yield "id scientific", STOPS, "123456789012", "1.23457E+11"
    yield "id rounded to 15 digits", STOPS, "1234567890123456", "1234567890123450"
    yield "id thousands", STOPS, "1234567", "1,234,567"
    yield "id float", STOPS, "42", "42.0"
    yield "id became a date", STOPS, "3-5", "05.03.2026"
    yield "id apostrophe", EITHER, "c-2", "'c-2"
    yield "id as formula", EITHER, "c-2", '="c-2"'
    yield "id in capitals", STOPS, "c-2", "C-2"
    yield "id with tab", EITHER, "c-2", "c-2\t"
    yield "id arabic digit", EITHER, "c-2", "c-\u0662"
    yield "id cell in quotes", EITHER, "c-2", '"c-2"'
    yield "id two in a cell", STOPS, "c-2", "c-1;c-2"


def _add_ids() -> None:
    for name, wanted, ours, theirs in _ids():

        def make(case: Case, spelled: str = theirs) -> None:
            case.deny(spelled)

        VARIANTS.append(Variant(name, wanted, make, ours))


_add_ids()


@variant("asset id in small letters", STOPS)
def _(case: Case) -> None:
    case.deny(asset_id="a-2")


@variant("asset id with soft hyphen")
def _(case: Case) -> None:
    case.deny(asset_id="A\u00ad-2")


@variant("columns in other case and words", READS)
def _(case: Case) -> None:
    case.deny()
    text = text_of(case.tables["consents"]).replace("contributor_id", " Contributor-ID ", 1)
    case.instead("consents", "csv", text.replace("value", "VALUE", 1).encode("utf-8-sig"))


@variant("column twice", STOPS)
def _(case: Case) -> None:
    rows = [[*said(), "value"], [*said().values(), "allow"]]
    rows += [[*said("allow", "c-2").values(), "deny"]]
    case.instead("consents", "csv", "\n".join(",".join(row) for row in rows).encode())


@variant("column twice in other case", STOPS)
def _(case: Case) -> None:
    rows = [[*said(), "Value"], [*said().values(), "allow"]]
    rows += [[*said("allow", "c-2").values(), "deny"]]
    case.instead("consents", "csv", "\n".join(",".join(row) for row in rows).encode())


@variant("column without a name", STOPS)
def _(case: Case) -> None:
    rows = [[*said(), ""], [*said().values(), ""]]
    rows += [[*said("allow", "c-2").values(), "withdrawn"]]
    case.instead("consents", "csv", "\n".join(",".join(row) for row in rows).encode())


@variant("column without a name in JSON", STOPS)
def _(case: Case) -> None:
    rows = [row | {"": ""} for row in case.tables["consents"]]
    rows[1][""] = "withdrawn"
    case.instead("consents", "jsonl", "\n".join(map(json.dumps, rows)).encode())


@variant("column without a name with numbers of rows", READS)
def _(case: Case) -> None:
    case.deny()
    rows = [{"": at} | row for at, row in enumerate(case.tables["consents"])]
    case.instead("consents", "csv", text_of(rows).encode())


@variant("two byte order marks", EITHER)
def _(case: Case) -> None:
    case.deny()
    text = "\ufeff\ufeff" + text_of(case.tables["consents"])
    case.instead("consents", "csv", text.encode())


@variant("status with a blank in its name", READS)
def _(case: Case) -> None:
    case.tables["assets"][1]["status"] = "Withdrawn "
    text = text_of(case.tables["assets"]).replace(",status,", ",Status ,", 1)
    case.instead("assets", "csv", text.encode())


@variant("a no below contributors", STOPS)
def _(case: Case) -> None:
    people = [
        row | {"display_name": "x", "country": "DE", "currency": "EUR", "payee_ref": "p"}
        for row in case.tables["contributors"]
    ]
    below = "contributor_id,purpose,value,given_at,\r\nc-2,all,deny,2026-01-01,\r\n"
    case.instead("contributors", "csv", (text_of(people) + "\r\n" + below).encode())


@variant("an ODS beside", STOPS)
def _(case: Case) -> None:
    case.files["consents.ods"] = b"PK\x03\x04"


@variant("cp1252", STOPS, "Zo\u00eb")
def _(case: Case) -> None:
    case.deny("Zo\u00eb")
    case.instead("consents", "csv", text_of(case.tables["consents"]).encode("cp1252"))


@variant("MacRoman stated", READS, "Zo\u00eb")
def _(case: Case) -> None:
    case.deny("Zo\u00eb")
    case.mapping = '[mapping.consents.csv]\nencoding = "mac-roman"\n'
    case.instead("consents", "csv", text_of(case.tables["consents"]).encode("mac-roman"))


@variant("MacRoman stated as cp1252", STOPS, "Zo\u00eb")
def _(case: Case) -> None:
    case.deny("Zo\u00eb")
    case.mapping = '[mapping.consents.csv]\nencoding = "cp1252"\n'
    case.instead("consents", "csv", text_of(case.tables["consents"]).encode("mac-roman"))


@variant("UTF-16 with tabs", READS)
def _(case: Case) -> None:
    case.deny()
    text = text_of(case.tables["consents"], delimiter="\t")
    case.instead("consents", "csv", text.encode("utf-16"))


@variant("semicolons and quoted line ends", STOPS)
def _(case: Case) -> None:
    case.deny(agreement_ref='MSA; "2019"\r\nclause 7')
    text = text_of(case.tables["consents"], delimiter=";", quoting=csv.QUOTE_ALL)
    case.instead("consents", "csv", text.encode())


@variant("NUL bytes", EITHER)
def _(case: Case) -> None:
    case.deny()
    text = text_of(case.tables["consents"]).replace("c-2,all,deny", "c-2,all,de\0ny")
    case.instead("consents", "csv", text.encode())


@variant("no line end at the end", READS)
def _(case: Case) -> None:
    case.deny()
    case.instead("consents", "csv", text_of(case.tables["consents"]).rstrip().encode())


def _split(case: Case) -> tuple[bytes, bytes]:
    case.deny()
    text = text_of(case.tables["consents"])
    at = text.index("c-2,all,deny")
    return text[:at].encode(), text[at:].encode()


@variant("gzip in two members", READS)
def _(case: Case) -> None:
    one, two = _split(case)
    case.instead("consents", "csv.gz", gzip.compress(one) + gzip.compress(two))


@variant("bzip2 in two streams", READS)
def _(case: Case) -> None:
    one, two = _split(case)
    case.instead("consents", "csv.bz2", bz2.compress(one) + bz2.compress(two))


@variant("zstandard in two frames", READS)
def _(case: Case) -> None:
    one, two = (pa.Codec("zstd").compress(part, asbytes=True) for part in _split(case))
    case.instead("consents", "csv.zst", one + two)


@variant("a second copy by a browser", STOPS)
def _(case: Case) -> None:
    case.files["consents (1).csv"] = text_of([said("deny", "c-2")]).encode()


@variant("a piece in capitals", STOPS)
def _(case: Case) -> None:
    case.files["CONSENTS-2.CSV"] = text_of([said("deny", "c-2")]).encode()


@variant("Parquet with dictionaries", READS)
def _(case: Case) -> None:
    case.deny()
    table = pa.Table.from_pylist(case.tables["consents"])
    columns = [column.dictionary_encode() for column in table.columns]
    made = pa.table(columns, names=table.column_names)
    case.instead("consents", "parquet", parquet_of(made, row_group_size=1))


@variant("Parquet with nanoseconds in a zone", READS)
def _(case: Case) -> None:
    case.deny()
    table = pa.Table.from_pylist(case.tables["consents"])
    days = [datetime.fromisoformat(row["given_at"]) for row in case.tables["consents"]]
    when = pa.array(days, pa.timestamp("us", tz="UTC")).cast(_NEW_YORK)
    made = table.set_column(table.column_names.index("given_at"), "given_at", when)
    case.instead("consents", "parquet", parquet_of(made, version="2.6"))


@variant("Parquet nested", STOPS)
def _(case: Case) -> None:
    case.deny()
    table = pa.Table.from_pylist(case.tables["consents"])
    value = pa.array([{"said": text} for text in table["value"].to_pylist()])
    made = table.set_column(table.column_names.index("value"), "value", value)
    case.instead("consents", "parquet", parquet_of(made))


@variant("JSON with a key twice", STOPS)
def _(case: Case) -> None:
    rows = [json.dumps(row) for row in case.tables["consents"]]
    rows[1] = rows[1].replace('"value": "allow"', '"value": "deny", "value": "allow"')
    case.instead("consents", "jsonl", "\n".join(rows).encode())


@variant("JSON with a key twice in other case", STOPS)
def _(case: Case) -> None:
    rows = [json.dumps(row) for row in case.tables["consents"]]
    rows[1] = rows[1].replace('"value": "allow"', '"Value": "deny", "value": "allow"')
    case.instead("consents", "jsonl", "\n".join(rows).encode())


@variant("JSON cut off", STOPS)
def _(case: Case) -> None:
    case.deny()
    rows = "\n".join(json.dumps(row) for row in case.tables["consents"])
    case.instead("consents", "jsonl", rows[:-30].encode())


@variant("JSON in an object", STOPS)
def _(case: Case) -> None:
    case.deny()
    case.instead("consents", "json", json.dumps({"rows": case.tables["consents"]}).encode())
