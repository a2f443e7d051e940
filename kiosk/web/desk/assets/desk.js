// The desk: draws the picture that the gateway sends, and posts what staff do.
// It keeps nothing: without a session, without the gateway, or after silence at
// the keyboard, everything about a person is taken off the page.

import { Line } from "/assets/link.js";
import { SETTLE, Steady, keyed } from "/assets/rows.js";
import { clock, label, text, use } from "/assets/words.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const STAY_EVERY = 20_000; // ms between two signs of the person that are told
const WARN = 30_000; // ms before the logoff

let shown = null; // the picture, while somebody is logged in
let department = "";
let sign = performance.now(); // last sign of the person
let told = 0;
let openEntry = ""; // id that the dialog is about
let removing = false; // the dialog asks why the visit is removed
let was = ""; // the session before, to say that the screen was locked
let left = ""; // the session that was logged off: its pictures may still be on their way
let leaving = false; // the kiosk is being told so, or has heard it

const line = new Line({
  path: "/events",
  name: "view",
  alive: "/alive",
  onPicture: (picture) => draw(picture),
  onGone: () => {
    wipe();
    $("gone").hidden = false;
  },
  onLocked: () => {
    wipe();
    location.replace("/");
  },
});

// What is on the desk changes while somebody aims at it: else a double click would call
// the next patient too, and a press as a row comes in another one.
const steady = (box, refused, rest) => new Steady(box, () => ($(refused).textContent = text("refused.moved")), rest);
const queue = steady(document.querySelector(".queue"), "refused", document.querySelector(".queue"));
const choices = steady($("more"), "more-refused", $("more-title"));
const arrivals = steady($("arrive"), "arrive-refused", $("arrive-title"));

const make = (name, className, content = "") => {
  const el = document.createElement(name);
  el.className = className;
  el.textContent = content;
  return el;
};

const dayName = (day) =>
  new Intl.DateTimeFormat(root.lang, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(day));
const time = (at) => clock(new Date(at), shown.clinic.zone);
const may = (event) => shown?.may?.includes(event) ?? false;

function draw(picture) {
  if (picture.build !== root.dataset.build) {
    wipe();
    location.replace("/");
    return;
  }
  $("gone").hidden = true;
  if (!picture.session || picture.session === left) {
    wipe();
    if (picture.session) logoff(); // the kiosk was away and has not heard of it
    return;
  }
  if (picture.session !== was) {
    sign = performance.now();
    told = sign;
  }
  was = picture.session;
  shown = picture;
  document.body.dataset.state = "desk";
  $("entrance").hidden = true;
  $("desk").hidden = false;
  for (const id of ["person", "logoff"]) $(id).hidden = false;
  $("print").hidden = !may("print");
  $("arrives").hidden = !may("admit");
  $("person").textContent = picture.person;
  if (picture.clinic) drawClinic(picture.clinic);
}

// wipe takes everything about anybody off the page and asks who is there.
function wipe() {
  shown = null;
  document.body.dataset.state = "entrance";
  for (const el of document.querySelectorAll(".rows, #help-rows, #held-rows, #glass-rows, #ailing-rows, #providers, #paper tbody")) el.replaceChildren();
  for (const id of ["clock", "link", "person", "refused", "more-name", "more-title", "more-refused"]) $(id).textContent = "";
  for (const id of ["desk", "person", "logoff", "print", "idle", "help", "held", "glass", "ailing", "paper"]) $(id).hidden = true;
  if ($("more").open) $("more").close();
  if ($("arrive").open) $("arrive").close();
  clearArrive();
  openEntry = "";
  const first = $("entrance").hidden;
  $("entrance").hidden = false;
  $("ended").hidden = !was;
  if (first) $("staff").focus();
}

function drawClinic(c) {
  queue.draw(() => drawQueue(c));
  keyed($("providers"), c.providers, $("provider"), (el, p) => drawProvider(el, p, c));
  if (openEntry) drawMore();
}

