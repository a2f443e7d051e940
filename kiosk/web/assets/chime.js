// A soft two-note sound, so that a question is heard as well as seen. Browsers
// allow sound only after a touch; before one, there is nothing to say.

let audio = null;

export function chime() {
  try {
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume();
    const start = audio.currentTime + 0.02;
    [659.25, 523.25].forEach((pitch, i) => {
      const tone = audio.createOscillator();
      const level = audio.createGain();
      const at = start + i * 0.28;
      tone.frequency.value = pitch;
      level.gain.setValueAtTime(0, at);
      level.gain.linearRampToValueAtTime(0.18, at + 0.03);
      level.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
      tone.connect(level).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.65);
    });
  } catch {
    // no sound device
  }
}
