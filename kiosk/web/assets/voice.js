// A voice: the recorded clips of the languages, fetched once each when they are
// first needed, and spoken one after the other. What has no clip is not said.
// The files' form is in kiosk/web/speech/doc.go.

const MAGIC = "clinicgate speech 1\n";
const MAX_PACK = 64 << 20;
const GAP = 0.05; // s between the parts of a sentence
const SLACK = 3000; // ms that a clip may take longer than it is, on a slow machine

// One sample for each µ-law byte (G.711).
const SAMPLES = Float32Array.from({ length: 256 }, (_, code) => {
  const b = ~code & 0xff;
  const v = ((((b & 0x0f) << 3) + 0x84) << ((b >> 4) & 7)) - 0x84;
  return (b & 0x80 ? -v : v) / 32768;
});

/** key is the form in which a text names its clip. */
export const key = (text) => text.split(/\s+/).filter(Boolean).join(" ");

const spoken = /[\p{L}\p{Nd}]/u;
const ROOM = /^(?:(\p{L}{1,12})[ .-]?)?(\d{1,4})(\p{L}?)$/u;

/** parse reads a pack: its rate and, by text, where each clip is. It throws where there is none. */
export function parse(buffer) {
  const view = new DataView(buffer);
  const ascii = new TextDecoder();
  if (ascii.decode(new Uint8Array(buffer, 0, MAGIC.length)) !== MAGIC) throw new Error("pack");
  const head = MAGIC.length + 4;
  const size = view.getUint32(MAGIC.length);
  const { rate, clips } = JSON.parse(ascii.decode(new Uint8Array(buffer, head, size)));
  const at = new Map();
  let from = head + size;
  for (const { text, bytes } of clips) {
    at.set(text, new Uint8Array(buffer, from, bytes));
    from += bytes;
  }
  return { rate, at };
}

export class Voice {
  #packs = new Map(); // by language: the promise of a pack
  #audio = null;
  #level = null;
  #source = null;
  #turn = 0; // what was begun under an earlier number has been stopped
  #until = 0; // when the clip that sounds must be over
  #volume;

  /** languages: those that have a pack; volume: 0 to 1. */
  constructor(languages, volume = 1) {
    this.languages = languages;
    this.#volume = volume;
  }

  has(language) {
    return this.languages.includes(language);
  }

  /** sounding tells whether something is being said just now; it stays true no longer than the clip lasts. */
  get sounding() {
    return Boolean(this.#source) && !this.paused && performance.now() < this.#until;
  }

  get paused() {
    return this.#audio?.state === "suspended";
  }

  #open() {
    if (!this.#audio) {
      this.#audio = new AudioContext();
      this.#level = this.#audio.createGain();
      this.#level.connect(this.#audio.destination);
      this.#level.gain.value = this.#volume;
    }
    return this.#audio;
  }

