// The check-in page. The gateway decides what is shown; this draws it, sends
// what the patient does, and forgets everything when the session ends or the
// gateway is gone. Nothing is kept outside this module's variables and the DOM.

import { Line } from "/assets/link.js";
import { watchKeys } from "/assets/keys.js";
import { touchedAt } from "/assets/press.js";
import { chime } from "/assets/chime.js";
import { draw, fillIn } from "/assets/screens.js";
import * as entry from "/assets/entry.js";
import { label, more, plural, text, use } from "/assets/words.js";

const $ = (id) => document.getElementById(id);
const stage = $("stage");
const root = document.documentElement;
const MAX_CODE = 24;
const SETTLE = 300; // ms after a new screen or question in which a second touch does nothing
const MAX_SCANS = 4; // that wait for an answer
const SIGN_OF_LIFE = 4000; // ms between two reports that somebody is here

let now = null; // the picture that is shown
let drawn = ""; // which screen the DOM holds
let drawnAt = 0;
let code = "";
let acting = null; // the act whose screen has not come yet
let scans = []; // what was scanned and is not answered yet
let reported = 0;
let warnedUntil = 0;
let warnedAt = 0; // when the question came
let drawing = Promise.resolve();
let ink = null; // draw.js, once a form has asked for a drawing
let measure = null; // measure.js, once something is to be measured
let devices = null; // devices.js, once a visit is by video
let reader = null; // what reads aloud, once somebody has asked for it

const line = new Line({
  path: "/events",
  name: "view",
  alive: "/alive",
  onPicture: (picture) => show(picture),
  onGone: gone,
  onLocked: locked,
});

const keys = watchKeys({
  gap: Number(root.dataset.scanGap),
  ends: root.dataset.scanEnds.split(" ").filter(Boolean),
  onScan: scan,
  onType: (c) => {
    if (now?.state === "identify") type(c);
    else if (asked()) {
      entry.type(c);
      reader?.typed(c);
    }
  },
  onErase: () => {
    if (now?.state === "identify") erase();
    else if (asked()) {
      entry.erase();
      reader?.typed("");
    }
  },
});

// asked tells whether a question of entry.js is on the screen.
const asked = () => now && drawn && entry.asks(now.state);

// ---- what the gateway says

function show(picture) {
  // One after the other: words may have to be fetched in between.
  drawing = drawing.then(() => apply(picture)).catch(() => {});
}

async function apply(picture) {
  if (!picture || line.gone) return;
  if (picture.build !== root.dataset.build) {
    location.replace("/");
    return;
  }
  if (now && picture.epoch === now.epoch && picture.rev < now.rev) return;
  if (now && picture.session !== now.session) forget();
  await use(picture.language);
  if (picture.state === "sign-drawn") ink ??= await import("/assets/draw.js");
  if (picture.state === "measure") measure ??= await import("/assets/measure.js");
  if (picture.state === "devices") devices ??= await import("/assets/devices.js");
  if (["measure", "devices"].includes(picture.state)) await more(picture.state);
  around(picture);
  now = picture;
  $("gone").hidden = true;
  const screen = [picture.session, picture.state, picture.form?.id, picture.language, picture.standing?.sentence].join("/");
  const fresh = screen !== drawn;
  let news = [];
  if (fresh) {
    drawn = screen;
    acting = null;
    code = "";
    document.body.dataset.state = picture.state;
    devices?.stop();
    unsign();
    draw(stage, picture);
    showCode();
    if (picture.state === "sign-drawn") ink.start(stage);
    if (picture.state === "devices") tryDevices();
    drawnAt = performance.now(); // nobody has seen it before
  } else {
    news = fillIn(stage, picture);
  }
  if (picture.state === "measure") news = measure.show(stage, picture.vitals);
  frame(picture);
  reader?.show(picture.language, fresh);
  if (!fresh) for (const part of news) reader?.tell(part);
}

const tryDevices = () =>
  devices.start(stage, { heard: alive, told: (news) => reader?.tell(news), deaf: () => reader?.sounding() ?? false });

