"use strict";
// Checks this page with nothing but what is in it. Amounts are BigInt, hashes are hex texts.
(() => {
  const account = JSON.parse(document.getElementById("account").textContent);
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  const CHART_ROWS = 24;
  const problems = [];
  const marks = new Map();
  let signatures = 0, unsupported = false;

  class Wrong extends Error {}
  const need = (fine, what) => { if (!fine) throw new Wrong(what); };

  function unhex(text, length, what) {
    need(typeof text === "string" && text.length === 2 * length && /^[0-9a-f]*$/.test(text), what);
    return Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  }
  function unbase64(text, what) {
    try {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      need(btoa(String.fromCharCode(...bytes)) === text, what);
      return bytes;
    } catch { throw new Wrong(what); }
  }
  function join(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return whole;
  }
  const sha256 = async (...parts) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
  function wide(number) {
    need(number >= 0n && number < 2n ** 63n, "an amount is negative or too large for a sum");
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, number);
    return bytes;
  }
  function whole(value, what) {
    need(Number.isSafeInteger(value), `${what} is not a whole number`);
    return BigInt(value);
  }

  // Money and texts, as they are shown.
  const DECIMALS = JSON.parse(document.getElementById("decimals").textContent);
  function money(minor, currency) {
    const places = DECIMALS[currency];
    need(places !== undefined, `${currency} is not a currency that this page knows`);
    const digits = String(minor < 0n ? -minor : minor).padStart(places + 1, "0");
    const cut = digits.length - places;
    return (minor < 0n ? "-" : "") + digits.slice(0, cut) + (places ? "." + digits.slice(cut) : "");
  }
  const shown = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g,
    (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0"));
  const short = (text) => shown(text).slice(0, 80) + (shown(text).length > 80 ? "…" : "");

  // Commitments and leaves: docs/ledger.md.
  function texts(...values) {
    return join(...values.flatMap((value) => {
      const bytes = utf8(value), length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return [length, bytes];
    }));
  }
  const commit = async (domain, salt, value) => hex(await sha256(
    utf8(domain), [0], unhex(salt, 32, `the salt of its ${domain} is not 32 bytes`), [0], value));

  async function leafOf(delivery, line) {
    const amount = texts(String(whole(line.amount_minor, "its amount")), delivery.currency,
      String(whole(line.share_bp, "its share")), String(whole(line.weight, "its weight")));
    const { asset_salt, contributor_salt, amount_salt } = line.opening;
    const leaf = {
      amount_commitment: await commit("amount", amount_salt, amount),
      asset_commitment: await commit("asset", asset_salt, texts(line.asset_id)),
      contributor_commitment:
        await commit("contributor", contributor_salt, texts(account.contributor_id)),
      decision_sha256: line.decision_sha256, delivery: delivery.delivery, key: line.key,
      media_sha256: line.media_sha256, shard: line.shard, terms_sha256: line.terms_sha256,
      version: "fairshard/entry/v1",
    };
    return sha256([0], utf8(JSON.stringify(leaf)));
  }

  // Trees. Many paths share their upper nodes, which are hashed once.
  const known = new Map();
  async function node(left, right) {
    const name = hex(left) + hex(right);
    if (!known.has(name)) known.set(name, await sha256([1], left, right));
    return known.get(name);
  }
  async function climb(leaf, index, size, path, above) {
    need(Number.isSafeInteger(index) && index >= 0 && index < size, "its place is outside the log");
    let found = leaf, at = index, last = size - 1, used = 0;
    while (last > 0) {
      const sibling = at % 2 ? at - 1 : at + 1;
      if (sibling <= last) {
        need(used < path.length, "its proof is too short");
        const other = path[used++];
        found = at % 2 ? await above(other, found) : await above(found, other);
      }
      at = Math.floor(at / 2); last = Math.floor(last / 2);
    }
    need(used === path.length, "its proof is too long");
    return found;
  }
  const sumNode = async (left, right) => ({
    minor: left.minor + right.minor,
    hash: await sha256([1], wide(left.minor), left.hash, wide(right.minor), right.hash),
  });

  // Signed notes.
  async function openNote(note, vkey, what) {
    const [name, id, ...rest] = vkey.split("+");
    const key = unbase64(rest.join("+"), "the agency's key is malformed");
    need(key.length === 33 && key[0] === 1, "the agency's key is not an Ed25519 key");
    const digest = await sha256(utf8(name + "\n"), key);
    need(hex(digest.slice(0, 4)) === id, "the agency's key does not match its own number");
    const end = note.lastIndexOf("\n\n");
    need(end > 0 && note.endsWith("\n"), `${what} is not a signed text`);
    const text = note.slice(0, end + 1);
    const mine = note.slice(end + 2, -1).split("\n").filter((l) => l.startsWith(`\u2014 ${name} `))
      .map((l) => unbase64(l.slice(name.length + 3), `${what} has a malformed signature`))
      .filter((raw) => hex(raw.slice(0, 4)) === id);
    need(mine.length === 1, `${what} is not signed by the agency's key`);
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key.slice(1), "Ed25519", false, ["verify"]);
    } catch { unsupported = true; return text.split("\n"); }
    need(await crypto.subtle.verify("Ed25519", imported, mine[0].slice(4), utf8(text)),
      `${what} was changed after it was signed`);
    signatures++;
    return text.split("\n");
  }
  function size(text, what) {
    const found = Number(text);
    need(/^(0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(found), `${what} has no size`);
    return found;
  }

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
    const leaf = await leafOf(delivery, line);
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
      if (delivery.sum === null) {
        need(delivery.total_minor === 0 && delivery.lines.length === 0 && delivery.replaces,
          "the proof is missing");
        return;
      }
      const pool = await inPool(delivery, delivery.currency);
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
      if (before.sum !== null) await inPool(before, delivery.currency);
      need(money(minor, delivery.currency) === before.total, "the earlier credit is not its number");
      cell(`${d}-before`, `${before.total} ${delivery.currency}`, "the earlier credit");
      cell(`${d}-credited`, `${delivery.credited} ${delivery.currency}`, "the credit");
      cell(`${d}-replaces`, shown(before.delivery), "the replaced delivery");
    });
  }

  // Whether the contributor's total is part of a pool that the agency signed; returns the pool.
  async function inPool(item, currency) {
    const proof = item.sum;
    const text = await openNote(proof.note, item.vkey, "the signed sum of the pool");
    need(text.length === 7 && text[0] === "fairshard/sum/v1", "the signed sum is not one");
    need(text[1] === item.delivery, "the signed sum belongs to another delivery");
    need(text[2] === currency, "the signed sum is in another currency");
    const own = await commit("total", proof.salt, texts(account.contributor_id));
    const minor = whole(item.total_minor, "the total");
    const leaf = { minor, hash: await sha256([0], wide(minor), unhex(own, 32, "")) };
    const path = proof.path.map(([sum, hash]) =>
      ({ minor: BigInt(sum), hash: unbase64(hash, "its proof is malformed") }));
    const root = await climb(leaf, proof.index, size(text[4], "the signed sum"), path, sumNode);
    need(String(root.minor) === text[3] &&
      hex(root.hash) === hex(unbase64(text[5], "the signed sum has no root")),
      "the contributor's total is not part of the pool that the agency signed");
    return BigInt(text[3]);
  }

  // The sums over deliveries, computed again from the lines.
  async function checkSums() {
    const add = (map, name, minor) => map.set(name, (map.get(name) || 0n) + minor);
    const all = new Map(), months = new Map(), deals = new Map();
    for (const item of account.deliveries) {
      const sum = item.lines.reduce((s, line) => s + BigInt(line.amount_minor),
        item.replaces ? -BigInt(item.replaces.total_minor) : 0n);
      add(all, JSON.stringify([item.currency]), sum);
      add(months, JSON.stringify([item.date.slice(0, 7), item.currency]), sum);
      add(deals, JSON.stringify([item.deal_id, item.currency]), sum);
    }
    const same = (list, map, names, prefix, what) => {
      need(list.length === map.size, `${what} has rows for other deliveries`);
      list.forEach((row, n) => {
        const key = names.map((name) => row[name]), minor = map.get(JSON.stringify(key));
        const text = minor === undefined ? undefined : money(minor, row.currency);
        need(text === row.total && BigInt(row.total_minor) === minor,
          `${short(key.join(" "))} says ${short(String(row.total))}, the lines sum to ${text}`);
        cell(`${prefix}-${n}`, `${row.total} ${row.currency}`, `the amount of ${short(key.join(" "))}`);
        if (prefix !== "all") cell(`${prefix}-${n}-name`, shown(key[0]), "a name in the table");
      });
    };
    await attempt("Sums", async () => same(account.totals, all, ["currency"], "all", "the total"));
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
      const keys = [...new Set(account.deliveries.flatMap((item) =>
        item.replaces ? [item.vkey, item.replaces.vkey] : [item.vkey]))];
      keys.forEach((key, n) => cell(`key-${n}`, key, "the agency's key"));
    });
    await attempt("Dates", async () => {
      for (const { date, delivery } of account.deliveries) {
        need(!account.first || (account.first <= date && date <= account.last),
          `${short(delivery)} of ${short(date)} is not in the period`);
      }
      cell("period", account.first ? `${account.first} to ${account.last}` : "all deliveries",
        "the period");
      cell("who", shown(account.contributor_id), "the contributor");
    });
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
    await attempt("The statement", async () => {
      need(account.version === "fairshard/account/v1", "it has a form that this page cannot read");
      for (let d = 0; d < account.deliveries.length; d++) {
        await checkDelivery(account.deliveries[d], d);
      }
      await checkSums();
    });
    for (const [name, state] of marks) {
      const row = document.querySelector(`[data-line="${name}"]`);
      if (row && state) {
        row.classList.add(state);
        row.querySelector(".mark").textContent = state === "good" ? "✓ proved" : "✗ wrong";
      }
    }
    document.documentElement.dataset.milliseconds = Math.round(performance.now() - begin);
    const lines = account.deliveries.reduce((sum, item) => sum + item.lines.length, 0);
    if (problems.length) {
      const more = problems.length > 20 ? [`and ${problems.length - 20} more.`] : [];
      say("wrong", "This page is not what the agency signed.", [...problems.slice(0, 20), ...more]);
    } else if (unsupported) {
      say("unchecked", "Everything fits together, but this browser cannot check signatures.",
        ["Use a newer browser: it needs Ed25519 in WebCrypto."]);
    } else {
      say("sound", "Your browser has checked this page: it is what the agency signed.", [
        `${lines} of ${lines} lines: asset, share, weight and amount are those in the ledger, and ` +
          "each is in the log of its delivery.",
        "The lines sum to every total shown here: by delivery, by month and by deal.",
        "Each delivery's total is part of its pool: nobody else was promised the same money.",
        `${signatures} signatures are valid for the key shown below. Compare that key with the ` +
          "one that the agency publishes elsewhere.",
      ]);
    }
  }
  run();
})();