function drawQueue(c) {
  tick();
  $("link").textContent = text(c.online ? "top.online" : "top.offline");
  $("link").dataset.online = String(c.online);
  options($("department"), [["", text("top.all")], ...c.departments.map((d) => [d.id, d.name])], department);
  const here = (e) => !department || e.department === department;
  const lists = { called: [], waiting: [], inside: [], provisional: [], unfinished: [], noshow: [], left: c.left.filter(here) };
  for (const e of c.entries.filter(here)) {
    if (e.status === "waiting") lists[e.called ? "called" : "waiting"].push(e);
    else if (e.status === "in-consultation") lists.inside.push(e);
    else if (e.status === "no-show") lists.noshow.push(e);
    else lists[e.flags?.includes("provisional") ? "provisional" : "unfinished"].push(e);
  }
  lists.called.sort((a, b) => (a.called < b.called ? 1 : -1));
  for (const [name, entries] of Object.entries(lists)) {
    const section = document.querySelector(`[data-list="${name}"]`);
    section.hidden = entries.length === 0 && name !== "waiting";
    section.querySelector("h2 b").textContent = `${entries.length}${name === "left" && c.leftMore ? "+" : ""}`;
    keyed(section.querySelector(".rows"), entries, $("row"), (el, e) => drawEntry(el, e, c));
  }
  document.querySelector(".empty").hidden = lists.waiting.length > 0;
  $("help").hidden = c.help.length === 0;
  drawHelp(c);
  $("held").hidden = c.held.length === 0;
  drawHeld(c);
  $("glass").hidden = c.glasses.length === 0;
  drawGlasses(c);
  $("ailing").hidden = c.ailing.length === 0;
  drawAiling(c);
}

function options(select, list, value) {
  const wanted = list.map(([v, t]) => `${v}\n${t}`).join("\n\n");
  if (select.dataset.wanted !== wanted) {
    select.dataset.wanted = wanted;
    select.replaceChildren(
      ...list.map(([v, t]) => {
        const o = make("option", "", t);
        o.value = v;
        return o;
      }),
    );
  }
  if (document.activeElement !== select || select.dataset.was !== value) select.value = value;
  select.dataset.was = value;
}

const nameOf = (list, id) => list.find((x) => x.id === id)?.name ?? id ?? "";

// next gives the acts that the present state of a visit suggests, the likeliest
// first: [event, text, fields].
function next(e) {
  const to = (status) => ({ entry: e.id, status });
  switch (e.status) {
    case "checked-in":
      return [["status", "act.finish", to("waiting")], ["remove", "act.cancel", { entry: e.id }]];
    case "waiting":
      return [
        ["call", e.called ? "act.call-again" : "act.call", { entry: e.id }],
        ["status", "act.inside", to("in-consultation")],
        ...(e.called ? [["status", "act.no-show", to("no-show")]] : []),
        ["remove", "act.cancel", { entry: e.id }],
      ];
    case "in-consultation":
      return [["status", "act.complete", to("completed")], ["status", "act.waiting", to("waiting")]];
    case "no-show":
      return [["status", "act.waiting", to("waiting")]];
    case "cancelled":
      return [["status", "act.return", to("checked-in")]];
  }
  return [];
}

function acts(e) {
  const list = next(e);
  if (e.mayUndo) list.push(["undo", "act.undo", { entry: e.id }]);
  return list.filter(([event]) => may(event));
}

