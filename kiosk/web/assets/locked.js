// The page of a browser without a session: it waits to be let in.

const wait = 2000;

setInterval(async () => {
  try {
    const answer = await fetch("/alive", { cache: "no-store", signal: AbortSignal.timeout(1500) });
    if (answer.ok) location.replace("/");
  } catch {
    // the gateway is not there; the sentence on the screen stays true
  }
}, wait);
