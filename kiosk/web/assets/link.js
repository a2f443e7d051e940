// The line to the gateway: pictures come in as server-sent events, acts go out
// as posts. A beat comes each second. The gateway counts as gone when it does
// not answer after the stream broke, or when nothing came for SILENCE; then the
// page says so until a picture arrives again.

const SILENCE = 2500; // ms, so that with the check's own interval 3 s are kept
const CHECK = 100;
const PROBE = 700;
const TRIES = 20;

/** uuid7 mints a request id: 48 bits of time, the rest random (RFC 9562). */
export function uuid7() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  let t = Date.now();
  for (let i = 5; i >= 0; i--, t = Math.floor(t / 256)) b[i] = t % 256;
  b[6] = (b[6] & 0x0f) | 0x70;
  b[8] = (b[8] & 0x3f) | 0x80;
  const h = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Line {
  #events = null;
  #heard = performance.now();
  #looked = performance.now();
  #opened = 0;
  #gone = false;
  #probing = false;

  /**
   * path: where the pictures come from; name: their event's name;
   * onPicture(picture), onBeat(), onGone(), onLocked(): what to do.
   * alive: the address that answers 204 when pictures can be had.
   */
  constructor({ path, name, alive, onPicture, onBeat, onGone, onLocked }) {
    Object.assign(this, { path, name, alive, onPicture, onBeat, onGone, onLocked });
    this.#open();
    setInterval(() => this.#listen(), CHECK);
  }

  get gone() {
    return this.#gone;
  }

  #listen() {
    const t = performance.now();
    // After a stall of this page itself, what came meanwhile is read first.
    const stalled = t - this.#looked > 5 * CHECK;
    this.#looked = t;
    if (!stalled && t - this.#heard > SILENCE) {
      this.#missing();
      if (t - this.#opened > SILENCE) this.#lost(); // else its first picture is still to come
    }
  }

  #missing() {
    if (this.#gone) return;
    this.#gone = true;
    this.onGone();
  }

  #open() {
    this.#opened = performance.now();
    const es = new EventSource(this.path);
    this.#events = es;
    es.addEventListener(this.name, (e) => {
      this.#heard = performance.now();
      this.#gone = false;
      this.onPicture(JSON.parse(e.data));
    });
    let beats = 0;
    es.addEventListener("beat", () => {
      this.#heard = performance.now();
      // The gateway learns that this page's script still runs.
      if (++beats % 5 === 0) fetch(this.alive, { cache: "no-store" }).catch(() => {});
      this.onBeat?.();
    });
    es.addEventListener("locked", () => {
      es.close();
      this.onLocked();
    });
    es.onerror = () => this.#lost();
  }

  // The stream broke. Ask until there is an answer, then open it again; the
  // browser's own waiting is too long for a person in front of a screen.
  async #lost() {
    this.#events?.close();
    if (this.#probing) return;
    this.#probing = true;
    if (performance.now() - this.#opened < PROBE) await pause(PROBE);
    for (;;) {
      try {
        const answer = await fetch(this.alive, { cache: "no-store", signal: AbortSignal.timeout(1500) });
        if (answer.ok) break;
        if (answer.status === 401) {
          this.#probing = false;
          this.onLocked();
          return;
        }
      } catch {
        this.#missing();
      }
      await pause(PROBE);
    }
    this.#probing = false;
    this.#open();
  }

  /**
   * act posts one act and returns the picture that followed. A lost answer is
   * asked for again under the same request id, so nothing happens twice. It
   * returns null when the gateway is gone or the act is refused.
   */
  async act(session, event, fields = {}) {
    const body = JSON.stringify({ request: uuid7(), session, event, ...fields });
    for (let n = 0; n < TRIES && !this.#gone; n++) {
      try {
        const answer = await fetch("/act", {
          method: "POST",
          headers: { "Content-Type": "application/json", "Clinicgate-Page": "1" },
          body,
          cache: "no-store",
          signal: AbortSignal.timeout(20000),
        });
        if (answer.ok || answer.status === 409) return await answer.json();
        if (answer.status === 401) {
          this.onLocked();
          return null;
        }
        if (answer.status < 500 && answer.status !== 429) return null;
      } catch {
        // the answer is lost; the act may have happened
      }
      await pause(Math.min(150 * 2 ** n, 1000));
    }
    return null;
  }
}
