// Camera and microphone of a visit by video, tried before the patient waits. What they
// give is shown and measured here and goes nowhere: nothing is recorded or sent.

import { text } from "/assets/words.js";

const LOUD = 0.02; // level from which it is speech and not the room
const ENOUGH = 6; // looks in which it was loud
const EACH = 100; // ms between two looks

let media = null; // what is on, to be turned off
let turn = 0; // which try it is: an answer that comes late is turned off at once

/** stop turns everything off. */
export function stop() {
  turn += 1;
  for (const track of media?.tracks ?? []) track.stop();
  clearInterval(media?.timer);
  media?.audio?.close();
  media = null;
}

/**
 * start tries the devices for the screen on stage: heard() is called while somebody
 * speaks, told(element) when a device works or does not; while deaf() it is the page
 * that speaks.
 */
export async function start(stage, { heard, told, deaf }) {
  stop();
  const mine = turn;
  media = { tracks: [] };
  const part = (name) => stage.querySelector(`[data-slot="${name}"]`);
  const works = { camera: false, microphone: false };
  const say = (name, state) => {
    works[name] = state === "ok";
    part(name).dataset.state = state;
    const news = part(name).querySelector("b");
    news.textContent = text(`devices.${name}.${state}`);
    told(news);
    stage.querySelector("[data-ready=true]").setAttribute("aria-disabled", String(!works.camera || !works.microphone));
  };
  for (const name of ["camera", "microphone"]) say(name, "wait");
  const ask = async (name, constraints) => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      if (mine !== turn) {
        for (const track of stream.getTracks()) track.stop();
        return null;
      }
      media.tracks.push(...stream.getTracks());
      return stream;
    } catch {
      if (mine === turn) say(name, "none");
      return null;
    }
  };
  const picture = await ask("camera", { video: { facingMode: "user" } });
  if (picture) {
    part("mirror").srcObject = picture;
    await part("mirror").play().catch(() => {});
    if (mine === turn) say("camera", "ok");
  }
  const sound = mine === turn ? await ask("microphone", { audio: true }) : null;
  if (sound) listen(sound, part("microphone").querySelector("meter"), () => say("microphone", "ok"), heard, deaf);
}

function listen(stream, meter, speech, heard, deaf) {
  const audio = (media.audio = new AudioContext());
  const analyser = audio.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  let loud = 0;
  audio.createMediaStreamSource(stream).connect(analyser);
  media.timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    meter.value = Math.min(1, level * 8);
    if (level < LOUD || deaf() || loud === ENOUGH) return; // a noisy room is no sign that the patient is still there
    heard();
    loud += 1;
    if (loud === ENOUGH) speech();
  }, EACH);
}
