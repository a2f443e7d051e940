// The spoken call: "A 0 1 7, room 4", after the chime, in each language in turn.

import { Voice } from "/assets/voice.js";

const MOST = 12; // calls that wait to be said; the display shows what was left out
const CHIME = 900; // ms, so that it is over
const ROOM = /^(?:(\p{L}{1,4})[ .-]?)?(\d{1,4})(\p{L}?)$/u;

export class Caller {
  #waiting = [];
  #busy = false;

  /** languages: their tags with a blank between them; still(call): whether it stands on the board. */
  constructor(languages, still) {
    this.languages = languages.split(" ").filter(Boolean);
    this.voice = new Voice(this.languages);
    this.still = still;
    this.words = new Map();
  }

  /** call says new calls, after those that wait. */
  async call(calls) {
    if (!this.languages.length) return;
    this.#waiting = [...this.#waiting, ...calls].slice(-MOST);
    if (this.#busy) return;
    this.#busy = true;
    await this.voice.rest(CHIME);
    while (this.#waiting.length) {
      const next = this.#waiting.shift();
      if (!this.still(next)) continue;
      for (const tag of this.languages) await this.#say(next, tag).catch(() => {});
    }
    this.#busy = false;
  }

  async #say({ ticket, room }, tag) {
    const number = await this.voice.parts(ticket, tag, true);
    if (!number) return;
    if (!(await this.voice.say(number)) || !(await this.voice.rest(300))) return;
    const where = await this.#where(room, tag);
    if (where) await this.voice.say(where);
    await this.voice.rest(500);
  }

  // where gives "room 4"; the sign of a room that is no number is said if it was recorded.
  async #where(room, tag) {
    const text = await this.#texts(tag);
    if (!room) return this.voice.parts(text["board.ask"], tag);
    const [, prefix = "", number, suffix] = ROOM.exec(room) ?? [];
    if (!number) return (await this.voice.parts(room, tag)) ?? this.voice.parts(text["board.called"], tag);
    const sign = [];
    // A short prefix belongs to the number ("R-204"); a longer one is a word for "room".
    if (prefix && prefix.length < 3) sign.push(await this.voice.parts(prefix, tag, true));
    sign.push(await this.voice.parts(number, tag));
    if (suffix) sign.push(await this.voice.parts(suffix, tag, true));
    const [before, after] = text["speech.room"].split("{room}");
    const around = async (part) => (part.trim() ? this.voice.parts(part, tag) : []);
    const all = [await around(before), ...sign, await around(after)];
    return all.includes(null) ? null : all.flat();
  }

  async #texts(tag) {
    if (!this.words.has(tag)) {
      const answer = await fetch(`/words/${tag}.json`, { cache: "no-store" });
      if (!answer.ok) throw new Error("words");
      this.words.set(tag, (await answer.json()).text);
    }
    return this.words.get(tag);
  }
}
