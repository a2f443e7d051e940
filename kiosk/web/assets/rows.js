// Lists that are drawn again and again under somebody's hand: what is pressed has to be
// what was meant.

/** SETTLE is the time, in ms, in which who presses had aimed at what stood there before, or pressed twice. */
export const SETTLE = 400;
const STILL = 4; // px

/**
 * keyed keeps one element for each thing, so that a change elsewhere neither takes the
 * focus from a button nor a button from under a finger. The elements can have the focus.
 */
export function keyed(list, things, template, fill) {
  const old = new Map([...list.children].map((el) => [el.dataset.key, el]));
  things.forEach((thing, i) => {
    let el = old.get(thing.id);
    old.delete(thing.id);
    if (!el) {
      el = template.content.cloneNode(true).firstElementChild;
      el.dataset.key = thing.id;
      el.tabIndex = -1;
    }
    fill(el, thing);
    if (list.children[i] !== el) list.insertBefore(el, list.children[i] ?? null);
  });
  for (const el of old.values()) el.remove();
}

/**
 * Steady refuses a press of a pointer on a button of box that has just come, moved or
 * changed its words, and on one that slid under it; told is called then, but not for the
 * second half of a double click. While a button does not count it has the attribute
 * data-moved. Keys are not refused, but one that is held down presses once: the focus
 * stays with the row that it was in, and where that has gone, it is at rest.
 */
export class Steady {
  #box;
  #rest;
  #timers = new WeakMap();
  #down = null; // the button that the pointer went down on, if it counted

  constructor(box, told, rest) {
    this.#box = box;
    this.#rest = rest;
    addEventListener("pointerdown", (e) => {
      const b = e.target.closest?.("button");
      this.#down = b && !("moved" in b.dataset) ? b : null;
    }, true);
    box.addEventListener("keydown", (e) => {
      if (e.repeat && e.key === "Enter" && e.target.closest("button")) e.preventDefault();
    });
    box.addEventListener("click", (e) => {
      const b = e.target.closest("button");
      if (e.detail === 0 || b === this.#down) return;
      if (!b && !("moved" in this.#down.dataset)) return; // let go beside it, as who thinks better of it does
      e.preventDefault();
      e.stopPropagation();
      if (e.detail === 1) told();
    }, true);
  }

  /** draw makes a change of the box and notes which buttons it moved. */
  draw(change) {
    const before = this.#places();
    const held = this.#held();
    change();
    held();
    for (const [b, now] of this.#places()) {
      const was = before.get(b);
      if (!was || was.words !== now.words || Math.abs(was.x - now.x) > STILL || Math.abs(was.y - now.y) > STILL) this.#mark(b);
    }
  }

  /** uncovered says that something that lay over the box has gone. */
  uncovered() {
    for (const b of this.#places().keys()) this.#mark(b);
  }

  /** focus goes to the row of a key, on which a key that is pressed does nothing. */
  focus(key, button = null) {
    const to = [button, this.#box.querySelector(`[data-key="${CSS.escape(key)}"]`), this.#rest].find((el) => el?.checkVisibility());
    to?.focus({ preventScroll: true });
    if (to?.matches(":focus-visible")) to.scrollIntoView({ block: "nearest" }); // who uses a mouse looks where it is
  }

  // #held gives what brings the focus back after a change that took the button from
  // under it: to the button of the same words in the same row, else to the row.
  #held() {
    const el = document.activeElement;
    const { textContent: words, parentElement: parent } = el;
    const key = el.closest("[data-key]")?.dataset.key ?? "";
    if (el === this.#rest || el === this.#box || !this.#box.contains(el)) return () => {};
    return () => {
      if (document.activeElement === el && el.checkVisibility()) return;
      const near = key ? this.#box.querySelector(`[data-key="${CSS.escape(key)}"]`) : parent;
      const same = el.isConnected ? el : [...(near?.querySelectorAll("button") ?? [])].find((b) => b.textContent === words);
      this.focus(key, same);
    };
  }

  #places() {
    return new Map(
      [...this.#box.querySelectorAll("button")].map((b) => {
        const { x, y } = b.getBoundingClientRect();
        return [b, { x, y, words: b.textContent }];
      }),
    );
  }

  #mark(b) {
    b.dataset.moved = "";
    clearTimeout(this.#timers.get(b));
    this.#timers.set(b, setTimeout(() => delete b.dataset.moved, SETTLE));
  }
}
