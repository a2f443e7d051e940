// The pad before the diagnostics page: eight digits go out, a cookie comes back.

import { watchKeys } from "/assets/keys.js";
import { Line } from "/assets/link.js";
import { label, text, use } from "/assets/words.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const DIGITS = 8;
const QUIET = 45000; // ms without a touch until the check-in comes back

let code = "";
let sending = false;
let said = "";
let last = performance.now();

const leave = () => location.replace("/");

function show() {
  $("typed").textContent = (code + "·".repeat(DIGITS - code.length)).replace(/(.{4})(?=.)/, "$1 ");
  $("go").setAttribute("aria-disabled", String(code.length < DIGITS));
  $("refused").textContent = said && text(`refused.${said}`);
}

async function speak(tag) {
  await use(`diag.${tag}`);
  label(document.body);
  for (const b of document.querySelectorAll("[data-language]")) b.setAttribute("aria-pressed", String(b.dataset.language === tag));
  show();
}

function type(c) {
  if (!/^[0-9]$/.test(c) || code.length >= DIGITS || sending) return;
  said = "";
  code += c;
  show();
}

function erase() {
  code = code.slice(0, -1);
  show();
}

const post = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Clinicgate-Page": "1" },
    body: JSON.stringify(body),
    cache: "no-store",
  });

async function open() {
  if (code.length < DIGITS || sending) return;
  sending = true;
  const typed = code;
  code = "";
  try {
    const answer = await post("/diag/code", { code: typed });
    if (answer.ok) return location.replace("/diag");
    if (answer.status === 401 || answer.status === 409) return leave();
    said = (await answer.json()).refused;
  } catch {
    said = "failed";
  }
  sending = false;
  show();
}

watchKeys({
  gap: Number(root.dataset.scanGap),
  ends: root.dataset.scanEnds.split(" ").filter(Boolean),
  onScan: (scan) => post("/diag/scan", { code: scan }).catch(() => {}),
  onType: type,
  onErase: erase,
});

document.querySelector("main").addEventListener("click", (e) => {
  const button = e.target.closest("button");
  if (!button) return;
  if (button.dataset.key) type(button.dataset.key);
  else if (button.dataset.language) speak(button.dataset.language);
  else if (button.id === "erase") erase();
  else if (button.id === "go") open();
  else leave();
});
addEventListener("keydown", (e) => {
  if (e.key === "Escape") leave();
  else if (e.key === "Enter" && !e.target.closest("button")) open();
});
for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, () => (last = performance.now()), { capture: true, passive: true });
setInterval(() => performance.now() - last > QUIET && leave(), 1000);

new Line({ path: "/diag/pad", name: "view", alive: "/alive", onPicture() {}, onGone() {}, onLocked: leave });
speak(root.lang);
