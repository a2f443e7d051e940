// A device under test. What reads is asked again and again until somebody stops, so
// that a loose cable is found by wiggling it; what does something does it on request.

import { number, text } from "/assets/words.js";

const $ = (id) => document.getElementById(id);

export class Trial {
  #act;
  #device = null;
  #round = 0; // of the loop that counts
  #good = 0;
  #bad = 0;
  #took = 0; // microseconds of all good ones
  #last = null;
  #why = "";

  constructor({ act }) {
    this.#act = act;
    $("trial-again").addEventListener("click", () => this.#try());
    $("trial-good").addEventListener("click", () => this.#judge(true));
    $("trial-bad").addEventListener("click", () => this.#judge(false));
    $("trial-stop").addEventListener("click", () => this.stop());
  }

  start(device) {
    this.stop();
    this.#device = device;
    this.#good = this.#bad = this.#took = 0;
    this.#last = null;
    this.#why = "";
    $("trial").hidden = false;
    this.say();
    $("trial-title").focus();
    $("trial").scrollIntoView({ block: "nearest" });
    if (device.test === "reads") this.#listen();
    else this.#try();
  }

  stop() {
    this.#round += 1;
    this.#device = null;
    $("trial").hidden = true;
  }

  async #listen() {
    const mine = ++this.#round;
    const { id } = this.#device;
    while (mine === this.#round) {
      const got = await this.#act("await", { device: id });
      if (mine !== this.#round) return;
      if (!got.ok) {
        this.#fail(got);
        await new Promise((done) => setTimeout(done, 1000));
        continue;
      }
      if (got.read) this.#count(got);
    }
  }

  async #try() {
    const mine = ++this.#round;
    const got = await this.#act("try", { device: this.#device.id });
    if (mine !== this.#round) return;
    if (got.ok) this.#count(got);
    else this.#fail(got);
  }

  #count(got) {
    this.#why = "";
    this.#last = got;
    if (got.good) {
      this.#good += 1;
      this.#took += got.micros ?? 0;
    } else this.#bad += 1;
    this.say();
  }

  #fail(got) {
    this.#bad += 1;
    this.#why = [got.why, got.next].filter(Boolean).join(": ") || text("failed");
    this.say();
  }

  async #judge(passed) {
    const { id } = this.#device;
    const mine = ++this.#round;
    const got = await this.#act("judge", { device: id, passed });
    if (mine !== this.#round) return;
    if (got.ok) this.stop();
    else {
      this.#fail(got);
      if (this.#device?.test === "reads") this.#listen();
    }
  }

  /** say writes how the test stands in the language of the moment. */
  say() {
    const d = this.#device;
    if (!d) return;
    $("trial-title").textContent = text("trial.title", { id: d.id });
    $("trial-how").textContent = text(`trial.${d.class}`) || text(`trial.${d.test}`);
    $("trial-again").hidden = d.test !== "does";
    const seen = this.#good + this.#bad;
    const mean = this.#good ? number(Math.round(this.#took / this.#good / 100) / 10) : "";
    const last = this.#last && [this.#last.kind, this.#last.symbology, this.#last.length && text("trial.length", { n: this.#last.length }), this.#last.why].filter(Boolean).join(", ");
    const parts = [seen ? text("trial.count", { good: this.#good, all: seen }) : text("trial.none")];
    if (mean) parts.push(text("trial.mean", { ms: mean }));
    if (last) parts.push(last);
    if (this.#why) parts.push(this.#why);
    $("trial-said").textContent = parts.join(" · ");
  }
}
