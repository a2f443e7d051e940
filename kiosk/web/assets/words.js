// The page's sentences: one language at a time, fetched once each.

const cache = new Map();
let words = null;

/** use makes a language the current one. It fetches its words when they are new. */
export async function use(tag) {
  if (words?.tag === tag) return;
  if (!cache.has(tag)) {
    const answer = await fetch(`/words/${tag}.json`, { cache: "no-store" });
    if (!answer.ok) throw new Error("words");
    cache.set(tag, await answer.json());
  }
  words = cache.get(tag);
  document.documentElement.lang = words.tag;
  document.documentElement.dir = words.dir;
  document.title = text("title");
}

/** more fetches the texts of a part that few visits have, once for a language. */
export async function more(part) {
  const own = words;
  if (own[part]) return;
  const answer = await fetch(`/words/${own.tag}.${part}.json`, { cache: "no-store" });
  if (!answer.ok) throw new Error("words");
  Object.assign(own.text, await answer.json());
  own[part] = true;
}

const fill = (sentence, values) =>
  sentence.replace(/\{([a-z]+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** text gives a sentence of the current language, with {name} filled in. */
export function text(key, values = {}) {
  return fill(words.text[key] ?? "", values);
}

/** plural gives a sentence in the form that the number n takes. */
export function plural(key, n, values = {}) {
  const forms = words.plural[key] ?? {};
  const form = new Intl.PluralRules(words.tag).select(n);
  return fill(forms[form] ?? forms.other ?? "", { n: number(n), ...values });
}

// Digits are 0 to 9 in every language: as on the keys, on the letter, on the
// patient's number and on the board. Years are counted as the clinic counts them.
const LATN = { numberingSystem: "latn" };
const DATES = { ...LATN, calendar: "gregory", timeZone: "UTC" };

/** number writes a number the language's way. */
export const number = (n) => new Intl.NumberFormat(words.tag, LATN).format(n);

/** clock writes a time of day the language's way, in the clinic's zone. */
export function clock(at, zone) {
  const options = { ...LATN, hour: "numeric", minute: "2-digit" };
  try {
    return new Intl.DateTimeFormat(words.tag, { ...options, timeZone: zone }).format(at);
  } catch {
    return new Intl.DateTimeFormat(words.tag, options).format(at);
  }
}

/** dateOrder gives "day", "month" and "year" as the language writes them. */
export const dateOrder = () =>
  new Intl.DateTimeFormat(words.tag, { ...DATES, day: "numeric", month: "long", year: "numeric" })
    .formatToParts(new Date(Date.UTC(2000, 0, 15)))
    .map((part) => part.type)
    .filter((type) => ["day", "month", "year"].includes(type));

/** monthNames gives the twelve months' names; in Arabic, where they differ from country to country, with their numbers. */
export const monthNames = () =>
  Array.from({ length: 12 }, (_, i) => {
    const name = new Intl.DateTimeFormat(words.tag, { ...DATES, month: "long" }).format(Date.UTC(2001, i, 15));
    return /^ar\b/.test(words.tag) ? `${name} (${i + 1})` : name;
  });

/** clockParts tells how the language writes a time: half, if any, names the halves of the day, {a, p}. */
export function clockParts() {
  const form = new Intl.DateTimeFormat(words.tag, { ...DATES, hour: "numeric", minute: "2-digit" });
  if (!form.resolvedOptions().hour12) return {};
  const half = (hour) => form.formatToParts(Date.UTC(2001, 0, 1, hour)).find((part) => part.type === "dayPeriod")?.value;
  return { half: { a: half(9) ?? "AM", p: half(15) ?? "PM" } };
}

/** keyboard gives the rows of letters of the language and, where they are not Latin, the Latin ones. */
export const keyboard = () => ({ ...words.keyboard, name: words.name });

/** said gives texts that the clinic wrote, each in its own direction. */
export function said(...texts) {
  const parts = texts.filter(Boolean).map((content) => Object.assign(document.createElement("bdi"), { textContent: content }));
  return parts.flatMap((part, i) => (i ? [" · ", part] : [part]));
}

/** label fills every element below root that names a sentence. */
export function label(root) {
  for (const el of root.querySelectorAll("[data-text]")) el.textContent = text(el.dataset.text);
  for (const el of root.querySelectorAll("[data-label]")) el.setAttribute("aria-label", text(el.dataset.label));
}
