// What a device measured, shown to whom it was measured of: the number and its unit as
// the device shows them. No colour, no word and no order says whether it is good.

import { text } from "/assets/words.js";

const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);

/**
 * show fills the screen on stage with the vitals of the picture and gives the parts that say something new. How it is
 * done stands with the one in turn: the first that has no value.
 */
export function show(stage, vitals) {
  const list = slot(stage, "vitals");
  if (!list.children.length) list.append(...vitals.map(row));
  const turn = vitals.findIndex(({ value }) => !value);
  const news = vitals.flatMap((vital, i) => fill(list.children[i], vital, i === turn));
  const done = turn < 0;
  slot(stage, "go").textContent = text(done ? "identify.continue" : "measure.skip");
  slot(stage, "go").parentElement.className = `button ${done ? "go" : "plain"}`;
  return news;
}

function row({ kind }) {
  const li = document.createElement("li");
  const about = document.createElement("div");
  about.append(part("b", "", text(`measure.${kind}`)), part("span", "", text(`measure.${kind}.how`)));
  const said = part("p", "measured", "");
  said.setAttribute("role", "status");
  li.append(about, said);
  return li;
}

const part = (name, className, textContent) => Object.assign(document.createElement(name), { className, textContent });

// fill says what came of one; it is left alone while it is the same, so that it is read once.
function fill(li, { value = "", unit = "", again = false }, turn) {
  const said = li.querySelector(".measured");
  const now = [value, unit, again, turn].join(" ");
  if (said.dataset.now === now) return [];
  li.querySelector("span").hidden = !turn;
  said.dataset.now = now;
  if (value) {
    const own = part("bdi", "", "");
    own.dir = "ltr";
    own.dataset.own = "spell"; // a person's own: not said on a loudspeaker
    own.append(part("strong", "", value), ` ${unit}`);
    said.replaceChildren(own);
  } else {
    said.replaceChildren(again ? text("measure.again") : turn ? text("measure.wait") : "");
  }
  return value || again ? [said] : turn ? [li] : [];
}
