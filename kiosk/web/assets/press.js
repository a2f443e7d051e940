// A finger that presses slowly. To a browser a touch of about half a second is the wish
// for a menu and no press: it gives no click. A kiosk has no menus, and many who are
// old, ill or tremble press like that, so such a touch is a press here.

const LONG = 350; // ms from which the browser may give no click
const OWN = 80; // ms after the touch in which the browser's own click comes, if any does
const AFTER = 1000; // ms in which a click that comes all the same is the same press
const GLIDE = 150; // ms after a scroll in which a finger only stops it

let down = null; // what the finger touched: { id, what, at }
let owed = null; // a press that the browser may still make: { what, at, timer }
let made = null; // the last one made here: { what, until }
let making = 0; // when the finger came for the press that is being made
let scrolled = -Infinity;

const touched = (el) => el?.closest("button") ?? el;

/** touchedAt tells when a click's finger touched, by the clock of its timeStamp. */
export const touchedAt = (click) => making || click.timeStamp;

function press() {
  const { what, at, timer } = owed;
  clearTimeout(timer);
  owed = null;
  if (!what.isConnected) return;
  made = { what, until: performance.now() + AFTER };
  making = at;
  what.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
  making = 0;
}

addEventListener(
  "pointerdown",
  (e) => {
    if (owed) press();
    made = null;
    const rests = e.isPrimary && e.pointerType !== "mouse" && e.timeStamp - scrolled > GLIDE && !e.target.closest(".drawing");
    down = rests ? { id: e.pointerId, what: touched(e.target), at: e.timeStamp } : null;
  },
  true,
);

addEventListener(
  "pointerup",
  (e) => {
    const { id, what, at } = down ?? {};
    down = null;
    if (id !== e.pointerId || e.timeStamp - at < LONG) return;
    if (touched(document.elementFromPoint(e.clientX, e.clientY)) !== what) return; // it slid away
    owed = { what, at, timer: setTimeout(press, OWN) };
  },
  true,
);

// It scrolls, or a second finger came.
addEventListener("pointercancel", () => (down = null), true);
addEventListener("scroll", (e) => (scrolled = e.timeStamp), { capture: true, passive: true });

addEventListener(
  "click",
  (e) => {
    if (!e.isTrusted || !e.detail) return; // 0: a keyboard's
    if (owed) clearTimeout(owed.timer);
    owed = null;
    if (touched(e.target) !== made?.what || performance.now() > made.until) return;
    made = null;
    e.stopImmediatePropagation();
    e.preventDefault();
  },
  true,
);
