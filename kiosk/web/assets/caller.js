// The spoken call: "A 0 1 7, room 4", after the chime, in each language in turn.

import { Voice } from "/assets/voice.js";

const MOST = 12; // calls that wait to be said; the display shows what was left out
const CHIME = 900; // ms, so that it is over

export class Caller {
  #waiting = [];
  #busy = false;

  /**
   * languages: their tags, and rooms: the words for "room" on signs, with a blank
   * between them; still(call): whether it stands on the board.
   */
  constructor(languages, rooms, still) {
    this.languages = languages.split(" ").filter(Boolean);
    this.voice = new Voice(this.languages);
    this.rooms = rooms.split(" ");
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

  // where gives "room 4", or leaves it to the display where to go.
  async #where(room, tag) {
    const text = await this.#texts(tag);
    if (!room) return this.voice.parts(text["board.ask"], tag);
    return (await this.voice.room(room, tag, text["speech.room"], this.rooms)) ?? this.voice.parts(text["board.called"], tag);
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
