// The waiting room's board: what the gateway sends, and how old it is.

import { Line } from "/assets/link.js";
import { clock, plural, text, use } from "/assets/words.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const STALE = 10_000; // ms without a word from the gateway before the age is shown
const TOO_OLD = 10 * 60_000; // a call this old sends nobody anywhere

let shown = null;
let heard = Date.now();
let known = new Set(); // tickets called before, to mark the new one

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
  const fresh = shown ? picture.called.filter((c) => !known.has(c.ticket + c.room)) : [];
  known = new Set(picture.called.map((c) => c.ticket + c.room));
  shown = picture;
  $("called").replaceChildren(
    ...picture.called.map((c) => {
      const row = $("row-called").content.cloneNode(true).querySelector("li");
      row.querySelector(".ticket").textContent = c.ticket;
      row.querySelector(".room").textContent = c.room || text("board.desk");
      if (fresh.includes(c)) row.classList.add("fresh");
      return row;
    }),
  );
  $("called").dataset.count = String(Math.min(picture.called.length, 6));
  $("next").replaceChildren(...picture.next.map((t) => make("li", "", t)));
  $("waits").replaceChildren(
    ...picture.waits.map((w) => {
      const row = make("li", "", "");
      const minutes = w.low > 0 && w.low < w.high ? plural("wait.range", w.high, { low: w.low }) : plural("wait.about", w.high);
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
  $("clock").textContent = shown ? clock(new Date()) : "";
}
setInterval(tick, 1000);
