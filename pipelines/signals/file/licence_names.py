"""Recognises the licences that a file names, by address or in words.

A licence is returned as its SPDX identifier where it has one. What restricts the use without being
a licence ("editorial use only") has a code of its own in small letters.
"""

from __future__ import annotations

import re

from pipelines.signals.file.denials import fold

EDITORIAL_ONLY, NON_COMMERCIAL = "editorial-use-only", "non-commercial"
_CC_ADDRESS = re.compile(
    r"creativecommons\.org/(?:licen[sc]es|publicdomain)/([a-z+-]+)(?:/(\d(?:\.\d)?))?(?:/([a-z]{2})\b)?",
    re.IGNORECASE,
)
_ADDRESSES: tuple[tuple[str, str], ...] = (
    (r"opendatacommons\.org/licen[sc]es/odbl", "ODbL-1.0"),
    (r"opendatacommons\.org/licen[sc]es/by\b", "ODC-By-1.0"),
    (r"opendatacommons\.org/licen[sc]es/pddl", "PDDL-1.0"),
    (r"gnu\.org/(?:licen[sc]es|copyleft)/(agpl|lgpl|gpl|fdl)[^/\s]*", "GNU"),
    (r"opensource\.org/licen[sc]es?/([A-Za-z0-9.+-]+)", "OSI"),
    (r"spdx\.org/licen[sc]es/([A-Za-z0-9.+-]+?)(?:\.html|\.json)?(?=[\s/?#]|$)", "OSI"),
    (r"artlibre\.org/(?:licence|lal)", "LAL-1.3"),
    (r"unsplash\.com/licen[sc]e", "LicenseRef-Unsplash"),
    (r"pexels\.com/(?:[a-z-]+/)?licen[sc]e", "LicenseRef-Pexels"),
    (r"pixabay\.com/(?:service/)?(?:licen[sc]e|terms)", "LicenseRef-Pixabay"),
)
_CC_WORDS = re.compile(
    r"\b(?:cc|creative ?commons(?: licen[sc]ed?)?) ?((?:by|zero|0|pdm)(?: ?(?:nc|nd|sa)\b)*)"
    r"(?: v?(\d)(?: (\d))?)?\b"
)
# Certain in any text: the code with its conditions, or with a version.
_CC_CODE = re.compile(
    r"\bcc ?((?:by ?)?(?:nc|nd|sa)(?: ?(?:nc|nd|sa)\b)*|by(?= ?\d)|zero)(?: v?(\d)(?: (\d))?)?\b"
)
# In a field about rights, conditions that no other licence abbreviates so.
_CC_ABBREVIATED = re.compile(
    r"(?<!cc )\bby ((?:nc|nd|sa)(?: (?:nc|nd|sa))*)(?: v?(\d)(?: (\d))?)?\b"
)
_CC_LONG = re.compile(
    r"\battribution((?: ?(?:non ?commercial|no ?deriv[a-z]*|share ?alike))*)"
    r"(?: v?(\d)(?: (\d))?)?\b"
)
_CC_PARTS = (("non ?commercial", "NC"), ("no ?deriv[a-z]*", "ND"), ("share ?alike", "SA"))
_WORDS: tuple[tuple[str, str], ...] = (
    (r"gnu affero|agpl", "AGPL"),
    (r"gnu lesser|gnu library general|lgpl", "LGPL"),
    (r"gnu free documentation|gfdl", "GFDL"),
    (r"gnu general public|gpl", "GPL"),
    (r"odbl|open database licen[sc]e", "ODbL-1.0"),
    (r"cdla sharing[ \d]*|community data licen[sc]e agreement sharing[ \d]*", "CDLA-Sharing-1.0"),
    (r"free art licen[sc]e|licence art libre", "LAL-1.3"),
    (r"open government licen[sc]e|ogl uk[ \d]*", "OGL-UK-3.0"),
    (r"(?:unsplash|pexels|pixabay) (?:content )?licen[sc]e", "LicenseRef"),
    (r"mit licen[sc]e", "MIT"),
    (r"apache licen[sc]e", "Apache-2.0"),
    (r"(?:mozilla public licen[sc]e|mpl)(?: v?\d)?", "MPL-2.0"),
    (r"(?:european union public licen[sc]e|eupl)(?: v?\d)?", "EUPL-1.2"),
    (r"public domain|gemeinfrei|domaine public|dominio publico|dominio pubblico", "public-domain"),
    (r"creative commons|all creative commons", "CC"),
    (
        r"editorial (?:use )?only|for editorial use|only for editorial|editorial purposes only|"
        r"nur (?:fur )?redaktionell[a-z]*|nur zur redaktionellen|usage editorial|"
        r"solo (?:para )?uso editorial|solo uso editorial|uso (?:exclusivo )?editorial|"
        r"sadece editoryal|redactioneel gebruik",
        EDITORIAL_ONLY,
    ),
    (
        r"non ?commercial|not for commercial|no commercial use|personal use only|"
        r"nicht ?kommerziell[a-z]*|keine kommerzielle|usage non commercial|pas d usage commercial|"
        r"uso no comercial|no comercial|uso non commerciale|niet commercieel|uso nao comercial",
        NON_COMMERCIAL,
    ),
)
_WORD_PATTERNS = (
    *((re.compile(rf"\b(?:{pattern})\b"), code) for pattern, code in _WORDS),
    # Where words are not written apart.
    (re.compile("非営利|非商业|非商業|비영리|비상업"), NON_COMMERCIAL),
    (re.compile("改変禁止|禁止演绎|禁止演繹|禁止改作|변경금지"), "no-derivatives"),
    (
        re.compile(
            "クリエイティブ ?コモンズ|知识共享|創用 ?cc|공동체 라이선스|크리에이티브 ?커먼즈"
        ),
        "CC",
    ),
)
_ADDRESS_PATTERNS = tuple((re.compile(p, re.IGNORECASE), code) for p, code in _ADDRESSES)


