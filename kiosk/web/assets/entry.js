// What a patient without a code enters: date of birth, name, and, where several
// people have both, a time or two digits. Each question is a few fields and the
// keys that belong to the one in turn. Nothing is a field of the browser, so that
// nothing is learned, suggested or spell-checked.

import { clockParts, dateOrder, keyboard, monthNames, text } from "/assets/words.js";

const NAME_LENGTH = 60;

let kept = {}; // by field, until the session ends: going back shows it again
let question = null;
let turn = 0; // of the fields, the one in turn
let latin = false; // the other letters, where the language has its own
let root = null;

const digits = (name, length, most = 9) => ({ name, length, most, keys: "digits" });

const QUESTIONS = {
  birth: {
    fields: () => {
      const parts = { day: digits("day", 2, 3), month: { name: "month", length: 1, keys: "months" }, year: digits("year", 4) };
      return dateOrder().map((name) => parts[name]);
    },
    ready: ({ day, month, year }) => day > 0 && day <= 31 && month && year?.length === 4,
    act: ({ day, month, year }) => ["born", { birth: `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}` }],
  },
  name: {
    fields: () => ["family", "given"].map((name) => ({ name, length: NAME_LENGTH, keys: "letters" })),
    ready: ({ family, given }) => Boolean(family?.trim() || given?.trim()),
    act: ({ family = "", given = "" }) => ["named", { family, given }],
  },
  time: {
    fields: () => {
      const half = clockParts().half;
      return [digits("hour", 2, half ? 1 : 2), digits("minute", 2, 5), ...(half ? [{ name: "half", length: 1, keys: "halves" }] : [])];
    },
    ready: ({ hour, minute, half }) =>
      hour !== undefined && minute?.length === 2 && minute < 60 && (clockParts().half ? half && hour >= 1 && hour <= 12 : hour < 24),
    act: ({ hour, minute, half }) => {
      const h = half ? (hour % 12) + (half === "p" ? 12 : 0) : Number(hour);
      return ["time", { time: `${String(h).padStart(2, "0")}:${minute}` }];
    },
  },
  "sign-typed": {
    fields: () => [{ name: "name", length: NAME_LENGTH, keys: "letters" }],
    ready: ({ name }) => /\p{L}/u.test(name ?? ""),
    act: ({ name }) => ["signed", { name }],
  },
  phone: {
    fields: () => [digits("last", 2)],
    ready: ({ last }) => last?.length === 2,
    act: ({ last }) => ["phone", { phone: last }],
  },
};

/** asks tells whether a state is one of the questions. */
export const asks = (state) => state in QUESTIONS;

/** wipe forgets what was entered. */
export function wipe() {
  kept = {};
  question = root = null;
  latin = false;
}

/** drop forgets a signature: nobody finds it on a later screen. */
export const drop = () => delete kept["sign-typed.name"];

/** begin shows the fields and keys of a question on its screen. */
export function begin(stage, state) {
  question = { state, ...QUESTIONS[state], fields: QUESTIONS[state].fields() };
  root = stage;
  turn = Math.max(0, question.fields.findIndex((f) => !kept[key(f)]));
  for (const name of ["title", "body"]) slot(name).textContent = text(`${state}.${name}`);
  slot("unknown").hidden = !["time", "phone"].includes(state);
  slot("fields").replaceChildren(...question.fields.map(field));
  show();
}

/** tap handles a button of the screen: what to send, [event, fields], or null. */
export function tap(button) {
  const { field: f, put, letters } = button.dataset;
  if (f) turn = question.fields.findIndex((x) => x.name === f);
  else if (put) return type(put);
  else if (letters) latin = !latin;
  else if ("erase" in button.dataset) return erase();
  else if ("go" in button.dataset) return ready() ? question.act(values()) : next();
  else return null;
  show();
  return null;
}

