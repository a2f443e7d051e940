// Read-aloud: what the screen shows, heading first, then the texts, then the
// choices. It reads what stands in the document, so that a screen cannot say one
// thing and show another.
//
// What belongs to one person stands below data-own. It is said only where the
// config promises that nobody else hears it (data-private of the page); else a
// sentence says that it is on the screen, and a typed key is answered by a tone.
// The voice has no clip for a name, so nothing that was not marked can slip out.

import { Voice, key } from "/assets/voice.js";
import { label, text } from "/assets/words.js";

const LEVELS = [0.12, 0.25, 0.45, 0.7, 1];
const USUAL = 2;
const BETWEEN = 320; // ms between two sentences
const LEFT_ALONE = 60_000; // ms: on the start screen nobody else ends it

const $ = (id) => document.getElementById(id);
const { speaks, rooms, private: headset } = document.documentElement.dataset;
const alone = headset === "true"; // nobody else hears
const voice = new Voice(speaks.split(" ").filter(Boolean), LEVELS[USUAL]);

let on = false;
let level = USUAL;
let language = "";
let run = 0; // counts the readings; an earlier one has been stopped
let busy = false; // with a reading
let reading = false; // the screen itself, which counts as somebody being here
let heard = []; // the parts of the page that the last reading was of
let field = ""; // the one in turn, when it was last said
let strip = "";
let quietSince = 0;
const late = new Set(); // what has changed since it was read
const choices = new MutationObserver((records) => answer(records));

/** listening tells whether somebody has turned it on. */
export const listening = () => on;

/** sounding tells whether something is being said just now. */
export const sounding = () => voice.sounding;

/** begin follows the focus and what is chosen; alive() is called while somebody listens to the screen. */
export function begin(alive) {
  choices.observe(document.body, { subtree: true, attributeFilter: ["aria-pressed"], attributeOldValue: true });
  for (const d of document.querySelectorAll("dialog")) d.addEventListener("close", () => heard.includes(d) && quiet());
  $("curtain")?.addEventListener("click", () => hide(false));
  addEventListener("focusin", ({ target }) => {
    if (on && target.matches("button:focus-visible, [tabindex='0']:focus-visible")) read([target], { whole: false });
  });
  setInterval(() => {
    const t = performance.now();
    if (voice.sounding) quietSince = t;
    if (reading && voice.sounding) alive();
    if (on && document.body.dataset.state === "attract" && t - quietSince > LEFT_ALONE) reset();
  }, 500);
}

/** show follows the page to a screen: the old one is silent at once. */
export function show(tag, fresh) {
  language = tag;
  if (!voice.has(tag)) return on && reset();
  const remark = $("strip").textContent;
  const news = remark !== strip && remark;
  strip = remark;
  draw();
  if (!on) return;
  if (fresh) {
    choices.takeRecords(); // it was drawn as it is
    late.clear();
  }
  if (!["attract", "language", "interpreter"].includes(document.body.dataset.state)) voice.keep(tag);
  if (fresh) {
    field = "";
    if (!document.querySelector("dialog[open]")) screen();
  } else if (news) read([$("strip")]);
}

/** ask reads a dialog that has come up. */
export function ask(dialog) {
  if (on) read([dialog]);
}

/** tell reads what has changed on the screen, after what is being said. */
export function tell(el) {
  if (!on) return;
  late.add(el);
  if (!busy) catchUp();
}

function catchUp() {
  const roots = [...late];
  late.clear();
  if (roots.length) read(roots, { whole: false, listen: true });
}

// answer tells by a tone whether something was chosen or is so no more; what it was,
// a headset hears.
function answer(records) {
  const made = records.filter(({ target, oldValue }) => target.ariaPressed !== oldValue && !target.matches(".field"));
  if (!on || !made.length) return;
  const { target } = made.find((record) => record.target.ariaPressed === "true") ?? made[0];
  quiet();
  voice.tone(target.ariaPressed === "true" ? 520 : 390);
  if (alone) read([target], { whole: false });
}

/** last says what stays on the screen when the patient's session is gone. */
export function last(section) {
  read([section], { remarks: false });
}

/** typed answers a key, "" for one that takes a character away. */
export async function typed(c) {
  if (!on) return;
  quiet();
  const mine = run;
  const parts = alone && c ? await voice.parts(c, language, true) : null;
  if (mine !== run) return;
  if (!parts) voice.tone(c ? 520 : 390);
  else if (!(await voice.say(parts))) return;
  const turn = document.querySelector('.field[aria-pressed="true"] .field-name')?.textContent ?? "";
  if (turn === field) return;
  field = turn;
  const name = await voice.parts(turn, language);
  if (name && (await voice.rest(200)) && mine === run) await voice.say(name);
}

/** reset is for the next patient: off, and as loud as usual. */
export function reset() {
  quiet();
  on = false;
  hide(false);
  level = USUAL;
  voice.volume = LEVELS[level];
  voice.keep(document.documentElement.dataset.first);
  field = strip = "";
  draw();
}