def licences_by_address(text: str) -> list[str]:
    """The licences whose well-known addresses stand in a text, in order, each once."""
    found = []
    for match in _CC_ADDRESS.finditer(text):
        found.append(_cc_code(match[1].lower(), match[2], match[3]))
    for pattern, code in _ADDRESS_PATTERNS:
        for match in pattern.finditer(text):
            if code == "OSI":
                found.append(match[1])
            elif code == "GNU":
                found.append({"fdl": "GFDL"}.get(match[1].lower(), match[1].upper()))
            else:
                found.append(code)
    return list(dict.fromkeys(found))


def licences_by_code(text: str) -> list[str]:
    """The licences that any text names by address, or by the code of Creative Commons."""
    return list(dict.fromkeys([*licences_by_address(text), *_codes_in_words(fold(text))]))


def _codes_in_words(folded: str) -> list[str]:
    return [
        _cc_code(match[1].replace(" ", "-"), _version(match[2], match[3]), None)
        for match in _CC_CODE.finditer(folded)
    ]


def licences_in_words(text: str) -> list[str]:
    """The licences that a field about rights names, by address or in words."""
    found = licences_by_address(text)
    folded = fold(text)
    for match in _CC_WORDS.finditer(folded):
        found.append(_cc_code(match[1].replace(" ", "-"), _version(match[2], match[3]), None))
    for named in _CC_LONG.finditer(folded):
        parts = [part for pattern, part in _CC_PARTS if re.search(pattern, named[1])]
        if parts or named[2] or "creative commons" in folded:
            code = "-".join(["by", *(part.lower() for part in parts)])
            found.append(_cc_code(code, _version(named[2], named[3]), None))
    found += _codes_in_words(folded)
    for match in _CC_ABBREVIATED.finditer(folded):
        found.append(
            _cc_code(f"by-{match[1].replace(' ', '-')}", _version(match[2], match[3]), None)
        )
    has_cc = any(code.startswith("CC") for code in found)
    for pattern, code in _WORD_PATTERNS:
        said = pattern.search(folded)
        # Part of what a Creative Commons licence is called.
        if said and not (has_cc and code in ("CC", NON_COMMERCIAL, "public-domain")):
            site = said[0].split()[0].title()
            found.append(f"LicenseRef-{site}" if code == "LicenseRef" else code)
    return list(dict.fromkeys(found))


def _version(major: str | None, minor: str | None) -> str | None:
    return f"{major}.{minor or 0}" if major else None


def _cc_code(kind: str, version: str | None, country: str | None) -> str:
    """The SPDX identifier of a Creative Commons licence, as far as it is known."""
    if kind in ("zero", "0"):
        return "CC0-1.0"
    if kind in ("mark", "pdm"):
        return "CC-PDM-1.0"
    parts = kind.replace("+", "").upper().strip("-").split("-")
    order: list[str] = [part for part in ("BY", "NC", "ND", "SA") if part in parts]
    order += [part for part in parts if part not in order]
    code = "-".join(["CC", *order])
    if version:
        code += f"-{version if '.' in version else version + '.0'}"
        if country:
            code += f"-{country.upper()}"
    return code
