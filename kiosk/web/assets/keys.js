// A scanner that types like a keyboard, and a person who types.
//
// A scanner sends its keys a few milliseconds apart; nobody types like that. Keys
// are held back until it is clear whose they were. None is typed into a field of
// the browser, and none that comes so fast presses a button.

const MIN_SCAN = 6;
const MAX_SCAN = 4097;
const LATE = 20; // ms by which a timer that comes late says that the page stood still

// plainDigit gives 0 to 9 for the digits of Arabic, Persian and full-width keyboards.
function plainDigit(c) {
  for (const zero of [0x660, 0x6f0, 0xff10]) {
    const n = c.codePointAt(0) - zero;
    if (n >= 0 && n <= 9) return String(n);
  }
  return c;
}

// control gives the control character that Ctrl makes of a key, or "".
function control(c) {
  const n = c.toUpperCase().codePointAt(0);
  return n >= 0x40 && n < 0x60 ? String.fromCharCode(n - 0x40) : "";
}

/**
 * watchKeys calls onScan(code) for a scan, onType(char) and onErase() for a person.
 * gap is the most ms between two keys of a scan, ends the keys that end one. Without
 * any a pause does, as for a driving licence, which has line ends inside.
 */
export function watchKeys({ gap, ends, onScan, onType, onErase }) {
  let held = "";
  let last = -Infinity;
  let timer = 0;
  let drop = false; // the rest of what was wiped goes the same way

  const byPause = () => !ends.length || /^(\]\w\w)?@/.test(held);

  const settle = () => {
    clearTimeout(timer);
    const keys = held;
    const scan = byPause() && keys.length >= MIN_SCAN;
    held = "";
    if (scan) onScan(keys);
    else if (keys.length <= 3) for (const c of keys) if (c >= " ") onType(plainDigit(c));
  };

  // After a stall the keys of it are still to come, and they say when they were pressed:
  // what is too long to be typed and has no end yet is left for them.
  const wait = (again = true) => {
    const ms = 3 * gap + 10; // keys may come together, late; nothing is typed meanwhile
    const due = performance.now() + ms;
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (performance.now() - due > LATE && again) wait(false);
      else if (byPause() || held.length <= 3) settle();
    }, ms);
  };

  const hold = (c) => {
    if (held.length < MAX_SCAN) held += c;
    wait();
  };

  addEventListener(
    "keydown",
    (e) => {
      if (e.isComposing || e.altKey || e.metaKey || ["Shift", "Control", "CapsLock"].includes(e.key)) return;
      const quick = e.timeStamp - last <= gap && !e.repeat;
      if (held && e.timeStamp - last > (byPause() ? 3 * gap : gap)) settle();
      last = e.timeStamp;
      const swallow = () => {
        e.preventDefault();
        e.stopPropagation();
      };
      drop &&= quick;
      if (drop) {
        swallow();
        return;
      }
      const end = { Enter: "\r", Tab: "\t" }[e.key];
      if (end) {
        if (held && byPause()) hold(end);
        else if (held.length >= MIN_SCAN && ends.includes(e.key)) {
          clearTimeout(timer);
          const code = held;
          held = "";
          onScan(code);
        } else {
          settle();
          if (!quick) return;
        }
        swallow();
        return;
      }
      const c = e.ctrlKey && e.key.length === 1 ? control(e.key) : e.key;
      if ([...c].length !== 1) {
        if (quick) swallow();
        else if (e.key === "Backspace") onErase();
        return;
      }
      if (c === " " && !held && !quick && e.target.closest("button")) return; // it presses the button in focus
      e.preventDefault();
      if (!e.repeat) hold(c);
    },
    true,
  );

  return {
    /** wipe forgets what is held, and what comes of the same scan after it. */
    wipe() {
      clearTimeout(timer);
      drop ||= held !== "";
      held = "";
    },
  };
}
