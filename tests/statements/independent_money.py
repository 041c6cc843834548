"""Checks the money of a statement's JSON: nothing of the product's, as in `independent`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from tests.statements.independent_proofs import (
    PLACES,
    climb,
    commit,
    money,
    node,
    signed,
    sum_node,
    texts,
)


def money_faults(account: Any) -> list[str]:
    """Returns what is wrong with the money of a statement that has some."""
    found = account["money"]
    checkpoint = signed(found["checkpoint"], found["vkey"])
    if checkpoint is None or len(checkpoint) != 3:
        return ["log: checkpoint"]
    tree = int(checkpoint[1]), base64.b64decode(checkpoint[2])
    faults: list[str] = []
    for number, item in enumerate(found["payments"]):
        faults += [f"payment {number}: {what}" for what in _payment(account, item, tree)]
    for number, item in enumerate(found["payouts"]):
        faults += [f"payout {number}: {what}" for what in _payout(account, item, tree)]
    for item in (*found["adjustments"], *found["held"]):
        minor = item.get("minor", item.get("amount_minor"))
        if item["amount"] != money(minor, item["currency"]):
            faults.append("amount: text")
    records = Counter(item["record"] for item in found["payments"])
    records.update({(item["record"], item["currency"]): 1 for item in found["payouts"]})
    places = [(item["record"], item["currency"]) for item in found["payouts"]]
    if len(set(places)) != len(places) or any(count > 1 for count in records.values()):
        faults.append("records: twice")
    for item in (*found["payments"], *found["adjustments"], *found["payouts"]):
        if account["first"] and not account["first"] <= item["date"] <= account["last"]:
            faults.append("money: not in the period")
    return faults + _balances(account)


def money_earned(found: Any) -> list[tuple[str, str, str, int]]:
    """Returns date, deal, currency and amount of what is earned beside the lines."""
    rows = [
        (item["date"], part["deal_id"], item["currency"], part["minor"])
        for item in found["payments"]
        for part in item["parts"]
    ]
    return rows + [
        (one["date"], one["deal_id"], one["currency"], one["minor"]) for one in found["adjustments"]
    ]


def _leaf(entry: Any, record: int, kinds: tuple[str, ...], day: str, tree: Any) -> Any:
    """Returns a leaf of the log that is in the tree and says this; None otherwise."""
    leaf = json.loads(entry["leaf"])
    at = datetime.fromisoformat(leaf["recorded_at"]).astimezone(UTC).date().isoformat()
    hashed = hashlib.sha256(b"\0" + entry["leaf"].encode()).digest()
    top = climb(hashed, record, tree[0], entry["path"], node)
    fine = leaf["index"] == record and leaf["kind"] in kinds and day in ("", at)
    return leaf if fine and top == tree[1] else None


def _in_pool(person: str, item: Any, leaf: Any) -> bool:
    proof, minor = item["sum"], item["total_minor"]
    if proof is None:
        return "sum_root" not in leaf or minor == 0
    path = [(int(value), base64.b64decode(text)) for value, text in proof["path"]]
    if minor < 0 or any(value < 0 for value, _ in path):
        return False
    own = bytes.fromhex(commit(b"total", proof["salt"], texts(person)))
    start = minor, hashlib.sha256(b"\0" + minor.to_bytes(8, "big") + own).digest()
    found = climb(start, proof["index"], leaf["sum_leaves"], path, sum_node)
    return found is not None and found[1].hex() == leaf["sum_root"]


def _payment(account: Any, item: Any, tree: Any) -> list[str]:
    person, before, found = account["contributor_id"], item["replaces"], []
    leaf = _leaf(item["entry"], item["record"], (item["kind"],), item["date"], tree)
    if leaf is None:
        return ["log"]
    if not _in_pool(person, item, leaf):
        found.append("pool")
    names = [leaf.get("delivery"), *leaf.get("deliveries", [])]
    earlier = 0
    if (before["record"] if before else None) != leaf.get("replaces_record"):
        found.append("replaces")
    if before:
        earlier = before["total_minor"]
        kinds = ("payment", "correction")
        old = _leaf(before["entry"], before["record"], kinds, "", tree)
        if old is None or not _in_pool(person, before, old):
            found.append("pool before")
        if old is not None:
            names += [old.get("delivery"), *old.get("deliveries", [])]
        if before["total"] != money(earlier, item["currency"]):
            found.append("text")
    if item["credited_minor"] != item["total_minor"] - earlier:
        found.append("credit")
    if sum(part["minor"] for part in item["parts"]) != item["credited_minor"]:
        found.append("parts")
    deals = {name.split("/")[0] for name in names if name}
    if not {part["deal_id"] for part in item["parts"]} <= deals:
        found.append("deals")
    texts_of = [(item["total"], item["total_minor"]), (item["credited"], item["credited_minor"])]
    texts_of += [(part["amount"], part["minor"]) for part in item["parts"]]
    if any(text != money(minor, item["currency"]) for text, minor in texts_of):
        found.append("text")
    return found


def _payout(account: Any, item: Any, tree: Any) -> list[str]:
    found = []
    if _leaf(item["entry"], item["record"], ("payout",), item["date"], tree) is None:
        found.append("log")
    currency = item["currency"]
    for part in item["parts"]:
        gross = Decimal(part["amount_minor"])
        if part["currency"] != currency:
            shift = PLACES.get(currency, 2) - PLACES.get(part["currency"], 2)
            gross = (gross * Decimal(part["rate"])).scaleb(shift).quantize(1, ROUND_HALF_EVEN)
        tax = max(gross, Decimal(0)) * Decimal(part["withholding_rate"] or 0)
        if part["gross_minor"] != gross:
            found.append("rate")
        if part["withheld_minor"] != tax.quantize(Decimal(1), ROUND_HALF_UP):
            found.append("tax")
        for text, minor, code in (
            (part["amount"], part["amount_minor"], part["currency"]),
            (part["gross"], part["gross_minor"], currency),
            (part["withheld"], part["withheld_minor"], currency),
            (part["net"], part["gross_minor"] - part["withheld_minor"], currency),
        ):
            if text != money(minor, code):
                found.append("text")
    for name in ("gross", "withheld"):
        if item[f"{name}_minor"] != sum(part[f"{name}_minor"] for part in item["parts"]):
            found.append(name)
    if item["net_minor"] != item["gross_minor"] - item["withheld_minor"]:
        found.append("net")
    for name in ("gross", "withheld", "net"):
        if item[name] != money(item[f"{name}_minor"], currency):
            found.append("text")
    return found


def _balances(account: Any) -> list[str]:
    found, paid = [], Counter[str]()
    for payout in account["money"]["payouts"]:
        for part in payout["parts"]:
            paid[part["currency"]] += part["amount_minor"]
    earned = Counter[str]()
    for item in account["deliveries"]:
        before = item["replaces"]["total_minor"] if item["replaces"] else 0
        earned[item["currency"]] += sum(line["amount_minor"] for line in item["lines"]) - before
    for _, _, currency, minor in money_earned(account["money"]):
        earned[currency] += minor
    rows = {row["currency"]: row for row in account["money"]["balances"]}
    moved = {name for name in {*earned, *paid} if earned[name] or paid[name]}
    if len(rows) != len(account["money"]["balances"]) or not moved <= rows.keys():
        found.append("balance: currencies")
    for currency, row in rows.items():
        ends = row["opening_minor"] + row["earned_minor"] - row["paid_minor"]
        wanted = (earned[currency], paid[currency], ends)
        if (row["earned_minor"], row["paid_minor"], row["closing_minor"]) != wanted:
            found.append(f"balance: {currency}")
        if not account["first"] and row["opening_minor"]:
            found.append(f"balance: {currency} at the start")
        for name in ("opening", "earned", "paid", "closing"):
            if row[name] != money(row[f"{name}_minor"], currency):
                found.append("balance: text")
    return found