function drawEntry(el, e, c) {
  el.dataset.priority = e.priority;
  el.querySelector(".ticket").textContent = e.ticket || "-";
  el.querySelector(".name").textContent = e.name || text("list.nameless");
  el.querySelector(".name").classList.toggle("quiet", !e.name);
  const notes = [];
  if (e.priority !== "normal") notes.push(["care", text(`priority.${e.priority}`)]);
  for (const said of needsOf(e)) notes.push(["need", said]);
  if (e.language && e.language !== root.lang) notes.push(["need", text("row.language", { language: tongue(e.language) })]);
  if (e.video) notes.push(["need", text("row.video")]);
  for (const { type, standing } of e.consents ?? []) notes.push(["care", text("row.consent", { type: text(`consent.${type}`), standing: text(`standing.${standing}`) })]);
  if (e.reason) notes.push(["need", text(`reason.${e.reason}`) || e.reason]);
  if (e.born) notes.push(["need", text("row.born", { date: e.born })]);
  for (const flag of e.flags ?? []) notes.push(["care", text(`flag.${flag}`) || flag]);
  el.querySelector(".notes").replaceChildren(...notes.map(([kind, said]) => make("i", kind, said)));
  el.querySelector(".where").replaceChildren(
    make("span", "", nameOf(c.providers, e.provider) || nameOf(c.departments, e.department)),
    make("span", "quiet", e.provider ? nameOf(c.departments, e.department) : ""),
  );
  const when = [text("row.since", { time: time(e.checkIn) })];
  if (e.appointment) when.push(text("row.appointment", { time: time(e.appointment) }));
  if (e.called && e.status === "waiting") {
    const said = { time: time(e.called), room: e.room || text("row.nowhere"), times: e.calls };
    when.unshift(text(e.calls > 1 ? "row.called-again" : "row.called", said));
  } else if (e.waitHigh && e.status === "waiting") {
    when.push(text("row.wait", { low: e.waitLow, high: e.waitHigh }));
  } else if (!["waiting", "in-consultation", "checked-in"].includes(e.status)) {
    when.unshift(standing(e));
  }
  el.querySelector(".when").replaceChildren(...when.slice(0, 2).map((said) => make("span", "", said)));
  const list = acts(e);
  const first = list.slice(0, e.status === "waiting" ? 2 : 1);
  const wanted = [...first.map(([event, key]) => `${event} ${key}`), "more", root.lang, e.ticket].join();
  const box = el.querySelector(".acts");
  if (box.dataset.wanted === wanted) return;
  box.dataset.wanted = wanted;
  box.replaceChildren(
    ...first.map(([event, key, fields], i) => {
      const b = make("button", i === 0 ? "act go" : "act plain", text(key));
      b.type = "button";
      b.onclick = () => ask(b, event, fields);
      return b;
    }),
  );
  if (list.length === 0) return;
  const more = make("button", "act plain", text("act.more"));
  more.type = "button";
  more.setAttribute("aria-label", text("row.more", { ticket: e.ticket }));
  more.onclick = () => openMore(e.id);
  box.append(more);
}

// standing says how a visit stands, and of who left what the status does not.
const standing = ({ status, removed }) => text(removed === "rescheduled" ? "removed.rescheduled" : `status.${status}`);

// needsOf says what help a patient asked for; words of a newer kiosk stand as they are.
function needsOf({ interpreter, needs = [] }) {
  const own = needs.map((need) => {
    const [what, language] = need.split(":");
    if (what !== "interpreter") return text(`need.${need}`) || need;
    return text(`row.interpreter-${language}`) || text("row.interpreter-for", { language: tongue(language) });
  });
  return interpreter && !needs.some((need) => need.startsWith("interpreter:")) ? [text("row.interpreter"), ...own] : own;
}

