// The emulator as the official JavaScript SDK sees it.
//
//   node conformance.mjs HOST:PORT [SECRET-KEY]
//
// The keyset must be pub/sub/sec-secret. With a secret key every request is
// signed, which a keyset with Access Manager on needs. Ends with a non-zero
// status at the first check that fails.

import assert from 'node:assert/strict';
import PubNub from 'pubnub';

const [, , origin, secretKey] = process.argv;
assert.ok(origin, 'usage: node conformance.mjs HOST:PORT [SECRET-KEY]');

const clients = [];

function client(userId, more = {}) {
  const c = new PubNub({
    publishKey: 'pub', subscribeKey: 'sub', userId, origin, ssl: false, secretKey, ...more,
  });
  clients.push(c);
  return c;
}

// inbox collects one kind of event and hands them out in order of arrival.
function inbox(c, kind) {
  const waiting = [];
  const arrived = [];
  c.addListener({
    [kind]: (event) => {
      const next = waiting.shift();
      if (next) next(event); else arrived.push(event);
    },
  });
  return () => new Promise((resolve, reject) => {
    if (arrived.length > 0) { resolve(arrived.shift()); return; }
    const timer = setTimeout(() => reject(new Error(`no ${kind} within 10 s`)), 10_000);
    waiting.push((event) => { clearTimeout(timer); resolve(event); });
  });
}

async function connected(c, subscribe) {
  const status = inbox(c, 'status');
  subscribe();
  for (;;) {
    const s = await status();
    if (s.category === 'PNConnectedCategory') return;
    assert.ok(!s.error, `subscribe failed: ${s.category}`);
  }
}

// refused expects a call to fail with a status.
async function refused(status, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.status?.statusCode, status, String(error));
    return error;
  }
  assert.fail(`expected status ${status}`);
}

