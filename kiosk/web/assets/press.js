// A finger that presses slowly. To a browser a touch of about half a second is the wish
// for a menu and no press: it gives no click. A kiosk has no menus, and many who are
// old, ill or tremble press like that, so such a touch is a press here.

const LONG = 350; // ms from which the browser may give no click
const OWN = 80; // ms after the touch in which the browser's own click comes, if any does
const AFTER = 1000; // ms in which a click that comes all the same is the same press

let down = null; // what the finger touched: { id, what, at }
let timer = 0;
let made = null; // what was pressed by this a moment ago

const touched = (el) => el?.closest("button") ?? el;

addEventListener(
  "pointerdown",
  (e) => {
    made = null;
    down = e.isPrimary && e.pointerType !== "mouse" ? { id: e.pointerId, what: touched(e.target), at: e.timeStamp } : null;
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
    timer = setTimeout(() => {
      if (!what.isConnected) return;
      made = what;
      timer = setTimeout(() => (made = null), AFTER);
      what.click();
    }, OWN);
  },
  true,
);

// It scrolls, or a second finger came.
addEventListener("pointercancel", () => (down = null), true);

addEventListener(
  "click",
  (e) => {
    if (!e.isTrusted) return;
    clearTimeout(timer);
    if (touched(e.target) !== made) return;
    made = null;
    e.stopImmediatePropagation();
    e.preventDefault();
  },
  true,
);