function tongue(tag) {
  try {
    return new Intl.DisplayNames(root.lang, { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}

function drawHelp(c) {
  const template = document.createElement("template");
  template.content.append(make("li", ""));
  keyed($("help-rows"), c.help, template, (el, h) => {
    const wanted = JSON.stringify([h, root.lang]);
    if (el.dataset.wanted === wanted) return;
    el.dataset.wanted = wanted;
    el.dataset.kind = h.kind;
    const facts = [time(h.at), nameOf(c.departments, h.department), h.kiosk && text("help.at", { kiosk: h.kiosk }), h.ticket,
      h.by && text("help.by", { by: h.by.replace(/^staff:/, "") })];
    el.replaceChildren(make("b", "", text(`help.${h.kind}`) || text("help.need-help")), make("span", "", facts.filter(Boolean).join(" · ")));
    for (const event of ["acknowledge", "resolve"]) {
      if (!may(event) || (event === "acknowledge" && h.by)) continue;
      const b = make("button", event === "acknowledge" ? "act go" : "act plain", text(`help.${event}`));
      b.type = "button";
      b.onclick = () => ask(b, event, { help: h.id });
      el.append(b);
    }
  });
}

// drawHeld shows the lists of appointments that wait for a decision, and by which
// commands it is made.
function drawHeld(c) {
  const template = document.createElement("template");
  template.content.append(make("li", ""));
  keyed($("held-rows"), c.held, template, (el, h) => {
    const wanted = JSON.stringify([h, root.lang]);
    if (el.dataset.wanted === wanted) return;
    el.dataset.wanted = wanted;
    const facts = [time(h.since), h.rows && text("held.rows", { rows: h.rows, days: (h.days ?? []).join(", ") })];
    el.replaceChildren(
      make("b", "", text(`held.${h.why}`) || text("held.other")),
      make("span", "", facts.filter(Boolean).join(" · ")),
      ...(h.importable ? ["accept", "refuse"] : ["refuse"]).map((word) => order(text(`held.${word}`), `clinicgate roster ${word} ${h.id}`)),
    );
  });
}

// order is a line with a command for the kiosk, and what it is for.
function order(what, command) {
  const line = make("span", "order", `${what} `);
  line.append(make("code", "", command));
  return line;
}

// drawGlasses shows which roles somebody has taken in an emergency, and what ends it.
function drawGlasses(c) {
  const template = document.createElement("template");
  template.content.append(make("li", ""));
  keyed($("glass-rows"), c.glasses, template, (el, g) => {
    const wanted = JSON.stringify([g, root.lang]);
    if (el.dataset.wanted === wanted) return;
    el.dataset.wanted = wanted;
    el.replaceChildren(make("b", "", text("glass.took", { account: g.by, role: text(`glass.${g.role}`) || g.role })),
      make("span", "", text("glass.until", { time: time(g.until), reference: g.reference })),
      order(text("glass.end"), `clinicgate break-glass end ${g.id}`));
  });
}

// drawAiling shows what a person has to mend at the kiosk.
function drawAiling(c) {
  const template = document.createElement("template");
  template.content.append(make("li", ""));
  keyed($("ailing-rows"), c.ailing.map((a) => ({ ...a, id: a.device })), template, (el, a) => {
    const wanted = JSON.stringify([a, root.lang]);
    if (el.dataset.wanted === wanted) return;
    el.dataset.wanted = wanted;
    const facts = [a.device, a.since && time(a.since)];
    el.replaceChildren(make("b", "", text(`ailing.${a.why}`) || text("ailing.other")), make("span", "", facts.filter(Boolean).join(" · ")));
  });
}

function drawProvider(el, p, c) {
  el.dataset.status = p.status;
  el.querySelector(".name").textContent = p.name;
  const status = el.querySelector(".status");
  const room = el.querySelector(".room");
  status.setAttribute("aria-label", text("provider.status", { name: p.name }));
  room.setAttribute("aria-label", text("provider.room", { name: p.name }));
  options(status, c.statuses.map((s) => [s, text(`provider.${s}`)]), p.status);
  const rooms = c.rooms.includes(p.room ?? "") ? c.rooms : [p.room ?? "", ...c.rooms];
  options(room, rooms.map((r) => [r, r || text("row.nowhere")]), p.room ?? "");
  status.disabled = room.disabled = !may("provider");
  status.onchange = room.onchange = () =>
    ask(null, "provider", { provider: p.id, availability: status.value, ...(room.value ? { room: room.value } : {}) });
}

const entryOf = (id) => [...(shown?.clinic?.entries ?? []), ...(shown?.clinic?.left ?? [])].find((e) => e.id === id);

function openMore(id) {
  openEntry = id;
  const c = shown.clinic;
  const e = entryOf(id);
  if (!e) return;
  options($("more-room"), [["", text("act.own-room")], ...c.rooms.map((r) => [r, r])], "");
  options($("more-priority"), c.priorities.map((p) => [p, text(`priority.${p}`)]), e.priority);
  options($("more-department"), c.departments.map((d) => [d.id, d.name]), e.department);
  $("more-refused").textContent = "";
  $("more-at").value = "";
  removing = false;
  drawMore();
  choices.draw(() => $("more").showModal());
  $("more-title").focus();
}

const drawMore = () => choices.draw(fillMore);

function fillMore() {
  const e = entryOf(openEntry);
  if (!e) {
    $("more").close();
    return;
  }
  $("more-title").textContent = e.ticket;
  $("more-name").textContent = e.name || text("list.nameless");
  const fits = {
    call: e.status === "waiting",
    status: true,
    priority: ["checked-in", "waiting", "in-consultation"].includes(e.status),
    transfer: ["checked-in", "waiting"].includes(e.status) && shown.clinic.departments.length > 1,
  };
  for (const el of $("more").querySelectorAll("[data-may]")) el.hidden = !may(el.dataset.may) || !fits[el.dataset.may];
  $("more").querySelector('[data-do="call"]').textContent = text(e.called ? "act.call-again" : "act.call");
  removing &&= acts(e).some(([event]) => event === "remove"); // else somebody was quicker
  $("more-question").hidden = !removing;
  $("more-fields").hidden = removing;
  let list = acts(e).filter(([event]) => event !== "call");
  if (e.unlisted && may("match") && e.status !== "cancelled") list.unshift(["match", "act.match", { entry: e.id }]);
  if (removing) list = ["cancelled", "rescheduled"].map((removal) => ["remove", `remove.${removal}`, { entry: e.id, removal }]);
  const wanted = [...list.map(([, key]) => key), root.lang, e.id].join();
  if ($("more-acts").dataset.wanted === wanted) return;
  $("more-acts").dataset.wanted = wanted;
  $("more-acts").replaceChildren(
    ...list.map(([event, key, fields]) => {
      const b = make("button", "act plain", text(key));
      b.type = "button";
      b.onclick = () => {
        if (event === "match") openArrive(fields.entry);
        else if (event === "remove" && !removing) askWhy();
        else askMore(b, event, fields);
      };
      return b;
    }),
  );
}

// askWhy asks why a visit is removed before it is.
function askWhy() {
  removing = true;
  drawMore();
  $("more-question").focus();
}

// The dialog for who arrives: a person of the list, or one without an
// appointment. For an entry it asks which appointment that was for.
let expected = [];
let matching = ""; // id of that entry

async function openArrive(entry = "") {
  const answer = await ask($("arrives"), "expected", {}, entry ? $("more-refused") : $("refused"));
  if (!answer || !shown?.clinic) return;
  if ($("more").open) $("more").close();
  const c = shown.clinic;
  expected = answer.list ?? [];
  matching = entry;
  $("arrive-title").textContent = entry ? text("arrive.match", { ticket: entryOf(entry)?.ticket ?? "" }) : text("arrive.title");
  $("walk-in").hidden = Boolean(entry) || !may("walk-in");
  $("arrive-late").hidden = Boolean(entry);
  options($("walk-department"), c.departments.map((d) => [d.id, d.name]), department || c.departments[0]?.id);
  options($("walk-reason"), [["", ""], ...c.reasons.map((r) => [r, text(`reason.${r}`) || r])], "");
  $("arrive-refused").textContent = "";
  drawExpected();
  arrivals.draw(() => $("arrive").showModal());
  $("arrive-title").focus();
}

const plain = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const MOST = 30; // rows; who looks for somebody types

function drawExpected() {
  if (!shown?.clinic) return;
  const words = plain($("arrive-find").value).split(/\s+/).filter(Boolean);
  const found = expected.filter((e) => words.every((w) => plain(`${e.name ?? ""} ${e.born ?? ""} ${time(e.at)}`).includes(w)));
  $("expected-none").hidden = found.length > 0;
  $("expected").replaceChildren(
    ...found.slice(0, MOST).map((e) => {
      const li = make("li", "");
      const who = make("span", "", [e.born && text("row.born", { date: e.born }), nameOf(shown.clinic.departments, e.department), e.provider].filter(Boolean).join(" · "));
      const b = make("button", "act go", text(matching ? "arrive.this" : "arrive.action"));
      b.type = "button";
      b.setAttribute("aria-label", `${b.textContent}: ${e.name ?? ""} ${time(e.at)}`);
      b.onclick = () => arrives(b, matching ? "match" : "admit", { appointment: e.appointment, ...(matching ? { entry: matching } : {}) });
      li.append(make("span", "", time(e.at)), make("b", "", e.name || text("list.nameless")), who, b);
      return li;
    }),
  );
}

async function arrives(button, event, fields) {
  const late = event === "match" ? {} : fromPaper("arrive-at");
  if (await ask(button, event, { ...fields, ...late }, $("arrive-refused"))) $("arrive").close();
}

// fromPaper gives when it happened that somebody enters later; else it is now.
const fromPaper = (id) => ($(id).value ? { happenedAt: $(id).value } : {});

function clearArrive() {
  expected = [];
  matching = "";
  $("expected").replaceChildren();
  $("walk-in").reset();
  for (const id of ["arrive-title", "arrive-refused"]) $(id).textContent = "";
  for (const id of ["arrive-find", "arrive-at"]) $(id).value = "";
}

$("arrives").onclick = () => openArrive();
$("arrive-find").oninput = drawExpected;
$("arrive-close").onclick = () => $("arrive").close();
$("arrive").addEventListener("close", () => {
  clearArrive();
  queue.uncovered();
});
$("walk-in").addEventListener("submit", (e) => {
  e.preventDefault();
  const fields = { department: $("walk-department").value, reason: $("walk-reason").value };
  if (!fields.reason) {
    $("arrive-refused").textContent = text("refused.reason");
    return;
  }
  for (const part of ["family", "given", "born"]) {
    const said = $(`walk-${part}`).value.trim();
    if (said) fields[part] = said;
  }
  arrives(e.submitter, "walk-in", fields);
});

async function askMore(button, event, fields) {
  if (["call", "status", "remove"].includes(event)) fields = { ...fields, ...fromPaper("more-at") };
  if (await ask(button, event, fields, $("more-refused"))) $("more").close();
}

// ask posts an act; what was refused is said beside it.
async function ask(button, event, fields, at = $("refused")) {
  if (!shown || button?.ariaDisabled === "true") return false;
  at.textContent = "";
  if (button) button.ariaDisabled = "true"; // and not disabled, which would take the focus from it
  sign = told = performance.now();
  const answer = await line.act(shown.session, event, fields);
  const why = answer === null ? "failed" : answer.refused;
  if (button) setTimeout(() => (button.ariaDisabled = null), why ? 0 : SETTLE); // who pressed twice meant it once
  if (why) at.textContent = text(`refused.${why}`, { seconds: answer?.seconds ?? 1 }) || text("refused.failed");
  return why ? false : answer;
}

$("more-close").onclick = () => $("more").close();
$("more").addEventListener("close", () => {
  queue.uncovered();
  if (shown && !$("desk").contains(document.activeElement)) queue.focus(openEntry); // the button that opened it has gone
  openEntry = "";
});
for (const b of $("more").querySelectorAll("[data-do]")) {
  b.onclick = () => {
    const room = $("more-room").value;
    const fields = {
      call: room ? { room } : {},
      priority: { priority: $("more-priority").value },
      transfer: { department: $("more-department").value },
    }[b.dataset.do];
    askMore(b, b.dataset.do, { entry: openEntry, ...fields });
  };
}

$("department").onchange = () => {
  department = $("department").value;
  if (shown?.clinic) drawClinic(shown.clinic);
};

$("language").onchange = async () => {
  await use($("language").value);
  label(document);
  if (shown?.clinic) drawClinic(shown.clinic);
};

$("logoff").onclick = async () => {
  const session = shown?.session;
  was = "";
  left = session;
  leaving = false;
  wipe();
  if (session) logoff();
};

async function logoff() {
  if (leaving) return;
  leaving = true;
  leaving = (await line.act(left, "logoff")) !== null; // what was heard is not told again
}

$("print").onclick = async () => {
  const answer = await ask($("print"), "print", {});
  if (!answer || !shown) return;
  const { day } = answer;
  const at = (t) => clock(new Date(t), day.zone);
  $("paper").querySelector("h2").textContent = text("paper.title", { day: `${dayName(day.day)} (${day.day})` });
  $("paper").querySelector("tbody").replaceChildren(
    ...day.rows.map((r) => {
      const needs = [r.walkIn && text("paper.walkin"), ...needsOf(r), r.language && tongue(r.language)];
      const cells = [at(r.at), r.name || text("list.nameless"), r.department, r.provider ?? "", r.ticket ?? "",
        r.status ? standing(r) : "", needs.filter(Boolean).join(", "), ""];
      const tr = document.createElement("tr");
      tr.append(...cells.map((said) => make("td", "", said)));
      return tr;
    }),
  );
  $("paper").lastElementChild.textContent = text("paper.printed", { time: at(Date.now()), person: shown.person });
  $("paper").hidden = false;
  window.print();
};
addEventListener("afterprint", () => {
  $("paper").hidden = true;
  $("paper").querySelector("tbody").replaceChildren();
});

$("login").addEventListener("submit", async (e) => {
  e.preventDefault();
  const button = $("login").querySelector("button");
  const body = JSON.stringify({ staff: $("staff").value, pin: $("pin").value });
  $("pin").value = "";
  $("login-refused").textContent = "";
  button.disabled = true;
  let said = { refused: "failed" };
  try {
    const answer = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Clinicgate-Page": "1" },
      body,
      cache: "no-store",
    });
    if (answer.status === 401) {
      location.replace("/");
      return;
    }
    said = await answer.json();
  } catch {
    // what is said above
  }
  button.disabled = false;
  if (said.refused) {
    $("login-refused").textContent = text(`refused.${said.refused}`, { seconds: said.seconds ?? 1 }) || text("refused.failed");
    $("pin").focus();
  } else {
    $("staff").value = "";
  }
});

for (const event of ["pointerdown", "keydown"]) {
  addEventListener(event, () => {
    sign = performance.now();
    $("idle").hidden = true;
    if (shown && sign - told > STAY_EVERY) {
      told = sign;
      line.act(shown.session, "stay");
    }
  }, { capture: true, passive: true });
}

// The gateway ends the session; the page does not wait for it to wipe itself.
setInterval(() => {
  tick();
  if (!shown) return;
  const left = shown.idleMs - (performance.now() - sign);
  if (left <= 0) {
    wipe();
    return;
  }
  $("idle").hidden = left > WARN;
  $("idle").textContent = left > WARN ? "" : text("idle.body", { seconds: Math.ceil(left / 1000) });
}, 1000);

function tick() {
  $("clock").textContent = shown?.clinic ? `${dayName(shown.clinic.day)} · ${clock(new Date(), shown.clinic.zone)}` : "";
}

await use(root.lang);
$("language").value = root.lang;
label(document);
$("staff").focus();
