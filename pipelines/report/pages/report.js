"use strict";
// Fills the gallery and the list of excluded assets. Both draw only what is in view, so that a
// hundred thousand rows take as long as ten.
(() => {
const CARD = 208, CARD_HEIGHT = 292, LINE_HEIGHT = 50, GAP = 8;
const PRINTED_CARDS = 24, PRINTED_LINES = 200;

const byId = (id) => document.getElementById(id);

const data = (name) => {
  const found = byId(`data-${name}`);
  return found ? JSON.parse(found.textContent) : null;
};

// An element with texts and elements in it; nothing is ever read as HTML.
const make = (name, className, ...parts) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...parts);
  return made;
};

const cell = (column, at) => (Array.isArray(column) ? column[at] : column.values[column.of[at]]);

// Shows numbered items in a box that scrolls. `draw` makes the element of a number.
const virtual = (box, cardWidth, height, draw) => {
  const inner = make("div");
  box.replaceChildren(inner);
  let shown = [], asked = false, columns = 1;
  const paint = () => {
    asked = false;
    const width = box.clientWidth - GAP;
    columns = cardWidth ? Math.max(1, Math.floor(width / (cardWidth + GAP))) : 1;
    const each = cardWidth ? (width - GAP * columns) / columns : 0;
    inner.style.height = `${Math.ceil(shown.length / columns) * height + GAP}px`;
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 1);
    const last = Math.ceil((box.scrollTop + box.clientHeight) / height) + 1;
    const made = [];
    for (let at = first * columns; at < Math.min(shown.length, last * columns); at++) {
      const item = draw(shown[at]);
      const top = Math.floor(at / columns) * height + (cardWidth ? GAP : 0);
      item.style.top = `${top}px`;
      item.style.height = `${height - (cardWidth ? GAP : 0)}px`;
      if (cardWidth) {
        item.style.left = `${GAP + (at % columns) * (each + GAP)}px`;
        item.style.width = `${each}px`;
      }
      made.push(item);
    }
    inner.replaceChildren(...made);
  };
  const ask = () => {
    if (!asked) { asked = true; requestAnimationFrame(paint); }
  };
  box.addEventListener("scroll", ask, { passive: true });
  new ResizeObserver(ask).observe(box);
  return {
    show: (items) => { shown = items; box.scrollTop = 0; paint(); },
    first: (most) => shown.slice(0, most).map(draw),
  };
};

const option = (value, label) => {
  const made = make("option", "", label);
  made.value = value;
  return made;
};

const said = (found, all, noun) =>
  `${found.toLocaleString("en")} of ${all.toLocaleString("en")} ${noun}${all === 1 ? "" : "s"}`;

const later = (work) => {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(work, 120); };
};

const lowered = (columns, count) => {
  const texts = new Array(count);
  for (let at = 0; at < count; at++) {
    texts[at] = columns.map((column) => cell(column, at)).join("\n").toLowerCase();
  }
  return texts;
};

const gallery = () => {
  const samples = data("samples");
  const box = byId("cards");
  if (!samples || !box) return;
  const pictures = data("thumbnails") || {};
  const count = samples.samples;
  let texts = null;

  const card = (at) => {
    const caption = samples.caption[at];
    const picture = pictures[at];
    let image;
    if (picture) {
      image = make("img");
      image.alt = "";
      image.src = `data:image/jpeg;base64,${picture}`;
    } else {
      image = make("div", "none", "no picture here");
    }
    const score = samples.score[at];
    const length = samples.ms[at] ? `, ${(samples.ms[at] / 1000).toFixed(1)} s` : "";
    const lines = [
      score === null ? "no score" : `score ${(score / 1000).toFixed(3)}`,
      `${cell(samples.size, at)}${length}, ${cell(samples.licence, at)}`,
    ];
    if (samples.id) lines.push(`${samples.id[at]}, ${cell(samples.who, at)}`);
    const small = lines.map((line) => make("small", "", line));
    const key = make("small", "", samples.key[at]);
    const words = make("p", "", make("bdi", "", caption));
    words.title = caption;
    return make("article", "card", image, words, ...small, key);
  };

  const list = virtual(box, CARD, CARD_HEIGHT, card);
  const selects = [...document.querySelectorAll("#filters select[data-filter]")];
  for (const select of selects) {
    const column = samples[select.dataset.filter];
    if (column.values.length < 2) select.parentElement.hidden = true;
    column.values.slice(0, 2000).forEach((value, at) => select.append(option(at, value || "none")));
  }
  const update = () => {
    const words = byId("search").value.trim().toLowerCase();
    if (words && !texts) {
      texts = lowered([samples.caption, samples.key, ...(samples.id ? [samples.id] : [])], count);
    }
    const chosen = selects.filter((one) => one.value !== "")
      .map((one) => [samples[one.dataset.filter].of, Number(one.value)]);
    const least = byId("least").value === "" ? null : 1000 * Number(byId("least").value);
    const found = [];
    for (let at = 0; at < count; at++) {
      if (chosen.some(([of, value]) => of[at] !== value)) continue;
      if (least !== null && !(samples.score[at] !== null && samples.score[at] >= least)) continue;
      if (words && !texts[at].includes(words)) continue;
      found.push(at);
    }
    const order = byId("order").value;
    if (order) {
      const sign = order === "up" ? 1 : -1;
      const of = (at) => (samples.score[at] === null ? Infinity : sign * samples.score[at]);
      found.sort((one, other) => of(one) - of(other) || one - other);
    }
    byId("matches").textContent = said(found.length, count, "sample");
    list.show(found);
  };
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", later(update));
  update();
  addEventListener("beforeprint", () =>
    byId("printed-cards").replaceChildren(...list.first(PRINTED_CARDS)));
};

const exclusions = () => {
  const excluded = data("excluded");
  const box = byId("excluded-rows");
  if (!excluded || !box) return;
  const count = excluded.assets;
  let texts = null;
  const line = (at) => {
    const detail = make("small", "", make("bdi", "", excluded.detail[at]));
    detail.title = excluded.detail[at];
    const reasons = cell(excluded.reasons, at).join(", ");
    return make("div", "line", make("b", "", make("bdi", "", excluded.id[at])), `  ${reasons}`, detail);
  };
  const list = virtual(box, 0, LINE_HEIGHT, line);
  const select = byId("excluded-reason");
  const codes = [...new Set(excluded.reasons.values.flat())].sort();
  codes.forEach((code) => select.append(option(code, code)));
  const update = () => {
    const words = byId("excluded-search").value.trim().toLowerCase();
    if (words && !texts) texts = lowered([excluded.id, excluded.detail], count);
    const withCode = excluded.reasons.values.map((one) => one.includes(select.value));
    const found = [];
    for (let at = 0; at < count; at++) {
      if (select.value && !withCode[excluded.reasons.of[at]]) continue;
      if (words && !texts[at].includes(words)) continue;
      found.push(at);
    }
    byId("excluded-matches").textContent = said(found.length, count, "asset");
    list.show(found);
  };
  const form = byId("excluded-filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", later(update));
  update();
  addEventListener("beforeprint", () =>
    byId("printed-rows").replaceChildren(...list.first(PRINTED_LINES)));
};

gallery();
exclusions();
document.documentElement.dataset.ready = Math.round(performance.now());
})();
