"use strict";
// What a statement is proved with: commitments, leaves, trees and signed notes, as docs/ledger.md
// describes them. Amounts are BigInt. Whatever does not fit raises Wrong, with the reason.
const Proofs = (() => {
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  const signatures = { valid: 0, unsupported: false };

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

  async function leafOf(person, delivery, line) {
    const amount = texts(String(whole(line.amount_minor, "its amount")), delivery.currency,
      String(whole(line.share_bp, "its share")), String(whole(line.weight, "its weight")));
    const { asset_salt, contributor_salt, amount_salt } = line.opening;
    const leaf = {
      amount_commitment: await commit("amount", amount_salt, amount),
      asset_commitment: await commit("asset", asset_salt, texts(line.asset_id)),
      contributor_commitment:
        await commit("contributor", contributor_salt, texts(person)),
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
    } catch { signatures.unsupported = true; return text.split("\n"); }
    need(await crypto.subtle.verify("Ed25519", imported, mine[0].slice(4), utf8(text)),
      `${what} was changed after it was signed`);
    signatures.valid++;
    return text.split("\n");
  }
  function size(text, what) {
    const found = Number(text);
    need(/^(0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(found), `${what} has no size`);
    return found;
  }

  // The root of the sum tree that a path leads to from what a contributor is credited.
  async function provedCredit(person, minor, proof, leaves) {
    const own = await commit("total", proof.salt, texts(person));
    const leaf = { minor, hash: await sha256([0], wide(minor), unhex(own, 32, "")) };
    const path = proof.path.map(([sum, hash]) =>
      ({ minor: BigInt(sum), hash: unbase64(hash, "its proof is malformed") }));
    return climb(leaf, proof.index, leaves, path, sumNode);
  }

  // Whether the contributor's total is part of a pool that the agency signed; returns the pool.
  async function inPool(person, item, currency) {
    const proof = item.sum;
    const text = await openNote(proof.note, item.vkey, "the signed sum of the pool");
    need(text.length === 7 && text[0] === "fairshard/sum/v1", "the signed sum is not one");
    need(text[1] === item.delivery, "the signed sum belongs to another delivery");
    need(text[2] === currency, "the signed sum is in another currency");
    const minor = whole(item.total_minor, "the total");
    const root = await provedCredit(person, minor, proof, size(text[4], "the signed sum"));
    need(String(root.minor) === text[3] &&
      hex(root.hash) === hex(unbase64(text[5], "the signed sum has no root")),
      "the contributor's total is not part of the pool that the agency signed");
    return BigInt(text[3]);
  }

  // Whether the agency's log has the delivery's signed sum; returns the log's size and root.
  async function inLog(item) {
    const { vkey, checkpoint, leaf, path } = item.logged;
    const head = await openNote(checkpoint, vkey, "the checkpoint of the agency's log");
    need(head.length === 4 && head[0].endsWith("/agency-log"),
      "the checkpoint is not that of the agency's log");
    const root = hex(unbase64(head[2], "the checkpoint of the agency's log has no root"));
    const count = size(head[1], "the checkpoint of the agency's log");
    const record = JSON.parse(leaf);
    const above = path.map((text) => unbase64(text, "its proof in the agency's log is malformed"));
    const found = await climb(await sha256([0], utf8(leaf)), record.index, count, above, node);
    need(hex(found) === root, "its record is not in the agency's log");
    need(record.kind === "delivery" && record.delivery === item.delivery,
      "the record in the agency's log belongs to something else");
    if (item.sum !== null) {
      const text = item.sum.note.slice(0, item.sum.note.lastIndexOf("\n\n") + 1);
      const signed = hex(unbase64(text.split("\n")[5] || "", "the signed sum has no root"));
      need(record.sum_root === signed,
        "the agency's log has another sum of the pool: others may be shown other amounts");
    }
    return `${count} records, root ${root}`;
  }

  return { climb, DECIMALS, hex, inLog, inPool, leafOf, money, need, node, openNote, provedCredit,
    sha256, short, shown, signatures, size, unbase64, utf8, whole, Wrong };
})();
