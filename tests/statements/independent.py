"""Checks a statement's JSON with the standard library and Ed25519 alone: nothing of the product's.

It is written from docs/ledger.md and docs/statements.md, for the tests to compare the page with.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from typing import Any

from tests.statements.independent_money import money_earned, money_faults
from tests.statements.independent_proofs import climb, commit, money, node, signed, sum_node, texts


def faults(account: Any) -> list[str]:
    """Returns what is wrong with a statement; nothing if it is sound."""
    found: list[str] = []
    by_currency: Counter[str] = Counter()
    by_month: Counter[tuple[str, str]] = Counter()
    by_deal: Counter[tuple[str, str]] = Counter()
    for item in account["deliveries"]:
        found += _delivery(account["contributor_id"], item)
        total = sum(line["amount_minor"] for line in item["lines"])
        total -= item["replaces"]["total_minor"] if item["replaces"] else 0
        by_currency[item["currency"]] += total
        by_month[item["date"][:7], item["currency"]] += total
        by_deal[item["deal_id"], item["currency"]] += total
        if account["first"] and not account["first"] <= item["date"] <= account["last"]:
            found.append(f"{item['delivery']}: not in the period")
    if account["money"]:
        found += money_faults(account)
        for date, deal, currency, minor in money_earned(account["money"]):
            by_currency[currency] += minor
            by_month[date[:7], currency] += minor
            by_deal[deal, currency] += minor
    totals = {row["currency"]: row["total_minor"] for row in account["totals"]}
    months = {(row["month"], row["currency"]): row["total_minor"] for row in account["by_month"]}
    deals = {(row["deal_id"], row["currency"]): row["total_minor"] for row in account["by_deal"]}
    for name, said, wanted in (
        ("totals", totals, dict(by_currency)),
        ("months", months, dict(by_month)),
        ("deals", deals, dict(by_deal)),
    ):
        if said != wanted:
            found.append(f"sums: {name}")
    for row in (*account["totals"], *account["by_month"], *account["by_deal"]):
        if row["total"] != money(row["total_minor"], row["currency"]):
            found.append("sums: text")
    return found


def _delivery(person: str, item: Any) -> list[str]:
    found, name = [], item["delivery"]
    size, root = -1, b""
    checkpoint = signed(item["checkpoint"], item["vkey"])
    if checkpoint is None or len(checkpoint) != 3 or not checkpoint[0].endswith(f"/{name}"):
        found.append(f"{name}: checkpoint")
    else:
        size, root = int(checkpoint[1]), base64.b64decode(checkpoint[2])
    entries = [line["entry_index"] for line in item["lines"]]
    for number, line in enumerate(item["lines"], start=1):
        leaf = _leaf(person, item, line)
        above = climb(leaf, line["entry_index"], size, line["proof"], node)
        fine = leaf.hex() == line["leaf_hash"] and entries.count(line["entry_index"]) == 1
        fine = fine and line["amount"] == money(line["amount_minor"], item["currency"])
        if not fine or (size >= 0 and above != root):
            found.append(f"{name}: line {number}")
    total = sum(line["amount_minor"] for line in item["lines"])
    if (item["total_minor"], item["total"]) != (total, money(total, item["currency"])):
        found.append(f"{name}: total")
    if item["sum"] is None and (total or item["lines"] or not item["replaces"]):
        found.append(f"{name}: pool")
    if item["sum"] is not None and not _in_pool(person, item, item["currency"]):
        found.append(f"{name}: pool")
    if item["logged"] and not _in_log(item):
        found.append(f"{name}: log")
    return found + _credit(person, item)


def _credit(person: str, item: Any) -> list[str]:
    before, name = item["replaces"], item["delivery"]
    minor = before["total_minor"] if before else 0
    found = []
    if item["credited_minor"] != item["total_minor"] - minor:
        found.append(f"{name}: credit")
    if item["credited"] != money(item["credited_minor"], item["currency"]):
        found.append(f"{name}: credit")
    if before and before["total"] != money(minor, item["currency"]):
        found.append(f"{name}: credit before")
    if before and before["sum"] is None and minor:
        found.append(f"{name}: credit before")
    if before and before["logged"] and not _in_log(before):
        found.append(f"{name}: log before")
    if before and before["sum"] and not _in_pool(person, before, item["currency"]):
        found.append(f"{name}: credit before")
    return found


def _leaf(person: str, item: Any, line: Any) -> bytes:
    opening = line["opening"]
    amount = texts(line["amount_minor"], item["currency"], line["share_bp"], line["weight"])
    fields = {
        "amount_commitment": commit(b"amount", opening["amount_salt"], amount),
        "asset_commitment": commit(b"asset", opening["asset_salt"], texts(line["asset_id"])),
        "contributor_commitment": commit(
            b"contributor", opening["contributor_salt"], texts(person)
        ),
        "delivery": item["delivery"],
        "version": "fairshard/entry/v1",
    }
    for name in ("decision_sha256", "key", "media_sha256", "shard", "terms_sha256"):
        fields[name] = line[name]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"\0" + text.encode()).digest()


def _in_pool(person: str, item: Any, currency: str) -> bool:
    proof = item["sum"]
    lines = signed(proof["note"], item["vkey"])
    if (
        lines is None
        or len(lines) != 6
        or lines[:3]
        != [
            "fairshard/sum/v1",
            item["delivery"],
            currency,
        ]
    ):
        return False
    minor = item["total_minor"]
    path = [(int(value), base64.b64decode(text)) for value, text in proof["path"]]
    if minor < 0 or any(value < 0 for value, _ in path):
        return False
    own = bytes.fromhex(commit(b"total", proof["salt"], texts(person)))
    leaf = minor, hashlib.sha256(b"\0" + minor.to_bytes(8, "big") + own).digest()
    found = climb(leaf, proof["index"], int(lines[4]), path, sum_node)
    return bool(found == (int(lines[3]), base64.b64decode(lines[5])))


def _in_log(item: Any) -> bool:
    """Whether the agency's log has a record of the delivery with the sum that is shown."""
    logged = item["logged"]
    head = signed(logged["checkpoint"], logged["vkey"])
    if head is None or len(head) != 3 or not head[0].endswith("/agency-log"):
        return False
    record, leaf = json.loads(logged["leaf"]), logged["leaf"].encode()
    above = climb(
        hashlib.sha256(b"\0" + leaf).digest(), record["index"], int(head[1]), logged["path"], node
    )
    if above != base64.b64decode(head[2]) or record["kind"] != "delivery":
        return False
    if item["sum"] is None:
        return bool(record["delivery"] == item["delivery"])
    text = item["sum"]["note"].rpartition("\n\n")[0] + "\n"
    root = base64.b64decode(text.split("\n")[5]).hex()
    return bool((record["delivery"], record["sum_root"]) == (item["delivery"], root))