/** press does what a control says, on a screen of a language. */
export function press(what, tag) {
  language = tag;
  quietSince = performance.now();
  if (what === "read") {
    on = true;
    draw();
    const dialog = document.querySelector("dialog[open]");
    if (dialog) read([dialog]);
    else screen();
  } else if (what === "stop") {
    quiet();
    on = false;
    hide(false);
    draw();
    document.querySelector('[data-reader="read"]').focus({ preventScroll: true });
  } else if (on && what === "pause") {
    const paused = $("reader").dataset.paused === "true";
    $("reader").dataset.paused = String(!paused);
    if (paused) voice.resume();
    else voice.pause();
    relabel();
  } else if (on && alone && what === "hide") {
    hide($("curtain").hidden);
  } else if (on && (what === "softer" || what === "louder")) {
    level = Math.max(0, Math.min(LEVELS.length - 1, level + (what === "louder" ? 1 : -1)));
    voice.volume = LEVELS[level];
    voice.tone(); // as loud as the voice now is
    draw();
  }
}

// hide draws the curtain, or opens it: what a headset says, nobody else need read. The
// keys go on working below it.
function hide(yes) {
  if (!$("curtain")) return;
  $("curtain").hidden = !yes;
  if (yes) label($("curtain"));
  document.querySelector('[data-reader="hide"]').setAttribute("aria-pressed", String(yes));
}

function draw() {
  const box = $("reader");
  box.dataset.on = String(on);
  for (const [name, end] of [["softer", 0], ["louder", LEVELS.length - 1]]) {
    box.querySelector(`[data-reader="${name}"]`).setAttribute("aria-disabled", String(level === end));
  }
  relabel();
}

function relabel() {
  const box = $("reader");
  box.querySelector('[data-reader="read"] span').dataset.text = on ? "speech.again" : "speech.read";
  box.querySelector('[data-reader="pause"]').dataset.label = box.dataset.paused === "true" ? "speech.go" : "speech.pause";
  if (language) label(box);
}

function quiet() {
  run += 1;
  busy = reading = false;
  voice.stop();
  $("reader").dataset.paused = "false";
}

const screen = () => read([$("stage"), $("strip")], { listen: true });

// read says parts of the page, and what of them it does not say. whole: with remarks
// on what is left out; listen: hearing it is a sign of life.
async function read(roots, { whole = true, remarks = whole, listen = false } = {}) {
  quiet();
  relabel();
  const mine = run;
  busy = true;
  reading = listen;
  heard = roots;
  const lines = [];
  let own = false;
  let rest = false;
  for (const line of script(roots)) {
    const parts = await clips(line);
    if (mine !== run) return;
    if (parts) lines.push({ ...line, parts });
    else if (line.own && !alone) own = true;
    else if (line.language === language || line.choice?.lang) rest = true; // what greets others in theirs is for them
  }
  const notes = [];
  if (remarks && own) notes.push("speech.private");
  if (remarks && rest) notes.push("speech.rest");
  if (listen && !alone && roots[0].querySelector(".key")) notes.push("speech.typing");
  for (const note of notes) {
    const parts = await voice.parts(text(note), language);
    if (mine !== run) return;
    const at = lines.findIndex((line) => line.choice);
    if (parts) lines.splice(at < 0 ? lines.length : at, 0, { parts });
  }
  const chosen = alone ? await voice.parts(text("speech.chosen"), language) : null;
  if (mine !== run) return;
  const last = ({ choice }, i) => choice?.ariaPressed === "true" && !choice.matches(".field") && lines[i + 1]?.choice !== choice;
  const all = lines.flatMap((line, i) => (chosen && last(line, i) ? [line, { ...line, parts: chosen }] : [line]));
  let before = null; // the choice that was read last
  for (const { parts, choice } of all) {
    if (choice && choice !== before && whole) voice.tone(880); // here is something to choose
    before = choice;
    if (!(await voice.say(parts)) || !(await voice.rest(BETWEEN)) || mine !== run) return;
  }
  busy = reading = false;
  catchUp();
}

// clips gives what says a line, or null. What is named in another language is said
// from this one's recordings where that one has none.
async function clips({ text: words, language: tag, own, spell, room }) {
  if (own && !alone) return null;
  if (room) return voice.room(words, language, text("speech.room"), rooms.split(" "));
  return (await voice.parts(words, tag, spell)) ?? (tag === language ? null : voice.parts(words, language));
}

// script lists what can be seen below the roots: headings, texts, choices. The keys
// of a pad are named when the focus comes to them.
function script(roots) {
  const lines = [];
  const add = (content, el, order) => {
    const own = el.closest("[data-own]");
    for (const part of content.split("\n")) {
      if (!/[\p{L}\p{Nd}]/u.test(part)) continue;
      const spell = own?.dataset.own === "spell" || Boolean(el.closest("[data-spell]"));
      lines.push({ text: key(part), language: el.closest("[lang]").lang, own: Boolean(own), spell, room: Boolean(el.closest("[data-room]")), choice: el.closest("button"), order });
    }
  };
  for (const root of roots) {
    if (root.matches("button") && root.ariaLabel) {
      add(root.ariaLabel, root, 0);
      continue;
    }
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const el = node.parentElement;
      const pad = el.closest(".key");
      if (!el.checkVisibility() || el.closest('[aria-hidden="true"]') || (pad && pad !== root)) continue;
      add(node.data, el, el.closest("h1, dialog h2") ? 0 : root.id === "strip" ? 1 : el.closest("button") ? 3 : 2);
    }
  }
  return lines.sort((a, b) => a.order - b.order);
}
