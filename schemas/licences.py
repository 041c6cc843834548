"""What is known about licences by their SPDX identifiers, without a licence parser.

SPDX lists identifiers and says nothing of what they ask for. The tables here were made from the
texts of the licences on that list; `pipelines.rights.spdx` adds what ScanCode's index says.
"""

from __future__ import annotations

import re

# Identifiers without their versions' endings `-only`, `-or-later` and `+`, as SPDX spells them.
_SHARE_ALIKE = frozenset(
    name.upper()
    for name in """
    AGPL-1.0 AGPL-3.0 APL-1.0 APSL-1.0 APSL-1.1 APSL-1.2 APSL-2.0 CAL-1.0
    CAL-1.0-Combined-Work-Exception CC-BY-SA CC-SA CDDL-1.0 CDDL-1.1 CDLA-Sharing-1.0
    CECILL-1.0 CECILL-1.1 CECILL-2.0 CECILL-2.1 CECILL-C CERN-OHL-1.1 CERN-OHL-1.2 CERN-OHL-S-2.0
    CERN-OHL-W-2.0 CPAL-1.0 CPL-1.0 CUA-OPL-1.0 D-FSL-1.0 EPL-1.0 EPL-2.0 EUPL-1.0 EUPL-1.1
    EUPL-1.2 ErlPL-1.1 GFDL-1.1 GFDL-1.2 GFDL-1.3 GPL-1.0 GPL-2.0 GPL-3.0 IPL-1.0 LAL-1.2 LAL-1.3
    LGPL-2.0 LGPL-2.1 LGPL-3.0 LGPLLR LPL-1.0 LPL-1.02 LiLiQ-R-1.1 LiLiQ-Rplus-1.1 MPL-1.0 MPL-1.1
    MPL-2.0 MPL-2.0-no-copyleft-exception MS-RL MulanPubL-1.0 MulanPubL-2.0 NPL-1.0 NPL-1.1
    NPOSL-3.0 Nokia OCLC-2.0 ODbL-1.0 OFL-1.0 OFL-1.1 OGTSL OPL-1.0 OSET-PL-2.1 OSL-1.0 OSL-1.1
    OSL-2.0 OSL-2.1 OSL-3.0 Parity-6.0.0 Parity-7.0.0 QPL-1.0 RPL-1.1 RPL-1.5 RPSL-1.0 SISSL
    SISSL-1.2 SPL-1.0 SSPL-1.0 SimPL-2.0 Sleepycat TAPR-OHL-1.0 TGPPL-1.0 TOSL VOSTROM Watcom-1.0
    YPL-1.0 YPL-1.1 copyleft-next-0.3.0 copyleft-next-0.3.1
    """.split()
)
_SHARE_ALIKE_PARTS = frozenset({"SA", "SHARING", "SSPL"})
_ENDING = re.compile(r"(\+|-ONLY|-OR-LATER|-INVARIANTS(-ONLY|-OR-LATER)|-NO-INVARIANTS-.*)$")
# Works under these may be used without naming anybody. Any other licence counts as one that asks
# for it, also one that is not known here.
_ASKS_FOR_NOTHING = frozenset(
    "0BSD CC-PDDC CC-PDM-1.0 CC0-1.0 MIT-0 NCBI-PD NIST-PD NTIA-PD PDDL-1.0 UNLICENSE WTFPL".split()
)
_CREATIVE_COMMONS = re.compile(
    r"CC-((?:BY-)?(?:NC-)?(?:ND|SA)|BY-NC|BY)-(\d\.\d)(?:-([A-Z]{2,4}))?"
)
_CC_OTHERS = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-PDM-1.0": "https://creativecommons.org/publicdomain/mark/1.0/",
}
_WORD = re.compile(r"[A-Za-z0-9.+:-]+")
_OPERATORS = frozenset({"AND", "OR", "WITH"})


def identifiers(expression: str) -> list[str]:
    """Returns the identifiers in an SPDX expression in order, as written, each once.

    An exception behind `WITH` is no licence, so it is left out. What is no expression has words,
    too; nothing is checked here.
    """
    found: list[str] = []
    words = _WORD.findall(expression)
    for at, word in enumerate(words):
        behind_with = at > 0 and words[at - 1].upper() == "WITH"
        if word.upper() not in _OPERATORS and not behind_with and word not in found:
            found.append(word)
    return found


def is_known_share_alike(identifier: str) -> bool:
    """Returns whether a licence asks that what is made of the work be shared alike.

    Args:
        identifier: An SPDX identifier in any case, with or without `-only`, `-or-later` or `+`.
    """
    name = identifier.upper()
    return _ENDING.sub("", name) in _SHARE_ALIKE or bool(
        _SHARE_ALIKE_PARTS.intersection(name.split("-"))
    )


def asks_for_attribution(expression: str) -> bool:
    """Returns whether a licence code asks that the author be named where the work is used.

    Every licence counts as one that does, except the few that are known to ask for nothing. Of a
    choice (`OR`), the buyer may take either, so each of the licences is asked.

    Args:
        expression: An SPDX expression; "" for the agency's own licence, which asks for nothing.
    """
    return any(name.upper() not in _ASKS_FOR_NOTHING for name in identifiers(expression))


def licence_url(identifier: str) -> str:
    """Returns where a licence's text is: Creative Commons' own page, or else SPDX's."""
    name = identifier.upper()
    if name in _CC_OTHERS:
        return _CC_OTHERS[name]
    match = _CREATIVE_COMMONS.fullmatch(name)
    if match is None:
        return f"https://spdx.org/licenses/{identifier.removesuffix('+')}.html"
    parts = [part.lower() for part in match.groups() if part]
    return f"https://creativecommons.org/licenses/{'/'.join(parts)}/"


def licence_urls(expression: str) -> str:
    """Returns where the licences of a code are, separated by "; "."""
    return "; ".join(map(licence_url, identifiers(expression)))
