// The diagnostics page: checks, devices, the last hour, what the kiosk is, the log.
// The gateway closes it; then the check-in comes back.

import { watchKeys } from "/assets/keys.js";
import { Line } from "/assets/link.js";
import { keyed } from "/assets/rows.js";
import { label, text, use } from "/assets/words.js";
import { plot } from "/diag/plot.js";
import { Trial } from "/diag/trial.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const SIGN_OF_LIFE = 5000; // ms between two reports that somebody is here
const SOON = 30000; // ms before the end in which the page says so
const KEPT = 500; // lines of the log

let facts = null;
let devices = [];
let samples = [];
let findings = [];
let code = "";
let left = Infinity;
let checking = false;
let gone = false;

const leave = () => location.replace("/");

/** make gives an element with text in it, and marks it as English where the kiosk said it. */
function make(name, className, content, lang) {
  const el = Object.assign(document.createElement(name), { className, textContent: content });
  if (lang) el.lang = lang;
  return el;
}

const post = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Clinicgate-Page": "1" },
    body: JSON.stringify(body),
    cache: "no-store",
  });

/** act does one thing and gives {ok, ...what came of it}. */
async function act(name, fields = {}) {
  try {
    const answer = await post("/diag/act", { act: name, ...fields });
    if (answer.status === 401) leave();
    if (answer.ok || answer.status === 409) return { ok: answer.ok, ...(await answer.json()) };
  } catch {
    // the gateway is gone, and the strip says so
  }
  return { ok: false };
}

// ---- what the gateway says

// listen begins once there are words to say it in.
const listen = () =>
  new Line({
    path: "/diag/events",
    name: "view",
    alive: "/diag/alive",
    onPicture: (p) => {
      if (p.build !== root.dataset.build) return location.replace("/diag");
      gone = false;
      left = p.leftMs;
      $("by").textContent = p.by;
      if (p.facts) showFacts((facts = p.facts));
      if (p.facts) showDevices((devices = p.devices ?? []));
      if (p.samples) showPlots((samples = p.samples));
      strip();
    },
    onGone: () => {
      gone = true;
      strip();
    },
    onLocked: leave,
  });

function strip() {
  const say = gone ? text("gone") : left < SOON ? text("idle", { seconds: Math.ceil(left / 1000) }) : "";
  if ($("strip").textContent !== say) $("strip").textContent = say;
}

const STAMPS = ["started", "now", "publish"];
const SAID = ["clock", "link"];

function showFacts({ rows, addresses }) {
  const value = ({ key, value: v }) => (STAMPS.includes(key) ? stamp(v) : SAID.includes(key) ? text(`fact.${v}`) : v);
  $("facts").replaceChildren(...rows.flatMap((r) => [make("dt", "", text(`fact.${r.key}`)), make("dd", "", value(r))]));
  const list = addresses ?? [];
  $("addresses").replaceChildren(
    ...list.flatMap((a) => [make("dt", "", a.interface), make("dd", "", [a.address, a.up ? "" : text("facts.down")].filter(Boolean).join(" · ") || "–")]),
  );
}

const stamp = (at) => at.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");

// What a row says is put into the elements that are there, and whether a device was tested
// has its line from the start: no button goes or moves when a test has passed.
function showDevices(list) {
  keyed($("devices"), list, $("device"), (li, d) => {
    const say = (what, words) => {
      const el = li.querySelector(`.${what}`);
      if (el.textContent !== words) el.textContent = words;
      el.hidden = !words;
    };
    li.querySelector(".state").dataset.state = d.state;
    say("state", text(`device.${d.state}`) || d.state);
    say("name", `${d.id} · ${text(`class.${d.class}`) || d.class}`);
    say("reason", d.reason ?? "");
    say("hint", d.hint ?? "");
    say("tested", d.tested ? `${text(d.passed ? "devices.passed" : "devices.failed")} ${stamp(d.tested)}` : d.test ? text("devices.untested") : "");
    say("test", d.test ? text("devices.test") : "");
    const button = li.querySelector(".test");
    button.dataset.device = d.id;
    button.setAttribute("aria-label", `${text("devices.test")} ${d.id}`);
  });
  $("devices-none").hidden = list.length > 0;
}

function badge(state) {
  const el = make("span", "state", text(`check.${state}`) || state);
  el.dataset.state = state;
  return el;
}

function showPlots(list) {
  plot($("plot-queued"), list, "queued");
  plot($("plot-append"), list, "append", " ms");
  plot($("plot-tap"), list, "tap", " ms");
}

// ---- checks

async function check() {
  if (checking) return;
  checking = true;
  findings = [];
  code = "";
  showChecks();
  try {
    const answer = await post("/diag/check", {});
    if (answer.status === 401) return leave();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const l of lines.map((x) => JSON.parse(x))) {
        if (l.check) findings.push(l.check);
        code = l.code ?? code;
      }
      showChecks();
    }
  } catch {
    // the gateway is gone, and the strip says so
  }
  checking = false;
  showChecks();
}