// around says in the language that is now used what stands around the screen. It
// comes before the screen: the focus lays the page out, and letters of the
// language before, asked of this one's family, would be fetched for nothing.
function around(picture) {
  for (const part of [document.body.querySelector(".bar"), $("help"), $("display"), $("idle")]) label(part);
  look(picture.display);
  const left = picture.stepsLeft ?? 0;
  $("steps").hidden = !left;
  $("steps").dataset.left = String(left);
  $("steps-text").textContent = left ? plural("steps.left", left) : "";
}

// look brings the page to the display that this session asked for.
function look({ large = false, contrast = false, low = false } = {}) {
  const modes = { large, contrast, low, normal: !(large || contrast || low) };
  for (const [mode, on] of Object.entries(modes)) {
    root.classList.toggle(mode, on);
    $("display").querySelector(`[data-mode="${mode}"]`).setAttribute("aria-pressed", String(on));
  }
}

// frame fills what stands around the screen and is not there at all times.
function frame(picture) {
  $("reader").hidden = !root.dataset.speaks.split(" ").includes(picture.language);
  const asking = entry.asks(picture.state);
  $("back").hidden = !["needs", "interpreter", "identify", "signer", "sign-drawn"].includes(picture.state) && !asking;
  $("leave").hidden =
    !["language", "needs", "interpreter", "identify", "confirm", "signer", "consent", "sign-drawn", "measure", "devices"].includes(picture.state) && !asking;
  const say = picture.help ? `help.${picture.help}` : "";
  const strip = say ? [text(`${say}.title`), text(`${say}.body`)] : picture.notice ? [text(picture.notice)] : [];
  $("strip").replaceChildren(...strip.map((s) => Object.assign(document.createElement("span"), { textContent: s })));
  ring(["called", "desk"].includes(picture.help));
  greet(picture.present ?? false);
  $("strip").dataset.kind = picture.help || (picture.notice ? "note" : "");
  warn(picture.idleMs ?? 0);
  below();
}

// below offers to go on while there is more on the screen than fits.
function below() {
  $("more").hidden = stage.scrollHeight - stage.clientHeight - stage.scrollTop < 12;
}
stage.addEventListener("scroll", below, { passive: true });
stage.addEventListener("animationend", below);
new ResizeObserver(below).observe(stage);
$("more").addEventListener("click", () => stage.scrollBy({ top: stage.clientHeight * 0.8, behavior: "smooth" }));

// ring sounds while a call for help is unanswered: every few seconds at first, and
// after ten minutes once a minute.
let ringing = 0;
function ring(on) {
  if (on === Boolean(ringing)) return;
  clearInterval(ringing);
  ringing = 0;
  if (!on) return;
  let times = 0;
  chime();
  ringing = setInterval(() => {
    times += 1;
    if (times < 150 || times % 15 === 0) chime();
  }, 4000);
}

// greet answers to somebody whom a sensor sees, and keeps the panel lit while it does.
let seen = false;
let lit = null;
function greet(on) {
  if (on === seen) return;
  seen = document.body.toggleAttribute("data-present", on);
  if (on) lit = navigator.wakeLock?.request("screen").catch(() => null);
  else lit?.then((lock) => lock?.release());
}

function warn(ms) {
  const dialog = $("idle");
  if (!ms) {
    warnedUntil = 0;
    if (dialog.open) dialog.close();
    return;
  }
  warnedUntil = performance.now() + ms;
  countDown();
  if (!dialog.open) {
    for (const other of [$("help"), $("display")]) if (other.open) other.close();
    dialog.showModal();
    warnedAt = performance.now();
    $("idle-title").focus();
    chime();
    reader?.ask(dialog);
  }
}

function countDown() {
  if (!warnedUntil) return;
  const left = Math.max(0, Math.ceil((warnedUntil - performance.now()) / 1000));
  $("idle-left").textContent = plural("idle.seconds", left);
}
setInterval(countDown, 500);

// ---- forgetting

// unsign forgets a signature. It goes with its screen, whatever comes next.
function unsign() {
  ink?.wipe();
  entry.drop();
}

// forget wipes what belongs to one session.
function forget() {
  now = acting = null;
  drawn = code = "";
  scans = [];
  warnedUntil = 0;
  keys.wipe();
  entry.wipe();
  unsign();
  devices?.stop();
  reader?.reset();
  stage.replaceChildren();
  $("strip").replaceChildren();
  look();
  for (const d of document.querySelectorAll("dialog[open]")) d.close();
}

