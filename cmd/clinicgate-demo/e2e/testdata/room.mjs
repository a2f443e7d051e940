// A help button and a lamp of the waiting room, written with MQTT.js: another
// maker's idea of the protocol. It prints one JSON line: what it was granted, what
// was acknowledged, and what the lamp was told.
import mqtt from "mqtt";

const [address] = process.argv.slice(2);
const topic = (kind, name, leaf) => `clinic/main/lobby-1/${kind}/${name}/${leaf}`;
const connect = (clientId) => mqtt.connectAsync(`mqtt://${address}`, { clientId, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 10_000 });
// A broker that does not want a message ends the connection, or leaves it without an answer.
const settled = (work) => Promise.race([work.then(() => "done", () => "refused"), new Promise((r) => setTimeout(r, 1500, "unanswered"))]);

const said = { told: [] };
const lamp = await connect("js-lamp");
lamp.on("message", (_, payload) => {
  const command = JSON.parse(payload);
  said.told.push(command.args.pattern);
  lamp.publish(topic("lamp", "js-lamp", "ack"), JSON.stringify({ v: 1, id: command.id, ok: true }), { qos: 1 });
});
await lamp.subscribeAsync(topic("lamp", "js-lamp", "command"), { qos: 1 });
await lamp.publishAsync(topic("lamp", "js-lamp", "state"), JSON.stringify({ v: 1, state: "ready", battery: 64 }), { qos: 1, retain: true });

const button = await connect("js-button");
const press = JSON.stringify({ v: 1, id: "01890000-0000-7000-8000-00000000c0de", event: "press" });
said.presses = [];
// A press is acknowledged when the call for help is kept, however long that takes.
const ended = new Promise((r) => button.once("close", () => r("ended")));
for (let n = 0; n < 4; n++) said.presses.push(await Promise.race([ended, button.publishAsync(topic("button", "js-button", "event"), press, { qos: 1 }).then(() => "done", () => "refused")]));

const snoop = await connect("js-snoop");
said.everything = await settled(snoop.subscribeAsync("#", { qos: 1 }).then(([granted]) => { if (!granted || granted.qos >= 128) throw new Error("refused"); }));
said.spoofed = await settled(snoop.publishAsync(topic("button", "js-button", "event"), JSON.stringify({ v: 1, event: "press" }), { qos: 1 }));

const until = Date.now() + 60_000;
while (said.told.at(-1) !== "fast-blink" && Date.now() < until) await new Promise((r) => setTimeout(r, 100));
console.log(JSON.stringify(said));
for (const client of [lamp, button, snoop]) client.end(true);
