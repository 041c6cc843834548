"""Names of columns that tell of rights, although no column of ours has such a name.

A column that is not read and has such a name stops the run: it may hold a no. Words are looked for
at their beginnings, since names are written in many ways (`AI_opt_out`, `isBlocked`, `gesperrt`).
"""

from __future__ import annotations

import re
import unicodedata

# Found anywhere in a name without blanks and punctuation.
_ANYWHERE = re.compile(
    "territor|exclusiv|withdr|revo[ckq]|optout|optin|consent|licence|release|embargo|minor|expir|"
    "prohibit|restrict|forbid|noai|train|deny|denied|denial|editorial|sensitive|rights|"
    "legalhold|takedown|copyright|donot|notfor|machinelearn|datamin|validuntil|validto|validthru|"
    "enddate|endedat|contractend|dateofbirth|under18|optedout|optedin|"
    "countriesout|countryout|spdx|"
    # German and Dutch, then the Romance languages
    "sperr|widerruf|widerspr|einwillig|einverst|zustimm|exklusiv|freigabe|lizenz|rechte(?!ck)|"
    "nutzung|minderj|verbot|untersag|redaktionell|ablauf|toestemm|ingetrok|licentie|exclusie|"
    "territoi|retrait|retir|refus|interdi|mineur|autori[sz]|droit|opposition|"
    "licenc|prohib|proib|restri[cn]|derecho|direito|caduc|entrenam|"
    "esclusiv|consens|divieto|vietat|diritt|licenz|addestr"
)
# Whole words.
_WORDS = frozenset(
    "ai genai ki ia ml llm tdm dmca hold void nc nsfw adult mature dnt age dob deceased active "
    "inactive excl generated synthetic prompt ended until expiry child children kids teen usage "
    "people person persons face faces trademark".split()
)
# Beginnings of words.
_BEGINNINGS = tuple(
    "block suspend delet remov disab retract quarantin disput invalid cancel terminat supersed "
    "withh banned reject refus nud exclu objection licenc licens instruct condition "
    # German, French, Spanish, Italian, Portuguese
    "gesperr zuruckgezog gelosch gultig supprim bloque vence ritirat bloccat scaden".split()
)
# `current_status` and the like; a `payment_status` says nothing of rights.
_STATUS_OF = frozenset(
    "current new old final account asset image media file contributor artist author member "
    "contract agreement deal overall the is".split()
)
_PART = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def tells_of_rights(name: str) -> bool:
    """Returns whether a column of this name may say what is forbidden."""
    folded = unicodedata.normalize("NFKD", _HUMP.sub(" ", name)).casefold()
    plain = "".join(c for c in folded if not unicodedata.combining(c)).replace("license", "licence")
    if _ANYWHERE.search("".join(c for c in plain if c.isalnum())):
        return True
    words = _PART.findall(plain)
    if "status" in words and not set(words) - {"status"} - _STATUS_OF:
        return True
    return any(word in _WORDS or word.startswith(_BEGINNINGS) for word in words)
