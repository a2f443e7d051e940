// One screen for each state: a template of the page, filled from the picture.
// Texts go in as text; no string ever becomes markup.

import { begin } from "/assets/entry.js";
import { clock, label, number, plural, said, text } from "/assets/words.js";

// Where two states look the same.
const SAME = { already: "done", birth: "entry", name: "entry", time: "entry", phone: "entry", "sign-typed": "entry" };

/** draw replaces what stage shows by the picture's screen and moves the focus to its heading. */
export function draw(stage, picture) {
  const name = SAME[picture.state] ?? picture.state;
  const screen = document.getElementById(`screen-${name}`).content.cloneNode(true);
  label(screen);
  FILL[name]?.(screen, picture);
  const about = slot(screen, "about");
  if (about && picture.form) {
    about.replaceChildren(...said(picture.form.title));
    about.lang = picture.form.language;
  }
  stage.replaceChildren(screen);
  if (name === "entry") begin(stage, picture.state);
  stage.scrollTop = 0;
  fillIn(stage, picture);
  stage.querySelector("h1")?.focus({ preventScroll: true });
  if (name === "consent") readOn(stage);
}

/** fillIn updates what may change while the screen stays, and gives the parts with news. */
export function fillIn(stage, picture) {
  when(stage, "codeRead", picture.codeRead);
  if (picture.state === "needs") showNeeds(stage, picture.needs ?? []);
  return picture.done ? showPaper(stage, picture) : [];
}

/** showPaper tells what has become of the ticket on paper: a printer takes its time. */
function showPaper(stage, { done, standing, party }) {
  when(stage, "print", done.paper === "offered" && standing);
  const several = party?.people;
  if ((several ? party : done).paper !== "printed" || done.provisional) return [];
  const remember = slot(stage, "remember");
  const before = remember.textContent;
  remember.textContent = text(several ? "done.take-all" : "done.take");
  return before === remember.textContent ? [] : [remember];
}

const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);

function when(root, name, there) {
  for (const el of root.querySelectorAll(`[data-if="${name}"]`)) el.hidden = !there;
}

function say(root, title, body) {
  root.querySelector("h1").textContent = text(title);
  root.querySelector(".say p").textContent = text(body);
}

const interpreter = "interpreter:";

/** showNeeds ticks what the patient asked for. */
function showNeeds(stage, needs) {
  const tag = needs.find((need) => need.startsWith(interpreter))?.slice(interpreter.length);
  for (const b of stage.querySelectorAll("[data-need]")) b.setAttribute("aria-pressed", String(needs.includes(b.dataset.need)));
  stage.querySelector('[data-act="tongues"]').setAttribute("aria-pressed", String(Boolean(tag)));
  const name = tag && tongues().querySelector(`[data-tongue="${tag}"]`);
  const shown = slot(stage, "tongue");
  shown.textContent = name ? name.textContent : "";
  if (name?.lang) shown.lang = name.lang;
  else shown.removeAttribute("lang");
  slot(stage, "ready").textContent = text(needs.length ? "needs.go" : "needs.none");
}

// tongues gives the list of languages, labelled in the page's.
function tongues() {
  const list = document.getElementById("screen-interpreter").content.cloneNode(true);
  label(list);
  return list;
}

