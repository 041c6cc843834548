"use strict";
// Checks this page with nothing but what is in it, and says what was found.
(() => {
  const { climb, hex, inLog, inPool, leafOf, money, need, node, openNote, short, shown, signatures, size,
    unbase64, whole, Wrong } = Proofs;
  const account = JSON.parse(document.getElementById("account").textContent);
  const person = account.contributor_id, CHART_ROWS = 24;
  const PAYEE = [["name", account.payee.display_name], ["country", account.payee.country],
    ["currency", account.payee.payee_currency], ["account", account.payee.payee_ref]]
    .filter(([, text]) => text);
  const problems = [];
  const marks = new Map();

  async function attempt(where, check) {
    try { await check(); return true; } catch (error) {
      if (!(error instanceof Wrong)) error.message = `it cannot be read (${error.message})`;
      problems.push(`${where}: ${error.message}.`);
      return false;
    }
  }
  function cell(name, text, what) {
    const found = document.querySelector(`[data-cell="${name}"]`);
    need(found !== null, `the page does not show ${what}`);
    need(found.textContent === text,
      `the page shows ${what} as ${short(found.textContent)}, but it is ${short(text)}`);
  }

  async function checkLine(delivery, d, line, n, tree) {
    need(money(whole(line.amount_minor, "its amount"), delivery.currency) === line.amount,
      `its amount is written ${short(String(line.amount))}, but the number is not that`);
    cell(`${d}-${n}-amount`, line.amount, "its amount");
    cell(`${d}-${n}-asset`, shown(line.asset_id), "its asset");
    cell(`${d}-${n}-share`, `${line.share_bp / 100} %`, "its share");
    cell(`${d}-${n}-weight`, String(line.weight), "its weight");
    const leaf = await leafOf(person, delivery, line);
    need(hex(leaf) === line.leaf_hash,
      "asset, amount, share, weight or opening is not what was entered in the ledger");
    if (!tree) return;
    const path = line.proof.map((text) => unbase64(text, "its proof is malformed"));
    const root = await climb(leaf, line.entry_index, tree.size, path, node);
    need(hex(root) === tree.root, "it is not in the log that the agency signed");
  }

  async function checkDelivery(delivery, d) {
    const where = `Delivery ${short(delivery.delivery)}`;
    let tree = null;
    await attempt(`${where}, checkpoint`, async () => {
      const text = await openNote(delivery.checkpoint, delivery.vkey, "the checkpoint");
      need(text.length === 4 && text[0].endsWith(`/${delivery.delivery}`),
        "the checkpoint belongs to another delivery");
      tree = { size: size(text[1], "the checkpoint"),
        root: hex(unbase64(text[2], "the checkpoint has no root")) };
    });
    const seen = new Set();
    await Promise.all(delivery.lines.map(async (line, n) => {
      const good = await attempt(`${where}, line ${n + 1} (asset ${short(line.asset_id)})`,
        async () => {
          need(!seen.has(line.entry_index), "it is the same entry as another line");
          seen.add(line.entry_index);
          await checkLine(delivery, d, line, n, tree);
        });
      marks.set(`${d}-${n}`, good ? (tree ? "good" : "") : "bad");
    }));
    await attempt(`${where}, total`, async () => {
      const total = whole(delivery.total_minor, "the total");
      const sum = delivery.lines.reduce((s, line) => s + BigInt(line.amount_minor), 0n);
      need(sum === total, `the lines sum to ${money(sum, delivery.currency)}, ` +
        `and the total says ${money(total, delivery.currency)}`);
      need(money(total, delivery.currency) === delivery.total, "its text is not its number");
      cell(`${d}-currency`, delivery.currency, "the currency");
      cell(`${d}-total`, delivery.total, "the total");
      cell(`${d}-name`, shown(delivery.delivery), "the delivery");
      cell(`${d}-date`, delivery.date, "the date");
    });
    await attempt(`${where}, share of the pool`, async () => {
      if (delivery.logged !== null) cell(`${d}-log`, await inLog(delivery), "the log's checkpoint");
      if (delivery.sum === null) {
        need(delivery.total_minor === 0 && delivery.lines.length === 0 && delivery.replaces,
          "the proof is missing");
        return;
      }
      const pool = await inPool(person, delivery, delivery.currency);
      cell(`${d}-pool`, `${money(pool, delivery.currency)} ${delivery.currency}`, "the pool");
    });
    await attempt(`${where}, credit`, async () => {
      const before = delivery.replaces, credited = whole(delivery.credited_minor, "the credit");
      need(money(credited, delivery.currency) === delivery.credited, "its text is not its number");
      if (before === null) {
        need(delivery.credited_minor === delivery.total_minor, "it is not the delivery's total");
        return;
      }
      const minor = whole(before.total_minor, "the earlier credit");
      need(BigInt(delivery.total_minor) - minor === credited,
        "it is not the total less what was credited before");
      need(before.sum !== null || minor === 0n, "the earlier credit is not proved");
      if (before.sum !== null) await inPool(person, before, delivery.currency);
      if (before.logged !== null) await inLog(before);
      need(money(minor, delivery.currency) === before.total,
        "the earlier credit is not its number");
      cell(`${d}-before`, `${before.total} ${delivery.currency}`, "the earlier credit");
      cell(`${d}-credited`, `${delivery.credited} ${delivery.currency}`, "the credit");
      cell(`${d}-replaces`, shown(before.delivery), "the replaced delivery");
    });
  }

  // The sums over deliveries, computed again from the lines.
  async function checkSums() {
    const add = (map, name, minor) => map.set(name, (map.get(name) || 0n) + minor);
    const all = new Map(), months = new Map(), deals = new Map(), byCurrency = new Map();
    const earned = account.deliveries.map((item) => [item.date, item.deal_id, item.currency,
      item.lines.reduce((s, line) => s + BigInt(line.amount_minor),
        item.replaces ? -BigInt(item.replaces.total_minor) : 0n)]);
    if (account.money !== null) earned.push(...Money.earned(account.money));
    for (const [date, deal, currency, minor] of earned) {
      add(all, JSON.stringify([currency]), minor);
      add(byCurrency, currency, minor);
      add(months, JSON.stringify([date.slice(0, 7), currency]), minor);
      add(deals, JSON.stringify([deal, currency]), minor);
    }
    const same = (list, map, names, prefix, what) => {
      need(list.length === map.size, `${what} has rows for other deliveries`);
      list.forEach((row, n) => {
        const key = names.map((name) => row[name]), minor = map.get(JSON.stringify(key));
        const text = minor === undefined ? undefined : money(minor, row.currency);
        need(text === row.total && BigInt(row.total_minor) === minor,
          `${short(key.join(" "))} says ${short(String(row.total))}, the lines sum to ${text}`);
        const name = short(key.join(" "));
        cell(`${prefix}-${n}`, `${row.total} ${row.currency}`, `the amount of ${name}`);
        if (prefix !== "all") cell(`${prefix}-${n}-name`, shown(key[0]), "a name in the table");
      });
    };
    await attempt("Sums", async () => same(account.totals, all, ["currency"], "all", "the total"));
    await attempt("Balance", async () => {
      if (account.money !== null) Money.balances(account, byCurrency, cell);
    });
    await attempt("Sums by month", async () =>
      same(account.by_month, months, ["month", "currency"], "month", "the table"));
    await attempt("Sums by deal", async () =>
      same(account.by_deal, deals, ["deal_id", "currency"], "deal", "the table"));
    await attempt("Chart", async () => {
      for (const { currency } of account.totals) {
        const own = (list) => list.filter((row) => row.currency === currency);
        const months = own(account.by_month).slice(-CHART_ROWS);
        months.forEach((row, n) => cell(`chart-month-${currency}-${n}`, row.total, "a bar"));
        const deals = own(account.by_deal), all = deals.length <= CHART_ROWS;
        deals.sort((one, two) => two.total_minor - one.total_minor);
        if (deals.length > 1) {
          deals.slice(0, all ? CHART_ROWS : CHART_ROWS - 1).forEach((row, n) =>
            cell(`chart-deal-${currency}-${n}`, row.total, "a bar"));
        }
      }
    });
    await attempt("Deals", async () => account.by_deal.forEach((row, n) => {
      const own = account.deliveries.filter((item) =>
        item.deal_id === row.deal_id && item.currency === row.currency);
      need(own.length === row.deliveries, "a deal has another number of deliveries");
      const lines = own.reduce((sum, item) => sum + item.lines.length, 0);
      need(lines === row.lines, "a deal has another number of lines");
      cell(`deal-${n}-lines`, String(lines), "the number of lines of a deal");
    }));
    await attempt("Keys", async () => {
      const both = account.deliveries.flatMap((item) => item.replaces ?
        [item, item.replaces] : [item]);
      const own = both.flatMap((item) => item.logged ? [item.vkey, item.logged.vkey] : [item.vkey]);
      const keys = [...new Set(account.money === null ? own : [...own, account.money.vkey])];
      keys.forEach((key, n) => cell(`key-${n}`, key, "the agency's key"));
    });
    await attempt("Dates", async () => {
      for (const { date, delivery } of account.deliveries) {
        need(!account.first || (account.first <= date && date <= account.last),
          `${short(delivery)} of ${short(date)} is not in the period`);
      }
      cell("period", account.first ? `${account.first} to ${account.last}` : "all time",
        "the period");
      cell("who", shown(account.contributor_id), "the contributor");
      for (const [name, text] of PAYEE) {
        cell(`payee-${name}`, shown(text), "the payee");
      }
    });
  }

  // What is proved of the money beside the lines, and what is the agency's word.
  function moneyLines(found) {
    if (found === null) return [];
    const lines = [], { payouts, held, balances, adjustments } = account.money;
    if (found.credits) {
      lines.push(`${found.proved} of ${found.credits} credits of later revenue are in the ` +
        "agency's log, each as a part of its pool; the sources and deals they name are the " +
        "agency's word.");
    }
    const word = [];
    if (found.proved < found.credits) word.push("the amounts of later revenue marked as logged");
    if (adjustments.length) word.push("credits that are in no line");
    if (payouts.length) word.push("the amounts of payouts and of withheld tax");
    if (held.length) word.push("what is not paid yet and why");
    if (account.first && balances.length) word.push("the balance at the start");
    if (word.length) {
      const compare = [];
      if (payouts.length) compare.push("payouts with your bank account");
      if (account.first && balances.length) {
        compare.push("the balance at the start with your last statement");
      }
      lines.push(`The agency's word, and not proved: ${word.join("; ")}.` +
        (compare.length ? ` Compare ${compare.join(", and ")}.` : ""));
    }
    return lines;
  }

  function say(verdict, head, lines) {
    const box = document.getElementById("verdict"), list = document.createElement("ul");
    const strong = document.createElement("strong");
    strong.textContent = head;
    for (const text of lines) {
      list.appendChild(document.createElement("li")).textContent = text;
    }
    box.replaceChildren(strong, list);
    document.documentElement.dataset.verdict = verdict;
  }

  async function run() {
    if (!globalThis.crypto || !crypto.subtle) {
      say("unchecked", "This browser cannot check the page here.",
        ["Open the file itself from your disk, or use a newer browser."]);
      return;
    }
    const begin = performance.now();
    let found = null;
    await attempt("The statement", async () => {
      need(account.version === "fairshard/account/v3", "it has a form that this page cannot read");
      for (let d = 0; d < account.deliveries.length; d++) {
        await checkDelivery(account.deliveries[d], d);
      }
      if (account.money !== null) found = await Money.check(account, { attempt, cell });
      await checkSums();
    });
    const said = { proved: "✓ proved", logged: "✓ logged", word: "agency's word" };
    for (const row of document.querySelectorAll("[data-money]")) {
      const state = found === null ? undefined : found.marks.get(row.dataset.money);
      row.classList.add(state === undefined ? "bad" : "good");
      row.querySelector(".mark").textContent = said[state] || "✗ wrong";
    }
    for (const [name, state] of marks) {
      const row = document.querySelector(`[data-line="${name}"]`);
      if (row && state) {
        row.classList.add(state);
        row.querySelector(".mark").textContent = state === "good" ? "✓ proved" : "✗ wrong";
      }
    }
    document.documentElement.dataset.milliseconds = Math.round(performance.now() - begin);
    const lines = account.deliveries.reduce((sum, item) => sum + item.lines.length, 0);
    const logged = account.deliveries.filter((item) => item.logged).length;
    if (problems.length) {
      const more = problems.length > 20 ? [`and ${problems.length - 20} more.`] : [];
      say("wrong", "This page is not what the agency signed.", [...problems.slice(0, 20), ...more]);
    } else if (signatures.unsupported) {
      say("unchecked", "Everything fits together, but this browser cannot check signatures.",
        ["Use a newer browser: it needs Ed25519 in WebCrypto."]);
    } else {
      const head = account.money === null && !PAYEE.length ? "it is what the agency signed."
        : "what is marked as proved is what the agency signed.";
      say("sound", `Your browser has checked this page: ${head}`, [
        lines === 0 ? "No delivery of the period has a line of yours."
          : `${lines} of ${lines} lines: asset, share, weight and amount are those in the ` +
            "ledger, and each is in the log of its delivery.",
        account.money === null
          ? "The lines sum to every total shown here: by delivery, by month and by deal."
          : "The lines and the revenue below sum to every total shown here: by delivery, by month, " +
            "by deal, and to the balance.",
        "Each delivery's total is part of its pool: nobody else was promised the same money.",
        ...moneyLines(found),
        ...(PAYEE.length ? ["The agency's word, and not proved: the name, the country and the " +
          "details of payment below your id."] : []),
        `${signatures.valid} signatures are valid for the key shown below. Compare that key with ` +
          "the one that the agency publishes elsewhere.",
        logged === account.deliveries.length ?
          "The agency's log has the sums of every delivery: whoever is shown the same log is " +
            "shown the same sums." :
          `The agency's log has the sums of ${logged} of ${account.deliveries.length} ` +
            "deliveries: for the others, nothing shows that others are shown the same sums.",
      ]);
    }
  }
  run();
})();