  /** volume sets the loudness, also of what is being said. */
  set volume(v) {
    this.#volume = v;
    if (this.#level) this.#level.gain.value = v;
  }

  async pack(language) {
    if (!this.has(language)) return null;
    if (!this.#packs.has(language)) {
      const load = async () => {
        const answer = await fetch(`/speech/${language}.speech`, { cache: "no-store" });
        if (!answer.ok || answer.headers.get("Content-Length") > MAX_PACK) throw new Error("pack");
        return parse(await answer.arrayBuffer());
      };
      const loading = load().catch(() => {
        this.#packs.delete(language); // the gateway may be back the next time
        return null;
      });
      this.#packs.set(language, loading);
    }
    return this.#packs.get(language);
  }

  /** keep gives the memory of all packs but one language's back. */
  keep(language) {
    for (const tag of this.#packs.keys()) if (tag !== language) this.#packs.delete(tag);
  }

  /**
   * parts takes a text apart into clips: the whole, or its numbers and what stands
   * between them; with spell, digit by digit, and words that have no clip letter by
   * letter. Null where a part is missing: half a sentence may say the opposite.
   */
  async parts(text, language, spell = false) {
    const pack = await this.pack(language);
    if (!pack) return null;
    const whole = key(text);
    if (pack.at.has(whole)) return [[pack, whole]];
    const found = [];
    for (const part of whole.split(/(\d+)/)) {
      const name = key(part);
      if (!spoken.test(name)) continue;
      const number = /^\d+$/.test(name);
      if (pack.at.has(name) && !(number && spell)) found.push([pack, name]);
      else if (number) for (const d of name) found.push([pack, d]);
      else if (spell) for (const c of plain(name)) spoken.test(c) && found.push([pack, c]);
      else return null;
    }
    return found.length && found.every(([p, name]) => p.at.has(name)) ? found : null;
  }

  /**
   * room takes the sign of a room apart ("Room 4", "R-204"), as a sentence with {room}
   * says it. words: what only means "room" on a sign, whatever its language. Another
   * sign is said whole, where it was recorded: bay 3 is not room 3.
   */
  async room(sign, language, sentence, words) {
    const [, prefix = "", number, suffix] = ROOM.exec(key(sign)) ?? [];
    const word = prefix.length > 2; // a shorter one belongs to the number
    if (!number || (word && !words.includes(prefix.toLowerCase()))) return this.parts(sign, language);
    const part = async (text, spell) => (spoken.test(text) ? this.parts(text, language, spell) : []);
    const [before, after] = sentence.split("{room}");
    const all = [await part(before), await part(word ? "" : prefix, true), await part(number), await part(suffix, true), await part(after)];
    return all.includes(null) ? this.parts(sign, language) : all.flat();
  }

  /** say speaks parts and comes back true when they were said to the end. */
  async say(parts) {
    const turn = this.#turn;
    for (const [pack, name] of parts) {
      if (!(await this.#clip(pack, name, turn))) return false;
    }
    return true;
  }

  async #clip({ rate, at }, name, turn) {
    const audio = this.#open();
    if (turn !== this.#turn) return false;
    const mulaw = at.get(name);
    const buffer = audio.createBuffer(1, mulaw.length, rate);
    const samples = buffer.getChannelData(0);
    for (let i = 0; i < mulaw.length; i++) samples[i] = SAMPLES[mulaw[i]];
    const source = audio.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#level);
    this.#source = source;
    this.#until = performance.now() + buffer.duration * 1000 + SLACK;
    const over = new Promise((done) => {
      source.onended = done;
    });
    source.start(audio.currentTime + GAP);
    await over;
    return turn === this.#turn;
  }

  /** rest waits between two sentences; false where it was stopped meanwhile. */
  async rest(ms) {
    const turn = this.#turn;
    await new Promise((done) => setTimeout(done, ms));
    return turn === this.#turn;
  }

  /** tone answers a key: nothing of what was typed is in it. */
  tone(pitch = 520) {
    const audio = this.#open();
    const tone = audio.createOscillator();
    const shape = audio.createGain();
    const at = audio.currentTime + 0.01;
    tone.frequency.value = pitch;
    shape.gain.setValueAtTime(0.25, at);
    shape.gain.exponentialRampToValueAtTime(0.001, at + 0.12);
    tone.connect(shape).connect(this.#level);
    tone.start(at);
    tone.stop(at + 0.13);
  }

  pause() {
    this.#audio?.suspend();
  }

  resume() {
    this.#until = performance.now() + (this.#source?.buffer.duration ?? 0) * 1000 + SLACK;
    return this.#audio?.resume();
  }

  /** stop ends what is being said. */
  stop() {
    this.#turn += 1;
    const source = this.#source;
    this.#source = null;
    if (source) {
      source.stop();
      source.onended?.();
    }
    if (this.paused) this.#audio.resume();
  }
}

// plain gives the letters of a word as they have clips: capitals without marks,
// where there is no clip with them.
const plain = (word) => [...word.normalize("NFD").replace(/\p{M}/gu, "").toLocaleUpperCase()];