const FILL = {
  identify(screen, { licence }) {
    when(screen, "licence", licence);
  },
  interpreter(screen, { language, needs = [] }) {
    const list = screen.querySelector(".tongues");
    const own = list.querySelector(`[lang="${language.split("-")[0]}"]`);
    if (own) list.prepend(own); // whose page it is, most likely
    for (const b of list.children) {
      if (b.dataset.tongue) b.setAttribute("aria-pressed", String(needs.includes(interpreter + b.dataset.tongue)));
    }
  },
  consent(screen, { visit, form }) {
    showVisit(slot(screen, "visit"), visit);
    const count = slot(screen, "form-count");
    count.textContent = text("consent.count", { n: number(form.number), of: number(form.of) });
    count.hidden = form.of < 2;
    const title = slot(screen, "form-title");
    const body = slot(screen, "form-text");
    title.textContent = form.title;
    body.textContent = form.text;
    title.lang = body.lang = form.language;
  },
  confirm(screen, { visit, stepsLeft, signing }) {
    slot(screen, "yes").textContent = text(stepsLeft > 1 ? "confirm.yes" : "confirm.end");
    when(screen, "other", signing);
    showVisit(slot(screen, "visit"), visit);
  },
  signer(screen, { visit, signing }) {
    showVisit(slot(screen, "visit"), visit);
    slot(screen, "signers").replaceChildren(
      ...(signing.signers ?? []).map((signer) => {
        const b = Object.assign(document.createElement("button"), { type: "button", className: "button plain" });
        b.dataset.signer = signer;
        const ofAge = signer === "self" && signing.age;
        b.textContent = ofAge ? text("signer.self.of-age", { age: number(signing.age) }) : text(`signer.${signer}`);
        return b;
      }),
    );
  },
  done(screen, { done, standing, party = {} }) {
    const { ticket = "", where = "", room = "", waitLow = 0, waitHigh = 0, staffFlag = false, provisional = false } = done;
    // A number is for those who are expected to come when it is called.
    const waits = ticket && (!standing || ["waiting", "called"].includes(standing.sentence));
    slot(screen, "ticket").textContent = ticket;
    slot(screen, "where").replaceChildren(...said(where));
    slot(screen, "room").replaceChildren(...said(room));
    slot(screen, "wait").textContent =
      waitLow > 0 && waitLow < waitHigh
        ? plural("wait.range", waitHigh, { low: number(waitLow) })
        : plural("wait.about", waitHigh);
    when(screen, "ticket", waits);
    when(screen, "noTicket", !waits);
    when(screen, "room", room);
    when(screen, "where", where && !room);
    when(screen, "wait", waitHigh && !room);
    when(screen, "staffFlag", staffFlag);
    when(screen, "mayLeave", standing?.mayLeave);
    when(screen, "mayReturn", standing?.mayReturn);
    const { people = [], next = false, more = false } = party;
    slot(screen, "party").replaceChildren(...people.map(row));
    when(screen, "party", people.length);
    when(screen, "next", next);
    when(screen, "more", more && !next);
    if (people.length) {
      slot(screen, "remember").textContent = text("done.remember-all");
      when(screen, "where", false); // the list tells it of each
      when(screen, "wait", false);
    }
    if (standing) {
      say(screen, `already.${standing.sentence}.title`, standing.mayReturn ? "already.return.body" : `already.${standing.sentence}.body`);
    } else if (provisional) {
      say(screen, "refused.alike.title", "refused.alike.body"); // to the desk, which looks for the appointment
    } else if (!ticket) {
      say(screen, "done.desk.title", "done.desk.body");
    }
  },
  refused(screen, { refusal, party }) {
    when(screen, "next", party?.next);
    say(screen, `refused.${refusal.sentence}.title`, `refused.${refusal.sentence}.body`);
    when(screen, "again", refusal.again);
    when(screen, "number", refusal.number);
    slot(screen, "elsewhere").replaceChildren(...said(refusal.where));
    slot(screen, "elsewhere").hidden = !refusal.where;
  },
};

// row is one of a party: her number, the first letters of her name, and where.
function row({ name, ticket, where }) {
  const li = document.createElement("li");
  const b = Object.assign(document.createElement("b"), { textContent: ticket || "–", dir: "ltr" });
  const place = ticket ? where : text("done.desk.title");
  const about = said(name, place);
  b.dataset.spell = "";
  if (name) about[0].dataset.own = "spell";
  if (place) about.at(-1).dataset.room = "";
  li.append(b, " ", ...about);
  return li;
}

function showVisit(into, visit) {
  const part = document.getElementById("part-visit").content.cloneNode(true);
  const facts = {
    name: said(visit.name),
    time: said(visit.at && clock(new Date(visit.at), visit.zone)),
    place: said(visit.department, visit.provider, visit.video && text("visit.video")),
  };
  for (const [name, fact] of Object.entries(facts)) {
    slot(part, name).replaceChildren(...fact);
    slot(part, name).hidden = !fact.length;
  }
  into.replaceChildren(part);
}

// readOn shows a button while there is more of the form below.
function readOn(stage) {
  const body = stage.querySelector("#form-text");
  const more = stage.querySelector("#form-more");
  const look = () => {
    more.hidden = body.scrollHeight - body.clientHeight - body.scrollTop < 12;
  };
  body.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(body);
  look();
}