function gone() {
  const heard = reader?.listening();
  forget();
  $("gone").hidden = false;
  if (heard) reader.last($("gone"));
  $("steps").hidden = $("back").hidden = $("leave").hidden = true;
  document.body.dataset.state = "gone";
}

function locked() {
  forget();
  location.replace("/");
}

// ---- what the patient does

// act does what was pressed. While an act is under way no other one begins.
function act(event, fields) {
  if (!now || acting) return;
  const mine = (acting = carry(now.session, event, fields).finally(() => {
    if (acting === mine) acting = null;
    if (!acting) stage.removeAttribute("aria-busy");
  }));
}

async function carry(session, event, fields) {
  stage.setAttribute("aria-busy", "true");
  show(await line.act(session, event, fields));
  await drawing;
}

// scan sends what a scanner typed. Nobody can see that it came a moment too early, so
// it waits for the act under way, four at most, and goes with its session. It is no
// act itself: a touch does not wait for it.
async function scan(code) {
  if (!now || scans.length === MAX_SCANS) return;
  const { session } = now;
  const mine = scans;
  mine.push(code);
  if (mine.length > 1) return; // they are being sent
  while (mine === scans && mine.length) {
    while (acting) await acting;
    if (mine !== scans) return; // its session has ended
    show(await line.act(session, "scan", { code: mine[0] }));
    await drawing;
    mine.shift();
  }
}

// moves takes a sign of life. The question is not taken away from under a finger, or a
// key, that is about to answer it: the screen beneath would get the touch.
function moves(e) {
  const answers = e.type === "pointerdown" || (e.type === "keydown" && [" ", "Enter"].includes(e.key) && e.target.closest("#idle button"));
  if (!warnedUntil ? e.type !== "pointerup" : !answers) alive();
}

// alive reports a sign of life, which is no act: it waits for nothing.
function alive() {
  if (!now || line.gone) return;
  const t = performance.now();
  if (!warnedUntil && (now.state === "attract" || t - reported < SIGN_OF_LIFE)) return;
  reported = t;
  line.act(now.session, "active").then(show);
}
for (const sign of ["pointerdown", "pointerup", "keydown", "wheel"]) addEventListener(sign, moves, { capture: true, passive: true });
stage.addEventListener("scroll", alive, { capture: true, passive: true });

function type(c) {
  if (!/^[0-9A-Za-z]$/.test(c) || code.length >= MAX_CODE) return;
  code += c.toUpperCase();
  showCode();
  reader?.typed(c);
}

function erase() {
  code = code.slice(0, -1);
  showCode();
  reader?.typed("");
}

function showCode() {
  const out = $("code");
  if (!out) return;
  out.textContent = code.replace(/(.{4})(?=.)/g, "$1 ");
  out.dataset.empty = String(code === "");
  $("code-go").setAttribute("aria-disabled", String(code.length < 4));
}

async function answer(granted) {
  // What is bound to the answer is the text as it stands on the screen.
  const { session, form } = now;
  const shown = new TextEncoder().encode($("form-text").textContent);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", shown));
  const hex = Array.from(hash, (x) => x.toString(16).padStart(2, "0")).join("");
  if (now?.session === session) act("decide", { form: form.id, shown: hex, granted });
}

const pressed = (id) => $(id)?.getAttribute("aria-pressed") === "true";

