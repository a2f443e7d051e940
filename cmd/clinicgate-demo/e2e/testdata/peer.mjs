// A program that knows the published protocol and the cipher key, nothing else:
// the official JavaScript SDK and the reference consumer. It takes one JSON
// request a line on standard input and answers each with one line.

import { createInterface } from "node:readline";
import PubNub from "pubnub";
import { Inbox, open, trust } from "./clinicgate.mjs";

const settings = JSON.parse(process.argv[2]);
const keys = await trust([{ kiosk: settings.kiosk, publicKey: settings.kioskKey }]);
const clients = new Map();

function client(userId) {
  if (!clients.has(userId)) {
    const { publishKey, subscribeKey, origin, cipherKey } = settings;
    clients.set(userId, new PubNub({
      publishKey, subscribeKey, origin, userId, ssl: false,
      cryptoModule: PubNub.CryptoModule.aesCbcCryptoModule({ cipherKey }),
    }));
  }
  return clients.get(userId);
}

const inbox = new Inbox(); // live and history together
const lives = []; // what the listener saw, in order
let work = Promise.resolve(); // one message after the other

// judge gives what one delivered message amounts to.
async function judge({ channel, message, timetoken, publisher, error }) {
  const seen = { channel, publisher, timetoken, signed: false, batch: false, encoding: "", events: [], refused: "" };
  if (error || typeof message !== "object" || message === null) return { ...seen, refused: `not decrypted: ${error ?? typeof message}` };
  if (message.gw === undefined) return { ...seen, message };
  try {
    const events = await open(keys, channel, message, timetoken);
    return { ...seen, signed: true, batch: message.action === "BATCH", encoding: message.encoding ?? "", events };
  } catch (err) {
    return { ...seen, refused: String(err) };
  }
}

const requests = {
  // subscribe answers once the SDK is connected.
  subscribe: ({ channels }) => new Promise((resolve) => {
    const c = client("records-app");
    c.addListener({
      status: (s) => s.category === "PNConnectedCategory" && resolve({}),
      message: (m) => {
        work = work.then(async () => {
          const seen = await judge(m);
          seen.fresh = inbox.add(seen.events).length;
          lives.push(seen);
        });
      },
    });
    c.subscribe({ channels });
  }),

  async live() {
    await work;
    return { messages: lives };
  },

  // history reads channels from their beginning, newest page first, and tells
  // for each what the reference consumer made of it.
  async history({ channels }) {
    const streams = {}, refused = [];
    for (const channel of channels) {
      const all = new Inbox();
      let messages = 0, batches = 0, gzip = 0, start;
      for (;;) {
        const page = await client("records-app").fetchMessages({ channels: [channel], count: 100, start });
        const items = page.channels[channel] ?? page.channels[encodeURIComponent(channel)] ?? [];
        for (const item of items) {
          const seen = await judge({ ...item, channel, publisher: item.uuid });
          messages++;
          if (seen.refused) refused.push(`${channel}: ${seen.refused}`);
          if (seen.batch) batches++;
          if (seen.encoding === "gzip") gzip++;
          all.add(seen.events);
          inbox.add(seen.events);
        }
        if (items.length < 100) break;
        start = items[0].timetoken;
      }
      const events = all.stream(settings.kiosk, channel);
      const holes = events.filter((e, i) => i > 0 && e.inc === events[i - 1].inc && e.seq !== events[i - 1].seq + 1).length;
      streams[channel] = { messages, batches, gzip, events: events.length, first: events[0]?.seq ?? 0, highest: events.at(-1)?.seq ?? 0, holes, conflicts: all.conflicts.length };
    }
    return { streams, refused, conflicts: inbox.conflicts.length };
  },

  // entries are the queue entries that were seen, with what happened to them.
  async entries({ channel }) {
    await work;
    return { entries: inbox.stream(settings.kiosk, channel).filter((e) => e.body.action === "PATIENT_ADDED").map((e) => e.body.entry) };
  },

  // queue is what a subscriber makes of all that it has seen of a channel, as the
  // patterns' apps do: one entry after the other, in the order of the stream.
  async queue({ channel }) {
    await work;
    const entries = new Map();
    for (const { body } of inbox.stream(settings.kiosk, channel)) {
      const e = entries.get(body.queueEntryId);
      if (body.action === "PATIENT_ADDED") {
        const old = entries.get(body.entry.id);
        entries.set(body.entry.id, { ticket: body.entry.metadata.ticket, status: body.entry.status, calls: old?.calls ?? 0, removed: "" });
      } else if (e === undefined) continue;
      else if (body.action === "STATUS_UPDATED") e.status = body.newStatus;
      else if (body.action === "CALLED") e.calls++;
      else if (body.action === "PATIENT_REMOVED") e.removed = body.reason;
    }
    return { entries: [...entries.values()] };
  },

  async publish({ as, channel, message }) {
    const { timetoken } = await client(as).publish({ channel, message: { ...message, timestamp: new Date().toISOString() } });
    return { timetoken };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = await requests[request.do](request);
  } catch (err) {
    answer = { error: `${err} ${err?.status?.errorData ?? ""}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
for (const c of clients.values()) c.destroy(true);
process.exit(0);
