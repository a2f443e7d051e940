// Checks a reader against vectors.json: `node check.mjs`. In a browser, import
// check and give it the parsed file.

import { Inbox, canonical, open, trust } from "./clinicgate.mjs";

export async function check(vectors) {
  const wrong = [];
  const same = (what, got, want) => canonical(got) === canonical(want) || wrong.push(`${what}: got ${canonical(got)}, want ${canonical(want)}`);
  const keys = await trust(vectors.keys);

  for (const v of vectors.canonical) same(`canonical form of ${v.text}`, canonical(JSON.parse(v.text)), v.canonical);
  for (const text of vectors.malformed) {
    try {
      canonical(JSON.parse(text));
      wrong.push(`${text} has a canonical form`);
    } catch {}
  }
  for (const v of vectors.accept) {
    try {
      const events = await open(keys, v.channel, v.text, v.timetoken);
      same(v.name, events.map(({ kiosk, inc, seq, id, hlc, body }) => ({ kiosk, inc, seq, id, hlc, body })), v.events);
      // An SDK hands over the parsed object.
      same(`${v.name}, parsed`, await open(keys, v.channel, JSON.parse(v.text), v.timetoken), events);
    } catch (err) {
      wrong.push(`${v.name}: ${err}`);
    }
  }
  for (const v of vectors.refuse) {
    try {
      await open(keys, v.channel, v.text, v.timetoken);
      wrong.push(`${v.name}: it was accepted`);
    } catch {}
  }
  const { messages, kiosk, channel, order, conflicts } = vectors.inbox;
  const inbox = new Inbox();
  for (const text of messages) inbox.add(await open(keys, channel, text));
  same("order in the inbox", inbox.stream(kiosk, channel).map((e) => e.id), order);
  same("conflicts", inbox.conflicts.length, conflicts);
  return wrong;
}

if (globalThis.process?.argv?.[1]?.endsWith("check.mjs")) {
  const { readFile } = await import("node:fs/promises");
  const vectors = JSON.parse(await readFile(new URL("vectors.json", import.meta.url), "utf8"));
  const wrong = await check(vectors);
  for (const w of wrong) console.error(w);
  console.log(`${vectors.canonical.length + vectors.malformed.length} forms, ${vectors.accept.length} to accept, ${vectors.refuse.length} to refuse, 1 inbox: ${wrong.length} wrong`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}
