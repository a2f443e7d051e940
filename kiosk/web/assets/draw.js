// A signature, drawn with a finger, a pen or a mouse. Its strokes are kept here, on a
// grid of their own, and only while their screen is shown; turning the panel or a
// larger text moves nothing of them. Fetched when the first form asks for a drawing.

const WIDE = 1000; // the grid, and what a drawing may hold: kiosk/consent has the same
const HIGH = 400;
const MOST = 1500;
const STROKES = 60;
const NEAR = 6; // units between two points that are kept

let strokes = []; // each x, y, x, y, ...
let pen = null; // the one finger that draws
let root = null;

/** drawing gives the strokes. */
export const drawing = () => strokes;

const points = () => strokes.reduce((n, s) => n + s.length / 2, 0);

/** ready tells whether something is drawn: more than one touch. */
export const ready = () => points() > 1;

/** wipe forgets what was drawn. */
export function wipe() {
  strokes = [];
  pen = null;
  show();
}

function show() {
  const ink = root?.querySelector(".ink");
  if (!ink) return; // another screen is there by now
  // The first point twice: a dot is a line, too.
  ink.setAttribute("d", strokes.map((s) => `M${s[0]} ${s[1]}L${s.join(" ")}`).join(""));
  root.querySelector("#draw-go").setAttribute("aria-disabled", String(!ready()));
}

function put(pad, e) {
  const at = new DOMPoint(e.clientX, e.clientY).matrixTransform(pad.getScreenCTM().inverse());
  const [x, y] = [Math.round(Math.min(WIDE, Math.max(0, at.x))), Math.round(Math.min(HIGH, Math.max(0, at.y)))];
  const s = strokes.at(-1);
  if (points() < MOST && (!s.length || Math.hypot(x - s.at(-2), y - s.at(-1)) >= NEAR)) s.push(x, y);
}

/** start takes the screen on which is drawn. */
export function start(stage) {
  root = stage;
  wipe();
  const pad = stage.querySelector(".drawing");
  // A line is no swipe: after one the browser would take the next touch to stop it.
  pad.addEventListener("touchstart", (e) => e.preventDefault());
  pad.addEventListener("pointerdown", (e) => {
    if (pen !== null || e.button || strokes.length >= STROKES || points() >= MOST) return;
    pen = e.pointerId;
    pad.setPointerCapture(pen);
    strokes.push([]);
    put(pad, e);
    show();
  });
  pad.addEventListener("pointermove", (e) => {
    if (e.pointerId !== pen) return;
    const all = e.getCoalescedEvents();
    for (const each of all.length ? all : [e]) put(pad, each);
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, (e) => {
      if (e.pointerId === pen) pen = null;
    });
  }
}
