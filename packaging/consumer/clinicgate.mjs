// Reads what a clinicgate kiosk publishes: checks who signed it, unpacks batches,
// and gives each event once, in order. README.md beside this file says why each
// step is there. Runs in Node 20 or newer and in browsers; it needs nothing else.

const MAX_TEXT = 1 << 20; // characters of one message, bytes of one inflated batch
const MAX_EVENTS = 1000; // of one batch
const MAX_DEPTH = 64;

// Refused is thrown for a message that must not be believed.
export class Refused extends Error {}

// trust takes the clinic's list of signing keys: {kiosk, publicKey, from?, until?},
// the key in base64, the times as timetokens. A key speaks for its own kiosk only.
export async function trust(list) {
  const keys = new Map();
  for (const { kiosk, publicKey, from, until } of list) {
    const raw = bytes(publicKey);
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
    const kid = [...sum.slice(0, 8)].map((b) => b.toString(16).padStart(2, "0")).join("");
    keys.set(kid, { kiosk, from, until, key: await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]) });
  }
  return keys;
}

// open gives the events of one message: message is the decrypted text, or what
// JSON.parse made of it; channel and timetoken are where and when PubNub says it
// was published.
export async function open(keys, channel, message, timetoken) {
  if (typeof message === "string") {
    need(message.length <= MAX_TEXT, "the message is too long");
    message = JSON.parse(message);
  }
  const gw = message?.gw;
  need(gw?.v === 1, "there is no gw member of version 1");
  need(gw.stream === channel, "it was signed for another channel");
  const signer = keys.get(gw.kid);
  need(signer && signer.kiosk === gw.kiosk, "the key is not one of this kiosk");
  if (timetoken !== undefined) {
    need(!signer.from || BigInt(timetoken) >= BigInt(signer.from), "the key was not in use yet");
    need(!signer.until || BigInt(timetoken) <= BigInt(signer.until), "the key was in use no more");
  }
  const { sig, ...unsigned } = gw;
  need(typeof sig === "string", "there is no signature");
  const text = `clinicgate/1\n${channel}\n${canonical({ ...message, gw: unsigned })}`;
  need(await crypto.subtle.verify("Ed25519", signer.key, bytes(sig), new TextEncoder().encode(text)), "the signature does not verify");
  if (gw.first === undefined) return [event(gw, message)];

  need(message.action === "BATCH", "first and last without BATCH");
  need(message.encoding === undefined || message.encoding === "gzip", "the batch's encoding is not known here");
  const list = message.encoding === "gzip" ? JSON.parse(await inflate(message.data)) : message.events;
  need(Array.isArray(list) && list.length <= MAX_EVENTS && list.length === gw.last - gw.first + 1, "the batch does not hold what it says");
  return list.map((body, i) => {
    need(body?.gw?.seq === gw.first + i, "the batch has a hole");
    return event(gw, body);
  });
}

// event puts the members that a batch says once and those of its event together.
function event({ kiosk, stream, inc, boot, synced }, { gw: { id, seq, hlc, mono }, ...body }) {
  need(Number.isSafeInteger(inc) && Number.isSafeInteger(seq) && seq > 0, "its place in the stream is not a number");
  need(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id), "its id is no UUID");
  return { kiosk, channel: stream, inc, seq, id, hlc, boot, mono, synced, body };
}

// Inbox keeps events: each once, each stream in the order it was made in,
// whatever way and however often they came.
export class Inbox {
  conflicts = []; // events that came again under their id with other content
  #seen = new Map();
  #streams = new Map();

  // add gives back those that were not here before.
  add(events) {
    return events.filter((e) => {
      const id = `${e.kiosk}\n${e.id}`, text = canonical(e.body), before = this.#seen.get(id);
      if (before !== undefined && before !== text) this.conflicts.push(e);
      if (before !== undefined) return false;
      this.#seen.set(id, text);
      const place = `${e.kiosk}\n${e.channel}`;
      this.#streams.set(place, this.#streams.get(place) ?? []);
      this.#streams.get(place).push(e);
      return true;
    });
  }

  stream(kiosk, channel) {
    return (this.#streams.get(`${kiosk}\n${channel}`) ?? []).sort((a, b) => a.inc - b.inc || a.seq - b.seq);
  }
}

// canonical is RFC 8785: members in the order of their names' UTF-16 units, no
// spaces, strings and numbers as ECMAScript writes them.
export function canonical(value, depth = MAX_DEPTH) {
  need(depth >= 0, "it is nested too deep");
  if (Array.isArray(value)) return `[${value.map((v) => canonical(v, depth - 1)).join()}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.keys(value).sort().map((k) => `${canonical(k)}:${canonical(value[k], depth - 1)}`).join()}}`;
  need(typeof value !== "number" || Number.isFinite(value), "a number is too large");
  need(typeof value !== "string" || value.isWellFormed(), "a string is not Unicode");
  return JSON.stringify(value);
}

async function inflate(base64) {
  const reader = new Blob([bytes(base64)]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "", size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > MAX_TEXT) await reader.cancel();
    need(size <= MAX_TEXT, "the batch inflates past its bound");
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

function need(holds, otherwise) {
  if (!holds) throw new Refused(otherwise);
}