/** type takes one character, from the screen or from a keyboard. */
export function type(c) {
  const f = question.fields[turn];
  const now = kept[key(f)] ?? "";
  if (f.keys === "digits" && !/^[0-9]$/.test(c)) return null;
  if (f.keys === "letters" && !/^[\p{L}\p{M}' ’-]$/u.test(c)) return null;
  if (f.keys === "months" && !(c >= 1 && c <= 12)) return null;
  if (f.keys === "halves" && !["a", "p"].includes(c)) return null;
  if (f.length === 1) kept[key(f)] = c;
  else if (now.length < f.length) kept[key(f)] = now + c.toLocaleUpperCase();
  else return null;
  const full = f.length === 1 || (f.keys === "digits" && (kept[key(f)].length === f.length || (f.length === 2 && c > f.most && !now)));
  if (full && turn < question.fields.length - 1) turn += 1;
  show();
  return null;
}

/** erase takes the last character away; in an empty field, of the one before. */
export function erase() {
  if (!kept[key(question.fields[turn])] && turn > 0) turn -= 1;
  const k = key(question.fields[turn]);
  kept[k] = question.fields[turn].length === 1 ? "" : (kept[k] ?? "").slice(0, -1);
  show();
  return null;
}

const slot = (name) => root.querySelector(`[data-slot="${name}"]`);
const key = (f) => `${question.state}.${f.name}`;
const values = () => Object.fromEntries(question.fields.map((f) => [f.name, kept[key(f)] || undefined]));
const ready = () => question.ready(values());

// next moves on to what is still missing.
function next() {
  turn = Math.max(0, question.fields.findIndex((f) => !kept[key(f)]));
  show();
  return null;
}

function button(className, content, data) {
  const b = document.createElement("button");
  b.type = "button";
  b.className = className;
  b.textContent = content;
  Object.assign(b.dataset, data);
  return b;
}

function field(f) {
  const b = button(`field field-${f.keys}`, "", { field: f.name });
  const name = Object.assign(document.createElement("span"), { className: "field-name", textContent: text(`entry.${f.name}`) });
  const value = Object.assign(document.createElement("b"), { className: "field-value" });
  value.setAttribute("aria-live", "polite");
  value.dataset.own = f.keys === "letters" ? "spell" : "";
  b.append(name, value);
  return b;
}

function shown(f) {
  const v = kept[key(f)] ?? "";
  if (f.keys === "months") return v && monthNames()[v - 1];
  if (f.keys === "halves") return v && clockParts().half[v];
  return v;
}

// show draws what changed: the values, which field is in turn, its keys.
function show() {
  question.fields.forEach((f, i) => {
    const b = slot("fields").children[i];
    b.setAttribute("aria-pressed", String(i === turn));
    const value = b.querySelector(".field-value");
    if (value.textContent !== shown(f)) value.textContent = shown(f);
    if (/^\P{L}*\p{Script=Latin}/u.test(value.textContent)) value.dir = "ltr"; // the caret stands where the next letter will
    else value.removeAttribute("dir");
  });
  const keys = question.fields[turn].keys;
  const pad = slot("pad");
  const want = `${question.state}/${keys}/${keys === "letters" && latin}`;
  if (pad.dataset.keys !== want) {
    pad.dataset.keys = want;
    pad.className = `pad pad-${keys}`;
    if (["digits", "letters"].includes(keys)) pad.dir = "ltr"; // as on every keyboard and telephone
    else pad.removeAttribute("dir"); // words are read the page's way
    pad.replaceChildren(...KEYS[keys]());
  }
  slot("go").setAttribute("aria-disabled", String(!ready()));
}

const eraseKey = () => {
  const b = button("key key-erase", "", { erase: "" });
  b.append(document.getElementById("part-erase").content.cloneNode(true));
  b.setAttribute("aria-label", text("identify.delete"));
  return b;
};

const KEYS = {
  digits: () => [..."1234567890"].map((d) => button("key", d, { put: d })).concat(eraseKey()),
  months: () => monthNames().map((name, i) => button("key", name, { put: String(i + 1) })),
  halves: () => Object.entries(clockParts().half).map(([half, name]) => button("key", name, { put: half })),
  letters: () => {
    const { own, other, name } = keyboard();
    const rows = (latin && other ? other : own).map((row) => {
      const line = document.createElement("div");
      line.className = "pad-row";
      line.append(...[...row].map((c) => button("key", c, { put: c })));
      return line;
    });
    const last = document.createElement("div");
    last.className = "pad-row pad-last";
    if (other) last.append(button("key key-wide", latin ? name : "ABC", { letters: "other" }));
    const space = button("key key-space", text("entry.space"), { put: " " });
    const hyphen = button("key", "-", { put: "-" });
    hyphen.setAttribute("aria-label", text("entry.hyphen"));
    const apostrophe = button("key", "’", { put: "’" });
    apostrophe.setAttribute("aria-label", text("entry.apostrophe"));
    last.append(hyphen, space, apostrophe, eraseKey());
    return [...rows, last];
  },
};
