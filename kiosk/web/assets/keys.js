// A scanner that types like a keyboard, and a person who types.
//
// A scanner sends its characters a few milliseconds apart and ends with Enter;
// nobody types like that. Characters are held back until it is clear which of
// the two they were. Nothing is ever typed into a field of the browser.

const BURST = 50; // ms between two characters of one scan, at most
const MIN_SCAN = 6;
const MAX_SCAN = 4096;

// plainDigit gives 0 to 9 for the digits of Arabic, Persian and full-width keyboards.
function plainDigit(c) {
  for (const zero of [0x660, 0x6f0, 0xff10]) {
    const n = c.codePointAt(0) - zero;
    if (n >= 0 && n <= 9) return String(n);
  }
  return c;
}

/** watchKeys calls onScan(code) for a scan, onType(char) and onErase() for a person. */
export function watchKeys({ onScan, onType, onErase }) {
  let held = "";
  let last = 0;
  let timer = 0;

  const release = () => {
    const typed = held;
    held = "";
    if (typed.length <= 3) for (const c of typed) onType(plainDigit(c));
  };

  addEventListener(
    "keydown",
    (e) => {
      if (e.isComposing || e.altKey || e.metaKey) return;
      const gap = e.timeStamp - last;
      if (held && gap > BURST) {
        clearTimeout(timer);
        release();
      }
      if (e.key === "Enter" || e.key === "Tab") {
        clearTimeout(timer);
        if (held.length >= MIN_SCAN) {
          e.preventDefault();
          e.stopPropagation();
          const code = held;
          held = "";
          onScan(code);
        } else if (held) {
          release();
        }
        return;
      }
      if (e.key === "Backspace") {
        onErase();
        return;
      }
      if ([...e.key].length !== 1 || e.ctrlKey) return;
      if (e.key === " " && !held && e.target.closest("button")) return; // it presses the button in focus
      e.preventDefault();
      last = e.timeStamp;
      if (held.length < MAX_SCAN) held += e.key;
      clearTimeout(timer);
      timer = setTimeout(release, BURST + 10);
    },
    true,
  );

  return {
    wipe() {
      clearTimeout(timer);
      held = "";
    },
  };
}