const checks = {
  async 'publish by GET and POST, subscribe'() {
    const reader = client('reader');
    const writer = client('kiosk-1');
    const next = inbox(reader, 'message');
    await connected(reader, () => reader.subscribe({ channels: ['queue.cardiology'] }));
    for (const sendByPost of [false, true]) {
      const message = { id: 'é 😀/?', sendByPost };
      const { timetoken } = await writer.publish({
        channel: 'queue.cardiology', message, sendByPost, meta: { k: 'v w' }, customMessageType: 'check-in',
      });
      const got = await next();
      assert.deepEqual(got.message, message);
      assert.equal(got.timetoken, timetoken);
      assert.equal(got.publisher, 'kiosk-1');
      assert.equal(got.channel, 'queue.cardiology');
      assert.deepEqual(got.userMetadata, { k: 'v w' });
      assert.equal(got.customMessageType, 'check-in');
    }
    const signals = inbox(reader, 'signal');
    await writer.signal({ channel: 'queue.cardiology', message: 'typing' });
    assert.equal((await signals()).message, 'typing');
  },

  async 'wildcard and group subscriptions'() {
    const reader = client('wild-reader');
    const writer = client('kiosk-1');
    const next = inbox(reader, 'message');
    await writer.channelGroups.addChannels({ channelGroup: 'g', channels: ['grouped'] });
    await connected(reader, () => reader.subscribe({ channels: ['wait.*'], channelGroups: ['g'] }));
    await writer.publish({ channel: 'wait.room', message: 'by wildcard' });
    let got = await next();
    assert.equal(got.message, 'by wildcard');
    assert.equal(got.channel, 'wait.room');
    assert.equal(got.subscription, 'wait.*');
    await writer.publish({ channel: 'grouped', message: 'by group' });
    got = await next();
    assert.equal(got.message, 'by group');
    assert.equal(got.subscription, 'g');
    const list = await writer.channelGroups.listChannels({ channelGroup: 'g' });
    assert.deepEqual(list.channels, ['grouped']);
  },

  async 'presence join, state, leave, here now, where now'() {
    const watcher = client('watcher');
    const events = inbox(watcher, 'presence');
    await connected(watcher, () => watcher.subscribe({ channels: ['room'], withPresence: true }));

    const visitor = client('visitor');
    await connected(visitor, () => visitor.subscribe({ channels: ['room'] }));
    let event = await events();
    // its own join may come before the handshake: the SDK sends a heartbeat beside it
    if (event.uuid === 'watcher') event = await events();
    assert.deepEqual([event.action, event.uuid, event.occupancy, event.channel], ['join', 'visitor', 2, 'room']);
    const set = await visitor.setState({ channels: ['room'], state: { mood: 'ok' } });
    assert.deepEqual(set.state, { mood: 'ok' });
    event = await events();
    assert.deepEqual([event.action, event.state], ['state-change', { mood: 'ok' }]);
    const state = await watcher.getState({ channels: ['room'], uuid: 'visitor' });
    assert.deepEqual(state.channels.room, { mood: 'ok' });

    const one = await watcher.hereNow({ channels: ['room'], includeState: true });
    assert.equal(one.totalOccupancy, 2);
    assert.deepEqual(one.channels.room.occupants.map((o) => o.uuid), ['visitor', 'watcher']);
    assert.deepEqual(one.channels.room.occupants[0].state, { mood: 'ok' });
    const two = await watcher.hereNow({ channels: ['room', 'empty'] });
    assert.equal(two.channels.empty.occupancy, 0);
    assert.equal(two.channels.room.occupancy, 2);
    const all = await watcher.hereNow({ includeUUIDs: true });
    assert.ok(all.totalChannels >= 1);
    assert.deepEqual((await watcher.whereNow({ uuid: 'visitor' })).channels, ['room']);

    visitor.unsubscribe({ channels: ['room'] });
    event = await events();
    assert.deepEqual([event.action, event.uuid, event.occupancy], ['leave', 'visitor', 1]);
  },

  async 'history, message counts, deletion, time'() {
    const c = client('historian');
    const numbered = (from, to) => Array.from({ length: to - from }, (_, i) => `n${from + i}`);
    const tokens = [];
    for (let i = 0; i < 30; i++) {
      tokens.push((await c.publish({ channel: 'audit', message: `n${i}`, meta: { i } })).timetoken);
    }
    const page = await c.fetchMessages({ channels: ['audit'], count: 10, includeMeta: true });
    assert.deepEqual(page.channels.audit.map((m) => m.message), numbered(20, 30));
    assert.deepEqual(page.channels.audit[0].meta, { i: 20 });
    assert.equal(page.channels.audit[0].uuid, 'historian');
    assert.equal(page.channels.audit[0].timetoken, tokens[20]);
    const older = await c.fetchMessages({ channels: ['audit'], count: 10, start: tokens[20] });
    assert.deepEqual(older.channels.audit.map((m) => m.message), numbered(10, 20));
    const counts = await c.messageCounts({ channels: ['audit', 'none'], channelTimetokens: [tokens[24], '1'] });
    assert.deepEqual(counts.channels, { audit: 5, none: 0 });
    const old = await c.history({ channel: 'audit', count: 2, stringifiedTimeToken: true });
    assert.deepEqual(old.messages.map((m) => m.entry), numbered(28, 30));
    await c.deleteMessages({ channel: 'audit', start: String(BigInt(tokens[5]) - 1n), end: tokens[5] });
    const left = await c.fetchMessages({ channels: ['audit'], count: 100 });
    assert.equal(left.channels.audit.length, 29);
    assert.ok(!left.channels.audit.some((m) => m.message === 'n5'));
    const { timetoken } = await c.time();
    assert.ok(BigInt(timetoken) >= BigInt(tokens[29]) - 100n);

    await c.addMessageAction({ channel: 'audit', messageTimetoken: tokens[29], action: { type: 'receipt', value: 'read' } });
    const marked = await c.fetchMessages({ channels: ['audit'], includeMessageActions: true });
    assert.equal(marked.channels.audit.at(-1).actions.receipt.read[0].uuid, 'historian');
  },

  async 'metadata under If-Match'() {
    const c = client('clerk');
    const events = inbox(c, 'objects');
    await connected(c, () => c.subscribe({ channels: ['queue.x'] }));
    const set = (custom, ifMatchesEtag) => c.objects.setChannelMetadata({
      channel: 'queue.x', data: { name: 'X', custom }, ifMatchesEtag, include: { customFields: true },
    });
    const first = (await set({ queueState: 'a' })).data;
    assert.deepEqual(first.custom, { queueState: 'a' });
    const event = await events();
    assert.equal(event.message.event, 'set');
    assert.equal(event.message.data.id, 'queue.x');
    assert.equal(event.message.data.eTag, first.eTag);
    const second = (await set({ queueState: 'b' }, first.eTag)).data;
    assert.notEqual(second.eTag, first.eTag);
    await refused(412, () => set({ queueState: 'c' }, first.eTag));
    const now = (await c.objects.getChannelMetadata({ channel: 'queue.x', include: { customFields: true } })).data;
    assert.deepEqual(now.custom, { queueState: 'b' });
    await refused(400, () => set({ nested: { not: 'allowed' } }));
    await refused(404, () => c.objects.getChannelMetadata({ channel: 'missing' }));

    await c.objects.setUUIDMetadata({ uuid: 'clerk', data: { name: 'Clerk', custom: { consent_telehealth: 'sealed' } } });
    const user = (await c.objects.getUUIDMetadata({ uuid: 'clerk' })).data;
    assert.equal(user.name, 'Clerk');
    assert.deepEqual(user.custom, { consent_telehealth: 'sealed' });
    await c.objects.setChannelMembers({ channel: 'queue.x', uuids: ['clerk'] });
    const members = await c.objects.getChannelMembers({ channel: 'queue.x', include: { UUIDFields: true, totalCount: true } });
    assert.equal(members.totalCount, 1);
    assert.equal(members.data[0].uuid.name, 'Clerk');
    const all = await c.objects.getAllChannelMetadata({ include: { totalCount: true }, filter: 'name LIKE "X*"' });
    assert.equal(all.totalCount, 1);
    await c.objects.removeChannelMetadata({ channel: 'queue.x' });
    await refused(404, () => c.objects.getChannelMetadata({ channel: 'queue.x' }));
  },

  async 'limits'() {
    const c = client('limits');
    await refused(400, () => c.publish({ channel: 'consultation.p.q.video', message: 1 }));
    await refused(400, () => c.publish({ channel: 'a name', message: 1 }));
    await refused(413, () => c.publish({ channel: 'a', message: 'x'.repeat(33_000), sendByPost: true }));
  },

  async 'crypto module round trip'() {
    const cryptoModule = PubNub.CryptoModule.aesCbcCryptoModule({ cipherKey: 'enigma' });
    const reader = client('sealed-reader', { cryptoModule });
    const writer = client('kiosk-1', { cryptoModule: PubNub.CryptoModule.aesCbcCryptoModule({ cipherKey: 'enigma' }) });
    const plain = client('no-key');
    const next = inbox(reader, 'message');
    const blind = inbox(plain, 'message');
    await connected(reader, () => reader.subscribe({ channels: ['sealed'] }));
    await connected(plain, () => plain.subscribe({ channels: ['sealed'] }));
    const message = { event: 'check-in', name: 'José 😀 𠮷' };
    for (const sendByPost of [false, true]) {
      await writer.publish({ channel: 'sealed', message, sendByPost });
      const got = await next();
      assert.deepEqual(got.message, message);
      assert.equal(got.error, undefined);
      const raw = (await blind()).message;
      assert.equal(typeof raw, 'string');
      assert.ok(raw.startsWith('UE5FRAFBQ1JI'), raw);
    }
    const page = await reader.fetchMessages({ channels: ['sealed'], count: 10 });
    assert.deepEqual(page.channels.sealed.map((m) => m.message), [message, message]);
  },

  async 'grant, token, revoke'() {
    const authority = client('authority', { secretKey: 'sec-secret' });
    const token = await authority.grantToken({
      ttl: 15, authorized_uuid: 'kiosk-1',
      resources: { channels: { 'queue.cardiology': { read: true, write: true } } },
      patterns: { channels: { '^wait\\.[^.]+$': { read: true } } },
    });
    const parsed = authority.parseToken(token);
    assert.equal(parsed.authorized_uuid, 'kiosk-1');
    assert.equal(parsed.resources.channels['queue.cardiology'].write, true);
    await authority.publish({ channel: 'signed', message: 'by GET' });
    await authority.publish({ channel: 'signed', message: 'by POST', sendByPost: true });
    await authority.revokeToken(token);
  },
};

let failed = false;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok    ${name}`);
  } catch (error) {
    console.log(`FAIL  ${name}\n${error.stack}`, error.status ?? '');
    failed = true;
    break;
  }
}
for (const c of clients) c.destroy();
process.exit(failed ? 1 : 0);
