"use strict";
// Checks the money of a statement: what the agency's log proves of it, and that its sums are right.
const Money = (() => {
  const { climb, hex, money, need, node, openNote, provedCredit, sha256, short, size, unbase64,
    utf8, whole } = Proofs;
  const REASONS = JSON.parse(document.getElementById("reasons").textContent);
  const dayOf = (leaf) => new Date(leaf.recorded_at).toISOString().slice(0, 10);
  const dealsOf = (leaf) => [leaf.delivery, ...(leaf.deliveries || [])]
    .filter((name) => name !== undefined).map((name) => name.split("/")[0]);

  // The number of an exact decimal such as 0.92 or 1E-7, as a fraction of two BigInts.
  function decimal(text) {
    const found = /^([0-9]+)(?:\.([0-9]+))?(?:E([+-][0-9]+))?$/.exec(text);
    need(found !== null, `${short(text)} is not a rate`);
    const power = Number(found[3] || 0) - (found[2] || "").length;
    const digits = BigInt(found[1] + (found[2] || ""));
    return power < 0 ? [digits, 10n ** BigInt(-power)] : [digits * 10n ** BigInt(power), 1n];
  }
  const floor = (over, under) => over / under - (over % under !== 0n && over < 0n ? 1n : 0n);
  function halfEven(over, under) {
    const down = floor(over, under), twice = 2n * (over - down * under);
    return twice > under || (twice === under && down % 2n !== 0n) ? down + 1n : down;
  }

  async function check(account, tools) {
    const { attempt, cell } = tools, found = account.money, person = account.contributor_id;
    const state = { proved: 0, credits: 0, marks: new Map() };
    let tree = null;
    await attempt("The agency's log", async () => {
      const text = await openNote(found.checkpoint, found.vkey, "the checkpoint");
      need(text.length === 4, "it is not a checkpoint");
      tree = { size: size(text[1], "the checkpoint"),
        root: hex(unbase64(text[2], "the checkpoint has no root")) };
    });
    const inPeriod = (date) => need(!account.first ||
      (account.first <= date && date <= account.last), `${short(date)} is not in the period`);
    const amount = (minor, text, currency, what) =>
      need(money(whole(minor, what), currency) === text, `${what} is not its number`);

    // The record's leaf is in the log, and says what the statement says of it.
    async function logged(entry, record, kind, date) {
      const leaf = JSON.parse(entry.leaf);
      need(leaf.index === record, "its number is not that of the log");
      need(leaf.kind === kind, "the log has another kind of record there");
      need(date === undefined || dayOf(leaf) === date, "the log has another day");
      if (!tree) return leaf;
      const path = entry.path.map((text) => unbase64(text, "its proof is malformed"));
      const top = await climb(await sha256([0], utf8(entry.leaf)), record, tree.size, path, node);
      need(hex(top) === tree.root, "it is not in the log that the agency signed");
      return leaf;
    }
    // Whether a credit is proved to be part of the pool whose sum the log has.
    async function proved(item, leaf) {
      const minor = whole(item.total_minor, "its total");
      if (item.sum === null) {
        need(leaf.sum_root === undefined || minor === 0n, "the proof of its amount is missing");
        return leaf.sum_root !== undefined;
      }
      need(leaf.sum_root !== undefined, "the log has no sum of its pool");
      const root = await provedCredit(person, minor, item.sum, leaf.sum_leaves);
      need(hex(root.hash) === leaf.sum_root, "it is not part of the pool whose sum was logged");
      return true;
    }

    async function payment(item, n) {
      const name = `payment-${n}`, before = item.replaces, currency = item.currency;
      inPeriod(item.date);
      amount(item.total_minor, item.total, currency, "its total");
      amount(item.credited_minor, item.credited, currency, "its credit");
      const leaf = await logged(item.entry, item.record, item.kind, item.date);
      let sure = await proved(item, leaf);
      if (before !== null) {
        need(leaf.replaces_record === before.record, "the log has another record in its place");
        amount(before.total_minor, before.total, currency, "the earlier credit");
        const old = JSON.parse(before.entry.leaf);
        sure = await proved(before, await logged(before.entry, before.record, old.kind)) && sure;
        cell(`${name}-total`, item.total, "its total");
        cell(`${name}-before`, before.total, "the earlier credit");
      } else {
        need(leaf.replaces_record === undefined, "the credit that it replaces is missing");
      }
      const earlier = BigInt(before === null ? 0 : before.total_minor);
      need(BigInt(item.total_minor) - earlier === BigInt(item.credited_minor),
        "its credit is not its total less what was credited before");
      const sum = item.parts.reduce((s, part) => s + whole(part.minor, "a part"), 0n);
      need(sum === BigInt(item.credited_minor), "its parts do not sum to it");
      item.parts.forEach((part, at) => {
        amount(part.minor, part.amount, currency, "a part");
        const old = before === null ? [] : dealsOf(JSON.parse(before.entry.leaf));
        need([...dealsOf(leaf), ...old].includes(part.deal_id), "the log has other deals");
        cell(`${name}-part-${at}`, part.amount, "a part");
        cell(`${name}-part-${at}-deal`, part.deal_id, "a deal");
      });
      cell(`${name}-amount`, `${item.credited} ${currency}`, "the amount");
      for (const key of ["date", "name", "source", "period"]) {
        cell(`${name}-${key}`, Proofs.shown(item[key]), `its ${key}`);
      }
      if (item.source_country) cell(`${name}-country`, item.source_country, "its country");
      state.credits++;
      if (sure) state.proved++;
      state.marks.set(name, sure ? "proved" : "logged");
    }

    function adjustment(item, n) {
      const name = `adjustment-${n}`;
      inPeriod(item.date);
      amount(item.minor, item.amount, item.currency, "its amount");
      need(REASONS[item.reason] !== undefined, "its reason is unknown");
      cell(`${name}-amount`, `${item.amount} ${item.currency}`, "the amount");
      cell(`${name}-reason`, REASONS[item.reason], "the reason");
      cell(`${name}-name`, Proofs.shown(item.delivery), "the delivery");
      cell(`${name}-date`, item.date, "the date");
      state.marks.set(name, "word");
    }

    // Conversion and withholding follow from the rates; the balance's sign may be negative.
    function settled(part, name, currency, isShown) {
      amount(part.amount_minor, part.amount, part.currency, "a balance");
      amount(part.gross_minor, part.gross, currency, "a gross amount");
      amount(part.withheld_minor, part.withheld, currency, "what was withheld");
      let gross = BigInt(part.amount_minor);
      if (part.currency !== currency) {
        const [over, under] = decimal(part.rate);
        const places = Proofs.DECIMALS[currency] - Proofs.DECIMALS[part.currency];
        const [up, down] = places < 0 ? [1n, 10n ** BigInt(-places)] : [10n ** BigInt(places), 1n];
        gross = halfEven(gross * over * up, under * down);
      }
      need(gross === BigInt(part.gross_minor), "its gross amount is not the balance at the rate");
      const [rate, of] = part.withholding_rate ? decimal(part.withholding_rate) : [0n, 1n];
      const base = gross < 0n ? 0n : gross;
      need(floor(2n * base * rate + of, 2n * of) === BigInt(part.withheld_minor),
        "what was withheld does not follow from its rate");
      amount(part.gross_minor - part.withheld_minor, part.net, currency, "a net amount");
      if (!isShown) return;
      cell(`${name}-amount`, `${part.amount} ${part.currency}`, "a balance");
      if (part.source_country) cell(`${name}-country`, part.source_country, "a country");
      if (part.currency !== currency) {
        cell(`${name}-rate`, part.rate, "a rate");
        cell(`${name}-rate-source`, Proofs.shown(part.rate_source), "a rate's source");
        cell(`${name}-gross`, `${part.gross} ${currency}`, "a gross amount");
      }
      if (part.withheld_minor) {
        cell(`${name}-tax`, part.withholding_rate, "a rate");
        cell(`${name}-tax-source`, Proofs.shown(part.withholding_source), "a rate's source");
        cell(`${name}-withheld`, `${part.withheld} ${currency}`, "what was withheld");
      }
    }
    async function payout(item, n) {
      const name = `payout-${n}`, currency = item.currency;
      inPeriod(item.date);
      await logged(item.entry, item.record, "payout", item.date);
      item.parts.forEach((part, at) => settled(part, `${name}-${at}`, currency,
        part.currency !== currency || part.withheld_minor || item.parts.length > 1));
      const sum = (key) => item.parts.reduce((s, part) => s + BigInt(part[key]), 0n);
      need(sum("gross_minor") === BigInt(item.gross_minor), "its parts do not sum to it");
      need(sum("withheld_minor") === BigInt(item.withheld_minor),
        "what was withheld is not the sum of its parts");
      need(item.gross_minor - item.withheld_minor === item.net_minor, "net is not gross less tax");
      for (const key of ["gross", "withheld", "net"]) {
        amount(item[`${key}_minor`], item[key], currency, `the ${key} amount`);
        cell(`${name}-${key}`, `${item[key]} ${currency}`, `the ${key} amount`);
      }
      cell(`${name}-date`, item.date, "the date");
      cell(`${name}-name`, Proofs.shown(item.name), "the name");
      state.marks.set(name, "logged");
    }

    async function each(list, what, one) {
      for (let n = 0; n < list.length; n++) {
        await attempt(`${what} ${n + 1}`, async () => one(list[n], n));
      }
    }
    await each(found.payments, "Later revenue", payment);
    await each(found.adjustments, "Other credit", adjustment);
    await each(found.payouts, "Payout", payout);
    await each(found.held, "Not paid yet", (item, n) => {
      amount(item.amount_minor, item.amount, item.currency, "its amount");
      cell(`held-${n}-amount`, `${item.amount} ${item.currency}`, "the amount");
      cell(`held-${n}-detail`, Proofs.shown(item.detail), "the reason");
      cell(`held-${n}-date`, item.date, "the date");
    });
    await attempt("Records", async () => {
      const all = [...found.payments, ...found.payouts.map((p) => ({ ...p, replaces: null }))];
      const keys = all.map((item) => `${item.record} ${item.kind ? "" : item.currency}`);
      need(new Set(keys).size === keys.length, "a record is there twice");
    });
    return state;
  }

  // What the money adds to the sums by month and deal: [date, deal, currency, minor].
  const earned = (found) => [
    ...found.payments.flatMap((item) => item.parts.map((part) =>
      [item.date, part.deal_id, item.currency, BigInt(part.minor)])),
    ...found.adjustments.map((item) =>
      [item.date, item.deal_id, item.currency, BigInt(item.minor)]),
  ];

  // Balances follow from what was earned and paid; only what is owed at the start is the agency's.
  function balances(account, earnedBy, cell) {
    const paid = new Map();
    for (const { parts } of account.money.payouts) {
      for (const part of parts) {
        paid.set(part.currency, (paid.get(part.currency) || 0n) + BigInt(part.amount_minor));
      }
    }
    const rows = new Map(account.money.balances.map((row) => [row.currency, row]));
    need(rows.size === account.money.balances.length, "a currency is there twice");
    for (const [currency, minor] of [...earnedBy, ...paid]) {
      need(rows.has(currency) || minor === 0n, `${short(currency)} is missing`);
    }
    account.money.balances.forEach((row, n) => {
      const minor = {};
      for (const key of ["opening", "earned", "paid", "closing"]) {
        minor[key] = whole(row[`${key}_minor`], `${key} in ${row.currency}`);
        need(money(minor[key], row.currency) === row[key], `${key} is not its number`);
      }
      need(account.first || minor.opening === 0n, "before all time, nothing can be owed");
      need(minor.earned === (earnedBy.get(row.currency) || 0n),
        `${row.currency}: what was earned is not the sum of lines and revenue`);
      need(minor.paid === (paid.get(row.currency) || 0n),
        `${row.currency}: what was paid is not the sum of the payouts`);
      need(minor.opening + minor.earned - minor.paid === minor.closing,
        `${row.currency}: the balance at the end does not follow from that at the start`);
      for (const key of Object.keys(minor)) {
        cell(`balance-${n}-${key}`, row[key], `the amount ${key}`);
      }
      cell(`balance-${n}-currency`, row.currency, "the currency");
      if (row.carried !== "0/1") {
        cell(`balance-${n}-carried`, row.carried, "what is carried");
        cell(`balance-${n}-about`, hundredths(row.carried), "what is carried, cut off");
      }
    });
  }

  // A fraction of a minor unit, cut off after two decimals.
  function hundredths(fraction) {
    const [above, below] = fraction.split("/").map(BigInt), size = above < 0n ? -above : above;
    const digits = String(size * 100n / below).padStart(3, "0");
    return `${above < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
  }

  return { balances, check, earned };
})();