stage.addEventListener("click", (e) => {
  if (now?.state === "attract") {
    act("start"); // the whole screen is the button
    return;
  }
  const button = e.target.closest("button");
  if (!button || touchedAt(e) - drawnAt < SETTLE) return; // however late this page takes the touch
  const { language, need, tongue, open, key, granted, signer, ready, act: event } = button.dataset;
  if (asked() && !event) {
    const say = entry.tap(button);
    if (say) act(...say);
    else if ("put" in button.dataset || "erase" in button.dataset) reader?.typed("put" in button.dataset ? button.textContent : "");
  } else if (language) act("choose", { language });
  else if (need) act("need", { need });
  else if (tongue !== undefined) act("tongue", { need: tongue && `interpreter:${tongue}` });
  else if (open) openDisplay();
  else if (key) type(key);
  else if (granted) answer(granted === "true");
  else if (ready) button.getAttribute("aria-disabled") !== "true" && act("tried", { ready: ready === "true" });
  else if (button.id === "devices-sound") chime();
  else if (signer) act("sign", { signer, present: pressed("interpreter") });
  else if (button.id === "interpreter") button.setAttribute("aria-pressed", String(!pressed("interpreter")));
  else if (button.id === "code-delete") erase();
  else if (button.id === "code-go") code.length >= 4 && act("code", { code });
  else if (button.id === "draw-clear") ink.wipe();
  else if (button.id === "draw-go") ink.ready() && act("signed", { drawing: ink.drawing() });
  else if (button.id === "form-more") $("form-text").scrollBy({ top: $("form-text").clientHeight * 0.85, behavior: "smooth" });
  else if (event) act(event);
});

$("back").addEventListener("click", () => act("back"));
$("leave").addEventListener("click", () => act("leave"));

$("help-open").addEventListener("click", () => {
  if (!now) return;
  $("help").showModal();
  $("help-title").focus();
  reader?.ask($("help"));
});
function openDisplay() {
  if (!now) return;
  $("display").showModal();
  $("display-title").focus();
  reader?.ask($("display"));
}
$("display-open").addEventListener("click", openDisplay);
$("display-close").addEventListener("click", () => $("display").close());
$("display").addEventListener("click", (e) => {
  if (e.target === $("display")) $("display").close();
  const mode = e.target.closest("button")?.dataset.mode;
  // Not through act(): what the screen looks like does not depend on what it asks.
  if (mode) line.act(now.session, "display", { mode }).then(show);
});
$("help-close").addEventListener("click", () => $("help").close());
$("help").addEventListener("click", (e) => {
  if (e.target === $("help")) $("help").close();
  const kind = e.target.closest("button")?.dataset.help;
  if (!kind) return;
  $("help").close();
  // Not through act(): help must not wait for another act's answer.
  line.act(now.session, "help", { kind }).then(show);
});

$("idle-more").addEventListener("click", alive);
// Who was just going on when the question came has not answered it.
$("idle-stop").addEventListener("click", (e) => touchedAt(e) - warnedAt < SETTLE || act("leave"));
$("idle").addEventListener("cancel", alive);

// ---- reading aloud

const READER = { F2: "read", F3: "pause", F4: "stop", F8: "softer", F9: "louder", F10: "hide" };

// aloud does what a control of the reader says. Its script comes for the first one
// who asks to be read to; nobody else waits for it.
async function aloud(what) {
  const who = now?.session;
  const part = reader ?? (await import("/assets/reader.js").catch(() => null)); // null: the gateway is gone, and the page says so
  if (!part || !who || who !== now?.session) return;
  if (!reader) part.begin(alive);
  reader = part;
  reader.press(what, now.language);
}
$("reader").addEventListener("click", (e) => {
  const what = e.target.closest("button")?.dataset.reader;
  if (what) aloud(what);
});
addEventListener("keydown", (e) => {
  if (!READER[e.key] || $("reader").hidden) return;
  e.preventDefault();
  aloud(READER[e.key]);
});

// ---- the technician's page

// Five touches of the mark within four seconds, or Ctrl+Alt+D, while nobody is here. The
// mark has no listener of its own: Chromium would tell a screen reader of it.
let marks = [];
const diagnose = () => root.dataset.technician && now?.state === "attract" && !now.help && location.replace("/diag");
document.addEventListener("click", (e) => {
  if (!e.target.closest(".clinic img")) return;
  marks = [...marks.slice(-4), e.timeStamp];
  if (marks.length > 4 && e.timeStamp - marks[0] < 4000) diagnose();
});
addEventListener("keydown", (e) => e.ctrlKey && e.altKey && e.code === "KeyD" && diagnose());

// ---- a screen, not a browser

// How large a millimetre is, for those to whom the size of a letter matters.
for (const size of ["panel", "capital"]) if (root.dataset[size]) root.style.setProperty(`--${size}`, root.dataset[size]);

for (const kind of ["contextmenu", "dragstart", "drop"]) addEventListener(kind, (e) => e.preventDefault());