const ORDER = { fail: 0, warn: 1, info: 2, ok: 3, skipped: 4 };

function showChecks() {
  const row = (f) => {
    const li = document.createElement("li");
    li.append(badge(f.state), make("span", "name", f.id), make("span", "", f.detail, "en"));
    if (f.hint) li.append(make("span", "soft", f.hint, "en"));
    if (f.because) li.append(make("span", "soft", text("checks.because", { id: f.because })));
    if (f.since) li.append(make("span", "soft", text("checks.since", { at: stamp(f.since) })));
    return li;
  };
  const bad = (f) => ["fail", "warn"].includes(f.state) && !f.because;
  const sorted = findings.toSorted((a, b) => ORDER[a.state] - ORDER[b.state]);
  $("checks-bad").replaceChildren(...sorted.filter(bad).map(row));
  $("checks-good").replaceChildren(...sorted.filter((f) => !bad(f)).map(row));
  $("checks-rest").hidden = !findings.length;
  $("checks-more").textContent = text("checks.rest", { n: sorted.filter((f) => !bad(f)).length });
  $("check").setAttribute("aria-disabled", String(checking));
  const wrong = sorted.filter(bad).length;
  $("checks-state").textContent = checking
    ? text("checks.running")
    : !code
      ? ""
      : `${wrong ? text("checks.wrong", { n: wrong }) : text("checks.fine")} ${text("checks.code", { code })}`;
}

// ---- the log

let after = 0;
let round = 0; // of the question that counts
let lines = [];
const held = () => $("log-hold").getAttribute("aria-pressed") === "true";

async function follow() {
  const mine = ++round;
  after = 0;
  lines = [];
  showLog();
  while (mine === round) {
    const got = await act("log", { after, component: $("log-component").value, level: $("log-level").value });
    if (mine !== round) return;
    if (!got.ok) {
      $("log-said").textContent = got.why ?? "";
      await new Promise((done) => setTimeout(done, 2000));
      continue;
    }
    after = got.next;
    lines = [...lines, ...got.lines].slice(-KEPT);
    components(got.components);
    if (got.lines.length && !held()) showLog();
    await new Promise((done) => setTimeout(done, 300)); // a burst is one question
  }
}

function components(list) {
  const select = $("log-component");
  for (const name of list) {
    if (![...select.options].some((o) => o.value === name)) select.append(Object.assign(document.createElement("option"), { value: name, textContent: name }));
  }
}

function showLog() {
  const box = $("log");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  box.replaceChildren(
    ...lines.map((l) => {
      const p = make("p", "", `${l.time.slice(11, 23).replace(/[Z+].*/, "")} ${l.level} ${l.component}: ${l.text}`);
      p.dataset.level = l.level;
      return p;
    }),
  );
  if (atEnd) box.scrollTop = box.scrollHeight;
}

$("log-component").addEventListener("change", follow);
$("log-level").addEventListener("change", follow);
$("log-hold").addEventListener("click", () => {
  $("log-hold").setAttribute("aria-pressed", String(!held()));
  if (!held()) showLog();
});
$("log-set").addEventListener("click", async () => {
  const [component, level] = [$("log-component").value, $("log-level").value];
  const done = await act("level", { component, level });
  $("log-said").textContent = done.ok ? text("log.done", { level, component: component || text("log.any") }) : (done.why ?? text("failed"));
});

// ---- a device under test

const trial = new Trial({ act });
$("devices").addEventListener("click", (e) => {
  const id = e.target.closest("button")?.dataset.device;
  const device = devices.find((d) => d.id === id);
  if (device) trial.start(device);
});

// ---- somebody is here

let reported = performance.now();
function alive() {
  const t = performance.now();
  if (left > SOON && t - reported < SIGN_OF_LIFE) return;
  reported = t;
  act("active");
}
for (const sign of ["pointerdown", "keydown", "wheel"]) addEventListener(sign, alive, { capture: true, passive: true });

watchKeys({
  gap: Number(root.dataset.scanGap),
  ends: root.dataset.scanEnds.split(" ").filter(Boolean),
  onScan: (scan) => post("/diag/scan", { code: scan }).catch(() => {}),
  onType() {},
  onErase() {},
});
addEventListener("keydown", (e) => {
  if (e.key === "Escape") $("leave").focus();
});
$("leave").addEventListener("click", () => act("leave").then(leave));
$("check").addEventListener("click", check);

async function speak(tag) {
  await use(`diag.${tag}`);
  label(document.body);
  $("language").value = tag;
  if (facts) showFacts(facts);
  if (facts) showDevices(devices);
  if (samples.length) showPlots(samples);
  showChecks();
  trial.say();
  strip();
}
$("language").addEventListener("change", () => speak($("language").value));

for (const kind of ["contextmenu", "dragstart", "drop"]) addEventListener(kind, (e) => e.preventDefault());

await speak(root.lang);
listen();
check();
follow();
