// The waiting room's board: what the gateway sends, and how old it is.

import { chime } from "/assets/chime.js";
import { Line } from "/assets/link.js";
import { clock, number, plural, text, use } from "/assets/words.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const STALE = 10_000; // ms without a word from the gateway before the age is shown
const MAX_ROWS = 5; // newest first; more would be too small to read, and take turns
const PAGE = 6000; // ms that a page of calls is shown
const TOO_OLD = 10 * 60_000; // a call this old sends nobody anywhere

let shown = null;
let heard = Date.now();
let known = new Set(); // calls shown before, to mark the new one
let page = 0; // of the calls, where they are more than fit

new Line({
  path: "/board/events",
  name: "board",
  alive: "/board/alive",
  onPicture: (picture) => show(picture),
  onBeat: () => {
    heard = Date.now();
  },
  onGone: () => age(),
  onLocked: () => {},
});

const make = (name, className, content) => {
  const el = document.createElement(name);
  el.className = className;
  el.textContent = content;
  return el;
};

async function show(picture) {
  if (picture.build !== root.dataset.build) {
    location.replace("/board");
    return;
  }
  await use(root.lang);
  heard = Date.now();
  const call = (c) => [c.ticket, c.room, c.times].join("/");
  const fresh = shown ? picture.called.filter((c) => !known.has(call(c))) : [];
  known = new Set(picture.called.map(call));
  shown = picture;
  if (fresh.length > 0) {
    page = 0; // where a new call stands
    chime();
  }
  calls(fresh);
  $("next").replaceChildren(...picture.next.map((t) => make("li", "", t)));
  $("waits").replaceChildren(
    ...picture.waits.map((w) => {
      const row = make("li", "", "");
      const minutes = text("board.minutes", { low: number(w.low), high: number(w.high) });
      row.append(make("span", "", w.department), make("b", "", minutes));
      return row;
    }),
  );
  $("providers").replaceChildren(
    ...picture.providers.map((p) => {
      const row = make("li", "", "");
      row.dataset.status = p.status;
      row.append(make("span", "", p.name), make("b", "", text(`board.status.${p.status}`)));
      return row;
    }),
  );
  for (const part of ["next", "waits", "providers"]) $(`${part}-part`).hidden = picture[part].length === 0;
  age();
}

// calls draws a page of those called.
function calls(fresh = []) {
  const pages = Math.max(1, Math.ceil(shown.called.length / MAX_ROWS));
  page %= pages;
  document.querySelector("main").style.setProperty("--rows", String(Math.max(3, Math.min(shown.called.length, MAX_ROWS))));
  $("called").replaceChildren(
    ...shown.called.slice(page * MAX_ROWS, (page + 1) * MAX_ROWS).map((c) => {
      const row = $("row-called").content.cloneNode(true).querySelector("li");
      row.querySelector(".ticket").textContent = c.ticket;
      row.querySelector(".room").textContent = c.room || text("board.desk");
      if (fresh.includes(c)) row.classList.add("fresh");
      return row;
    }),
  );
  fit();
}
setInterval(() => {
  if (!shown || shown.called.length <= MAX_ROWS) return;
  page += 1;
  calls();
}, PAGE);

// fit shrinks a row whose room has a long name, so that nothing is cut off.
function fit() {
  for (const row of $("called").children) {
    row.style.setProperty("--fit", "1");
    const { paddingInlineStart, paddingInlineEnd, columnGap } = getComputedStyle(row);
    const there = row.clientWidth - parseFloat(paddingInlineStart) - parseFloat(paddingInlineEnd);
    const parts = [...row.children].map((part) => part.getBoundingClientRect().width);
    const needed = parts.reduce((sum, width) => sum + width, parseFloat(columnGap) * (parts.length - 1));
    if (needed > there) row.style.setProperty("--fit", String(Math.floor((there / needed) * 98) / 100));
  }
}
addEventListener("resize", fit);
document.fonts.ready.then(fit);

function age() {
  const silent = Date.now() - heard;
  const minutes = Math.floor(silent / 60_000);
  const old = silent > TOO_OLD;
  $("age").hidden = silent < STALE || !shown;
  if (!$("age").hidden) {
    $("age").textContent = [text("board.stale"), minutes > 0 ? plural("board.age", minutes) : ""].filter(Boolean).join(" · ");
  }
  $("called").hidden = old;
  $("ask").hidden = !old;
  $("nobody").hidden = old || (shown?.called.length ?? 0) > 0;
}

function tick() {
  age();
  $("clock").textContent = shown ? clock(new Date(), shown.zone) : "";
}
setInterval(tick, 1000);
