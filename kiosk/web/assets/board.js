// The waiting room's board: what the gateway sends, and how old it is.

import { Caller } from "/assets/caller.js";
import { chime } from "/assets/chime.js";
import { Line } from "/assets/link.js";
import { clock, number, plural, text, use } from "/assets/words.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const STALE = 10_000; // ms without a word from the gateway before the age is shown
const MAX_ROWS = 5; // newest first; more take turns
const ANGLE = (0.7 * Math.PI) / 180; // that a capital has to fill at the farthest chair: EN 301 549, 5.1.4
const LINE = 1.06; // height of a line by its letters' size
const PAGE = 6000; // ms that a page of calls is shown
const TOO_OLD = 10 * 60_000; // a call this old sends nobody anywhere

let shown = null;
let drawing = Promise.resolve();
let heard = Date.now();
let known = new Set(); // calls shown before, to mark the new one
let page = 0; // of the calls, where they are more than fit
let rows = 3; // of a page
const call = (c) => [c.ticket, c.room, c.times].join("/");
const caller = new Caller(root.dataset.calls, root.dataset.rooms, (c) => known.has(call(c)));

new Line({
  path: `/board/events${location.search}`, // the departments of this display
  name: "board",
  alive: "/board/alive",
  onPicture: (picture) => {
    // One after the other: words have to be fetched before the first.
    drawing = drawing.catch(() => {}).then(() => show(picture));
  },
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
    location.reload();
    return;
  }
  await use(root.lang);
  heard = Date.now();
  const fresh = shown ? picture.called.filter((c) => !known.has(call(c))) : [];
  known = new Set(picture.called.map(call));
  shown = picture;
  if (fresh.length > 0) {
    page = 0; // where a new call stands
    chime();
    caller.call(fresh.toReversed()); // the newest stands first
  }
  for (const part of ["next", "waits", "providers"]) $(`${part}-part`).hidden = picture[part].length === 0;
  age(); // what is seen, before anything is measured
  document.body.classList.remove("below", "stacked", "alone");
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
  calls(fresh);
}

// letters gives the size in px of letters whose capitals can be read from the
// farthest chair, on a panel whose picture fills it.
function letters() {
  const measure = document.createElement("canvas").getContext("2d");
  measure.font = `800 1000px ${getComputedStyle($("called")).fontFamily}`;
  const capital = measure.measureText("H").actualBoundingBoxAscent / 1000;
  const perMillimetre = Math.hypot(innerWidth, innerHeight) / (Number(root.dataset.panel) * 25.4);
  return (Number(root.dataset.distance) * 1000 * ANGLE * perMillimetre) / capital;
}

// calls draws a page of those called. Numbers and rooms have at least the size that
// the farthest chair needs: the rest of the board gives way, then a room moves below
// its number, and fewer calls share a page. At last nothing else is shown.
function calls(fresh = []) {
  if (shown.called.length === 0) {
    $("called").replaceChildren();
    return;
  }
  const { classList, style } = document.body;
  style.setProperty("--least", `${letters()}px`);
  for (const way of ["", "below", "stacked", "alone"]) {
    if (way) classList.add(way);
    draw(fresh);
    if (fits()) break;
  }
  fit();
}

function draw(fresh) {
  const { clientHeight } = $("called");
  const gap = parseFloat(getComputedStyle($("called")).rowGap) || 0;
  const lines = document.body.classList.contains("stacked") ? 2 : 1;
  rows = Math.min(MAX_ROWS, Math.floor((clientHeight + gap) / (letters() * LINE * lines + gap)));
  const each = Math.max(1, rows);
  page %= Math.max(1, Math.ceil(shown.called.length / each));
  document.body.style.setProperty("--rows", String(Math.min(each, Math.max(3, shown.called.length))));
  $("called").replaceChildren(
    ...shown.called.slice(page * each, (page + 1) * each).map((c) => {
      const row = $("row-called").content.cloneNode(true).querySelector("li");
      row.querySelector(".ticket").textContent = c.ticket;
      row.querySelector(".room").textContent = c.room || text("board.desk");
      if (fresh.includes(c)) row.classList.add("fresh");
      return row;
    }),
  );
}
setInterval(() => {
  if (!shown || shown.called.length <= Math.max(1, rows)) return;
  page += 1;
  calls();
}, PAGE);

const overflows = (row) => row.scrollWidth > row.clientWidth;
const fits = () => rows > 0 && ![...$("called").children].some(overflows);

// fit makes a room with a very long name smaller, so that nothing is cut off. The
// number keeps its size.
function fit() {
  for (const row of $("called").children) {
    for (let size = 100; size >= 20 && overflows(row); size -= 2) row.style.setProperty("--fit", String(size / 100));
  }
}

function again() {
  document.body.classList.remove("below", "stacked", "alone");
  if (shown) calls();
}
addEventListener("resize", again);
document.fonts.ready.then(again);

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
