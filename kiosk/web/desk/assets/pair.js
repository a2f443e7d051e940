// A browser that is not paired: the code goes out, the cookie comes back.

import { text, use } from "/assets/words.js";

const form = document.getElementById("pair");
const refused = document.getElementById("refused");

// A link on another page brings no cookie along; then this browser is paired
// and only has to ask again by itself.
fetch("/alive", { cache: "no-store" })
  .then((answer) => {
    if (answer.ok) location.replace("/");
  })
  .catch(() => {});

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  await use(document.documentElement.lang);
  let said = {};
  try {
    const answer = await fetch("/pair", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Clinicgate-Page": "1" },
      body: JSON.stringify({ code: form.code.value }),
      cache: "no-store",
    });
    said = await answer.json();
    if (answer.ok) {
      form.code.value = "";
      location.replace("/");
      return;
    }
  } catch {
    said = { refused: "failed" };
  }
  refused.textContent = text(`refused.${said.refused}`, { seconds: said.seconds ?? 0 }) || text("refused.failed");
  button.disabled = false;
  form.code.select();
});
