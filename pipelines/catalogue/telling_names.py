"""Names of columns that tell of rights or of pay, although no column of ours has such a name.

A column that is not read and has such a name stops the run: it may hold a no, or what somebody is
to be paid. Words are looked for at their beginnings, since names are written in many ways
(`AI_opt_out`, `isBlocked`, `gesperrt`).
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
# What a contributor is paid, in any table; found anywhere in a name without blanks.
_PAY = re.compile(
    "royalt|commission|payout|percent|revshare|revenueshare|profitshare|agencyshare|agencycut|"
    "contributorshare|artistshare|authorshare|"
    # German and Dutch, then the Romance languages
    "kommission|provision(?!al)|honorar|tantiem|vergutung|umsatzanteil|erlosanteil|prozent|"
    "agenturanteil|auszahlung|ausschuttung|vergoeding|uitbetaling|omzetaandeel|procent|commissie|"
    "redevance|pourcent|remunera|retribu|regalia|porcent|comision|comiss(?:ao|oes)|provvigion|"
    "percentual|compenso|versement"
)
# In the table of contributors, any money is a payee's; whole words, and beginnings of words.
_MONEY_WORDS = frozenset("cut fee fees tax taxes vat btw tva iva part".split())
_MONEY = tuple(
    "share split rate price tariff withh amount currenc minimum threshold bonus "
    "advance balance salar wage earning revenue income pct "
    # German and Dutch, then the Romance languages
    "anteil satz quote preis gebuhr tarif steuer mwst quellenst betrag wahrung mindest schwell "
    "vorschuss saldo gehalt erlos umsatz aandeel percentage prijs tarief belasting bedrag "
    "valuta drempel voorschot loon omzet "
    "taux prix impot montant devise seuil avance solde salaire revenu "
    "participacion cuota tasa precio impuesto importe moneda divisa umbral anticipo salario "
    "ingreso quota tasso aliquota prezzo imposta importo soglia stipendio ricavo "
    "participacao taxa preco imposto montante moeda limite adiantamento receita".split()
)
_PART = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def tells_of_pay(table: str, name: str) -> bool:
    """Returns whether a column of this name may say what somebody is paid.

    In the table of contributors, any word for money or for a part of something is enough. In other
    tables it must be a word for what a contributor is paid: an asset's `Price` is what buyers pay.
    """
    plain = _plain(name)
    if _PAY.search("".join(c for c in plain if c.isalnum())):
        return True
    if table != "contributors":
        return False
    words = _PART.findall(plain)
    return "%" in name or any(word in _MONEY_WORDS or word.startswith(_MONEY) for word in words)


def _plain(name: str) -> str:
    """Returns a name in lower case, without accents, its humps as blanks."""
    folded = unicodedata.normalize("NFKD", _HUMP.sub(" ", name)).casefold()
    return "".join(c for c in folded if not unicodedata.combining(c))


def tells_of_rights(name: str) -> bool:
    """Returns whether a column of this name may say what is forbidden."""
    plain = _plain(name).replace("license", "licence")
    if _ANYWHERE.search("".join(c for c in plain if c.isalnum())):
        return True
    words = _PART.findall(plain)
    if "status" in words and not set(words) - {"status"} - _STATUS_OF:
        return True
    return any(word in _WORDS or word.startswith(_BEGINNINGS) for word in words)
